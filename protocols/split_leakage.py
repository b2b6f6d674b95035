"""Split leakage: rows of Table 2 under every split of a data set, the leakiest first.

A split that puts rows of one group (a person, a recording) into several parts is an easier task
than one that keeps the group in one part. The leakiest split is the one that declares the most such
groups. It is compared with every split that leaks a proper subset of these groups. The rows are
those of Table 2, with the same fits, that differ in how they can use a leak: methods that see no
unlabelled row, codes of all training rows, and graphs, in which windows next to each other in time
are neighbours. Any other row of Table 2 runs when it is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from datasets.base import Dataset, Split
from protocols._figures import label_ends
from protocols.base import PARADIGMS, Budget, Cell, MethodCard, Protocol, TableRow
from protocols.table2 import Table2

TABLE = Table2()
SHOWN = (
    "logistic_regression",
    "svm",
    "mae_svm_train",
    "tsvm",
    "amgl",
    "m2_concat",
    "smvae",
    "wide_smvae",
)
"""Keys of the rows that run by default, in printed order."""
AXIS = "split"
READING = (
    "Splits are drawn independently: trial t of one split and trial t of another share only their "
    "number. The interval is that of the mean of their differences, trial by trial, which is "
    "that of two independent samples of equal size. It is given for three or more trials.",
    "It concerns further draws of both splits from these rows, not new people. Training "
    "sets overlap between trials; the corrected interval (Nadeau and Bengio, 2003) allows for "
    "that: SD² (1/n + n_test/n_train), by the larger ratio of the two splits. A fixed split has "
    "none.",
    "p values are two-sided, of the t test on the same differences, Holm-adjusted over the methods "
    "of one share of labels and one pair of splits.",
)


class SplitLeakage(Protocol):
    """Accuracy under a leaky split minus accuracy under those that leak less."""

    title = "Split leakage: accuracy gained by rows of one group on both sides of a split"
    datasets = {"paper": ("watch",), "preview": ("watch",), "smoke": ("watch",)}
    layout = {
        "kind": "leak",
        "axes": ({"name": AXIS, "label": "split"},),
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "shows": "Test accuracy under the split that leaks most, minus test accuracy of the same "
        "method under each split that leaks less. The difference contains both the leak and the "
        "harder task: for a new person, a method has no other rows of that person "
        "to learn from. The paper’s split of DEAP, one-second segments at random, is such a split: "
        "seconds of one trial are on both sides.",
        "reading": READING,
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """Rows of Table 2 by paradigm, SHOWN first, the others optional; no row with all labels."""
        table = {row.key: row for row in TABLE.rows(view_names, methods) if not row.all_labels}
        rows = [
            replace(row, block=row.paradigm, published=None, optional=row.key not in SHOWN)
            for row in (table[key] for key in dict.fromkeys((*SHOWN, *table)))
        ]
        return tuple(sorted(rows, key=lambda row: PARADIGMS.index(row.paradigm)))

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """Cells of Table 2 under each split; the argument ``split`` is not used."""
        rows = {row.key: row for row in self.rows(data.view_names, methods)}
        ends = label_ends(data, budget)
        cells = [
            replace(cell, row=rows[cell.row.key], at={AXIS: rule.name})
            for rule in compared(data)
            for cell in TABLE.cells(data, rule.name, budget, methods)
            if cell.row.key in rows and cell.label_fraction in ends
        ]
        # Splits with different scaling would add its effect to the difference.
        if len({cell.scenario.scaling for cell in cells}) > 1:
            cells = [replace(c, scenario=replace(c.scenario, scaling="global")) for c in cells]
        order = {key: place for place, key in enumerate(rows)}
        return tuple(sorted(cells, key=lambda cell: order[cell.row.key]))

    def unfit(self, data: Dataset) -> str:
        """Why no leak can be measured on ``data``; "" if one can."""
        plain, named, split = data.key.partition("@")
        if named:
            return f"split_leakage runs every split of {plain}; name it without @{split}"
        if compared(data):
            return ""
        return (
            f"no two splits of {data.key} differ by a leak alone, so there is nothing to measure; "
            "use watch, eegmat or deap (with your copy of their files), or your own file with a "
            "group_<name> column"
        )


def compared(data: Dataset) -> tuple[Split, ...]:
    """The leakiest split, then those that leak a proper subset of its groups; () if none does."""
    most = max(data.offered, key=lambda split: len(split.leaks))
    less = [split for split in data.offered if set(split.leaks) < set(most.leaks)]
    return (most, *sorted(less, key=lambda split: -len(split.leaks))) if less else ()
