"""Majority vote: the commonest labelled class for every row; ties go to the lower class number.

Reads no feature. A reference row, not one of the paper's: what any method must beat.
Departs from the paper: the paper has no such row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.base import Problem, Rows
from methods import base
from methods.base import Can, Fitted, Method


@dataclass(frozen=True)
class Config(base.Config):
    """Nothing to set."""


class Majority(Method):
    """Row ``Majority vote``."""

    version, title, quick = 1, "Majority vote", True
    cites = ("no reference: the trivial rule",)
    can = Can(classify=True, missing_views=True)
    Config = Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Count the labelled classes."""
        counts = np.bincount(problem.labels[problem.labelled], minlength=problem.n_classes)
        return FittedMajority(counts)


class FittedMajority(Fitted):
    """One class for all, by the counts of the labelled classes, ``(K,)``."""

    def __init__(self, counts: np.ndarray) -> None:
        self.counts, self.winner = counts, int(counts.argmax())

    def predict(self, rows: Rows) -> np.ndarray:
        """The winner, ``(n,)`` times."""
        return np.full(rows.n, self.winner, np.int64)

    def predict_proba(self, rows: Rows) -> np.ndarray:
        """The shares of the labelled classes, ``(n, K)``, the same for every row."""
        return np.tile(self.counts / self.counts.sum(), (rows.n, 1))
