"""Figure 5: a hidden view of one trial beside its imputations, as images.

The first trial with a tenth of the training rows incomplete and the highest label fraction of the
budget: fits of Figure 4, which are selected by NMSE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from datasets.base import Dataset
from protocols import _missing
from protocols._figures import DATASETS, label_ends
from protocols.base import Budget, Cell, MethodCard, Protocol, TableRow

PRINTED = ("simvae", "sdgm_plus", "dccae", "soft_impute_als")
"""The paper's panels, in its order, after the original."""


class Figure5(Protocol):
    """The original and the recovered data matrices."""

    title = "Figure 5: the original and the recovered data matrices"
    datasets = DATASETS
    takes_missing = True
    layout = {
        "kind": "matrices",
        "axes": (_missing.AXIS,),
        "values": ({"column": "nmse", "label": "NMSE of hidden entries, z-scored"},),
        "shows": "Rows of a view that were hidden in trial 0: one panel with their true values and "
        "one with the imputation of each method. Each row of a panel is an instance, each column a "
        "feature, z-scored on the training rows that have the view. Methods are chosen by NMSE on "
        "tuning rows.",
        "claim": "SiMVAE recovered more individual characteristics of the original data matrix "
        "than other methods",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """The paper's four panels; every other imputer is optional."""
        rows = {row.key: row for row in _missing.imputing(methods)}
        printed = [rows.pop(key) for key in PRINTED if key in rows]
        return (*printed, *(replace(row, optional=True) for row in rows.values()))

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """One cell for each row, of one trial."""
        fraction, missing = label_ends(data, budget)[-1], _missing.FRACTIONS[0]
        wanted = _missing.scenario(self, data, split, fraction, missing)
        return tuple(
            Cell(row, wanted, fraction, {"missing": missing}, trials=1)
            for row in self.rows(data.view_names, methods)
        )
