"""MIWAE against the likelihood and the conditional moments of a linear model, in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from datasets.base import Rows
from methods._nn.data import Batch
from methods._nn.densities import DATA_LIMIT, LATENT_LIMIT
from methods._nn.networks import MLP
from methods._scaling import Scaler
from methods.base import Member
from methods.generative import miwae
from methods.generative.miwae import Config, FittedMIWAE, Model, side_by_side
from tests.helpers import home, tiny, trial
from tests.oracle.doubles import DOUBLE, normal
from tests.oracle.product_cases import patterns, unbent
from tests.oracle.search import assert_finite_differences, start

METHODS = ("miwae",)
DIMS, LATENT, NOISE = (4, 3), 2, 0.4
LINEAR = Model(DIMS, LATENT, MLP((), "identity", "fan_in"), -1.0)


class Line:
    """x = W z + b + noise, z ~ N(0, I), W with orthogonal columns; and networks that say so."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        frame = np.linalg.qr(rng.normal(size=(sum(DIMS), LATENT)))[0]
        self.w, self.b = frame * [1.5, 0.9], rng.normal(size=sum(DIMS))
        self.covariance = self.w @ self.w.T + NOISE * np.eye(sum(DIMS))

    def sample(self, n: int) -> np.ndarray:
        rng = np.random.default_rng(4)
        z = rng.normal(size=(n, LATENT))
        return z @ self.w.T + self.b + np.sqrt(NOISE) * rng.normal(size=(n, sum(DIMS)))

    def log_density(self, x: np.ndarray, has: np.ndarray) -> float:
        """Log p(x_O) of a row."""
        part = self.covariance[np.ix_(has, has)]
        return float(multivariate_normal(self.b[has], part).logpdf(x[has]))

    def conditional(self, x: np.ndarray, has: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variances of what a row lacks."""
        own, cross = self.covariance[np.ix_(has, has)], self.covariance[np.ix_(~has, has)]
        slope = np.linalg.solve(own, cross.T).T
        left = self.covariance[np.ix_(~has, ~has)] - slope @ cross.T
        return self.b[~has] + slope @ (x[has] - self.b[has]), np.diag(left)

    def parameters(self, wide: bool = False) -> dict[str, Tensor]:
        """The decoder, and an encoder: the posterior of complete rows, with more spread if wide."""
        squares = (self.w**2).sum(0)
        shrink = self.w / (squares + NOISE)
        none, spread = np.zeros_like(self.w), np.log(NOISE / (squares + NOISE))
        spread = unbent(spread * (not wide), -LATENT_LIMIT, LATENT_LIMIT)
        noise = unbent(np.full(len(self.b), np.log(NOISE)), -1.0, DATA_LIMIT)
        p = {
            "enc.0.x": np.concatenate([shrink, none], 1),
            "enc.0.b": np.concatenate([-self.b @ shrink, spread])[None],
            "dec.0.z": np.concatenate([self.w.T, none.T], 1),
            "dec.0.b": np.concatenate([self.b, noise])[None],
        }
        return {name: torch.tensor(value, dtype=DOUBLE)[None] for name, value in p.items()}


LINE = Line()


def batch(x: np.ndarray, present: np.ndarray, draws: int) -> Batch:
    views = [
        torch.tensor(view * there[:, None], dtype=DOUBLE)[None]
        for view, there in zip(np.split(x, [DIMS[0]], 1), present.T, strict=True)
    ]
    mask = torch.tensor(present, dtype=DOUBLE)[None]
    eps = normal(5, 1, draws, len(x), LATENT)
    none = torch.zeros(1, 0, 1, dtype=DOUBLE)
    return Batch(tuple(views), mask, none, 0, {"eps": eps}, {}, (None, None))


def columns(present: np.ndarray) -> np.ndarray:
    return np.repeat(present, DIMS, axis=1)


@pytest.mark.parametrize("draws", [1, 7])
def test_the_bound_is_the_likelihood_where_the_encoder_is_the_posterior(draws):
    x, present = LINE.sample(9), np.ones((9, 2), bool)
    exact = [LINE.log_density(row, np.ones(7, bool)) for row in x]
    loss, logs = LINEAR.loss(LINE.parameters(), batch(x, present, draws))
    assert -loss.item() == pytest.approx(np.mean(exact), abs=1e-9)
    assert logs["bound"].item() == pytest.approx(np.mean(exact), abs=1e-9)


def test_more_draws_raise_the_bound_to_the_likelihood_of_what_rows_have():
    x, present = LINE.sample(60), patterns(2, 60)
    exact = np.mean([LINE.log_density(r, h) for r, h in zip(x, columns(present), strict=True)])
    p = LINE.parameters(wide=True)
    found = [-LINEAR.loss(p, batch(x, present, draws))[0].item() for draws in (1, 20, 2000, 40_000)]
    assert found == sorted(found)
    assert found[0] < exact - 0.2
    assert found[-1] == pytest.approx(exact, abs=0.02)


def test_gradients_equal_finite_differences():
    made = Model(DIMS, LATENT, MLP((5,), "softplus", "fan_in"), -1.0)
    x, present = LINE.sample(6), patterns(2, 6)
    p, data = made.layout.views(start(made.layout)), batch(x, present, 4)
    leaves = {key: value.detach().clone().requires_grad_() for key, value in p.items()}
    grads = torch.autograd.grad(made.loss(leaves, data)[0].sum(), [*leaves.values()])
    assert_finite_differences(
        lambda moved: made.loss(moved, data)[0], p, dict(zip(leaves, grads, strict=True))
    )


def fitted(
    draws: int, x: np.ndarray, present: np.ndarray, wide: bool = False
) -> tuple[FittedMIWAE, Rows]:
    """The true model as a fit of rows that are in its own units."""
    views = tuple(
        np.where(there[:, None], view, np.nan)
        for view, there in zip(np.split(x, [DIMS[0]], 1), present.T, strict=True)
    )
    rows = Rows(views, present, np.arange(len(x)))
    _, problem, _ = trial(tiny(), home(miwae.MIWAE))
    member = Member(problem, Config(draws=draws), 7, lambda _: 0.0)
    plain = Scaler(tuple((np.zeros(d), np.ones(d), np.ones(d, bool)) for d in DIMS))
    return FittedMIWAE(LINEAR, member, plain, LINE.parameters(wide), {}), rows


def test_absent_views_are_imputed_by_their_conditional_moments():
    x, present = LINE.sample(8), patterns(2, 8)
    made, rows = fitted(40_000, x, present, wide=True)
    means, variances = (np.concatenate(part, 1) for part in made.impute(rows))
    for row, has, mean, variance in zip(x, columns(present), means, variances, strict=True):
        if has.all():
            np.testing.assert_array_equal(mean, row)
            continue
        centre, spread = LINE.conditional(row, has)
        np.testing.assert_allclose(mean[~has], centre, atol=0.05)
        np.testing.assert_allclose(variance[~has], spread, rtol=0.1)
        np.testing.assert_array_equal(mean[has], row[has])
        assert not variance[has].any()


def test_effective_draws_are_all_of_them_where_the_encoder_is_the_posterior():
    x = LINE.sample(5)
    made, rows = fitted(50, x, np.ones((5, 2), bool))
    np.testing.assert_allclose(made._moments(rows)[2], 50, rtol=1e-9)
    made, rows = fitted(50, x, np.repeat([[True, False]], 5, axis=0))
    few = made._moments(rows)[2]
    assert (few >= 1).all()
    assert (few < 50).all()


def test_absent_entries_and_constant_columns_have_no_part_in_the_bound():
    x, present = LINE.sample(6), patterns(2, 6)
    data, p = batch(x, present, 4), LINE.parameters()
    keep = torch.tensor([[1.0, 0.0, 1.0]], dtype=DOUBLE)
    _, counted = side_by_side(data.x, data.present, (None, keep))
    assert counted[0].sum(0).tolist() == [
        *([present[:, 0].sum()] * 4), *(present[:, 1].sum() * k for k in (1, 0, 1))
    ]  # fmt: skip
    log_w, _, _ = LINEAR.weighed(p, torch.cat(data.x, -1), counted, data.noise["eps"])
    moved = p | {"dec.0.b": p["dec.0.b"] + torch.tensor([0.0] * 5 + [3] + [0] * 8, dtype=DOUBLE)}
    again, _, _ = LINEAR.weighed(moved, torch.cat(data.x, -1), counted, data.noise["eps"])
    torch.testing.assert_close(log_w, again)
