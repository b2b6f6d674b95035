"""Two Gaussian views of which one may be absent, and how near to the truth imputation can come."""

from __future__ import annotations

import numpy as np

from datasets.base import Problem, Rows


def gaussian_pair(
    n: int = 600, lacking: float = 0.4, known: int = 60, gap: float = 0.0, seed: int = 0
) -> tuple[Problem, np.ndarray, float]:
    """A Problem of views a (6) and b (4), jointly Gaussian given one of three classes.

    Class means are ``gap`` apart in b alone (0: labels mean nothing). Returns the Problem, all of b
    (n, 4), and the NMSE over absent rows of the conditional mean given a, ignoring classes.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n + 60)
    a = rng.normal(size=(n + 60, 6))
    means = rng.normal(size=(3, 4))
    means *= gap / np.linalg.norm(means, axis=1, keepdims=True)
    best = a @ rng.normal(size=(6, 4)) / np.sqrt(6)
    b = best + means[labels] + 0.6 * rng.normal(size=(n + 60, 4))
    present = np.ones((n + 60, 2), bool)
    present[:n, 1] = rng.random(n) >= lacking

    def rows(first: int, last: int) -> Rows:
        here = slice(first, last)
        views = (a[here], np.where(present[here, 1:], b[here], np.nan))
        return Rows(
            tuple(v.astype(np.float32) for v in views), present[here], np.arange(n + 60)[here]
        )

    labelled = np.arange(n) < known
    problem = Problem(
        rows=rows(0, n),
        labels=np.where(labelled, labels[:n], -1),
        labelled=labelled,
        view_names=("a", "b"),
        class_names=("x", "y", "z"),
        tuning=rows(n, n + 60),
        may_miss=("b",),
    )
    return problem, b[:n], nmse(b[:n], best[:n], ~present[:n, 1])


def nmse(truth: np.ndarray, guess: np.ndarray, rows: np.ndarray) -> float:
    """Norm of the error over norm of the truth, over ``rows``, centred."""
    wide = truth[rows] - truth.mean(0)
    return float(np.linalg.norm((guess - truth)[rows]) / np.linalg.norm(wide))
