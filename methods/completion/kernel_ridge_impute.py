"""Kernel ridge: an absent view is predicted by a smooth function of the views that a row has.

As ridge imputation, with a Gaussian kernel in place of the inner product [saunders1998]: for every
pattern P of present views and every view v that it lacks, over the n rows that have v and all of P,

    guess(z) = mean + k(z, Z_P) (K + alpha I)^-1 (Z_v - mean),   k(a, b) = exp(-gamma |a - b|^2),

with Z the views z-scored by their present entries, mean that of Z_v, and gamma in units of one
over the columns of P. Which rows and views serve a pattern is told under ``ridge_impute``. Labels
are not used; rows that it has not seen are filled too. The variance of an entry is that of its
column and pattern, from leave-one-out errors (the mean held) as there.

A fit needs the matrix of all pairs of its n rows; above 8,000 rows it declines.

Departs from the paper: the paper has no such row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import scipy.linalg
from sklearn.metrics.pairwise import rbf_kernel

from datasets.base import Problem
from methods import base
from methods.base import Fitted, Method, Shape, SkipError, Training, hp
from methods.completion._columns import IMPUTER
from methods.completion._patterns import Regression, Regressions, spread_of

MOST_ROWS = 8000
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class Config(base.Config):
    """``gamma`` is in units of 1 / (number of present columns), on z-scores."""

    penalty: float = hp(0.3, "alpha, in variances of a z-scored column", grid=PENALTIES, low=1e-8)
    gamma: float = hp(1.0, "width of the kernel", grid=(0.3, 1.0, 3.0), low=1e-6)


@final
class KernelRidgeImpute(Method):
    """A kernel ridge regression for each pattern of present views and each view that it lacks."""

    version, title, quick = 1, "Kernel ridge regression", True
    cites = ("Saunders, Gammerman and Vovk, ICML 1998",)
    can, Config = IMPUTER, Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic. FitError where a view is absent from every row; SkipError if too many."""
        if problem.rows.n > MOST_ROWS:
            raise SkipError(
                f"kernel ridge regression compares all pairs of rows, which is for {MOST_ROWS} "
                f"rows at most; these are {problem.rows.n}"
            )
        config = self.config
        return Regressions(
            problem.rows,
            lambda x, y, _: kernel_ridge(x, y, config.penalty, config.gamma / x.shape[1]),
            spread=True,
        )

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core, a tenth of 1,078 to 1,527 rows lacking a view: 0.07 to 0.19 s."""
        n, p = shape.n_labelled + shape.n_unlabelled, sum(shape.dims)
        return 0.005 + (3.5e-11 * n**3 + 1e-10 * n**2 * p if n <= MOST_ROWS else 0.0)


def kernel_ridge(x: np.ndarray, y: np.ndarray, alpha: float, gamma: float) -> Regression:
    """Fit y (n, q) on x (n, p), the mean of y held."""
    mean, kernel = y.mean(0), rbf_kernel(x, gamma=gamma)
    kernel.flat[:: len(kernel) + 1] += alpha
    inverse = scipy.linalg.inv(kernel, overwrite_a=True)
    weights = inverse @ (y - mean)
    left_out = weights / inverse.diagonal()[:, None]  # y_i less the guess of the other rows
    return Regression(
        lambda new: mean + rbf_kernel(new, x, gamma=gamma) @ weights, spread_of(left_out)
    )
