"""Curves in panels over one axis: means with their SD, a panel for every share of labels.

A place where a planned trial is missing has no mean, and the line breaks there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from harness.layout import Axis, Value
from harness.report import captions
from harness.report import format as fmt
from harness.report import places as places_of
from harness.report.kind import (
    Kind,
    Part,
    caption_of,
    paired_in_first_value,
    place_of,
    title_of,
    value_text,
)
from harness.report.marks import Mark, mark_of, numbered
from harness.report.model import Block, Cell, Figure, Row, Table
from harness.report.style import (
    INK,
    MARK,
    MUTED,
    PAPER,
    Page,
    plain,
    shortened,
)

LEFT, PANEL_HEIGHT, LEGEND_LINE = 0.62, 2.75, 0.2
LABELLED = "labelled"
"""Name of the axis that is the share of labels itself."""


@dataclass(frozen=True)
class Point:
    """A place on a curve: ``mean`` (and ``sd``) None unless every planned trial is there.

    ``note``  ``3/5`` where some are.   ``beyond`` the mean where it lies above the axis.
    """

    x: float
    mean: float | None
    sd: float | None
    note: str = ""
    beyond: str = ""


@dataclass(frozen=True)
class Curve:
    """A line of a panel; its ``mark`` is the same in every figure."""

    title: str
    mark: Mark
    reference: bool
    points: tuple[Point, ...]


@dataclass(frozen=True, eq=False)
class CurvePlot(Figure):
    """Curves in panels that share both axes; ``marks`` are dashed levels with their names.

    ``ticks``  places on the x axis and what is printed there.
    """

    panels: tuple[tuple[str, tuple[Curve, ...]], ...]
    x_label: str
    y_label: str
    log: bool
    ticks: tuple[tuple[float, str], ...]
    limits: tuple[float, float]
    marks: tuple[tuple[float, str], ...]
    spread: str

    def draw(self) -> Drawn:
        """Panels side by side, the legend to their right."""
        return _drawn(self)

    def explore(self) -> dict[str, Any]:
        panels = [
            {"title": title, "lines": [_plain(curve) for curve in curves]}
            for title, curves in self.panels
        ]
        words = {"x": self.x_label, "y": self.y_label, "text": self.title}
        return words | {"log": self.log, "joined": True, "panels": panels}


def _plain(curve: Curve) -> dict[str, Any]:
    """A curve as the page's plots read it; a place without a mean is left out."""
    points = [{"x": p.x, "y": p.mean, "sd": p.sd} for p in curve.points if p.mean is not None]
    return {"name": curve.title, "mark": curve.mark.plain(), "points": points}


class Curves(Kind):
    """A figure a value; values that no trial has are left out, but for the first."""

    axes = 1
    rivals = True

    def compare(self) -> pd.DataFrame:
        return paired_in_first_value(self.given)

    def blocks(self, part: Part) -> list[Block]:
        layout, blocks = part.layout, []
        for value in layout.values:
            first = value is layout.values[0]
            if first or (part.table[f"{value.column}_trials"] > 0).any():
                name = "" if first else f"{value.column}_"
                stem = part.stem.replace("_", f"_{name}", 1)
                fold = "open" if first else "closed"
                tables = numbers(part, value, fold, "latex" if first else "markdown")
                blocks += [curve_plot(part, value, stem), *tables]
        for value in layout.extras:
            if (part.table[f"{value.column}_trials"] > 0).any():
                blocks += numbers(part, value)
        accuracy = layout.values[0].column == "accuracy"
        return blocks + (_labels_of_fewer(part) if accuracy else [])


def curve_plot(part: Part, value: Value, stem: str) -> CurvePlot:
    """``value`` over the layout's axis: panels are label fractions, or one panel has them all."""
    table, layout = part.table, part.layout
    (axis,) = layout.axes
    own = table[table[f"{value.column}_trials"] > 0]
    rows = list(dict.fromkeys(own["row_key"]))
    panels: list[tuple[str, tuple[Curve, ...]]] = []
    if layout.lines == "labels":
        names = [column.long for column in part.columns]
        parts = [own[own["label_percent"] == column.percent] for column in part.columns]
        named = zip(names, map(numbered, range(len(names))), parts, strict=True)
        panels = [("", _curves(named, axis, value, ""))]
    else:
        for title, here in _panels(own, part.columns, axis):
            parts = [here[here["row_key"] == key] for key in rows]
            titles = [title_of(own, key) for key in rows]
            named = zip(titles, map(mark_of, rows), parts, strict=True)
            ours = title_of(own, layout.reference)
            panels.append((title, _curves(named, axis, value, ours)))
    limits, marks = _limits(own, value, part.note.n_classes)
    several = bool(table["trials_expected"].max() > 1)
    places = sorted({float(place) for place in table[axis.column]})
    return CurvePlot(
        stem=stem,
        **part.heading(value.label),
        panels=tuple(panels),
        x_label=axis.label,
        y_label=value.label,
        log=axis.log,
        ticks=tuple((axis.shown(place), f"{axis.shown(place):g}") for place in places),
        limits=limits,
        marks=marks,
        spread="bands: SD over trials" if several else "one trial, so no SD",
        caption=f"{caption_of(table, layout, several)} {part.note.what_varies}",
        description=f"Curves of {value.label} on {part.note.title}; the numbers are in the tables.",
    )


