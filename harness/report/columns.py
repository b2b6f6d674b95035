"""Further columns of a table: one entry here is a column of the CSV, the page and the Markdown.

An entry is computed from the trials of one cell, all of them ok; where a planned trial is missing
the cell has none, as it has no mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.report import format as fmt
from harness.report.model import Block, Column, NumberTable


@dataclass(frozen=True)
class Further:
    """A column: its name in the CSV, title, a sentence on how to read it, and its value.

    ``of``  the value from a cell's trials, lines of the table of trials.   ``text`` prints it.
    ``needs``  a column of the table of trials, without which there is no such column.
    """

    name: str
    title: str
    note: str
    of: Callable[[pd.DataFrame], float]
    text: Callable[[float], str] = fmt.accuracy
    needs: str = "accuracy"


FURTHER = (
    Further(
        "best_of_trials",
        "Best of trials",
        "What picking the best of the trials would have shown in place of their mean. It is chosen "
        "on test rows, grows with the number of trials, and compares nothing.",
        lambda trials: float(trials["accuracy"].max()),
    ),
    Further(
        "accuracy_complete",
        "Test rows with every view",
        "Mean accuracy on the test rows that were drawn with every view.",
        lambda trials: float(trials["accuracy_complete"].mean()),
        needs="accuracy_complete",
    ),
    Further(
        "accuracy_incomplete",
        "Test rows that lack a view",
        "Mean accuracy on the test rows that lack a view, completed by an imputer where the row "
        "names one; empty for rows that were run on complete rows.",
        lambda trials: float(trials["accuracy_incomplete"].mean()),
        needs="accuracy_incomplete",
    ),
)


def with_further(summary: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """A summary of cells (``statistics.summarise``) with a column for every entry."""
    cells = {
        (str(dataset), str(row), float(percent)): cell
        for (dataset, row, percent), cell in trials.groupby(["dataset", "row_key", "label_percent"])
    }
    more = {
        entry.name: [_value(entry, cells[key]) for key in summary.index]
        for entry in FURTHER
        if entry.needs in trials.columns
    }
    return summary.assign(**more)


def tables(
    trials: pd.DataFrame, columns: Sequence[Column], blocks: Sequence[Block]
) -> tuple[NumberTable, ...]:
    """A table for every entry: rows of the main table by shares of labels."""
    cells = {
        (str(row), float(percent)): cell
        for (row, percent), cell in trials.groupby(["row_key", "label_percent"])
    }
    titles = Counter(line.title for block in blocks for line in block.lines)
    further = []
    for entry in (entry for entry in FURTHER if entry.needs in trials.columns):
        lines = [
            (
                line.title if titles[line.title] < 2 else f"{line.title} ({block.name})",
                *(_text(entry, cells.get((line.key, column.percent))) for column in columns),
            )
            for block in blocks
            for line in block.lines
        ]
        heads = ("", *(column.title for column in columns))
        further.append(NumberTable(entry.title, heads, tuple(lines), entry.note))
    return tuple(further)


def _value(entry: Further, cell: pd.DataFrame) -> float:
    return entry.of(cell) if (cell["status"] == "ok").all() else np.nan


def _text(entry: Further, cell: pd.DataFrame | None) -> str:
    return "" if cell is None else entry.text(_value(entry, cell))
