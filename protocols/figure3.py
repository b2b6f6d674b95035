"""Figure 3: accuracy by the share of training rows that lack a view, against rivals and bounds.

All rows are inductive. End to end: SiMVAE, CoNet, SDGM+. Two stages: an imputer, then SMVAE on the
completed views. FullData is SiMVAE with nothing missing, the same scenario in every
column; PartialData is SiMVAE without the incomplete rows, labelled or not. Incomplete rows are
drawn from labelled and unlabelled ones alike, and rows that are incomplete at a small share are
incomplete at a larger one.

Every row is selected by tuning accuracy, and an imputer before SMVAE by NMSE. Figure 4 trains the
methods that do both again and selects them by NMSE.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasets.base import Dataset
from protocols import _missing
from protocols._figures import DATASETS
from protocols.base import Budget, Cell, MethodCard, Protocol, TableRow


class Figure3(Protocol):
    """Classification with missing views."""

    title = "Figure 3: accuracy with different fractions of missing and of labelled data"
    datasets = DATASETS
    takes_missing = True
    layout = {
        "kind": "curves",
        "lines": "rows",
        "axes": (_missing.AXIS,),
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "extras": (
            {
                "column": "nmse",
                "label": "NMSE of hidden entries, z-scored, of the fits of this figure",
            },
            {"column": "accuracy_complete", "label": "accuracy on test rows with every view"},
            {"column": "accuracy_incomplete", "label": "accuracy on test rows that lack a view"},
        ),
        "reference": "simvae",
        "shows": "Test accuracy by the share of training rows that lack a view, a panel for every "
        "share of labelled rows. FullData is SiMVAE with nothing missing; PartialData is SiMVAE "
        "without the rows that lack a view. SiMVAE, CoNet, SDGM+ and SMVAE are chosen by tuning "
        "accuracy, an imputer before SMVAE by NMSE on tuning rows.",
        "claim": "SiMVAE consistently outperforms the compared methods; SiMVAE with even about "
        "50% incomplete samples achieves comparable results to the fully complete case",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """The paper's eight rows; then variants, classifiers and imputers that are not in it."""
        return (
            _missing.SIMVAE,
            *_missing.bounds(),
            *(_missing.before_smvae(*imputer) for imputer in _missing.IMPUTERS.items()),
            *(_missing.end_to_end(*learner) for learner in _missing.LEARNERS.items()),
            *_missing.VARIANTS,
            *_missing.READERS,
            *(
                _missing.lacking(_missing.before_smvae(card.key, card.title), optional=True)
                for card in _missing.further(methods)
            ),
        )

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """Rows x label fractions x missing fractions."""
        return _missing.cells(self, data, split, budget, methods)
