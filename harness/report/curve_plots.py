"""What curves and heat maps show, and their tables: from a table of points to structs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.report import format as say
from harness.report.figure_model import (
    Curve,
    CurvePlot,
    Head,
    HeatCell,
    HeatPlot,
    NumberTable,
    Point,
)
from harness.report.layout import Axis, Layout, Value
from harness.report.model import Column


def curve_plot(
    head: Head,
    table: pd.DataFrame,
    columns: Sequence[Column],
    layout: Layout,
    value: Value,
) -> CurvePlot:
    """``value`` over the layout's axis: panels are label fractions, or one panel has them all."""
    (axis,) = layout.axes
    own = table[table[f"{value.column}_trials"] > 0]
    rows = list(dict.fromkeys(own["row_key"]))
    panels: list[tuple[str, tuple[Curve, ...]]] = []
    if layout.lines == "labels":
        names = [_labelled(column) for column in columns]
        parts = [own[own["label_percent"] == column.percent] for column in columns]
        panels = [("", _curves(zip(names, parts, strict=True), axis, value, ""))]
    else:
        for column in columns:
            here = own[own["label_percent"] == column.percent]
            parts = [here[here["row_key"] == key] for key in rows]
            titles = [_title(own, key) for key in rows]
            named = zip(titles, parts, strict=True)
            ours = _title(own, layout.reference)
            panels.append((_labelled(column), _curves(named, axis, value, ours)))
    limits, marks = _limits(own, value, head.note.n_classes)
    several = bool(table["trials_expected"].max() > 1)
    places = sorted({float(place) for place in table[axis.column]})
    return CurvePlot(
        title=head.title(value.label),
        stamps=head.stamps,
        panels=tuple(panels),
        x_label=axis.label,
        y_label=value.label,
        log=axis.log,
        ticks=tuple((axis.shown(place), f"{axis.shown(place):g}") for place in places),
        limits=limits,
        marks=marks,
        spread="bands: SD over trials" if several else "one trial, so no SD",
        caption=_caption(table, layout, several),
        description=f"Curves of {value.label} on {head.note.title}; the numbers are in the tables.",
    )


def heat_plot(head: Head, table: pd.DataFrame, layout: Layout, value: Value) -> HeatPlot:
    """``value`` over two axes."""
    across, up = layout.axes
    xs, ys = (sorted({float(v) for v in table[axis.column]}) for axis in (across, up))
    means = table[f"{value.column}_mean"]
    low, high = means.min(), means.max()
    cells = []
    for y in ys:
        line = [table[(table[across.column] == x) & (table[up.column] == y)] for x in xs]
        cells.append(tuple(_heat_cell(at, value, low, high) for at in line))
    scale = "no complete cell yet"
    if not np.isnan(low):
        scale = f"Darker is higher; all shades lie between {say.accuracy(low)} and "
        scale += f"{say.accuracy(high)}."
    several = bool(table["trials_expected"].max() > 1)
    return HeatPlot(
        title=head.title(value.label),
        stamps=head.stamps,
        columns=tuple(f"{across.shown(x):g}" for x in xs),
        rows=tuple(f"{up.shown(y):g}" for y in ys),
        cells=tuple(cells),
        x_label=across.label,
        y_label=up.label,
        scale=scale,
        caption=_caption(table, layout, several, "Printed: mean ± SD over"),
        description=f"Heat map of {value.label} on {head.note.title}; every number is printed.",
    )


def numbers(
    table: pd.DataFrame, columns: Sequence[Column], layout: Layout, value: Value
) -> tuple[NumberTable, ...]:
    """The numbers behind curves: lines by places on the axis, a table for each share of labels."""
    (axis,) = layout.axes
    places = sorted({float(place) for place in table[axis.column]})
    heads = tuple(_head(axis, place) for place in places)
    own = table[table[f"{value.column}_trials"] > 0]
    keep = set(own["row_key"]) or set(table["row_key"])
    found = []
    for column in columns:
        here = table[table["label_percent"] == column.percent]
        lines = []
        for key in dict.fromkeys(here.loc[here["row_key"].isin(keep), "row_key"]):
            row = here[here["row_key"] == key]
            cells = [_cell(row[row[axis.column] == place], value) for place in places]
            lines.append((_title(row, key), *cells))
        found.append(NumberTable(f"{value.label}, {_labelled(column)}", ("", *heads), tuple(lines)))
    return tuple(found)


