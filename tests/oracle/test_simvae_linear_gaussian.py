"""SiMVAE's four bounds against the exact likelihoods of a linear-Gaussian world with classes.

The world is SDGM's, its a the view that may be absent: z, x_m and x_o are jointly Gaussian given y,
so that log p(x_m,x_o,y), log p(x_o,y) and their sums over y are known. The production objective is
called in float64, with posteriors put in and sigma points for noise where nothing is to be left to
chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from methods._nn.data import Batch, BatchSizes
from methods._nn.densities import gaussian
from methods._nn.networks import over_labels, repeat_classes
from methods._ssvae.bound import Likelihood
from methods._ssvae.missing import IncompleteVAE
from methods._ssvae.model import SemisupVAE
from tests.oracle.doubles import DOUBLE, normal
from tests.oracle.simvae_cases import CLASSES, Sizes, batch, parameters, smvae
from tests.oracle.test_sdgm_linear_gaussian import WORLD, A, D, X

METHODS = ("simvae",)
SLACK = 0.5 * (1 - math.log(2)) * D
"""What the joint entropy bound lacks where the components of q(z|X,y) coincide."""
ROWS = 5


@dataclass(frozen=True)
class LinearIncomplete(IncompleteVAE):
    """``label``: q_psi is p(x_m|x_o,y) of this class; None: some other Gaussian."""

    label: int | None = None
    free: bool = False

    def guess(self, p, m, x, mask, noise=None):
        if self.free:
            return super().guess(p, m, x, mask, noise)
        x_o = x[0][0]
        if self.label is None:
            return (x_o @ normal(5, X, A)).tanh()[None], 0.5 * (x_o @ normal(6, X, A)).sin()[None]
        mean, var = WORLD.posterior_a(x_o, self.label)
        return mean[None], var.log().expand(1, len(mean), -1)


@dataclass(frozen=True)
class LinearSMVAE(SemisupVAE):
    """The world's own likelihood; both components are the exact posterior unless ``free``."""

    free: bool = False

    def encoded(self, p, x, batch):
        if self.free:
            return super().encoded(p, x, batch)
        (x_o, x_m), onehot = x, batch.onehot
        rest = over_labels(x_m, onehot, -WORLD.beta[None]) / WORLD.var_a @ WORLD.m
        alone = over_labels(x_o - x_m @ WORLD.c.T, onehot, -WORLD.u[None])
        rest = rest + alone / WORLD.var_x @ WORLD.d
        precision = 1 + WORLD.g**2
        mean = (rest / precision)[:, None].expand(-1, 2, -1, -1)
        return mean, -precision.log().expand_as(mean)

    def likelihood(self, p, x, batch) -> Likelihood:
        (x_o, x_m), known, k = x, batch.n_labelled, self.n_classes
        base_m = over_labels(torch.zeros_like(x_m), batch.onehot, WORLD.beta[None])
        base_o = over_labels(x_m @ WORLD.c.T, batch.onehot, WORLD.u[None])
        aim_m, aim_o = (
            repeat_classes(x_m, known, k)[:, None],
            repeat_classes(x_o, known, k)[:, None],
        )

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            mean_m, mean_o = base_m[:, None] + z @ WORLD.m.T, base_o[:, None] + z @ WORLD.d.T
            of_m = gaussian(aim_m, mean_m, WORLD.var_a.log().expand_as(mean_m))
            of_o = gaussian(aim_o, mean_o, WORLD.var_x.log().expand_as(mean_o))
            return (weight * (of_m + of_o)).sum((1, 2))

        return summed


def linear(**changes: Any) -> LinearIncomplete:
    may_miss = changes.pop("may_miss", (1,))
    sizes = Sizes((X, A), (1.0, 1.0), hidden=(5,), latent=D)
    free = changes.get("free", False)
    core = LinearSMVAE(**vars(smvae(sizes, may_miss)), free=free)
    return LinearIncomplete(core, may_miss, **changes)


def rows_of(made: LinearIncomplete, known: int, unknown: int, there: bool, samples: int) -> Batch:
    """Rows that all have, or all lack, x_m."""
    data = batch(made, known, unknown, samples)
    present = data.present.clone()
    present[..., 1] = float(there)
    x = normal(11, 1, known + unknown, X), normal(12, 1, known + unknown, A) * present[..., 1:]
    return replace(data, x=x, present=present)


def points(width: int) -> Tensor:
    """2 ``width`` draws that integrate a quadratic exactly."""
    return math.sqrt(width) * torch.cat([torch.eye(width), -torch.eye(width)]).to(DOUBLE)


def at_sigma_points(data: Batch, eps_m: Tensor) -> Batch:
    """Every draw of x_m, ``eps_m`` (s, b, A), with every sigma point of z, for all rows."""
    of_z, b = points(D), data.present.shape[1]
    z = of_z[None, :, None].expand(len(eps_m), -1, b, -1)
    m = eps_m[:, None].expand(-1, len(of_z), -1, -1)
    noise = {"eps": torch.cat([z, z], -1).flatten(0, 1)[None], "x1": m.flatten(0, 1)[None]}
    return replace(data, noise=noise)


def labelled(data: Batch, label: int) -> Batch:
    return replace(data, onehot=torch.eye(CLASSES, dtype=DOUBLE)[[label] * ROWS][None])


