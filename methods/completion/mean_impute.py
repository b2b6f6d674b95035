"""Mean imputation: an absent entry is the mean of its column's present ones.

The zero of imputation error: on columns z-scored by the Problem's present entries it guesses 0, so
that its NMSE, ||X - X^||_F / ||X||_F over the absent entries, is exactly 1. Every present entry of
every row of the Problem counts, labelled or not; rows that it has not seen are filled too.

Departs from the paper: the paper has no such row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from datasets.base import Problem, Rows
from methods import base
from methods._scaling import Scaler
from methods.base import Fitted, Method, Shape, Training
from methods.completion._columns import IMPUTER, FittedColumns


@dataclass(frozen=True)
class Config(base.Config):
    """Nothing to set."""


@final
class MeanImpute(Method):
    """Column means."""

    version, title, quick = 1, "Column means", True
    cites = ("Little and Rubin, Statistical Analysis with Missing Data, 1987",)
    can, Config = IMPUTER, Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic. Raises FitError where a view is absent from every row."""
        return Means(Scaler.fit(problem.rows))

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """One pass over the matrix, 10 ns an entry."""
        return 1e-3 + 1e-8 * (shape.n_labelled + shape.n_unlabelled) * sum(shape.dims)


class Means(FittedColumns):
    """Guesses a z-score of 0."""

    def guess(self, rows: Rows) -> np.ndarray:
        return np.zeros((rows.n, sum(view.shape[1] for view in rows.views)))
