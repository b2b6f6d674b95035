"""ExtraTrees: an ensemble of trees with cuts drawn at random, on the concatenated views.

300 trees on all labelled rows each; a node compares one random cut for each of some features drawn
at random, and takes the best by Gini impurity [geurts2006]. The class is that of the largest mean
probability over trees. Unlabelled rows are not used; rows with absent views are refused.

Departs from the paper: the paper has no such row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from datasets.base import Problem
from methods import base
from methods._sklearn import SklearnMethod
from methods.base import Can, Shape, Training, hp

TREES = 300
SHARES = ("sqrt", "half")


@dataclass(frozen=True)
class Config(base.Config):
    """Depth is limited by the rows of a leaf alone."""

    leaf_rows: int = hp(1, "least labelled rows in a leaf", grid=(1, 3), low=1)
    features: str = hp("sqrt", "tried at a node", grid=SHARES, choices=SHARES)


@final
class ExtraTrees(SklearnMethod):
    """Extremely randomised trees."""

    version, title, quick = 1, "ExtraTrees", True
    cites = ("Geurts, Ernst and Wehenkel, Machine Learning 2006",)
    can, Config = Can(classify=True), Config

    def estimator(self, problem: Problem, rng: np.random.Generator) -> Any:
        return ExtraTreesClassifier(
            TREES,
            min_samples_leaf=self.config.leaf_rows,
            max_features=0.5 if self.config.features == "half" else "sqrt",
            random_state=int(rng.integers(2**31)),
        )

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core: 0.2 to 0.3 s at 20 to 140 rows; prediction is most of it."""
        return 0.2 + 5e-4 * shape.n_labelled