def heat_numbers(plot: HeatPlot, layout: Layout, value: Value) -> tuple[NumberTable, ...]:
    """The numbers printed on a heat map, once more as a table, the highest line first."""
    across, up = layout.axes
    lines = [
        (f"{up.name} = {name}", *(cell.text.replace("\n", " ") for cell in cells))
        for name, cells in zip(plot.rows, plot.cells, strict=True)
    ][::-1]
    heads = ("", *(f"{across.name} = {name}" for name in plot.columns))
    return (NumberTable(value.label, heads, tuple(lines)),)


def number(value: Any, column: str) -> str:
    """A number as its column prints it: nats with two decimals and a sign, all else as accuracy."""
    if column == "nll" and not pd.isna(value):
        return f"{value:.2f}".replace("-", "−")
    return say.accuracy(value)


def _curves(
    named: Iterable[tuple[str, pd.DataFrame]], axis: Axis, value: Value, reference: str
) -> tuple[Curve, ...]:
    return tuple(
        Curve(title, style, title == reference, tuple(_point(p, axis, value) for p in _dicts(part)))
        for style, (title, part) in enumerate(named)
        if len(part)
    )


def _point(line: dict[Any, Any], axis: Axis, value: Value) -> Point:
    mean, sd = line[f"{value.column}_mean"], line[f"{value.column}_sd"]
    there, planned = line[f"{value.column}_trials"], line["trials_expected"]
    return Point(
        x=axis.shown(float(line[axis.column])),
        mean=None if pd.isna(mean) else float(mean),
        sd=None if pd.isna(sd) else float(sd),
        note="" if there == planned else f"{there}/{planned}",
        beyond=number(mean, value.column) if value.cap is not None and mean > value.cap else "",
    )


def _heat_cell(at: pd.DataFrame, value: Value, low: float, high: float) -> HeatCell:
    if len(at) == 0:
        return HeatCell(None, 0.0, "")
    mean = float(at.iloc[0][f"{value.column}_mean"])
    text = _cell(at, value).replace("±", "\n±")
    if np.isnan(mean):
        return HeatCell(None, 0.0, text)
    return HeatCell(mean, 0.5 if high == low else float((mean - low) / (high - low)), text)


def _cell(at: pd.DataFrame, value: Value) -> str:
    """``.614±.012``, ``3/5``, or "" where nothing was planned."""
    if len(at) == 0:
        return ""
    line = at.iloc[0]
    mean, sd = (number(line[f"{value.column}_{what}"], value.column) for what in ("mean", "sd"))
    if mean:
        return f"{mean}±{sd}" if sd else mean
    return f"{line[f'{value.column}_trials']}/{line['trials_expected']}"


def _limits(
    table: pd.DataFrame, value: Value, n_classes: int
) -> tuple[tuple[float, float], tuple[tuple[float, str], ...]]:
    """Limits of the y axis, and the levels that lie within."""
    level, name = value.mark, value.mark_label
    if value.column == "accuracy":
        level, name = 1 / n_classes, "chance"
    mean, sd = table[f"{value.column}_mean"], table[f"{value.column}_sd"].fillna(0)
    ends = pd.concat([mean - sd, mean + sd]).dropna()
    if len(ends) == 0:
        return (0.0, 1.0), ()
    low, high = float(ends.min()), float(ends.max())
    high = high if value.cap is None else max(low, min(high, value.cap))
    marks: tuple[tuple[float, str], ...] = ()
    if level is not None and low - 0.3 * (high - low) <= level <= high + 0.3 * (high - low):
        low, high, marks = min(low, level), max(high, level), ((level, name),)
    room = 0.05 * (high - low) + 0.003
    most = 1.01 if value.column == "accuracy" else np.inf
    return (max(0.0, low - room), min(high + room, most)), marks


def _caption(
    table: pd.DataFrame, layout: Layout, several: bool, what: str = "Points: mean over"
) -> str:
    trials = sorted({int(n) for n in table["trials_expected"]})
    count = "–".join(dict.fromkeys(str(n) for n in (trials[0], trials[-1])))
    text = f"{layout.shows} {what} {count} {'trials' if trials[-1] > 1 else 'trial'}"
    text += "; bands: ± SD over trials (n − 1)." if several and "Points" in what else "."
    return text + " No mean stands where a planned trial is missing (m/n: m of n are there)."


def _head(axis: Axis, place: float) -> str:
    return say.percent(100 * place) if axis.percent else f"{axis.name} = {place:g}"


def _labelled(column: Column) -> str:
    return column.title + (f" ({column.labels} labels)" if column.labels else "")


def _title(table: pd.DataFrame, key: str) -> str:
    found = table.loc[table["row_key"] == key, "row"]
    return str(found.iloc[0]) if len(found) else ""


def _dicts(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")