def numbers(part: Part, value: Value, fold: str = "open", export: str = "markdown") -> list[Table]:
    """The numbers behind curves: lines by places on the axis, a table for each share of labels."""
    table = part.table
    (axis,) = part.layout.axes
    places = sorted({float(place) for place in table[axis.column]})
    heads = ("", *(place_of(axis, place) for place in places))
    own = table[table[f"{value.column}_trials"] > 0]
    keep = set(own["row_key"]) or set(table["row_key"])
    tables = []
    for title, here in _panels(table, part.columns, axis):
        lines = []
        for key in dict.fromkeys(here.loc[here["row_key"].isin(keep), "row_key"]):
            row = here[here["row_key"] == key]
            cells = [_linked(part, row[row[axis.column] == place], value) for place in places]
            first = Cell(title_of(row, key), swatch=mark_of(key))
            lines.append(Row((first, *cells), key=key, file=part.files[key]))
        name = f"{value.label}, {title}" if title else value.label
        css = "list sortable"
        tables.append(Table.of(name, heads, lines, fold=fold, export=export, css=css))
    return tables


def _linked(part: Part, at: pd.DataFrame, value: Value) -> Cell:
    """The number of a place, with a link to its trials."""
    text = value_text(at, value)
    link = places_of.link(part.note.anchor, at.iloc[0].to_dict()) if text else ""
    return Cell(text, link=link)


def _labels_of_fewer(part: Part) -> list[Table]:
    """Labels and classes of rows that have fewer labels than the others of their column."""
    (axis,) = part.layout.axes
    places, lines = sorted({float(place) for place in part.table[axis.column]}), []
    short = part.trials[captions.short(part.trials)]
    for column in part.columns:
        here = part.table[part.table["label_percent"] == column.percent]
        fewer = set(short.loc[short["label_percent"] == column.percent, "row_key"])
        for key in (key for key in dict.fromkeys(here["row_key"]) if key in fewer):
            row = here[here["row_key"] == key].set_index(axis.column)
            cells = [
                f"{fmt.count(row.at[place, 'n_labelled'])} of {column.labels}, in "
                f"{fmt.count(row.at[place, 'n_classes_labelled'])}"
                if place in row.index and row.at[place, "n_labelled"]
                else ""
                for place in places
            ]
            lines.append((title_of(here, key), fmt.percent(column.percent), *cells))
    heads = ("", "Labelled", *(f"{axis.shown(p):g}{' %' if axis.percent else ''}" for p in places))
    note = "Labels used of those drawn, and in how many classes, minimum to maximum over trials; "
    note += "all other rows use all of them. A class without a labelled row is never predicted."
    table = Table.of("Labels and classes used", heads, lines, left=2, note=note)
    return [table] if lines else []


def _panels(
    table: pd.DataFrame, columns: Sequence[captions.Column], axis: Axis
) -> list[tuple[str, pd.DataFrame]]:
    """A panel for every share of labels; one for all where that share is the axis itself."""
    if axis.name == LABELLED:
        return [("", table)]
    return [(c.long, table[table["label_percent"] == c.percent]) for c in columns]


def _curves(
    named: Iterable[tuple[str, Mark, pd.DataFrame]], axis: Axis, value: Value, reference: str
) -> tuple[Curve, ...]:
    return tuple(
        Curve(
            title,
            mark,
            title == reference,
            tuple(_point(p, axis, value) for p in part.to_dict("records")),
        )
        for title, mark, part in named
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
        beyond=fmt.number_of(value.column)(mean)
        if value.cap is not None and mean > value.cap
        else "",
    )


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


