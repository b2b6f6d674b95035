"""Products, mixtures of products and gated mixtures against their definitions and closed forms."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.distributions import kl_divergence as kl

from methods._nn.data import Batch
from methods._nn.layers import Params
from methods._ssvae.bound import weighted_bound
from methods._ssvae.gated import GatedMixture
from methods._ssvae.model import SemisupVAE, perceptrons
from methods._ssvae.posterior import Components, Mixture, Posterior
from methods._ssvae.products import MixtureOfProducts, ProductOfExperts
from methods.base import SkipError
from methods.generative.smvae_mopoe import Config, MixtureOfProductsSMVAE
from tests.helpers import scenario, tiny, trial
from tests.oracle.doubles import DOUBLE, normal, source
from tests.oracle.product_cases import CLASSES, LATENT, World, batch_of
from tests.oracle.search import assert_finite_differences, start
from tests.oracle.simvae_cases import net
from tests.oracle.simvae_cases import normal as gaussian_of

METHODS = ("smvae_poe", "smvae_mopoe", "smvae_gated")
DIMS = (5, 4, 3)


def experts(views: int, rows: int = 2, width: int = 4) -> tuple[Tensor, Tensor]:
    """Means and log-variances (1, V, r, D)."""
    return normal(0, 1, views, rows, width), 0.7 * normal(1, 1, views, rows, width)


def mixture(q: Components, row: int = 0) -> MixtureSameFamily:
    """The distribution of one row."""
    weights = q.log_weights[0] if q.log_weights.dim() == 2 else q.log_weights[0, :, row]
    parts = Independent(Normal(q.mean[0, :, row], (0.5 * q.logvar[0, :, row]).exp()), 1)
    return MixtureSameFamily(Categorical(logits=weights), parts)


# ---------------------------------------------------------------- products


@pytest.mark.parametrize("views", [1, 2, 3])
def test_the_product_has_the_moments_of_the_normalised_densities(views):
    mean, logvar = experts(views, 1, 1)
    z = np.linspace(-12, 12, 40_001)
    density = np.exp(-0.5 * z**2)
    for m, s in zip(mean.ravel().tolist(), logvar.exp().ravel().tolist(), strict=True):
        density *= np.exp(-0.5 * (z - m) ** 2 / s)
    density /= density.sum()
    first = (density * z).sum()
    q = ProductOfExperts(views).combine({}, mean, logvar)
    assert q.mean.item() == pytest.approx(first, abs=1e-9)
    second = (density * (z - first) ** 2).sum()
    assert q.logvar.exp().item() == pytest.approx(second, abs=1e-9)


def test_a_product_of_many_is_one_of_two_again_and_again():
    mean, logvar = experts(4)
    centre, var = torch.zeros_like(mean[:, 0]), torch.ones_like(mean[:, 0])
    for v in range(4):
        other = logvar[:, v].exp()
        centre = (centre * other + mean[:, v] * var) / (var + other)
        var = var * other / (var + other)
    q = ProductOfExperts(4).combine({}, mean, logvar)
    torch.testing.assert_close(q.mean[:, 0], centre, rtol=0, atol=1e-12)
    torch.testing.assert_close(q.logvar[:, 0].exp(), var, rtol=0, atol=1e-12)


def test_an_absent_expert_drops_out_of_the_product_and_none_leaves_the_prior():
    mean, logvar = experts(3, rows=3)
    present = torch.tensor([[[1.0, 0, 1], [1, 0, 0], [1, 1, 0]]], dtype=DOUBLE).transpose(1, 2)
    present[..., 1] = torch.tensor([0.0, 0, 0], dtype=DOUBLE)
    q = ProductOfExperts(3).combine({}, mean, logvar, present)
    for row, left in ((0, [0, 2]), (2, [0, 1])):
        alone = ProductOfExperts(2).combine({}, mean[:, left], logvar[:, left])
        torch.testing.assert_close(q.mean[:, :, row], alone.mean[:, :, row])
        torch.testing.assert_close(q.logvar[:, :, row], alone.logvar[:, :, row])
    assert not q.mean[:, :, 1].any()
    assert not q.logvar[:, :, 1].any()


def test_the_bound_of_a_product_has_its_exact_divergence_from_the_prior():
    mean, logvar = experts(3)
    q = ProductOfExperts(3).combine({}, mean, logvar)
    rows = torch.ones(1, 2, dtype=DOUBLE)
    eps = normal(2, 1, 1, 1, 2, 4)
    found = weighted_bound(lambda z, _: z.new_zeros(1), q, eps, rows, "exact")
    normals = Normal(q.mean[0, 0], (0.5 * q.logvar[0, 0]).exp())
    prior = Normal(torch.zeros_like(normals.mean), torch.ones_like(normals.mean))
    assert found.item() == pytest.approx(-kl(normals, prior).sum().item(), abs=1e-12)


# ---------------------------------------------------------------- mixtures of products


@pytest.mark.parametrize("views", [1, 2, 3])
def test_a_mixture_of_products_is_the_mean_density_over_all_sets_of_views(views):
    mean, logvar = experts(views)
    q = MixtureOfProducts(views).combine({}, mean, logvar)
    assert q.mean.shape[1] == 2**views - 1
    points = normal(3, 50, 4)
    densities = []
    for size in range(1, views + 1):
        for part in itertools.combinations(range(views), size):
            one = ProductOfExperts(size).combine({}, mean[:, part], logvar[:, part])
            densities.append(mixture(one).log_prob(points).exp())
    expected = torch.stack(densities).mean(0)
    torch.testing.assert_close(mixture(q).log_prob(points).exp(), expected, rtol=1e-10, atol=0)


def test_sets_with_an_absent_view_leave_the_mixture():
    mean, logvar = experts(3, rows=2)
    present = torch.tensor([[[1.0, 1, 0], [0, 1, 0]]], dtype=DOUBLE).transpose(1, 2)
    q = MixtureOfProducts(3).combine({}, mean, logvar, present)
    points = normal(3, 50, 4)
    for row, left in ((0, [0, 1]), (1, [1])):
        alone = MixtureOfProducts(len(left)).combine({}, mean[:, left], logvar[:, left])
        torch.testing.assert_close(
            mixture(q, row).log_prob(points), mixture(alone, row).log_prob(points)
        )
    assert q.log_weights.exp().sum(1).tolist() == [[pytest.approx(1.0)] * 2]


@pytest.mark.parametrize("kind", ["joint", "bhattacharyya"])
def test_the_entropy_in_the_bound_lies_below_that_of_sampling(kind):
    mean, logvar = experts(2, rows=1)
    q = MixtureOfProducts(2, kind).combine({}, mean, logvar)
    rows, eps = torch.ones(1, 1, dtype=DOUBLE), normal(2, 1, 3, 1, 1, 4)
    found = weighted_bound(lambda z, _: z.new_zeros(1), q, eps, rows, kind).item()
    true = mixture(q)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        z = true.sample((100_000,))
    prior = Independent(Normal(torch.zeros(4, dtype=DOUBLE), torch.ones(4, dtype=DOUBLE)), 1)
    sampled = prior.log_prob(z) - true.log_prob(z)
    error = 4 * (sampled.std() / math.sqrt(len(z))).item()
    assert found <= sampled.mean().item() + error
    assert found >= sampled.mean().item() - 0.5 * (1 - math.log(2)) * 4 - 0.7


def test_a_mixture_of_too_many_products_is_declined():
    _, problem, _ = trial(tiny(dims=(2, 2, 2, 2)), scenario())
    six = (*problem.rows.views, *problem.rows.views[:2])
    rows = replace(problem.rows, views=six, present=np.ones((problem.rows.n, 6), bool))
    names = ("a", "b", "c", "d", "e", "f")
    with pytest.raises(SkipError):
        MixtureOfProductsSMVAE.model(Config(), replace(problem, rows=rows, view_names=names))


# ---------------------------------------------------------------- the whole objective


def model(posterior: Posterior, dims: tuple[int, ...] = DIMS, **changes: Any) -> SemisupVAE:
    made = SemisupVAE(dims, CLASSES, (0.4, 0.6), perceptrons((7, 6)), posterior, latent=4)
    return replace(made, **changes)


FAMILY = {
    "product": ProductOfExperts(3),
    "products": MixtureOfProducts(3),
    "gated": GatedMixture(3, 4),
}


def parameters(made: SemisupVAE) -> dict[str, Tensor]:
    return made.layout.views(start(made.layout))


def batch(made: SemisupVAE, known: int = 4, unknown: int = 6) -> Batch:
    draw, rows = source(1), known + unknown
    x = tuple(torch.randn(1, rows, d, dtype=DOUBLE, generator=draw) for d in made.dims)
    shape = (1, made.posterior.components, 1, rows, made.latent)
    eps = torch.randn(shape, dtype=DOUBLE, generator=draw)
    onehot = torch.eye(CLASSES, dtype=DOUBLE)[torch.randint(CLASSES, (1, known), generator=draw)]
    present = torch.ones(1, rows, len(x), dtype=DOUBLE)
    hyper = {"c": torch.tensor([0.5], dtype=DOUBLE)}
    return Batch(x, present, onehot, known, {"eps": eps}, hyper, (None,) * len(x))


def components(name: str, p: Params, q: list[Normal]) -> list[tuple[Tensor, Normal]]:
    """Weights and Gaussians of a row's posterior, from the definitions in the docstrings."""
    if name == "gated":
        scores = [
            p["logits"][0, v] + p["gate"][0, v] @ torch.cat([one.mean, one.variance.log()])
            for v, one in enumerate(q)
        ]
        return list(zip(torch.stack(scores).softmax(0), q, strict=True))
    sizes = (3,) if name == "product" else (1, 2, 3)
    sets = [s for size in sizes for s in itertools.combinations(range(3), size)]
    found = []
    for views in sets:
        precision = 1 + sum(1 / q[v].variance for v in views)
        centre = sum(q[v].mean / q[v].variance for v in views) / precision
        found.append((torch.tensor(1 / len(sets), dtype=DOUBLE), Normal(centre, precision**-0.5)))
    return found


