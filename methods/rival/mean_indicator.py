"""Mean and missing indicator: absent views are filled with means, and a column says which they are.

The classifier reads the z-scored columns, 0 (their mean over the present entries) where a view is
absent, and for every view one more column, 1 where it is absent. So it may answer otherwise where a
view is absent, and nothing is imputed that pretends to be measured. The classifier is that of the
row "Logistic regression", with the same candidates of C, or the trees of the row "ExtraTrees" with
leaves of one row. Unlabelled rows are not used. Where every row is complete it is that classifier.

Departs from the paper: the paper has no such row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from datasets.base import Problem
from methods import base
from methods._sklearn import SklearnMethod
from methods.base import Can, Shape, Training, hp

READERS = ("logistic_regression", "extra_trees")


@dataclass(frozen=True)
class Config(base.Config):
    """``C`` belongs to the logistic regression."""

    classifier: str = hp("logistic_regression", "that reads them", choices=READERS)
    C: float = hp(1.0, "inverse penalty", grid=(0.001, 0.01, 0.1, 1.0, 10.0, 100.0), low=1e-6)


@final
class MeanIndicator(SklearnMethod):
    """Column means, an indicator for each view, a classifier."""

    version, title = 1, "Column means + indicator"
    cites = ("Little and Rubin, Statistical Analysis with Missing Data, 1987",)
    can, Config = Can(classify=True, missing_views=True), Config

    def estimator(self, problem: Problem, rng: np.random.Generator) -> Any:
        model: Any = LogisticRegression(C=self.config.C, max_iter=5000)
        if self.config.classifier == "extra_trees":
            model = ExtraTreesClassifier(300, random_state=int(rng.integers(2**31)))
        return Indicated(model, np.cumsum((0, *problem.dims[:-1])).tolist())

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core; the trees cost what the row "ExtraTrees" does."""
        trees = config.classifier == "extra_trees"
        return 0.2 + 5e-4 * shape.n_labelled if trees else 0.01


class Indicated:
    """``model`` behind :func:`indicated`; ``firsts`` is the first column of every view."""

    def __init__(self, model: Any, firsts: Sequence[int]) -> None:
        self.model, self.firsts = model, firsts

    def fit(self, x: np.ndarray, y: np.ndarray) -> Indicated:
        self.model.fit(indicated(x, self.firsts), y)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(indicated(x, self.firsts))


def indicated(x: np.ndarray, firsts: Sequence[int]) -> np.ndarray:
    """Columns (n, p) with 0 for NaN, and behind them one for each view, 1 where it is absent."""
    absent = np.isnan(x)
    return np.concatenate([np.where(absent, 0.0, x), absent[:, firsts].astype(float)], axis=1)