@pytest.mark.parametrize("label", range(CLASSES))
@pytest.mark.parametrize("psi", ["exact", "any"])
def test_li_lacks_the_slack_of_the_entropy_and_the_divergence_of_psi_and_nothing_else(label, psi):
    made = linear(label=label if psi == "exact" else None)
    data = labelled(rows_of(made, ROWS, 0, False, 1), label)
    data = at_sigma_points(data, points(A)[:, None].expand(-1, ROWS, -1))
    value, _ = made.objective(parameters(made), data, (1.0, 0.0), "joint")
    x_o = data.x[0][0]
    mean, logvar = made.guess({}, 1, data.x, data.present)
    exact_mean, exact_var = WORLD.posterior_a(x_o, label)
    truth = Normal(exact_mean, exact_var.sqrt().expand_as(exact_mean))
    gap = kl_divergence(Normal(mean[0], (0.5 * logvar[0]).exp()), truth).sum(-1)
    expected = (WORLD.log_joint(x_o)[:, label] - gap).mean() - SLACK
    assert -value.item() == pytest.approx(expected.item(), abs=1e-10)
    assert (gap.abs().max() < 1e-12) == (psi == "exact")


@pytest.mark.parametrize("classifier", ["any", "exact"])
def test_ui_lacks_the_divergences_of_psi_and_of_q_of_y_for_every_draw_of_x_m(
    classifier, monkeypatch
):
    made = linear()
    data, p = rows_of(made, 0, ROWS, False, 1), parameters(linear())
    eps = normal(7, 1, ROWS, A)
    x_o, (mean, logvar) = data.x[0][0], made.guess(p, 1, data.x, data.present)
    joint = WORLD.log_joint(x_o, (mean + (0.5 * logvar).exp() * eps)[0])  # (n, K)
    if classifier == "exact":
        exact = joint.log_softmax(-1)[None].repeat(1, 2 * D, 1)
        monkeypatch.setattr(LinearSMVAE, "log_q", lambda *_: exact)
    value, log_q = made.objective(p, at_sigma_points(data, eps), (0.0, 1.0), "joint")
    log_q = log_q[0, :ROWS]  # the same for all draws of z, as they share x_m
    gap = (log_q.exp() * (log_q - joint.log_softmax(-1))).sum(-1)  # KL(q(y|X) || p(y|X))
    entropy = Normal(mean[0], (0.5 * logvar[0]).exp()).entropy().sum(-1)
    expected = (joint.logsumexp(-1) + entropy - gap).mean() - SLACK
    assert -value.item() == pytest.approx(expected.item(), abs=1e-10)
    assert classifier == "any" or gap.abs().max() < 1e-12


def test_on_complete_rows_lc_and_uc_lack_the_slack_and_the_divergence_of_q_of_y():
    made = linear()
    p, data = parameters(made), labelled(rows_of(made, ROWS, ROWS, True, 1), 1)
    data = at_sigma_points(data, torch.zeros(1, 2 * ROWS, A, dtype=DOUBLE))
    joint = WORLD.log_joint(data.x[0][0], data.x[1][0])
    lc, log_q = made.objective(p, data, (1.0, 0.0), "joint")
    assert -lc.item() == pytest.approx(joint[:ROWS, 1].mean().item() - SLACK, abs=1e-10)
    uc, _ = made.objective(p, data, (0.0, 1.0), "joint")
    log_q, joint = log_q[0, -ROWS:], joint[ROWS:]
    gap = (log_q.exp() * (log_q - joint.log_softmax(-1))).sum(-1)
    expected = (joint.logsumexp(-1) - gap).mean() - SLACK
    assert -uc.item() == pytest.approx(expected.item(), abs=1e-10)


@pytest.mark.parametrize("entropy", ["joint", "bhattacharyya"])
@pytest.mark.parametrize("lacks", [(), (1,), (0,)])
@pytest.mark.parametrize("seed", range(2))
def test_arbitrary_nets_stay_below_the_exact_log_likelihoods(seed, lacks, entropy):
    """Of complete rows, of rows without x_m, and, where both views may be absent, without x_o."""
    made, groups, draws = linear(free=True, may_miss=(0, 1) if lacks == (0,) else (1,)), 40, 400
    p, data = parameters(made, seed), batch(made, 1, 1)
    present = torch.tensor([float(v not in lacks) for v in range(2)], dtype=DOUBLE)
    x_o, x_m = normal(11, 1, 2, X), normal(12, 1, 2, A)
    data = replace(data, x=(x_o * present[0], x_m * present[1]), present=present.expand(1, 2, 2))
    joint = WORLD.log_joint(x_o[0], None if 1 in lacks else x_m[0])
    if 0 in lacks:
        each = [MultivariateNormal(mean[:A], WORLD.cov[:A, :A]) for mean in WORLD.mean]
        joint = torch.stack([one.log_prob(x_m[0]) for one in each], -1) - math.log(CLASSES)
    y, shapes = int(data.onehot.argmax()), made.draws(BatchSizes(1, 1, 1), draws, True)
    for shares, exact in (((1.0, 0.0), joint[0, y]), ((0.0, 1.0), joint[1].logsumexp(-1))):
        values = []
        for group in range(groups):
            start = 1000 * (seed + 1) + 10 * group
            noise = {k: normal(start + i, 1, *shape) for i, (k, shape) in enumerate(shapes.items())}
            value, _ = made.objective(p, replace(data, noise=noise), shares, entropy)
            values.append(-value.item())
        assert np.mean(values) - 4 * np.std(values) / math.sqrt(groups) <= exact.item()
