"""SVM: support vector machine on the concatenated views, linear or RBF by tuning.

Minimises 1/2 |w|^2 + C sum_i hinge(y_i f(x_i)) over the labelled rows, the bias of f free; several
classes by one-against-one, as LIBSVM does. Unlabelled rows are not used; rows with absent views are
refused. The paper uses an SVM on learned codes (section 4.2.1) and does not say which kernel or C.

A linear SVM is fitted by LIBSVM with a limit of iterations for each pair of classes: 300,000 up to
300 labelled rows, 10,000 beyond. Pairs that it does not end are solved anew, as the same problem,
by Newton steps in the primal, to a certified gap of 1e-5 of the objective; so are all pairs,
without LIBSVM, above 300 rows that are ten times as many in a pair as features. ``facts`` says how
many pairs that concerns. An RBF has LIBSVM with a limit of 1,000,000; a fit that hits it, or a
primal one that misses its gap, is kept, and ``facts`` says that it has not converged.

Departs from the paper: kernel, C and gamma are tuned, since a fixed choice would be a weak rival.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.svm import SVC

from datasets.base import Problem
from methods import base
from methods._sklearn import FittedSklearn, SklearnMethod
from methods.base import Can, Fitted, Shape, Training, hp
from methods.kernel._planes import Planes, overlaps, seconds, unwarned

RBF_LIMIT = 1_000_000
"""Most iterations of LIBSVM per pair of classes; the most seen is 110,000, on 6000 rows."""
CACHE = 1000
"""MiB of kernel values, taken as they are needed: all of 16,000 rows. The value moves no number."""


@dataclass(frozen=True)
class Config(base.Config):
    """``gamma`` is in units of 1 / (number of features), on z-scored features; RBF only."""

    kernel: str = hp("linear", "shape", grid=("linear", "rbf"), choices=("linear", "rbf"))
    C: float = hp(1.0, "weight of the hinge losses", grid=(0.01, 0.1, 1.0, 10.0, 100.0), low=1e-6)
    gamma: float = hp(1.0, "width of the RBF", grid=(0.1, 0.3, 1.0), low=1e-6)

    @classmethod
    def grid(cls, points: int | None = None) -> tuple[dict[str, Any], ...]:
        """The product, less values of gamma that a linear kernel ignores, and RBFs with C below 1.

        Of 225 choices on three open sets none fell on such an RBF.
        """
        candidates = [c for c in super().grid(points) if c.get("kernel") != "rbf" or c["C"] >= 1]
        linear = [
            {k: c[k] for k in ("kernel", "C")} for c in candidates if c.get("kernel") == "linear"
        ]
        once = [c for i, c in enumerate(linear) if c not in linear[:i]]
        return (*once, *(c for c in candidates if c.get("kernel") != "linear"))


class SVM(SklearnMethod):
    """Row ``SVM``; also the classifier behind learned codes."""

    version, title = 3, "SVM"
    cites = ("Cortes and Vapnik, Machine Learning 1995", "Chang and Lin, LIBSVM, TIST 2011")
    can = Can(classify=True)
    Config = Config

    def estimator(self, problem: Problem, rng: np.random.Generator) -> SVC | Planes:
        """The estimator of the kernel; deterministic, so ``rng`` is not used."""
        config = self.config
        if config.kernel == "linear":
            return Planes(config.C)
        gamma = config.gamma / sum(problem.dims)
        # An explicit state, or LIBSVM draws an unused seed from numpy's global generator.
        return SVC(C=config.C, gamma=gamma, max_iter=RBF_LIMIT, cache_size=CACHE, random_state=0)

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Fit on the labelled rows; ``facts`` report if LIBSVM's limit was hit."""
        with unwarned():
            fitted = super().fit(problem, rng)
        assert isinstance(fitted, FittedSklearn)
        return FittedSVM(fitted.scaler, fitted.model, fitted.n_classes)

    @classmethod
    def cost(cls, shape: Shape, config: Any, training: Training) -> float:
        """Measured with one thread, prediction of some 500 rows included: docs/decisions/0060."""
        n, d = shape.n_labelled, sum(shape.dims)
        if config.kernel == "linear":
            return seconds(n, d, shape.n_classes, config.C)
        vectors = 1.3 if overlaps(shape.n_classes) else 0.7
        return 0.001 + vectors * (n**2 * (1.5e-8 + 3.5e-10 * d) + 2e-7 * n * d)


class FittedSVM(FittedSklearn):
    """A scaler and the machine behind it."""

    def facts(self) -> dict[str, float | int | str | bool]:
        """Iterations of LIBSVM over all pairs of classes, and whether all pairs were solved."""
        if isinstance(self.model, Planes):
            return self.model.facts()
        if isinstance(self.model, SVC):
            iterations, cut = int(self.model.n_iter_.sum()), bool(self.model.fit_status_)
            return {"iterations": iterations, "converged": not cut}
        return {}  # one class alone
