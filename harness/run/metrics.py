"""Scores of a classifier on test rows. A new one is one entry of ``METRICS``.

Every fit stores them as ``test_<name>``, and the confusion matrix as ``test_confusion``. None of
them is used for selection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.run.scoring import accuracy

LEAST = float(np.finfo(np.float64).eps)
"""A probability below this counts as this, as in scikit-learn: log-loss stays finite."""


@dataclass(frozen=True)
class Answers:
    """Predictions on test rows, with the true labels.

    ``truth`` and ``predicted``  ``(n,)`` int64 in 0..K-1.
    ``probabilities``  ``(n, K)``, rows that sum to 1; None where the method gives none.
    """

    truth: np.ndarray
    predicted: np.ndarray
    n_classes: int
    probabilities: np.ndarray | None = None

    @property
    def confusion(self) -> np.ndarray:
        """``(K, K)`` int64 counts: row the true class, column the predicted one."""
        pairs = self.truth * self.n_classes + self.predicted
        counts = np.bincount(pairs, minlength=self.n_classes**2)
        return counts.reshape(self.n_classes, self.n_classes)


@dataclass(frozen=True)
class Metric:
    """A score: its function, its direction, and whether it needs probabilities."""

    title: str
    of: Callable[[Answers], float]
    higher_is_better: bool = True
    needs_probabilities: bool = False


def balanced_accuracy(answers: Answers) -> float:
    """Mean recall over the classes that test rows have."""
    counts = answers.confusion
    rows = counts.sum(axis=1)
    there = rows > 0
    return float(np.mean(np.diag(counts)[there] / rows[there]))


def macro_f1(answers: Answers) -> float:
    """Mean F1 over the classes that are true or predicted for some row; 0 for one never right."""
    counts = answers.confusion
    sizes = counts.sum(axis=0) + counts.sum(axis=1)
    there = sizes > 0
    return float(np.mean(2 * np.diag(counts)[there] / sizes[there]))


def log_loss(answers: Answers) -> float:
    """Mean of minus the natural log of the probability that the true class was given."""
    assert answers.probabilities is not None
    given = answers.probabilities[np.arange(len(answers.truth)), answers.truth]
    return float(-np.log(np.clip(given.astype(np.float64), LEAST, 1.0)).mean())


METRICS: dict[str, Metric] = {
    "accuracy": Metric("Accuracy", lambda answers: accuracy(answers.predicted, answers.truth)),
    "balanced_accuracy": Metric("Balanced accuracy", balanced_accuracy),
    "macro_f1": Metric("Macro-F1", macro_f1),
    "log_loss": Metric("Log-loss", log_loss, higher_is_better=False, needs_probabilities=True),
}


def scores(answers: Answers) -> dict[str, object]:
    """``test_<name>`` of every applicable metric, and ``test_confusion`` as nested lists."""
    values: dict[str, object] = {
        f"test_{name}": metric.of(answers)
        for name, metric in METRICS.items()
        if answers.probabilities is not None or not metric.needs_probabilities
    }
    return values | {"test_confusion": answers.confusion.tolist()}


def apart(answers: Answers, complete: np.ndarray) -> dict[str, object]:
    """Accuracy on test rows with every view and on the others, and how many of each there are.

    ``complete``  ``(n,)`` bool. {} where it is True throughout; no accuracy where there is no row.
    """
    if complete.all():
        return {}
    values: dict[str, object] = {}
    for name, rows in (("complete", complete), ("incomplete", ~complete)):
        values[f"n_test_{name}"] = int(rows.sum())
        if rows.any():
            right = accuracy(answers.predicted[rows], answers.truth[rows])
            values[f"test_accuracy_{name}"] = right
    return values