def _drawn(plot: CurvePlot) -> Drawn:
    names = _names(plot)
    panel = max(2.3, 5.6 / len(plot.panels))
    if len(plot.panels) == 1:
        panel = 4.4
    titles = [shortened(curve.title, 48) for curve in names]
    legend = 0.45 + 0.078 * max(map(len, [plot.spread, *titles]))
    width = LEFT + panel * len(plot.panels) + legend
    body = max(0.3 + PANEL_HEIGHT, 0.6 + LEGEND_LINE * (len(names) + len(plot.marks))) + 0.6
    page = Page(max(width, min(7.0, 0.4 + 0.082 * len(plot.title))), body, plot.title, plot.stamps)
    for i, (title, lines) in enumerate(plot.panels):
        axes = page.axes(LEFT + i * panel, 0.3, panel - 0.22, PANEL_HEIGHT)
        _panel(axes, plot, lines)
        axes.set_title(title, fontsize=8.5, color=INK, pad=5)
        if i == 0:
            axes.set_ylabel(plot.y_label, color=MUTED, fontsize=8)
        else:
            axes.tick_params(labelleft=False)
    middle = LEFT + 0.5 * panel * len(plot.panels) - 0.1
    page.text(middle, page.top + 0.3 + PANEL_HEIGHT + 0.42, plot.x_label, ha="center", color=MUTED)
    _legend(page, plot, names, LEFT + panel * len(plot.panels))
    return page.figure


def _panel(axes: Axes, plot: CurvePlot, lines: tuple[Curve, ...]) -> None:
    plain(axes)
    if plot.log:
        axes.set_xscale("log")
    axes.set_xticks([at for at, _ in plot.ticks], [text for _, text in plot.ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(*plot.limits)
    places = [at for at, _ in plot.ticks]
    axes.set_xlim(*_room(places, plot.log))
    for level, _ in plot.marks:
        axes.axhline(level, zorder=1, **MARK)
    taken: Counter[tuple[float, bool]] = Counter()
    for curve in lines:
        _curve(axes, curve)
        for point in curve.points:
            if point.note or point.beyond:
                place = (point.x, bool(point.beyond))
                _at_edge(axes, curve, point, taken[place])
                taken[place] += 1


def _curve(axes: Axes, curve: Curve) -> None:
    look = curve.mark.line(heavy=curve.reference)
    x = np.array([point.x for point in curve.points])
    # A line breaks where a point has no mean.
    mean, sd = (
        np.array([np.nan if value is None else value for value in values])
        for values in ([p.mean for p in curve.points], [p.sd for p in curve.points])
    )
    if np.isfinite(sd).any():
        shade = 0.2 if curve.reference else 0.09
        axes.fill_between(x, mean - sd, mean + sd, color=look["color"], alpha=shade, lw=0)
    order = 5 if curve.reference else 3
    axes.plot(x, mean, mec=look["color"], mew=1.0, zorder=order, **look)


def _at_edge(axes: Axes, curve: Curve, point: Point, above: int) -> None:
    """Print a point outside the axes: ``4/5`` at the lower edge, a mean above them at the upper.

    The line's hollow marker identifies it; ``above`` counts the texts already at that place.
    """
    look, step = curve.mark.line(heavy=curve.reference), 0.045 * above
    y = 0.97 - step if point.beyond else 0.03 + step
    where = axes.get_xaxis_transform()
    axes.plot(
        [point.x], [y], look["marker"], ms=3.4, mfc=PAPER, mec=look["color"], transform=where,
        zorder=7,
    )  # fmt: skip
    text = f"{point.beyond} ↑" if point.beyond else point.note
    axes.annotate(
        text, (point.x, y), xycoords=where, xytext=(3.5, 0), textcoords="offset points",
        va="center", fontsize=6, color=look["color"], zorder=7,
    )  # fmt: skip


def _legend(page: Page, plot: CurvePlot, names: list[Curve], x: float) -> None:
    shown = [
        Line2D([], [], label=shortened(curve.title, 48), mec=look["color"], mew=1.0, **look)
        for curve in names
        for look in (curve.mark.line(heavy=curve.reference),)
    ]
    shown += [Line2D([], [], label=name, **MARK) for _, name in plot.marks]
    page.figure.legend(
        handles=shown, loc="upper left", frameon=False, handlelength=3.2, labelspacing=0.45,
        bbox_to_anchor=(x / page.width, 1 - (page.top + 0.22) / page.height), borderaxespad=0,
    )  # fmt: skip
    below = page.top + 0.42 + LEGEND_LINE * (len(names) + len(plot.marks))
    page.text(x + 0.08, below, plot.spread, fontsize=7.5, color=MUTED)


def _names(plot: CurvePlot) -> list[Curve]:
    """One curve of every name, in their first order."""
    names: dict[tuple[str, Mark], Curve] = {}
    for _, lines in plot.panels:
        for curve in lines:
            names.setdefault((curve.title, curve.mark), curve)
    return list(names.values())


def _room(places: list[float], log: bool) -> tuple[float, float]:
    low, high = min(places), max(places)
    if low == high:
        return (low / 2, high * 2) if log else (low - 1, high + 1)
    if log:
        room = (high / low) ** 0.06
        return low / room, high * room
    room = 0.07 * (high - low)
    return low - room, high + room


KIND = Curves
