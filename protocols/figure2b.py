"""Figure 2b: the view weights that inductive SMVAE learns, and their values over the epochs.

The paper prints one bar for each view. The weights approach one-hot as long as training continues:
if the components of the mixture are separated, the bound is maximal at lam_l ~ exp(a_l), where a_l
is the bound of component l alone, and the a_l differ by many nats. So a bar depends on the epoch at
which training stopped as much as on the view, and the trajectory over the epochs is drawn too.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasets.base import Dataset
from protocols._figures import SMVAE, inductive, lowest
from protocols.base import Budget, Cell, MethodCard, Protocol, TableRow


class Figure2b(Protocol):
    """Learned weights of the views, over the epochs."""

    title = "Figure 2b: view weights learned by inductive SMVAE"
    datasets = {
        "paper": ("mfeat", "mnist_hog", "watch"),
        "preview": ("mfeat", "digits", "watch"),
        "smoke": ("digits",),
    }
    layout = {
        "kind": "weights",
        "values": ({"column": "weight", "label": "view weight λ"},),
        "shows": "Left: the weights λ of the views at the chosen epoch of the chosen fit, of all "
        "trials. Right: the same weights over the epochs of these fits.",
        "warning": "λ starts at equal weights and drifts towards one-hot for as long as training "
        "lasts (winner takes all: where the components lie apart the optimum is "
        "λ ∝ exp(a), a in nats), so a bar tells at which epoch training stopped rather "
        "than what a view is worth.",
        "claim": "EEG modality has the highest weight on both datasets, which is consistent with "
        "single modality’s performance of M2 shown in Table 2",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        return (SMVAE,)

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """One cell: Table 2's SMVAE at the lowest label fraction."""
        fraction = lowest(data, budget)
        return (Cell(SMVAE, inductive(data, split, fraction), fraction),)
