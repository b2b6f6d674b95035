"""Further columns of a table: one entry here is a column of the CSV, the page and the Markdown.

An entry is computed from the trials of one cell, all of them ok; where a planned trial is missing
the cell has none, as it has no mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.report import format as fmt
from harness.report.captions import Column
from harness.report.model import Table


def moments(values: np.ndarray) -> dict[str, float]:
    """Mean and sample SD (n - 1), which one trial does not have."""
    sd = float(values.std(ddof=1)) if len(values) > 1 else np.nan
    return {"mean": float(values.mean()), "sd": sd}


@dataclass(frozen=True)
class Further:
    """A column: its name in the CSV, title, a sentence on how to read it, and its value.

    ``column``  of the table of trials; an entry is left out where no trial has it.
    ``of``      the value from that column in the trials of a cell, by the endings of its names.
    """

    name: str
    title: str
    note: str
    column: str
    of: Callable[[np.ndarray], dict[str, float]] = moments

    def values(self, cell: pd.DataFrame) -> dict[str, float]:
        """Name in the CSV -> number, NaN where a planned trial is missing or has none."""
        numbers = cell[self.column].to_numpy(float)
        there = (cell["status"] == "ok").all() and not np.isnan(numbers).any()
        own = self.of(numbers if there else np.full(2, np.nan))
        return {"_".join(filter(None, (self.name, end))): value for end, value in own.items()}

    def text(self, cell: pd.DataFrame) -> str:
        """As tables print it."""
        mean, sd, *_ = (*self.values(cell).values(), None)
        return fmt.mean_sd(mean, sd, fmt.number_of(self.column))


FURTHER = (
    Further(
        "macro_f1",
        "Macro-F1",
        "Mean of F1 over the classes, ± sample SD over trials: rare classes count like others.",
        "macro_f1",
    ),
    Further(
        "balanced_accuracy",
        "Balanced accuracy",
        "Mean recall over the classes, ± sample SD over trials.",
        "balanced_accuracy",
    ),
    Further(
        "log_loss",
        "Log-loss",
        "Mean of −ln of the probability given to the true class, ± sample SD over trials; lower is "
        "better. Rows of methods without probabilities are empty.",
        "log_loss",
    ),
    Further(
        "best_of_trials",
        "Best of trials",
        "What picking the best of the trials would have shown in place of their mean. It is chosen "
        "on test rows and grows with the number of trials, so it is no measure of a method.",
        "accuracy",
        lambda values: {"": float(values.max())},
    ),
    Further(
        "accuracy_complete",
        "Test rows with every view",
        "Accuracy on the test rows that were drawn with every view, mean ± SD over trials.",
        "accuracy_complete",
    ),
    Further(
        "accuracy_incomplete",
        "Test rows that lack a view",
        "Accuracy on the test rows that lack a view, completed by an imputer where the row names "
        "one; empty for rows that were run on complete rows. Mean ± SD over trials.",
        "accuracy_incomplete",
    ),
)


def with_further(summary: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """A summary of cells (``statistics.summarise``) with a column for every entry."""
    cells = {
        (str(dataset), str(row), float(percent)): cell
        for (dataset, row, percent), cell in trials.groupby(["dataset", "row_key", "label_percent"])
    }
    more = [
        pd.DataFrame([entry.values(cells[key]) for key in summary.index], summary.index)
        for entry in _known(trials)
    ]
    return pd.concat([summary, *more], axis=1)


def tables(trials: pd.DataFrame, columns: Sequence[Column]) -> list[Table]:
    """A table for every entry: rows by shares of labels."""
    titles = trials.drop_duplicates("row_key")["row"].value_counts()
    further = []
    for entry in _known(trials):
        lines = []
        for _, row in trials.groupby(["row_order", "row_key"], sort=True):
            title, block = row["row"].iloc[0], row["block"].iloc[0]
            cells = [row[row["label_percent"] == column.percent] for column in columns]
            texts = [entry.text(cell) if len(cell) else "" for cell in cells]
            lines.append((title if titles[title] < 2 else f"{title} ({block})", *texts))
        heads = ("", *(column.title for column in columns))
        further.append(Table.of(entry.title, heads, lines, note=entry.note, fold="closed"))
    return further


def _known(trials: pd.DataFrame) -> list[Further]:
    """The entries that some trial has a value for."""
    return [e for e in FURTHER if e.column in trials.columns and trials[e.column].notna().any()]
