"""Linear SVMs of several classes, one-against-one, by two solvers of one problem.

For each pair of classes: the hinge on the rows of the two, a bias without a penalty; then a vote of
all pairs. Both solvers end at the same planes, up to their tolerances:

``LIBSVM``  in the dual. Cheap where a pair can be separated; where it cannot, the number of
            iterations rises with C without a bound, so that it is limited.
``primal``  Newton steps of the TSVM's engine, which without unlabelled rows trains an SVM and
            bounds how far its objective lies above the optimum. A step costs rows x features^2, and
            their number hardly depends on C; slow where a pair has few rows for its features.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import SVC

from methods.base import FitError
from methods.kernel import _tsvm
from methods.kernel._tsvm import Settings, Tally

GAP = 1e-5
"""Largest certified gap to the optimum, relative to the objective; LIBSVM's own at its default
tolerance is of this size."""


FEW, LIMIT_FEW, LIMIT = 300, 300_000, 10_000
"""LIBSVM's iterations per pair of classes: ``LIMIT_FEW`` up to ``FEW`` labelled rows, ``LIMIT``
beyond. Up to 300 rows no raw view of this project's open data needs more than 520."""
TALL = 10
"""Above ``FEW`` rows LIBSVM is not tried where a pair of classes has ``TALL`` times as many rows as
features: there the primal solver costs less than LIBSVM's matrix of kernel values."""


class Planes:
    """A classifier with ``fit(X, y)`` and ``predict(X)``, as scikit-learn has them.

    ``classes_``  the classes of ``y``, ascending.
    ``svc``       LIBSVM's fit; None if it was not tried.
    ``planes``    (w, b) per pair of classes i < j, positive for class i.
    ``tallies``   what the primal solver did, for the pairs that it solved.
    """

    def __init__(self, C: float, gap: float = GAP) -> None:
        self.C, self.gap = C, gap
        self.classes_ = np.zeros(0, np.int64)
        self.svc: SVC | None = None
        self.planes: list[tuple[np.ndarray, float]] = []
        self.tallies: list[Tally] = []

    def fit(self, X: np.ndarray, y: np.ndarray) -> Planes:
        """One plane per pair of classes. Raises FitError where a plane is not finite."""
        self.classes_ = np.unique(y)
        self.tallies, self.planes, self.svc = [], [], None
        if not primal_at_once(len(X), X.shape[1], len(self.classes_)):
            self.svc = _libsvm(self.C, X, y)
        planes = [] if self.svc is None else _planes_of(self.svc)
        for pair, (first, second) in enumerate(itertools.combinations(self.classes_, 2)):
            plane = planes[pair] if planes else None
            if plane is None:
                used = (y == first) | (y == second)
                signs = np.where(y[used] == first, 1, -1)
                plane, tally = _separate(X[used], signs, Settings(self.C, "svmlin", gap=self.gap))
                self.tallies.append(tally)
            self.planes.append(plane)
        return self

    def decide(self, X: np.ndarray) -> np.ndarray:
        """Scores of all pairs, ``(n, pairs)``, positive for the first class of the pair."""
        return np.stack([X @ w + b for w, b in self.planes], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The class with most votes; of several the first, as LIBSVM does."""
        if self.svc is not None and not self.tallies:
            return self.svc.predict(X)
        votes = np.zeros((len(X), len(self.classes_)), int)
        pairs = itertools.combinations(range(len(self.classes_)), 2)
        for (first, second), won in zip(pairs, self.decide(X).T > 0, strict=True):
            votes[:, first] += won
            votes[:, second] += ~won
        return self.classes_[votes.argmax(1)]

    def facts(self) -> dict[str, float | int | str | bool]:
        """``primal_pairs`` of all pairs were solved in the primal; ``gap`` is their largest."""
        return {
            "iterations": 0 if self.svc is None else int(self.svc.n_iter_.sum()),
            "primal_pairs": len(self.tallies),
            "newton_steps": sum(t.newton_steps for t in self.tallies),
            "gap": max((t.gap for t in self.tallies), default=0.0),
            "converged": all(t.converged for t in self.tallies),
        }


def primal_at_once(rows: int, features: int, classes: int) -> bool:
    """Whether LIBSVM is not tried."""
    return rows > FEW and 2 * rows / classes > TALL * features


def limit(rows: int) -> int:
    """Most iterations of LIBSVM per pair of classes."""
    return LIMIT_FEW if rows <= FEW else LIMIT


def overlaps(classes: int) -> bool:
    """An assumption for estimates: up to four classes overlap, as emotions do; more are separable.

    The second holds on this project's open data.
    """
    return classes <= 4


def seconds(rows: int, features: int, classes: int, C: float) -> float:
    """Estimated core-seconds of a fit, and of predicting some 500 rows; for plans only.

    Whether LIBSVM ends within its limit is a matter of the data, and may make a difference of 100.
    Assumed is, where C is large and a pair has many rows for its features, that it fails for the
    square root of the number of pairs if classes overlap, and else for none.
    """
    pair, pairs = 2 * rows / classes, classes * (classes - 1) / 2
    steps = 20 + 500 * features / pair
    primal = steps * (1e-4 + pair * features * (1e-9 + 3.5e-11 * features))
    if primal_at_once(rows, features, classes):
        return 0.003 + pairs * primal
    easy = (
        0.002
        + 3e-7 * rows * pairs
        + rows**2 * (5e-9 + 1.5e-10 * features)
        + 1.2e-7 * rows * features
    )
    overlap = overlaps(classes)
    if pair < (1.4 if overlap else 2.0) * features:  # as good as always separable
        return easy
    iterations = min(300 * pair * C, limit(rows))
    unended = primal if iterations == limit(rows) else 0.0
    return easy + pairs ** (0.5 if overlap else -1.0) * (3e-9 * iterations * pair + unended)


@contextmanager
def unwarned() -> Iterator[None]:
    """Without scikit-learn's warning that a limit was hit: the caller looks, and records it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _libsvm(C: float, X: np.ndarray, y: np.ndarray) -> SVC:
    # An explicit state, or LIBSVM draws an unused seed from numpy's global generator.
    svc = SVC(kernel="linear", C=C, max_iter=limit(len(X)), random_state=0)
    with unwarned():
        return svc.fit(X, y)


def _planes_of(svc: SVC) -> list[tuple[np.ndarray, float] | None]:
    """LIBSVM's planes, None for pairs that it did not end."""
    # With two classes scikit-learn turns the signs: positive is the second class.
    sign = -1.0 if len(svc.classes_) == 2 else 1.0
    pairs = zip(sign * svc.coef_, sign * svc.intercept_, svc.n_iter_, strict=True)
    return [(w, float(b)) if count < svc.max_iter else None for w, b, count in pairs]


def _separate(
    x: np.ndarray, signs: np.ndarray, settings: Settings
) -> tuple[tuple[np.ndarray, float], Tally]:
    """The plane of one pair, in the primal."""
    # A plane is in the span of its rows: with more features than rows, rotate into that span.
    basis = np.linalg.qr(x.T)[0] if x.shape[1] > len(x) else None
    try:
        machine = _tsvm.fit(x if basis is None else x @ basis, signs, 0.5, settings)
    except np.linalg.LinAlgError as error:
        raise FitError(f"a Newton step has no solution: {error}") from error
    w = machine.w if basis is None else basis @ machine.w
    if not (np.isfinite(w).all() and np.isfinite(machine.b)):
        raise FitError("the plane is not finite")
    return (w, float(machine.b)), machine.tally
