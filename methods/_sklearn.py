"""Shared base of entries that wrap one scikit-learn classifier."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier

from datasets.base import Problem, Rows
from methods._scaling import Standardiser
from methods.base import Fitted, Method, UnsupportedError


class SklearnMethod(Method):
    """Concatenate the views, z-score them on the Problem's rows, fit one scikit-learn estimator.

    Where the method declares ``can.unlabelled`` the estimator sees every row, label -1 where hidden
    (scikit-learn's convention); otherwise it sees the labelled rows alone. Where these have one
    class, it is the answer for every row. Scaling uses all rows of the Problem, labelled or not:
    features, never labels. Rows with absent views are refused, unless the method declares
    ``can.missing_views``: then the estimator reads NaN where a view is absent.
    """

    quick = True

    @abstractmethod
    def estimator(self, problem: Problem, rng: np.random.Generator) -> Any:
        """A fresh estimator with ``fit(X, y)`` and ``predict(X)``, made from ``self.config``."""

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        holes = self.can.missing_views
        features = concatenate(problem.rows, holes=holes)
        scaler = Standardiser().fit(features)
        keep = np.ones(len(features), bool) if self.can.unlabelled else problem.labelled
        model = self.estimator(problem, rng)
        known = np.unique(problem.labels[problem.labelled])
        if len(known) == 1:  # scikit-learn refuses what leaves nothing to tell apart
            model = DummyClassifier(strategy="constant", constant=known[0])
        model.fit(scaler.transform(features[keep]), problem.labels[keep])
        return FittedSklearn(scaler, model, problem.n_classes, holes=holes)


class FittedSklearn(Fitted):
    """A scaler and an estimator behind it."""

    def __init__(
        self, scaler: Standardiser, model: Any, n_classes: int, *, holes: bool = False
    ) -> None:
        self.scaler, self.model, self.n_classes = scaler, model, n_classes
        self.holes = holes

    def predict(self, rows: Rows) -> np.ndarray:
        features = concatenate(rows, holes=self.holes)
        return self.model.predict(self.scaler.transform(features)).astype(np.int64)

    def predict_proba(self, rows: Rows) -> np.ndarray | None:
        if not hasattr(self.model, "predict_proba"):
            return None
        found = np.zeros((rows.n, self.n_classes))  # 0 for a class without a labelled row
        features = concatenate(rows, holes=self.holes)
        given = self.model.predict_proba(self.scaler.transform(features))
        found[:, self.model.classes_] = given
        return found


def concatenate(rows: Rows, *, holes: bool = False) -> np.ndarray:
    """All views side by side, ``(n, sum d_v)`` float64, NaN where absent if ``holes`` are read.

    UnsupportedError if a view is absent and they are not.
    """
    if not holes and not rows.present.all():
        raise UnsupportedError("this method cannot read rows with absent views; impute them first")
    return np.concatenate(rows.views, axis=1).astype(np.float64)
