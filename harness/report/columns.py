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


@dataclass(frozen=True)
class Further:
    """A column: its name in the CSV, title, a sentence on how to read it, and its value.

    ``of``  the value from a cell's trials, lines of the table of trials.   ``text`` prints it.
    """

    name: str
    title: str
    note: str
    of: Callable[[pd.DataFrame], float]
    text: Callable[[float], str] = fmt.accuracy


FURTHER = (
    Further(
        "best_of_trials",
        "Best of trials",
        "What picking the best of the trials would have shown in place of their mean. It is chosen "
        "on test rows, grows with the number of trials, and compares nothing.",
        lambda trials: float(trials["accuracy"].max()),
    ),
)


def with_further(summary: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """A summary of cells (``statistics.summarise``) with a column for every entry."""
    cells = {
        (str(dataset), str(row), float(percent)): cell
        for (dataset, row, percent), cell in trials.groupby(["dataset", "row_key", "label_percent"])
    }
    more = {entry.name: [_value(entry, cells[key]) for key in summary.index] for entry in FURTHER}
    return summary.assign(**more)


def tables(trials: pd.DataFrame, columns: Sequence[Column]) -> list[Table]:
    """A table for every entry: rows by shares of labels."""
    titles = trials.drop_duplicates("row_key")["row"].value_counts()
    further = []
    for entry in FURTHER:
        lines = []
        for _, row in trials.groupby(["row_order", "row_key"], sort=True):
            title, block = row["row"].iloc[0], row["block"].iloc[0]
            cells = [row[row["label_percent"] == column.percent] for column in columns]
            texts = [entry.text(_value(entry, cell)) if len(cell) else "" for cell in cells]
            lines.append((title if titles[title] < 2 else f"{title} ({block})", *texts))
        heads = ("", *(column.title for column in columns))
        further.append(Table.of(entry.title, heads, lines, note=entry.note, fold="closed"))
    return further


def _value(entry: Further, cell: pd.DataFrame) -> float:
    return entry.of(cell) if (cell["status"] == "ok").all() else np.nan
