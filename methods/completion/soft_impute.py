"""SoftImpute: nuclear-norm completion by repeated singular value decompositions, as fancyimpute's.

Minimises over M, with X the views side by side and O the present entries [mazumder2010],

    1/2 |P_O(X - M)|_F^2 + lambda |M|_*

by filling the absent entries from M and soft-thresholding the singular values of what results,
until they move by less than a thousandth of themselves, in at most 100 rounds; ``facts`` says how
many it took and if they sufficed. lambda is a fiftieth of the largest singular value of the
zero-filled matrix. Both are the defaults of the library, which answers only rows of the matrix
that it was given; so does this method. Columns are z-scored on present entries and turned back.
Labels are not used. ``soft_impute_als`` minimises the same objective with lambda tuned.

Departs from the paper: the paper imputes by softImpute-ALS alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from methods import base
from methods.base import Shape, Training, hp
from methods.completion._fancyimpute import TRANSDUCER, FancyMethod


@dataclass(frozen=True)
class Config(base.Config):
    """The library's defaults."""

    rounds: int = hp(100, "most singular value decompositions", low=1)
    threshold: float = hp(1e-3, "relative change of absent entries that ends them", low=0)


@final
class SoftImpute(FancyMethod):
    """The library's ``SoftImpute``."""

    version, title = 1, "SoftImpute"
    cites = ("Mazumder, Hastie and Tibshirani, JMLR 2010",)
    can, Config = TRANSDUCER, Config

    def solver(self, shape: tuple[int, int]) -> Any:
        import fancyimpute

        return fancyimpute.SoftImpute(
            convergence_threshold=self.config.threshold,
            max_iters=self.config.rounds,
            verbose=False,
        )

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core: 0.4 ns x n p^2 a round, of which a third to all are used."""
        n, p = shape.n_labelled + shape.n_unlabelled, sum(shape.dims)
        return 0.1 + 2e-10 * config.rounds * n * p * min(n, p)
