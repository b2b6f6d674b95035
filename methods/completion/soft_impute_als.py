"""SoftImputeALS: absent views from a low-rank fit of all views side by side [hastie2015].

Minimises over A (n, k) and B (p, k), k <= r, with X the views side by side, O its present entries,

    1/2 |P_O(X - A B')|_F^2 + lambda/2 (|A|_F^2 + |B|_F^2)

which, unless the limit r binds, has the optimum of 1/2 |P_O(X - M)|_F^2 + lambda |M|_*, eq. (1).
Columns are first standardised, by their present entries, and turned back in the end; an absent
entry is that of M = A B', a present one is left alone. lambda is tuned as a share of lambda_0, the
largest singular value of the zero-filled matrix, at and above which M = 0; r is tuned too. A fit
starts from M = 0 and follows shares from 1/2 down to its own, warm.

Every row counts, labelled or not, whatever views it lacks; labels are not used. A row's factors are
the ridge regression of its present entries on B, in the fit as after it, so that rows that it has
not seen are imputed by the same formula. ``_als.py`` says how that is solved, and which
certificates of the optimum ``facts`` holds. shrinkage = 0 and rank = 2 are the defaults of the
authors' R package softImpute 1.4, whose threshold is 1e-5 on another scale.

Departs from the paper: du2018 names the authors' implementation and no settings. Here each of A and
B is the exact solution for the other, pattern by pattern, where Algorithm 3.1 solves for it on a
matrix filled from the last fit; its closing SVD (step 5) is taken between sweeps as well; the start
is the SVD of the zero-filled matrix and not random. Columns alone are standardised, since centring
rows (biScale) would mix modalities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from datasets.base import Problem, Rows
from methods import base
from methods._scaling import Scaler
from methods.base import Fitted, Method, Shape, Training, hp
from methods.completion._als import Moments, Solution, certificate, follow, ridge_maps
from methods.completion._columns import (
    IMPUTER,
    FittedColumns,
    present_columns,
    rows_alike,
    standardised,
)

SHARES = (0.5, 0.3, 0.18, 0.11, 0.065, 0.039, 0.023, 0.014, 0.0083, 0.005)
"""lambda / lambda_0, geometric from 1/2 to 1/200; every fit walks down these to its own."""


@dataclass(frozen=True)
class Config(base.Config):
    """``threshold`` is relative to the terms that balance in the derivative by B."""

    shrinkage: float = hp(0.065, "lambda, as a share of lambda_0", grid=SHARES, low=0, high=1)
    rank: int = hp(40, "most columns of A and B", grid=(10, 20, 40, 80), low=1)
    threshold: float = hp(1e-5, "size of the objective's derivative that ends them", low=0)
    rounds: int = hp(1000, "most rounds at one lambda", low=1)


@final
class SoftImputeALS(Method):
    """softImpute-ALS."""

    version, title, quick = 1, "SoftImputeALS", True
    cites = ("Hastie, Mazumder, Lee and Zadeh, JMLR 2015",)
    can, Config = IMPUTER, Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic. Raises FitError where a view is absent from every row."""
        config, scaler = self.config, Scaler.fit(problem.rows)
        moments = Moments.of(standardised(problem.rows, scaler))
        path = [*(share for share in SHARES if share > config.shrinkage), config.shrinkage]
        solved = follow(moments, path, config.rank, config.threshold, config.rounds)
        return LowRank(scaler, solved)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core: second moments, then rounds that rows do not make longer.

        Over the grid 0.2 s a fit at 1,200 rows of 123 columns, at 13,473 of 343 at most 1 s.
        """
        n, p = shape.n_labelled + shape.n_unlabelled, sum(shape.dims)
        return 0.02 + 1.7e-10 * n * p**2 + 2.5e-5 * p**1.5 * min(config.rank, p) ** 0.5


class LowRank(FittedColumns):
    """Item factors B, with which any row is imputed."""

    def __init__(self, scaler: Scaler, solved: Solution) -> None:
        super().__init__(scaler)
        self.solved = solved

    def guess(self, rows: Rows) -> np.ndarray:
        """A B' for the ridge regression A of the rows' present entries on B."""
        fit, x = self.solved.factors, np.concatenate(self.scaler.apply(rows), axis=1)
        patterns, which = rows_alike(present_columns(rows))
        maps, codes = ridge_maps(fit.b, patterns, fit.lam), np.empty((rows.n, fit.b.shape[1]))
        for g, w in enumerate(maps):
            codes[which == g] = x[which == g] @ w
        return codes @ fit.b.T

    def facts(self) -> dict[str, float | int | str | bool]:
        """The certificates are of lambda > 0 only."""
        solved, fit = self.solved, self.solved.factors
        values: dict[str, float | int | str | bool] = {
            "rank": fit.b.shape[1],
            "rounds": solved.rounds,
            "converged": solved.converged,
            "lambda": fit.lam,
            "lambda_0": solved.top,
            "objective": fit.objective,
        }
        return values | (certificate(fit) if fit.lam > 0 else {})

    def arrays(self) -> dict[str, np.ndarray]:
        return {"objectives": self.solved.objectives}
