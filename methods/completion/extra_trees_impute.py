"""ExtraTrees imputation: an absent view is predicted by trees from the views that a row has.

For every pattern of present views and every view that it lacks, an ensemble of 300 trees with cuts
drawn at random [geurts2006], all columns of the absent view at once, on the rows that have both; a
node tries half of the present columns. Which rows and views serve a pattern is told under
``ridge_impute``. Columns are z-scored by their present entries, so that each counts alike in the
reduction of variance that chooses a cut. Labels are not used; rows that it has not seen are filled
too; no variance is stated. A forest's seed depends on the fit's seed and on its pattern alone.

Departs from the paper: the paper has no such row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from datasets.base import Problem
from methods import base
from methods.base import Fitted, Method, Shape, Training, hp
from methods.completion._columns import IMPUTER
from methods.completion._patterns import Regression, Regressions

TREES, FEATURES = 300, 0.5


@dataclass(frozen=True)
class Config(base.Config):
    """Depth is limited by the rows of a leaf alone."""

    leaf_rows: int = hp(2, "least rows in a leaf", grid=(2, 5), low=1)


@final
class ExtraTreesImpute(Method):
    """A forest for each pattern of present views and each view that it lacks."""

    version, title = 1, "ExtraTrees regression"
    cites = ("Geurts, Ernst and Wehenkel, Machine Learning 2006",)
    can, Config = IMPUTER, Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Raises FitError where a view is absent from every row."""
        seed, leaf = int(rng.integers(2**31)), self.config.leaf_rows
        return Regressions(
            problem.rows, lambda x, y, number: forest(x, y, leaf, seed, number), spread=False
        )

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core, 1,200 rows, 123 columns: 2.7, 1.5, 0.4 s at 10, 50, 90 % absent."""
        n, p = shape.n_labelled + shape.n_unlabelled, sum(shape.dims)
        return 0.1 + 1.2e-5 * n * p


def forest(x: np.ndarray, y: np.ndarray, leaf: int, seed: int, number: int) -> Regression:
    """Fit y (n, q) on x (n, p); ``number`` is the pattern's own."""
    drawn = int(np.random.default_rng([seed, number]).integers(2**31))
    model: Any = ExtraTreesRegressor(
        TREES, min_samples_leaf=leaf, max_features=FEATURES, random_state=drawn
    )
    width = y.shape[1]
    model.fit(x, y if width > 1 else y[:, 0])
    return Regression(lambda new: model.predict(new).reshape(len(new), width), None)
