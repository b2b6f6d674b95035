"""Table 1: properties of the data: rows, views, parts, classes, groups, labels (paper, 4.1).

Nothing is fitted: the counts come from the draws of the trials that the other protocols run.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasets.base import Dataset
from protocols.base import Budget, Cell, MethodCard, Protocol, TableRow

EMBEDDED = ("mfeat", "mnist_hog", "watch", "digits")
"""Every open data set that needs no file of the user."""


class Table1(Protocol):
    """The paper's table of its data, for the data sets of the run."""

    title = "Table 1: properties of the data"
    datasets = {"paper": EMBEDDED, "preview": EMBEDDED, "smoke": EMBEDDED}
    layout = {"kind": "properties"}

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """None: the table has no methods."""
        return ()

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """None: counting needs no fit."""
        return ()