def lower_bound(name: str, p: Params, x: list[Tensor], eps: Tensor, y: int) -> Tensor:
    """-L(X,y) of one row, eq. 5, term by term; ``eps`` (C, D)."""
    label = torch.eye(CLASSES, dtype=DOUBLE)[y]
    said = [gaussian_of(net(p, f"enc{v}", {"x": x[v], "y": label}), 8.0) for v in range(3)]
    parts = components(name, p, said)
    total = torch.tensor(-math.log(CLASSES), dtype=DOUBLE)
    for (weight, q), draw in zip(parts, eps, strict=True):
        prior = -0.5 * (q.mean**2 + q.variance).sum() - 2 * math.log(2 * math.pi)
        z = q.mean + q.stddev * draw
        fit = sum(
            gaussian_of(net(p, f"dec{w}", {"z": z, "y": label}), 6.0).log_prob(x[w]).sum()
            for w in range(3)
        )
        if name == "product":
            entropy = q.entropy().sum()
        else:
            overlap = [
                lam * Normal(r.mean, (q.variance + r.variance).sqrt()).log_prob(q.mean).sum().exp()
                for lam, r in parts
            ]
            entropy = -torch.stack(overlap).sum().log()
        total = total + weight * (fit + prior + entropy)
    return total


@pytest.mark.parametrize("name", FAMILY)
def test_the_loss_is_smvaes_with_this_posterior_row_by_row(name):
    made = model(FAMILY[name])
    p, data = parameters(made), batch(made)
    labels, total, cross = data.onehot[0].argmax(-1).tolist(), 0.0, 0.0
    for row in range(10):
        x = [view[0, row] for view in data.x]
        log_q = net(p, "cls", {f"x{v}": x[v] for v in range(3)}).log_softmax(-1)
        eps = data.noise["eps"][0, :, 0, row]
        if row < 4:
            total = total - lower_bound(name, p, x, eps, labels[row])
            cross = cross - log_q[labels[row]] / 4
        else:
            bounds = torch.stack([lower_bound(name, p, x, eps, y) for y in range(CLASSES)])
            total = total - (log_q.exp() * (bounds - log_q)).sum()
    assert made.loss(p, data)[0].item() == pytest.approx(
        (total / 10 + 0.5 * cross).item(), abs=1e-10
    )


