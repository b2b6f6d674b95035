"""Ridge regression: an absent view is predicted linearly from the views that a row has.

The floor of imputation: a net that completes views should better it. For every pattern P of present
views and every view v that it lacks, over the n rows of the Problem that have v and all of P,

    minimise over W, b    |Z_v - Z_P W - b|_F^2 + alpha |W|_F^2,    alpha = penalty x n,

with Z the views z-scored by their present entries [hoerl1970]. So ``penalty`` is in units of a
column's variance: with 0 it would be least squares, at infinity the guess is the columns' mean over
these rows. A pattern need not occur in the Problem, since rows that have more views serve it too.
Where fewer than two rows have v and all of P, the largest part of P serves for which two have (of
parts alike in size, that with the most rows), or none: the column means. ``facts`` counts the rows
of the Problem that are served by less than the views that they have. Every row counts, labelled or
not; labels are not used; rows that it has not seen are filled too.

The variance of an entry is that of its column and pattern, (1 + sum of squared leave-one-out
errors) / (1 + n) in z-scores: errors on rows left out, because the residuals of a fit with as many
weights as rows are zero; and one error of the column mean, whose square is 1 on average, because a
column may not vary at all over a few rows.

Departs from the paper: the paper has no such row.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import final

import numpy as np
import scipy.linalg

from datasets.base import Problem, Rows
from methods import base
from methods._scaling import Scaler
from methods.base import Fitted, Method, Shape, Training, hp
from methods.completion._columns import IMPUTER, rows_alike

LEAST_ROWS = 2
PENALTIES = (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Config(base.Config):
    """``penalty`` is alpha over the number of rows."""

    penalty: float = hp(
        0.1, "alpha / n, in variances of a z-scored column", grid=PENALTIES, low=1e-8
    )


@final
class RidgeImpute(Method):
    """A ridge regression for each pattern of present views and each view that it lacks."""

    version, title, quick = 1, "Ridge regression", True
    cites = ("Hoerl and Kennard, Technometrics 1970",)
    can, Config = IMPUTER, Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic. Raises FitError where a view is absent from every row."""
        return Regressions(problem.rows, self.config.penalty)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core: 0.7 s at 13,473 rows of 343 columns, 0.01 s at 1,200 of 123."""
        n, p = shape.n_labelled + shape.n_unlabelled, sum(shape.dims)
        return 0.005 + 4e-10 * n * p**2


@dataclass(frozen=True, eq=False)
class Regression:
    """One regression in z-scores: (p,) ``centre`` -> (q,) ``mean``, (p, q) ``weights``.

    ``variance``  (q,) predictive.   ``rows`` how many it rests on.
    """

    centre: np.ndarray
    mean: np.ndarray
    weights: np.ndarray
    variance: np.ndarray
    rows: int

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, alpha: float) -> Regression:
        """Fit y (n, q) on x (n, p), the intercept free of the penalty ``alpha`` > 0."""
        n = len(x)
        centre, mean = x.mean(0), y.mean(0)
        x, y = x - centre, y - mean
        gram = x.T @ x
        gram.flat[:: len(gram) + 1] += alpha
        solved = scipy.linalg.solve(gram, x.T, assume_a="pos")  # (p, n)
        weights = solved @ y
        leverage = 1 / n + np.einsum("np,pn->n", x, solved)
        left_out = (y - x @ weights) / (1 - leverage)[:, None]
        return cls(centre, mean, weights, (1 + np.square(left_out).sum(0)) / (1 + n), n)

    @classmethod
    def nothing(cls, width: int) -> Regression:
        """Column means, which are 0 in z-scores."""
        zero = np.zeros(width)
        return cls(np.zeros(0), zero, np.zeros((0, width)), np.ones(width), 0)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Guesses (n, q) for x (n, p)."""
        return self.mean + (x - self.centre) @ self.weights


class Regressions(Fitted):
    """Fits the regression of a pattern when a row first asks for it, and keeps it."""

    def __init__(self, rows: Rows, penalty: float) -> None:
        self.scaler, self.present, self.penalty = Scaler.fit(rows), rows.present, penalty
        self.z = self.scaler.apply(rows)
        self.known: dict[tuple[tuple[int, ...], int], Regression] = {}

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        z = self.scaler.apply(rows)
        guesses = [np.zeros(view.shape) for view in z]
        spreads = [np.zeros(view.shape) for view in z]
        patterns, which = rows_alike(rows.present)
        for g, pattern in enumerate(patterns):
            here = which == g
            for v in np.flatnonzero(~pattern).tolist():
                serving = self.serving(pattern, v)
                regression = self.regression(serving, v)
                guesses[v][here] = regression(beside([view[here] for view in z], serving))
                spreads[v][here] = regression.variance
        scales = (np.where(keep, sd, 0.0) for _, sd, keep in self.scaler.columns)
        variances = (s * scale**2 for s, scale in zip(spreads, scales, strict=True))
        return self.scaler.filled(rows, guesses), tuple(variances)

    def serving(self, pattern: np.ndarray, v: int) -> tuple[int, ...]:
        """From which views of ``pattern`` (V,) view ``v`` is predicted: all, if two rows have both.

        () where no two rows have ``v`` and any of them.
        """
        there = np.flatnonzero(pattern).tolist()
        for size in range(len(there), 0, -1):
            parts = list(itertools.combinations(there, size))
            counts = [int(self.having(part, v).sum()) for part in parts]
            if max(counts) >= LEAST_ROWS:
                return parts[int(np.argmax(counts))]
        return ()

    def having(self, views: tuple[int, ...], v: int) -> np.ndarray:
        """Which rows of the Problem have ``views`` and ``v``, (n,)."""
        return np.all(self.present[:, [*views, v]], axis=1)

    def regression(self, views: tuple[int, ...], v: int) -> Regression:
        """That of view ``v`` on ``views``."""
        if (views, v) not in self.known:
            both, width = self.having(views, v), self.z[v].shape[1]
            self.known[views, v] = (
                Regression.of(
                    beside([view[both] for view in self.z], views),
                    self.z[v][both],
                    self.penalty * int(both.sum()),
                )
                if views
                else Regression.nothing(width)
            )
        return self.known[views, v]

    def facts(self) -> dict[str, float | int | str | bool]:
        patterns, which = rows_alike(self.present)
        less = [
            any(len(self.serving(p, v)) < p.sum() for v in np.flatnonzero(~p).tolist())
            for p in patterns
        ]
        return {"rows_served_by_fewer_views": int(np.array(less)[which].sum())}


def beside(z: list[np.ndarray], views: tuple[int, ...]) -> np.ndarray:
    """The chosen of the views ``z`` side by side, (n, p); p is 0 where none is chosen."""
    return np.concatenate([np.zeros((len(z[0]), 0)), *(z[v] for v in views)], axis=1)
