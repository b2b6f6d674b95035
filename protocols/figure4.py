"""Figure 4: error of imputed views, every imputer selected by NMSE.

NMSE is the paper's |X - X^| / |X|, Frobenius norms, not squared. The paper does not say over which
rows and in which units. Here: the entries that were hidden, columns z-scored on training rows, so
that the column mean scores exactly 1; the same over all rows (which grows with the missing share by
definition) and in raw units are further figures.

Settings and epochs of every row are those of the lowest NMSE on masked tuning rows. So methods that
also classify are trained again: selected by accuracy, as in Figure 3, they stop long before they
impute well. A two-stage row is its imputer alone, the first stage of Figure 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasets.base import Dataset
from protocols import _missing
from protocols._figures import DATASETS
from protocols.base import Budget, Cell, MethodCard, Protocol, TableRow


class Figure4(Protocol):
    """Imputation of missing views."""

    title = "Figure 4: imputation error with different fractions of missing and of labelled data"
    datasets = DATASETS
    takes_missing = True
    layout = {
        "kind": "curves",
        "lines": "rows",
        "axes": (_missing.AXIS,),
        "values": (
            {
                "column": "nmse",
                "label": "NMSE of hidden entries, z-scored",
                "mark": 1.0,
                "mark_label": "imputing the mean",
                "cap": 1.1,
            },
            {"column": "nmse_all", "cap": 1.1, "label": "NMSE over all rows, z-scored"},
            {
                "column": "nmse_raw",
                "cap": 1.5,
                "label": "NMSE of hidden entries, data as given",
            },
            {
                "column": "nmse_raw_all",
                "cap": 1.5,
                "label": "NMSE over all rows, data as given",
            },
        ),
        "extras": (
            {"column": "coverage_90", "label": "entries inside the predicted 90 % interval"},
            {"column": "nll", "label": "negative log-likelihood of an entry, nats, z-scored"},
            {"column": "accuracy", "label": "test accuracy of the fits of this figure"},
        ),
        "reference": "simvae",
        "shows": "NMSE, |X − X̂| / |X| in Frobenius norms (not squared), by the share of training "
        "rows that lack a view, a panel for every share of labelled rows. Lower is better. "
        "Settings and epochs of every row, also of those that classify, are chosen by NMSE on "
        "tuning rows of which a view is hidden.",
        "claim": "as the fraction of missing data increases, the relative distance between the "
        "original modalities and the recovered modalities increases; the semi-supervised "
        "imputation methods (SiMVAE, CoNet and SDGM+) consistently outperforms the unsupervised "
        "imputation methods (SoftImputeALS, DCCAE and CorrNet)",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """The paper's six rows, then imputers that are not in it."""
        return _missing.imputing(methods)

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """Rows x label fractions x missing fractions."""
        return _missing.cells(self, data, split, budget, methods)
