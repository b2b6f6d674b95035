"""SDGM's bound against the exact likelihoods of a linear-Gaussian world with classes.

The production objective is called in float64, with posteriors put in and sigma points for z's
noise where nothing is to be left to chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from methods._nn.data import Batch
from methods._nn.densities import gaussian
from methods._nn.networks import over_labels, repeat_classes
from methods._ssvae.bound import Likelihood
from methods._ssvae.model import perceptrons
from methods._ssvae.skip import SkipVAE
from tests.oracle.doubles import DOUBLE, normal, source
from tests.oracle.test_sdgm import CLASSES, batch, parameters

METHODS = ("sdgm",)
A, D, X = 2, 4, 6
"""Two blocks, each of one a, two z and three x."""


class World:
    """a = m z + beta_y + noise, x = c a + d z + u_y + noise; p(z|a,x,y) and p(a|x,y) are diagonal.

    The maps are block-diagonal, so that a's posterior is; [m; d] is sd Q diag(g) with Q orthonormal
    in every block, so that z's is.
    """

    def __init__(self) -> None:
        draw = source(3)

        def uniform(*shape: int) -> Tensor:
            return 0.4 + torch.rand(*shape, dtype=DOUBLE, generator=draw)

        self.g, self.var_a, self.var_x = uniform(D), uniform(A), uniform(X)
        self.m, self.d = torch.zeros(A, D, dtype=DOUBLE), torch.zeros(X, D, dtype=DOUBLE)
        self.c = torch.zeros(X, A, dtype=DOUBLE)
        for i in range(2):
            a, z, x = slice(i, i + 1), slice(2 * i, 2 * i + 2), slice(3 * i, 3 * i + 3)
            q, _ = torch.linalg.qr(torch.randn(4, 2, dtype=DOUBLE, generator=draw))
            w = torch.cat([self.var_a[a], self.var_x[x]]).sqrt()[:, None] * q * self.g[z]
            self.m[a, z], self.d[x, z], self.c[x, a] = w[:1], w[1:], uniform(3, 1)
        self.beta = torch.randn(CLASSES, A, dtype=DOUBLE, generator=draw)
        self.u = torch.randn(CLASSES, X, dtype=DOUBLE, generator=draw)
        # [a; x] = through z + (noise of a, which x inherits; noise of x)
        inherit = torch.cat([torch.eye(A, dtype=DOUBLE), self.c])
        through = inherit @ self.m + torch.cat([torch.zeros(A, D, dtype=DOUBLE), self.d])
        cov = through @ through.T + inherit * self.var_a @ inherit.T
        cov[A:, A:] += torch.diag(self.var_x)
        self.cov = cov
        self.mean = torch.cat([self.beta, self.beta @ self.c.T + self.u], 1)  # (K, A + X)

    def log_joint(self, x: Tensor, a: Tensor | None = None) -> Tensor:
        """log p(x,a,y), or log p(x,y) without ``a``: (n, K)."""
        seen = x if a is None else torch.cat([a, x], -1)
        cut = slice(A if a is None else 0, None)
        each = [MultivariateNormal(mean[cut], self.cov[cut, cut]) for mean in self.mean]
        return torch.stack([one.log_prob(seen) for one in each], -1) - math.log(CLASSES)

    def posterior_a(self, x: Tensor, y: int) -> tuple[Tensor, Tensor]:
        """Mean (n, A) and variance (A,) of p(a|x,y), which is diagonal."""
        gain = self.cov[:A, A:] @ torch.linalg.inv(self.cov[A:, A:])
        cov = self.cov[:A, :A] - gain @ self.cov[A:, :A]
        torch.testing.assert_close(cov, torch.diag(cov.diag()), atol=1e-12, rtol=0)
        return self.mean[y, :A] + (x - self.mean[y, A:]) @ gain.T, cov.diag()


WORLD = World()


@dataclass(frozen=True)
class LinearSkip(SkipVAE):
    """The world's own likelihood; posteriors are the exact ones unless ``free``.

    ``label``: q(a|x) is p(a|x,y) of this class; None: some other Gaussian.
    """

    label: int | None = None
    free: bool = False

    def auxiliaries(self, p, x, noise=None):
        if self.free:
            return super().auxiliaries(p, x, noise)
        if self.label is None:
            return (x @ normal(5, X, A)).tanh(), 0.5 * (x @ normal(6, X, A)).sin()
        mean, var = WORLD.posterior_a(x[0], self.label)
        return mean[None], var.log().expand(1, len(mean), -1)

    def posterior(self, p, x, a, batch):
        if self.free:
            return super().posterior(p, x, a, batch)
        onehot = batch.onehot
        precision = 1 + WORLD.g**2
        rest = over_labels(a, onehot, -WORLD.beta[None]) / WORLD.var_a @ WORLD.m
        rest = rest + over_labels(x - a @ WORLD.c.T, onehot, -WORLD.u[None]) / WORLD.var_x @ WORLD.d
        return rest / precision, -precision.log().expand_as(rest)

    def likelihood(self, p, x, a, batch) -> Likelihood:
        known, k, zero = batch.n_labelled, self.n_classes, torch.zeros_like
        base_a = over_labels(zero(a), batch.onehot, WORLD.beta[None])
        base_x = over_labels(a @ WORLD.c.T, batch.onehot, WORLD.u[None])
        aim_a, aim_x = repeat_classes(a, known, k), repeat_classes(x, known, k)

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            of_a = gaussian(aim_a, base_a + z[:, 0] @ WORLD.m.T, WORLD.var_a.log().expand_as(aim_a))
            of_x = gaussian(aim_x, base_x + z[:, 0] @ WORLD.d.T, WORLD.var_x.log().expand_as(aim_x))
            return (weight[:, 0] * (of_a + of_x)).sum(-1)

        return summed


def linear(**changes: Any) -> LinearSkip:
    made = LinearSkip(X, CLASSES, (1.0, 1.0), perceptrons((5,)), latent=D, auxiliary=A)
    return replace(made, **changes)


def at_sigma_points(data: Batch, eps_a: Tensor) -> Batch:
    """2 D draws of z that integrate a quadratic exactly; the same draw of a for all of them."""
    points = math.sqrt(D) * torch.cat([torch.eye(D), -torch.eye(D)]).to(DOUBLE)
    b = data.x[0].shape[1]
    noise = {
        "a": eps_a[:, None].expand(-1, 2 * D, -1, -1),
        "z": points[None, :, None].expand(-1, -1, b, -1),
    }
    return replace(data, noise=noise)


@pytest.mark.parametrize("label", range(CLASSES))
def test_with_the_exact_posteriors_l_is_the_exact_log_likelihood_for_every_draw_of_a(label):
    made, n = linear(label=label), 5
    data = batch(made, n, 0)
    data = replace(data, onehot=torch.eye(CLASSES, dtype=DOUBLE)[[label] * n][None])
    for seed in range(3):
        value, _ = made.objective(
            parameters(made), at_sigma_points(data, normal(seed, 1, n, A)), (1.0, 0.0)
        )
        exact = WORLD.log_joint(data.x[0][0])[:, label].mean()
        assert -value.item() == pytest.approx(exact.item(), abs=1e-10)


@pytest.mark.parametrize("classifier", ["any", "exact"])
def test_u_lacks_the_divergences_of_q_of_a_and_q_of_y_and_nothing_else(classifier, monkeypatch):
    made, n = linear(), 5
    data, p = batch(made, 0, n), parameters(linear())
    eps = normal(7, 1, n, A)
    x, (mean, logvar) = data.x[0][0], made.auxiliaries(p, data.x[0])
    a = (mean + (0.5 * logvar).exp() * eps)[0]
    joint = WORLD.log_joint(x, a)
    if classifier == "exact":
        exact = joint.log_softmax(-1)[None].repeat(1, 2 * D, 1)
        monkeypatch.setattr(LinearSkip, "log_q", lambda *_: exact)
    value, log_q = made.objective(p, at_sigma_points(data, eps), (0.0, 1.0))
    log_q = log_q[0, :n]  # the same for all draws, as they share a
    gap = (log_q.exp() * (log_q - joint.log_softmax(-1))).sum(-1)  # KL(q(y|a,x) || p(y|a,x))
    of_a = Normal(mean[0], (0.5 * logvar[0]).exp()).log_prob(a).sum(-1)
    expected = (joint.logsumexp(-1) - of_a - gap).mean()  # log p(x,a) - log q(a|x) - KL
    assert -value.item() == pytest.approx(expected.item(), abs=1e-10)
    assert classifier == "any" or gap.abs().max() < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_arbitrary_nets_stay_below_the_exact_log_likelihoods(seed):
    made, groups, draws = linear(free=True), 40, 400
    p = parameters(made, seed)
    single = batch(made, 1, 1, seed=seed)
    y = int(single.onehot.argmax())
    joint = WORLD.log_joint(single.x[0][0])
    for shares, exact in (((1.0, 0.0), joint[0, y]), ((0.0, 1.0), joint[1].logsumexp(-1))):
        values = []
        for group in range(groups):
            data = batch(made, 1, 1, draws, seed=1000 * (seed + 1) + group)
            data = replace(single, noise=data.noise)
            values.append(-made.objective(p, data, shares)[0].item())
        assert np.mean(values) - 4 * np.std(values) / math.sqrt(groups) <= exact.item()
