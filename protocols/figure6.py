"""Figure 6: accuracy of SiMVAE over its constants c1 (imputation) and c2 (classification).

Every cell is SiMVAE with both fixed, at the lowest label fraction with a tenth of the training rows
incomplete. The paper recommends 0.1, 0.5 and 1; the range of two further decades is ours, because
one decade shows little of the sensitivity. Epochs are selected by tuning accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from datasets.base import Dataset
from protocols import _missing
from protocols._figures import DATASETS, lowest, on_axis
from protocols.base import Budget, Cell, MethodCard, Protocol, Stage, TableRow

VALUES, PRINTED = (0.01, 0.1, 0.5, 1.0, 10.0), (0.1, 0.5, 1.0)


class Figure6(Protocol):
    """Accuracy against c1 and c2."""

    title = "Figure 6: the impact of the scaling constants c1 and c2"
    datasets = DATASETS
    takes_missing = True
    layout = {
        "kind": "heat",
        "axes": (
            {"name": "c1", "label": "c1, weight of imputation"},
            {"name": "c2", "label": "c2, weight of classification"},
        ),
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "shows": "Mean test accuracy of SiMVAE with both constants fixed, a tenth of the training "
        "rows missing a view; epochs are chosen by tuning accuracy.",
        "claim": "SiMVAE is not very sensitive to the values of c1 and c2",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        return (_missing.SIMVAE,)

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """One cell for each pair of constants."""
        fraction = lowest(data, budget)
        wanted = _missing.scenario(self, data, split, fraction, _missing.FRACTIONS[0])
        values = on_axis(budget, VALUES, PRINTED)
        return tuple(
            Cell(
                replace(row, recipe=(Stage("simvae", config={"c1": c1, "c": c2}),)),
                wanted,
                fraction,
                {"c1": c1, "c2": c2},
            )
            for row in self.rows(data.view_names, methods)
            for c1 in values
            for c2 in values
        )
