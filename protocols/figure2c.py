"""Figure 2c: accuracy of inductive SMVAE by its constant c, the weight of the classification term.

Every point is SMVAE with c fixed; tuning rows select the epoch, not c. The paper's text gives only
the recommended values 0.1, 0.5 and 1; the others are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from datasets.base import Dataset
from protocols._figures import DATASETS, SMVAE, inductive, lowest, on_axis
from protocols.base import Budget, Cell, MethodCard, Protocol, Stage, TableRow

VALUES = (0.01, 0.1, 0.5, 1.0, 5.0, 10.0)


class Figure2c(Protocol):
    """Accuracy against c."""

    title = "Figure 2c: the impact of the scaling constant c"
    datasets = DATASETS
    layout = {
        "kind": "curves",
        "lines": "rows",
        "axes": ({"name": "c", "label": "scaling constant c (log scale)", "log": True},),
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "reference": "smvae",
        "shows": "Test accuracy of inductive SMVAE with c fixed at the value on the axis.",
        "claim": "the scaling constant c can be chosen from {0.1, 0.5, 1}, where SMVAE achieves "
        "good results",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        return (SMVAE,)

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """One cell for each value of c, at the lowest label fraction."""
        fraction = lowest(data, budget)
        return tuple(
            Cell(
                replace(SMVAE, recipe=(Stage("smvae", config={"c": c}),)),
                inductive(data, split, fraction),
                fraction,
                {"c": c},
            )
            for c in on_axis(budget, VALUES, VALUES)
        )
