"""Figure 2a: accuracy of inductive SMVAE by the share of unlabelled training rows that it sees.

One panel for each label fraction; the paper has one curve, on SEED. At 0 SMVAE is trained on the
labelled rows alone. In each trial the unlabelled rows of a smaller share are among those of a
larger one. The second row is the classifier q(y|X) of SMVAE trained by cross-entropy alone, which
uses unlabelled rows only for z-scores.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasets.base import Dataset
from protocols._figures import CLASSIFIER, DATASETS, SMVAE, inductive, on_axis
from protocols.base import Budget, Cell, MethodCard, Protocol, TableRow, label_columns

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class Figure2a(Protocol):
    """Accuracy with fewer unlabelled rows."""

    title = "Figure 2a: accuracy with different proportions of unlabelled training samples"
    datasets = DATASETS
    layout = {
        "kind": "curves",
        "lines": "rows",
        "axes": (
            {
                "name": "unlabelled",
                "label": "share of the unlabelled training rows that is kept (%)",
                "percent": True,
            },
        ),
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "reference": "smvae",
        "shows": "Test accuracy of inductive SMVAE by the share of the unlabelled training rows "
        "that it is trained on, a panel for every share of labelled rows; and of its classifier "
        "q(y|X) trained by cross-entropy on the labelled rows alone.",
        "claim": "unlabeled samples can effectively boost the classification accuracy of SMVAE",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        return (SMVAE, CLASSIFIER)

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """Label fractions x shares of the unlabelled rows."""
        return tuple(
            Cell(
                row,
                inductive(data, split, fraction, unlabelled_fraction=share),
                fraction,
                {"unlabelled": share},
            )
            for row in self.rows(data.view_names, methods)
            for fraction in label_columns(data, budget)
            for share in on_axis(budget, SHARES, (0.0, 0.4, 1.0))
        )
