"""A model whose posterior is a product of Gaussians exactly, and the closed forms that it has.

Views are x_v = W_v z + c_v[y] + noise of variance s2_v, given z ~ N(0, I) and a class y, all alike.
The columns of W_v are orthogonal, so that view v says of z, alone and without the prior,

    precision |w_v|^2 / s2_v a column,   mean W_v^T (x_v - c_v[y]) / |w_v|^2,

which a linear encoder can say; p(z|x_O,y) is the product of these and of the prior. All classes
have one covariance, so that p(y|x) is the softmax of a linear function of x.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from methods._nn.data import Batch
from methods._nn.densities import DATA_LIMIT, LATENT_LIMIT
from tests.oracle.doubles import DOUBLE

CLASSES, LATENT = 3, 2


@dataclass(frozen=True)
class World:
    """The true model of views ``dims`` wide, drawn by ``seed``."""

    dims: tuple[int, ...] = (5, 4)
    seed: int = 0

    @cached_property
    def drawn(self) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """W_v (d, D), c_v (K, d) and s2_v of every view."""
        rng, views = np.random.default_rng(self.seed), []
        for width in self.dims:
            frame = np.linalg.qr(rng.normal(size=(width, LATENT)))[0]
            scales = rng.uniform(0.8, 2.0, LATENT)
            views.append((frame * scales, rng.normal(size=(CLASSES, width)), 0.5))
        return views

    def sample(self, n: int, seed: int = 1) -> tuple[list[np.ndarray], np.ndarray]:
        """Views of ``n`` rows and their classes."""
        rng = np.random.default_rng(seed)
        y, z = rng.integers(CLASSES, size=n), rng.normal(size=(n, LATENT))
        return [
            z @ w.T + c[y] + np.sqrt(s2) * rng.normal(size=(n, len(w))) for w, c, s2 in self.drawn
        ], y

    def moments(self, views: list[int], y: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the chosen views side by side, given the class."""
        w = np.concatenate([self.drawn[v][0] for v in views])
        mean = np.concatenate([self.drawn[v][1][y] for v in views])
        noise = np.concatenate([np.full(self.dims[v], self.drawn[v][2]) for v in views])
        return mean, w @ w.T + np.diag(noise)

    def log_joint(self, x: list[np.ndarray], views: list[int], y: int) -> float:
        """Log p(x_O, y) of one row."""
        mean, covariance = self.moments(views, y)
        seen = np.concatenate([x[v] for v in views])
        return float(multivariate_normal(mean, covariance).logpdf(seen) - np.log(CLASSES))

    def conditional(
        self, x: list[np.ndarray], views: list[int], m: int, y: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variances of x_m given x_O and y, of one row."""
        mean, covariance = self.moments([*views, m], y)
        cut = sum(self.dims[v] for v in views)
        seen = np.concatenate([x[v] for v in views]) - mean[:cut]
        slope = np.linalg.solve(covariance[:cut, :cut], covariance[:cut, cut:]).T
        left = covariance[cut:, cut:] - slope @ covariance[:cut, cut:]
        return mean[cut:] + slope @ seen, np.diag(left)

    def parameters(self, floor: float) -> dict[str, Tensor]:
        """Those of linear networks that say all of this, decoders with the floor ``floor``."""
        p: dict[str, np.ndarray] = {}
        slopes, start = [], np.full(CLASSES, 0.0)
        for v, (w, c, s2) in enumerate(self.drawn):
            squares = (w**2).sum(0)
            project = w / squares  # (d, D)
            p[f"enc{v}.0.x"] = np.concatenate([project, np.zeros_like(project)], 1)
            p[f"enc{v}.0.y"] = np.concatenate([-c @ project, np.zeros((CLASSES, LATENT))], 1)
            spread = unbent(np.log(s2 / squares), -LATENT_LIMIT, LATENT_LIMIT)
            p[f"enc{v}.0.b"] = np.concatenate([np.zeros(LATENT), spread])[None]
            p[f"dec{v}.0.z"] = np.concatenate([w.T, np.zeros_like(w.T)], 1)
            p[f"dec{v}.0.y"] = np.concatenate([c, np.zeros_like(c)], 1)
            noise = unbent(np.full(len(w), np.log(s2)), floor, DATA_LIMIT)
            p[f"dec{v}.0.b"] = np.concatenate([np.zeros(len(w)), noise])[None]
        everything = list(range(len(self.dims)))
        for y in range(CLASSES):
            mean, covariance = self.moments(everything, y)
            weight = np.linalg.solve(covariance, mean)
            slopes.append(weight)
            start[y] = -0.5 * mean @ weight
        ends = np.cumsum(self.dims)[:-1]
        for v, part in enumerate(np.split(np.stack(slopes, 1), ends)):
            p[f"cls.0.x{v}"] = part
        p["cls.0.b"] = start[None]
        return {name: torch.tensor(value, dtype=DOUBLE)[None] for name, value in p.items()}


def unbent(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """What a network says of a log-variance that is ``value`` once bent into (low, high)."""
    middle, half = (high + low) / 2, (high - low) / 2
    off = value - middle
    return middle + off * (1 - (off / half) ** 4) ** -0.25


def sigma_points(components: int, rows: int) -> Tensor:
    """Draws (1, C, 2 D, rows, D) over which the mean of any quadratic function is exact."""
    points = np.sqrt(LATENT) * np.concatenate([np.eye(LATENT), -np.eye(LATENT)])
    spread = torch.tensor(points, dtype=DOUBLE)[None, None, :, None]
    return spread.expand(1, components, -1, rows, -1)


def batch_of(x: list[np.ndarray], y: np.ndarray | None, present: np.ndarray) -> Batch:
    """One member's rows, all labelled or none; absent entries are zero."""
    views = [
        torch.tensor(view * present[:, v, None], dtype=DOUBLE)[None] for v, view in enumerate(x)
    ]
    known = 0 if y is None else len(y)
    onehot = torch.eye(CLASSES, dtype=DOUBLE)[torch.tensor(y if known else [], dtype=torch.long)]
    return Batch(
        x=tuple(views),
        present=torch.tensor(present, dtype=DOUBLE)[None],
        onehot=onehot[None],
        n_labelled=known,
        noise={"eps": sigma_points(1, len(present))},
        hyper={"c": torch.tensor([0.5], dtype=DOUBLE)},
        keep=(None,) * len(views),
        epoch=1000,
    )


def patterns(views: int, rows: int) -> np.ndarray:
    """Presence (rows, views): every non-empty set of views in turn."""
    sets = [s for s in itertools.product([True, False], repeat=views) if any(s)]
    return np.array([sets[row % len(sets)] for row in range(rows)])
