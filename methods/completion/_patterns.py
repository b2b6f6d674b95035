"""Regressions of an absent view on the present ones, one for every pattern of presence.

What the imputers of that kind share: which rows a regression rests on, which views serve, and the
way from z-scores back to raw units; a method brings the regression alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.base import Rows
from methods._scaling import Scaler
from methods.base import Fitted
from methods.completion._columns import rows_alike

LEAST_ROWS = 2


@dataclass(frozen=True, eq=False)
class Regression:
    """One regression in z-scores.

    ``guess``     (n, p) -> (n, q).
    ``variance``  (q,) predictive, None where the method states none.
    """

    guess: Callable[[np.ndarray], np.ndarray]
    variance: np.ndarray | None

    @classmethod
    def nothing(cls, width: int, *, spread: bool) -> Regression:
        """Column means, which are 0 in z-scores, with a variance of 1 if they state one."""
        return cls(lambda x: np.zeros((len(x), width)), np.ones(width) if spread else None)


Learn = Callable[[np.ndarray, np.ndarray, int], Regression]
"""From sides x (n, p), y (n, q) and a number of this regression's own, to the regression."""


class Regressions(Fitted):
    """Fits the regression of a pattern when a row first asks for it, and keeps it.

    Raises FitError where a view is absent from every row. ``spread``: regressions have variances.
    """

    def __init__(self, rows: Rows, learn: Learn, *, spread: bool) -> None:
        self.scaler, self.present = Scaler.fit(rows), rows.present
        self.learn, self.spread = learn, spread
        self.z = self.scaler.apply(rows)
        self.known: dict[tuple[tuple[int, ...], int], Regression] = {}

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...] | None]:
        z = self.scaler.apply(rows)
        guesses = [np.zeros(view.shape) for view in z]
        spreads = [np.zeros(view.shape) for view in z]
        patterns, which = rows_alike(rows.present)
        for g, pattern in enumerate(patterns):
            here = which == g
            for v in np.flatnonzero(~pattern).tolist():
                serving = self.serving(pattern, v)
                found = self.regression(serving, v)
                guesses[v][here] = found.guess(beside([view[here] for view in z], serving))
                if found.variance is not None:
                    spreads[v][here] = found.variance
        filled = self.scaler.filled(rows, guesses)
        if not self.spread:
            return filled, None
        scales = (np.where(keep, sd, 0.0) for _, sd, keep in self.scaler.columns)
        return filled, tuple(s * scale**2 for s, scale in zip(spreads, scales, strict=True))

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
            self.known[views, v] = self._learned(views, v)
        return self.known[views, v]

    def _learned(self, views: tuple[int, ...], v: int) -> Regression:
        if not views:
            return Regression.nothing(self.z[v].shape[1], spread=self.spread)
        both = self.having(views, v)
        number = sum(1 << view for view in views) + (v << len(self.z))
        return self.learn(beside([view[both] for view in self.z], views), self.z[v][both], number)

    def facts(self) -> dict[str, float | int | str | bool]:
        patterns, which = rows_alike(self.present)
        less = [
            any(len(self.serving(p, v)) < p.sum() for v in np.flatnonzero(~p).tolist())
            for p in patterns
        ]
        return {"rows_served_by_fewer_views": int(np.array(less)[which].sum())}


def beside(z: list[np.ndarray] | tuple[np.ndarray, ...], views: tuple[int, ...]) -> np.ndarray:
    """The chosen of the views ``z`` side by side, (n, p); p is 0 where none is chosen."""
    return np.concatenate([np.zeros((len(z[0]), 0)), *(z[v] for v in views)], axis=1)


def spread_of(left_out: np.ndarray) -> np.ndarray:
    """Variance (q,) from errors (n, q) on rows left out: (1 + sum of squares) / (1 + n).

    The 1 is the square of one error of the column mean, on average, because a column may not vary
    at all over a few rows.
    """
    return (1 + np.square(left_out).sum(0)) / (1 + len(left_out))