@pytest.mark.parametrize("name", FAMILY)
def test_gradients_equal_finite_differences(name):
    made = model(FAMILY[name])
    p, data = parameters(made), batch(made, 2, 2)
    leaves = {key: value.detach().clone().requires_grad_() for key, value in p.items()}
    grads = torch.autograd.grad(made.loss(leaves, data)[0].sum(), [*leaves.values()])
    assert_finite_differences(
        lambda moved: made.loss(moved, data)[0], p, dict(zip(leaves, grads, strict=True))
    )


def test_a_gate_at_zero_is_smvae_and_its_gradients():
    gated, plain = model(FAMILY["gated"]), model(Mixture(3))
    data, p = batch(gated), parameters(gated)
    p["gate"] = torch.zeros_like(p["gate"])
    shared = {name: value for name, value in p.items() if name != "gate"}
    values, grads = [], []
    for made, given in ((gated, p), (plain, shared)):
        leaves = {key: value.detach().clone().requires_grad_() for key, value in given.items()}
        loss = made.loss(leaves, data)[0]
        wanted = [leaves[name] for name in shared]
        values.append(loss.item())
        grads.append(torch.autograd.grad(loss.sum(), wanted))
    assert values[0] == pytest.approx(values[1], abs=1e-12)
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_a_gate_starts_at_zero_with_equal_weights_and_views_that_lack_have_none():
    made = model(FAMILY["gated"])
    p = made.layout.views(made.layout.initial([0], DOUBLE))
    assert not p["gate"].any()
    mean, logvar = experts(3)
    present = torch.tensor([[[1.0, 1, 1], [1, 0, 1]]], dtype=DOUBLE).transpose(1, 2)
    weights = made.posterior.combine(p, mean, logvar, present).log_weights.exp()[0]
    assert weights[:, 0].tolist() == pytest.approx([1 / 3] * 3)
    assert weights[:, 1].tolist() == pytest.approx([0.5, 0.0, 0.5])
    assert made.posterior.facts(p) == {"gate_0": 0.0, "gate_1": 0.0, "gate_2": 0.0}


# ---------------------------------------------------------------- where the product is exact


def test_the_product_reaches_the_likelihood_where_the_model_is_linear():
    world = World()
    made = SemisupVAE(
        world.dims,
        CLASSES,
        (1.0, 0.0),
        perceptrons(()),
        ProductOfExperts(2),
        latent=LATENT,
        logvar_floor=-1.0,
    )
    x, y = world.sample(12)
    p, present = world.parameters(-1.0), np.ones((12, 2), bool)
    joint = np.array(
        [[world.log_joint([view[i] for view in x], [0, 1], k) for k in range(3)] for i in range(12)]
    )
    labelled, _ = made.objective(p, batch_of(x, y, present), (1.0, 0.0), "exact")
    assert -labelled.item() == pytest.approx(joint[np.arange(12), y].mean(), abs=1e-9)
    unlabelled, _ = made.objective(p, batch_of(x, None, present), (0.0, 1.0), "exact")
    assert -unlabelled.item() == pytest.approx(np.logaddexp.reduce(joint, 1).mean(), abs=1e-9)
