"""KNN imputation: absent entries are averaged over the nearest rows that have them.

[troyanskaya2001] as fancyimpute has it: the distance of two rows is the mean squared difference of
the columns that both have; an absent entry is the mean of its column over the 5 nearest rows in
which it is present, weighted by one over that distance. Where no such row shares a column with it,
the entry stays at its column's mean; ``facts`` counts these rows. The library compares all pairs
of rows; so does this method, which answers only rows of its Problem and declines above 5,000 of
them. Columns are z-scored on present entries and turned back. Labels are not used.

Departs from the paper: the paper imputes by softImpute-ALS alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from datasets.base import Rows
from methods import base
from methods.base import Shape, SkipError, Training, hp
from methods.completion._columns import rows_alike
from methods.completion._fancyimpute import TRANSDUCER, FancyMethod

MOST_ROWS = 5000


@dataclass(frozen=True)
class Config(base.Config):
    """The library's default."""

    neighbours: int = hp(5, "rows that an entry is averaged over", low=1)


@final
class KNNImpute(FancyMethod):
    """The library's ``KNN``."""

    version, title = 1, "KNN imputation"
    cites = ("Troyanskaya et al., Bioinformatics 2001",)
    can, Config = TRANSDUCER, Config

    def solver(self, shape: tuple[int, int]) -> Any:
        """Raises SkipError above 5,000 rows."""
        if shape[0] > MOST_ROWS:
            raise SkipError(
                f"KNN imputation compares all pairs of rows, which is for {MOST_ROWS} rows at "
                f"most; these are {shape[0]}"
            )
        import fancyimpute

        return fancyimpute.KNN(k=self.config.neighbours, verbose=False)

    def notes(self, rows: Rows) -> dict[str, int]:
        return {"rows_without_neighbours": neighbourless(rows)}

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core: 3 ns a column of a pair of rows."""
        n, p = shape.n_labelled + shape.n_unlabelled, sum(shape.dims)
        return 0.1 + (3e-9 * n**2 * p if n <= MOST_ROWS else 0.0)


def neighbourless(rows: Rows) -> int:
    """How many rows lack a view that no row has with which they share another view."""
    patterns, which = rows_alike(rows.present)
    seen = patterns.astype(int)
    helped = (seen @ seen.T > 0).astype(int) @ seen > 0
    alone = np.any(~patterns & ~helped, axis=1)
    return int(alone[which].sum())
