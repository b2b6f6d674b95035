"""Texts that kinds of figures with axes share: places, means, captions."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.report import format as fmt
from harness.report.layout import Axis, Layout, Value
from harness.report.model import Column


def number(value: Any, column: str) -> str:
    """A number as its column prints it: nats with two decimals and a sign, all else as accuracy."""
    if column == "nll" and not pd.isna(value):
        return f"{value:.2f}".replace("-", "−")
    return fmt.accuracy(value)


def cell_text(at: pd.DataFrame, value: Value) -> str:
    """``.614±.012``, ``3/5``, or "" where nothing was planned."""
    if len(at) == 0:
        return ""
    line = at.iloc[0]
    mean, sd = (number(line[f"{value.column}_{what}"], value.column) for what in ("mean", "sd"))
    if mean:
        return f"{mean}±{sd}" if sd else mean
    return f"{line[f'{value.column}_trials']}/{line['trials_expected']}"


def caption(
    table: pd.DataFrame, layout: Layout, several: bool, what: str = "Points: mean over"
) -> str:
    trials = sorted({int(n) for n in table["trials_expected"]})
    count = "–".join(dict.fromkeys(str(n) for n in (trials[0], trials[-1])))
    text = f"{layout.shows} {what} {count} {'trials' if trials[-1] > 1 else 'trial'}"
    text += "; bands: ± SD over trials (n − 1)." if several and "Points" in what else "."
    return text + " No mean is given where a planned trial is missing (m/n: m of n present)."


def head_of(axis: Axis, place: float) -> str:
    return fmt.percent(100 * place) if axis.percent else f"{axis.name} = {place:g}"


def labelled(column: Column) -> str:
    return column.title + (f" ({column.labels} labels)" if column.labels else "")


def title_of(table: pd.DataFrame, key: str) -> str:
    titles = table.loc[table["row_key"] == key, "row"]
    return str(titles.iloc[0]) if len(titles) else ""


def dicts(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")
