"""Rows sorted by their mean with a 95 % interval, one panel a data set.

For a layout of kind ``dots`` without axes: its first value at the highest share of labels. All
panels have the row order of the first panel, best row on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from matplotlib.figure import Figure as Drawn

from harness.analysis.statistics import possible
from harness.report import format as fmt
from harness.report.kind import Kind, Part, paired_in_first_value
from harness.report.model import Block, Cell, Figure, Row, Table
from harness.report.style import ACCENT, INK, MUTED, PAPER, RULE, Page, plain, shortened

LINE, PANEL, LONGEST = 0.21, 2.7, 44  # inches, inches, letters


@dataclass(frozen=True)
class Dot:
    """A row's mean with its interval; ``mean`` None where a planned trial is missing (``note``)."""

    mean: float | None
    interval: tuple[float, float] | None
    note: str


@dataclass(frozen=True)
class DotPanel:
    """One data set: a dot for each of the figure's rows, None where the row was not planned."""

    title: str
    dots: tuple[Dot | None, ...]


@dataclass(frozen=True, eq=False)
class DotsPlot(Figure):
    """Panels side by side over the same rows, the first row on top."""

    rows: tuple[tuple[str, bool], ...]
    panels: tuple[DotPanel, ...]
    x_label: str

    def draw(self) -> Drawn:
        """Names to the left, the reference row in the accent colour."""
        return _drawn(self)


class Dots(Kind):
    """The one figure, over all data sets."""

    rivals = True

    def compare(self) -> pd.DataFrame:
        return paired_in_first_value(self.given)

    def overall(self) -> list[Block]:
        layout, meta, trials = self.given.layout, self.given.meta, self.given.trials
        value, first = layout.values[0], _highest(self.parts[0].table)
        order = sorted(
            dict.fromkeys(key for part in self.parts for key in _highest(part.table)["row_key"]),
            key=lambda row: -np.nan_to_num(_at(first, row, f"{value.column}_mean"), nan=-np.inf),
        )
        titles = trials.drop_duplicates("row_key").set_index("row_key")["row"]
        panels = tuple(
            DotPanel(
                f"{part.note.title}, {fmt.labelled(_highest(part.table).iloc[0])} labelled",
                tuple(_dot(_highest(part.table), row, value.column) for row in order),
            )
            for part in self.parts
        )
        stamps = (part.stamps for part in self.parts)
        plot = DotsPlot(
            stem=meta.protocol,
            title=f"{meta.title.split(':')[0]}: {value.label}",
            stamps=tuple(dict.fromkeys(stamp for own in stamps for stamp in own)),
            rows=tuple((str(titles[row]), row == layout.reference) for row in order),
            panels=panels,
            x_label=value.label,
            caption=f"{layout.shows} Dots: mean over trials; bars: its 95 % interval (t, n − 1), "
            "over re-draws of the same data. Rows are in the order of the first panel. m/n: m of n "
            "planned trials are present, so no mean is given.",
            description=f"Means of {value.label} with intervals, a panel a data set.",
        )
        return [plot, _numbers(plot, self.parts, order)]


def _highest(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["label_percent"] == table["label_percent"].max()]


def _at(table: pd.DataFrame, row: str, column: str) -> float:
    values = table.loc[table["row_key"] == row, column]
    return float(values.iloc[0]) if len(values) else np.nan


def _dot(table: pd.DataFrame, row: str, column: str) -> Dot | None:
    lines = table[table["row_key"] == row]
    if len(lines) == 0:
        return None
    line = lines.iloc[0]
    mean, sd, n = line[f"{column}_mean"], line[f"{column}_sd"], line[f"{column}_trials"]
    if pd.isna(mean):
        return Dot(None, None, f"{n}/{line['trials_expected']}")
    if pd.isna(sd):
        return Dot(float(mean), None, "")
    half = float(scipy.stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n))
    low, high = possible(float(mean) - half, float(mean) + half, column)
    return Dot(float(mean), (float(low), float(high)), "")


def _numbers(plot: DotsPlot, parts: Sequence[Part], keys: Sequence[str]) -> Table:
    """The numbers of ``plot``, whose panels are those of ``parts`` and whose rows have ``keys``."""
    percents = [_highest(part.table)["label_percent"].iloc[0] for part in parts]
    rows = []
    for i, ((title, _), key) in enumerate(zip(plot.rows, keys, strict=True)):
        cells = (
            part.linked(_text(panel.dots[i]), {"row_key": key, "label_percent": percent})
            for part, panel, percent in zip(parts, plot.panels, percents, strict=True)
        )
        rows.append(Row((Cell(title), *cells), key=key))
    heads = ("", *(panel.title for panel in plot.panels))
    return Table.of(plot.x_label, heads, rows, export="latex")


def _text(dot: Dot | None) -> str:
    if dot is None or dot.mean is None:
        return "" if dot is None else dot.note
    ends = f" ({fmt.interval(*dot.interval, column='')})" if dot.interval else ""
    return fmt.accuracy(dot.mean) + ends


def _drawn(plot: DotsPlot) -> Drawn:
    names = [shortened(title, LONGEST) for title, _ in plot.rows]
    side = 0.25 + 0.078 * max(map(len, names), default=0)
    high = LINE * max(len(names), 1)
    page = Page(side + PANEL * len(plot.panels) + 0.1, 0.5 + high + 0.65, plot.title, plot.stamps)
    for y, (name, (_, reference)) in enumerate(zip(names, plot.rows, strict=True)):
        at = page.top + 0.5 + LINE * (y + 0.5)
        colour, weight = (ACCENT, "bold") if reference else (INK, "normal")
        page.text(side - 0.08, at, name, ha="right", color=colour, weight=weight)
    for i, panel in enumerate(plot.panels):
        axes = page.axes(side + PANEL * i, 0.5, PANEL - 0.3, high)
        plain(axes, grid=False)
        axes.set_ylim(len(names), 0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_title(_two_lines(panel.title), fontsize=8, color=INK, pad=5)
        for y, (dot, (_, reference)) in enumerate(zip(panel.dots, plot.rows, strict=True)):
            axes.axhline(y + 0.5, color=RULE, lw=0.5, zorder=0)
            colour = ACCENT if reference else INK
            if dot is None or dot.mean is None:
                text = "–" if dot is None else dot.note
                where = axes.get_yaxis_transform()
                axes.text(0.02, y + 0.5, text, va="center", color=MUTED, transform=where)
                continue
            if dot.interval is not None:
                axes.plot(dot.interval, (y + 0.5, y + 0.5), color=colour, lw=1.5, zorder=2)
            axes.plot([dot.mean], [y + 0.5], "o", ms=5, color=colour, mec=PAPER, zorder=3)
    page.text(side, page.height - 0.2, plot.x_label, color=MUTED)
    return page.figure


def _two_lines(title: str) -> str:
    """A panel's title, cut where the panels would touch."""
    name, _, labels = title.rpartition(", ")
    return f"{shortened(name, 38)}\n{labels}"


KIND = Dots
