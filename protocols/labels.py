"""Accuracy by the share of training rows that carry a label, from 1 to 50 %.

Not in the paper, whose Table 2 stops at 3 %: it shows at which share of labels unlabelled rows
no longer help. Rows: inductive SMVAE, its classifier q(y|X), trained by cross-entropy on the
labelled rows alone, and a linear SVM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.base import Dataset
from protocols._figures import CLASSIFIER, DATASETS, SMVAE, inductive, on_axis
from protocols.base import (
    Budget,
    Cell,
    MethodCard,
    Protocol,
    Stage,
    TableRow,
    label_columns,
    per_class,
)

SHARES, PREVIEW = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5), (0.02, 0.05, 0.1, 0.5)
SVM = TableRow("svm", "SVM", "reference", "inductive", (Stage("svm"),))


class Labels(Protocol):
    """Accuracy by the share of labels, with and without unlabelled rows."""

    title = "Labels: accuracy with different proportions of labelled training samples"
    datasets = DATASETS
    by_name_only = True
    layout = {
        "kind": "curves",
        "axes": (
            {
                "name": "labelled",
                "label": "training rows with a label (%, log scale)",
                "percent": True,
                "log": True,
            },
        ),
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "reference": "smvae",
        "shows": "Test accuracy by the share of training rows that carry a label: inductive SMVAE, "
        "its classifier q(y|X) trained by cross-entropy on the labelled rows alone, and an SVM.",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        return (SMVAE, CLASSIFIER, SVM)

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """Rows x shares of labels."""
        shares = on_axis(budget, SHARES, PREVIEW)
        if budget.shares or budget.per_class:
            shares = label_columns(data, budget)
        return tuple(
            Cell(row, inductive(data, split, share), share, {"labelled": per_class(share) or share})
            for row in self.rows(data.view_names, methods)
            for share in shares
        )

    def layout_under(self, budget: Budget) -> Mapping[str, Any]:
        """With labels counted by class the axis does so too."""
        if not budget.per_class:
            return self.layout
        axis = {"name": "labelled", "label": "labels of each class (log scale)", "log": True}
        shows = f"{self.layout['shows']} The axis counts the labelled rows of each class."
        return {**self.layout, "axes": (axis,), "shows": shows}
