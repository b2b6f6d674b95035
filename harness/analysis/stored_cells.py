"""Cells of which trials are not stored, but means, SDs and some differences: a bound for claims.

The mean of a combination of cells is exact. Its SD within trials is not known from the SDs of the
cells, but it is at most sum |coefficient| * SD, whatever the trials have in common. With that bound
every p value is too large rather than too small: a claim may stay undecided that trials would
decide, and none is decided that trials would not. Differences that are stored are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.analysis.predicates import Cell, Known, Statement
from harness.analysis.spread import Spread

Moments = tuple[int, float, float]
"""Trials, mean, SD."""


@dataclass(frozen=True, eq=False)
class StoredCells:
    """Cells of one data set as ``claims.Cells``: moments of each, and of some differences.

    ``pairs``  (first, second) -> moments of first minus second within trials.
    ``ratio``  n_test / n_train.
    """

    known: Known
    moments: Mapping[Cell, Moments]
    pairs: Mapping[tuple[Cell, Cell], Moments]
    ratio: float
    without: str = "what it compares is not stored"

    @property
    def planned(self) -> int:
        own = [*self.moments.values(), *self.pairs.values()]
        return max((n for n, _, _ in own), default=0)

    @classmethod
    def of(
        cls,
        cells: pd.DataFrame,
        ratio: float,
        compared: pd.DataFrame | None = None,
        reference: str = "",
    ) -> StoredCells:
        """Of stored tables on one data set.

        ``cells``     columns ``label_percent``, ``row_key``, ``row``, ``at_...`` of a figure,
                      ``mean``, ``sd``, ``trials``.
        ``compared``  differences of the row ``reference`` to others (``statistics.paired``).
        """
        names = [name for name in cells.columns if name.startswith("at_")]
        moments, titles = {}, dict(zip(cells["row_key"], cells["row"], strict=True))
        for line in cells.dropna(subset=["mean"]).to_dict("records"):
            place = tuple(line[name] for name in names)
            cell = Cell(float(line["label_percent"]), place, str(line["row_key"]))
            moments[cell] = (int(line["trials"]), float(line["mean"]), float(line["sd"]))
        pairs: dict[tuple[Cell, Cell], Moments] = {}
        for line in [] if compared is None else compared.to_dict("records"):
            percent = float(line["label_percent"])
            pair = Cell(percent, (), reference), Cell(percent, (), line["row_key"])
            pairs[pair] = (int(line["pairs"]), line["mean_difference"], line["sd_difference"])
            titles |= {reference: line["reference"], line["row_key"]: line["row"]}
        every = {*moments, *(cell for pair in pairs for cell in pair)}
        known = Known(frozenset(every), tuple(name[3:] for name in names), titles)
        return cls(known, moments, pairs, ratio)

    def spread(self, statements: Sequence[Statement]) -> Spread:
        found = [self._moments(statement.cells) for statement in statements]
        n, mean, sd = (np.array(values, float) for values in zip(*found, strict=True))
        return Spread(n.astype(int), mean, sd, self.ratio)

    def _moments(self, cells: Mapping[Cell, float]) -> Moments:
        if sorted(cells.values()) == [-1.0, 1.0]:
            first, second = sorted(cells, key=lambda cell: -cells[cell])
            if (first, second) in self.pairs:
                return self.pairs[first, second]
            if (second, first) in self.pairs:
                n, mean, sd = self.pairs[second, first]
                return n, -mean, sd
        if not cells.keys() <= self.moments.keys():
            return 0, np.nan, np.nan
        own = [(weight, self.moments[cell]) for cell, weight in cells.items()]
        mean = sum(weight * moments[1] for weight, moments in own)
        sd = sum(abs(weight) * moments[2] for weight, moments in own)
        return min(moments[0] for _, moments in own), mean, sd


def ratio_of(compared: pd.DataFrame) -> float:
    """The n_test / n_train behind the intervals of stored comparisons; 0 where there is none.

    Half the corrected interval is t SD sqrt(1/n + n_test/n_train), half the plain one t SD/sqrt(n).
    """
    wide = compared["corrected_high"] - compared["mean_difference"]
    plain = compared["high"] - compared["mean_difference"]
    ratios = ((wide / plain) ** 2 - 1) / compared["pairs"]
    return float(np.nan_to_num(ratios.median()))
