"""The product of present experts: row by row, and where the model is linear, in closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from methods._nn.data import Batch, BatchSizes
from methods._nn.layers import Params
from methods._ssvae import dropping
from methods._ssvae.dropping import DroppingVAE, Shown
from methods._ssvae.model import SemisupVAE, perceptrons
from methods._ssvae.products import ProductOfExperts
from tests.oracle.doubles import DOUBLE, source
from tests.oracle.product_cases import CLASSES, LATENT, World, batch_of, patterns
from tests.oracle.search import assert_finite_differences, start
from tests.oracle.simvae_cases import net, normal

METHODS = ("incomplete_poe",)
DIMS = (5, 4, 3)


def model(shown: Shown = "random", may_miss: tuple[int, ...] = (1, 2)) -> DroppingVAE:
    return DroppingVAE(
        DIMS,
        CLASSES,
        (0.4, 0.6),
        perceptrons((7, 6)),
        ProductOfExperts(3),
        latent=4,
        may_miss=may_miss,
        shown=shown,
    )


def parameters(made: SemisupVAE) -> dict[str, Tensor]:
    return made.layout.views(start(made.layout))


def batch(made: DroppingVAE, known: int = 4, unknown: int = 6) -> Batch:
    """Rows of every pattern of presence, absent entries zero."""
    draw, rows = source(1), known + unknown
    present = torch.tensor(patterns(3, rows), dtype=DOUBLE)[None]
    x = tuple(
        torch.randn(1, rows, d, dtype=DOUBLE, generator=draw) * present[..., v, None]
        for v, d in enumerate(DIMS)
    )
    noise = {
        name: torch.randn(1, *shape, dtype=DOUBLE, generator=draw)
        for name, shape in made.draws(BatchSizes(1, known, unknown), 1, True).items()
    }
    onehot = torch.eye(CLASSES, dtype=DOUBLE)[torch.randint(CLASSES, (1, known), generator=draw)]
    hyper = {"c": torch.tensor([0.5], dtype=DOUBLE)}
    return Batch(x, present, onehot, known, noise, hyper, (None,) * 3)


class Spelt:
    """One row under the model, as the docstring of the method has it."""

    def __init__(self, made: DroppingVAE, p: Params, data: Batch, row: int) -> None:
        self.made, self.p = made, p
        self.x = [view[0, row] for view in data.x]
        self.has = [v for v in range(3) if data.present[0, row, v]]
        self.eps = data.noise["eps"][0, 0, 0, row]
        self.shown = self.has
        if made.shown == "random":
            coins = data.noise["coins"][0, row]
            left = [v for v in self.has if v not in made.may_miss or coins[v] > 0]
            self.shown = left or self.has
        first = p["cls.0.b"][0, 0] + sum(self.x[v] @ p[f"cls.0.x{v}"][0] for v in self.has)
        h = torch.nn.functional.softplus(first)
        h = torch.nn.functional.softplus(h @ p["cls.1.W"][0] + p["cls.1.b"][0, 0])
        self.log_q = (h @ p["cls.2.W"][0] + p["cls.2.b"][0, 0]).log_softmax(-1)

    def lower_bound(self, y: int) -> Tensor:
        label = torch.eye(CLASSES, dtype=DOUBLE)[y]
        said = [normal(net(self.p, f"enc{v}", {"x": self.x[v], "y": label}), 8.0) for v in range(3)]
        precision = 1 + sum(1 / said[v].variance for v in self.shown)
        centre = sum(said[v].mean / said[v].variance for v in self.shown) / precision
        q = Normal(centre, precision**-0.5)
        z = q.mean + q.stddev * self.eps
        total = -kl_divergence(q, Normal(torch.zeros_like(z), torch.ones_like(z))).sum()
        for w in self.has:
            decoder = normal(net(self.p, f"dec{w}", {"z": z, "y": label}), 6.0)
            total = total + decoder.log_prob(self.x[w]).sum()
        return total - math.log(CLASSES)

    def loss(self, y: int | None) -> Tensor:
        if y is not None:
            return -self.lower_bound(y)
        bounds = torch.stack([self.lower_bound(k) for k in range(CLASSES)])
        return -(self.log_q.exp() * (bounds - self.log_q)).sum()


@pytest.mark.parametrize("shown", ["random", "all"])
@pytest.mark.parametrize("may_miss", [(1, 2), (0, 1, 2), ()])
def test_the_loss_is_the_sum_over_rows_of_what_each_has(shown, may_miss):
    made = model(shown, may_miss)
    p, data = parameters(made), batch(made)
    rows = [Spelt(made, p, data, row) for row in range(10)]
    if shown == "random":
        hidden = [row for row in rows if len(row.shown) < len(row.has)]
        assert bool(hidden) == bool(may_miss)
    labels = data.onehot[0].argmax(-1).tolist()
    each = [row.loss(labels[i] if i < 4 else None) for i, row in enumerate(rows)]
    cross = torch.stack([-rows[i].log_q[labels[i]] for i in range(4)]).mean()
    expected = torch.stack(each).sum() / 10 + 0.5 * cross
    assert made.loss(p, data)[0].item() == pytest.approx(expected.item(), abs=1e-10)


def test_gradients_equal_finite_differences():
    made = model()
    p, data = parameters(made), batch(made, 2, 2)
    leaves = {key: value.detach().clone().requires_grad_() for key, value in p.items()}
    grads = torch.autograd.grad(made.loss(leaves, data)[0].sum(), [*leaves.values()])
    assert_finite_differences(
        lambda moved: made.loss(moved, data)[0], p, dict(zip(leaves, grads, strict=True))
    )


def test_complete_rows_of_which_all_is_shown_are_those_of_the_complete_model():
    made = model("all")
    plain = SemisupVAE(DIMS, CLASSES, (0.4, 0.6), made.networks, made.posterior, latent=4)
    p, data = parameters(made), batch(made)
    data = replace(data, present=torch.ones_like(data.present))
    assert made.loss(p, data)[0].item() == pytest.approx(plain.loss(p, data)[0].item(), abs=1e-12)


@pytest.mark.parametrize("shown", ["random", "all"])
def test_absent_entries_cannot_enter_the_bound_or_an_answer(shown):
    made = model(shown)
    p, data = parameters(made), batch(made)
    absent = 1 - data.present
    other = tuple(x + 1000 * absent[..., v, None] for v, x in enumerate(data.x))
    first, second = (
        made.evidence(p, one, made.log_q(p, data.x), (0.4, 0.6), "exact", made.experts(one))
        for one in (data, replace(data, x=other))
    )
    assert first.item() == second.item()
    answers = [made.classify(p, x, data.present, None) for x in (data.x, other)]
    torch.testing.assert_close(*answers, rtol=0, atol=0)
    filled = [made.impute(p, x, data.present)[0] for x in (data.x, other)]
    for v in range(3):
        gone = absent[..., v].bool()
        torch.testing.assert_close(filled[0][v][gone], filled[1][v][gone], rtol=0, atol=0)


def test_no_row_is_left_without_an_expert_and_views_that_all_rows_have_are_never_hidden():
    made = model()
    data = batch(made, 40, 60)
    experts = made.experts(data)
    assert (experts.amax(-1) > 0).all()
    assert (experts <= data.present).all()
    torch.testing.assert_close(experts[..., 0], data.present[..., 0])
    assert (experts[..., 1] < data.present[..., 1]).any()


# ---------------------------------------------------------------- closed forms


def linear(world: World) -> DroppingVAE:
    views = len(world.dims)
    return DroppingVAE(
        world.dims,
        CLASSES,
        (1.0, 0.0),
        perceptrons(()),
        ProductOfExperts(views),
        latent=LATENT,
        logvar_floor=-1.0,
        may_miss=tuple(range(views)),
        shown="all",
    )


def test_the_bound_is_the_likelihood_of_what_a_row_has():
    world = World(DIMS)
    made, p, present = linear(world), world.parameters(-1.0), patterns(3, 14)
    x, y = world.sample(14)
    exact = [
        world.log_joint([view[i] for view in x], np.flatnonzero(present[i]).tolist(), y[i])
        for i in range(14)
    ]
    found, _ = made.objective(p, batch_of(x, y, present), (1.0, 0.0), "exact")
    assert -found.item() == pytest.approx(np.mean(exact), abs=1e-9)


def test_hiding_a_view_from_the_encoders_lowers_the_bound():
    world = World(DIMS)
    made, p, present = linear(world), world.parameters(-1.0), np.ones((12, 3), bool)
    data = batch_of(*world.sample(12), present)
    less = torch.full((1, 12, 3), -1.0, dtype=DOUBLE)  # all coins fall so that all would be hidden
    less[..., 0] = 1.0
    hidden = replace(data, noise=data.noise | {"coins": less})
    whole, part = (
        made.objective(p, data, (1.0, 0.0), "exact")[0],
        replace(made, shown="random").objective(p, hidden, (1.0, 0.0), "exact")[0],
    )
    assert part.item() > whole.item() + 0.1


def test_an_absent_view_is_imputed_by_its_conditional_moments(monkeypatch):
    world = World(DIMS)
    monkeypatch.setattr(dropping, "DRAWS", 4000)
    made, p, present = linear(world), world.parameters(-1.0), patterns(3, 14)[1:7]
    x, _ = world.sample(6)
    data = batch_of(x, None, present)
    means, logvars = made.impute(p, data.x, data.present)
    shares = made.classify(p, data.x, data.present, None)[0].exp().numpy()
    for i in range(6):
        has, row = np.flatnonzero(present[i]).tolist(), [view[i] for view in x]
        for m in np.flatnonzero(~present[i]):
            parts = [world.conditional(row, has, m, y) for y in range(CLASSES)]
            mean = sum(q * one for q, (one, _) in zip(shares[i], parts, strict=True))
            second = sum(q * (v + one**2) for q, (one, v) in zip(shares[i], parts, strict=True))
            np.testing.assert_allclose(means[m][0, i], mean, atol=1e-9)
            np.testing.assert_allclose(logvars[m][0, i].exp(), second - mean**2, rtol=0.05)


def test_views_that_are_there_come_back_as_they_are_and_are_certain():
    world = World(DIMS)
    made, p = linear(world), world.parameters(-1.0)
    data = batch_of(world.sample(5)[0], None, np.ones((5, 3), bool))
    means, logvars = made.impute(p, data.x, data.present)
    for view, mean, logvar in zip(data.x, means, logvars, strict=True):
        assert torch.equal(view, mean)
        assert (logvar == -math.inf).all()
