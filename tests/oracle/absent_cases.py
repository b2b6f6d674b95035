"""Two views of which one may be absent, and how near to the truth imputation can come."""

from __future__ import annotations

import numpy as np

from datasets.base import Problem, Rows

TUNING = 60


def gaussian_pair(
    n: int = 600, lacking: float = 0.4, known: int = 60, seed: int = 0
) -> tuple[Problem, np.ndarray, float]:
    """Views a (6) and b (4), jointly Gaussian; labels mean nothing.

    Returns the Problem, all of b (n, 4), and the NMSE over absent rows of b's mean given a.
    """
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n + TUNING, 6))
    best = a @ rng.normal(size=(6, 4)) / np.sqrt(6)
    b = best + 0.6 * rng.normal(size=(n + TUNING, 4))
    labels = rng.integers(3, size=n + TUNING)
    return _posed(a, b, best, labels, rng.random(n) >= lacking, known)


def class_pair(
    n: int = 400, lacking: float = 0.95, known: int = 300, seed: int = 0
) -> tuple[Problem, np.ndarray, float]:
    """Views a (6) and b (4), independent given one of three classes, whose means lie 2 and 4 off.

    Returns the Problem, all of b (n, 4), and the NMSE over absent rows of b's mean given the class.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n + TUNING)
    views = []
    for width, gap in ((6, 2.0), (4, 4.0)):
        means = rng.normal(size=(3, width))
        means *= gap / np.linalg.norm(means, axis=1, keepdims=True)
        views.append((means[labels] + rng.normal(size=(n + TUNING, width)), means[labels]))
    (a, _), (b, best) = views
    return _posed(a, b, best, labels, rng.random(n) >= lacking, known)


def nmse(truth: np.ndarray, guess: np.ndarray, rows: np.ndarray) -> float:
    """Norm of the error over norm of the truth, over ``rows``, centred."""
    centred = truth[rows] - truth.mean(0)
    return float(np.linalg.norm((guess - truth)[rows]) / np.linalg.norm(centred))


def _posed(
    a: np.ndarray,
    b: np.ndarray,
    best: np.ndarray,
    labels: np.ndarray,
    there: np.ndarray,
    known: int,
) -> tuple[Problem, np.ndarray, float]:
    """The Problem whose last rows are for tuning and whose first ``known`` have labels."""
    n = len(there)
    present = np.ones((len(a), 2), bool)
    present[:n, 1] = there
    shown = (a.astype(np.float32), np.where(present[:, 1:], b, np.nan).astype(np.float32))
    train, tune = (
        Rows(tuple(view[part] for view in shown), present[part], np.arange(len(a))[part])
        for part in (slice(n), slice(n, None))
    )
    labelled = np.arange(n) < known
    problem = Problem(
        rows=train,
        labels=np.where(labelled, labels[:n], -1),
        labelled=labelled,
        view_names=("a", "b"),
        class_names=("x", "y", "z"),
        tuning=tune,
        may_miss=("b",),
    )
    return problem, b[:n], nmse(b[:n], best[:n], ~there)
