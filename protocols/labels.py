"""Accuracy by the share of training rows that carry a label, from 1 to 50 %.

Not in the paper, whose Table 2 stops at 3 %: it shows at which share of labels unlabelled rows
no longer help. Rows: inductive SMVAE, its classifier q(y|X), trained by cross-entropy on the
labelled rows alone, and a linear SVM.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasets.base import Dataset
from protocols._figures import CLASSIFIER, DATASETS, SMVAE, inductive, on_axis
from protocols.base import Budget, Cell, MethodCard, Protocol, Stage, TableRow

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
        return tuple(
            Cell(row, inductive(data, split, share), share, {"labelled": share})
            for row in self.rows(data.view_names, methods)
            for share in on_axis(budget, SHARES, PREVIEW)
        )
