"""A heat map over two axes: one shade a cell, its number printed on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawn
from matplotlib.patches import Rectangle

from harness.layout import Axis, Value
from harness.report import format as fmt
from harness.report.kind import Kind, Part, caption_of, value_text
from harness.report.model import Block, Cell, Figure, Row, Table
from harness.report.style import INK, MUTED, RULE, Page

CELL_WIDTH, CELL_HEIGHT, LEFT = 1.0, 0.62, 0.85
LIGHT, DARK = (0.945, 0.955, 0.975), (0.09, 0.25, 0.45)
ON_LIGHT, ON_DARK = "#111214", "#ffffff"  # the cells keep their shades in dark mode; so does this


@dataclass(frozen=True)
class HeatCell:
    """One number of a heat map; ``mean`` None where it is not complete, ``text`` what is printed.

    ``tone``  place on the scale from 0, light, to 1, dark.
    """

    mean: float | None
    tone: float
    text: str


@dataclass(frozen=True, eq=False)
class HeatPlot(Figure):
    """A heat map with its numbers printed; ``cells[i][j]`` at x ``columns[j]``, y ``rows[i]``."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[HeatCell, ...], ...]
    x_label: str
    y_label: str
    scale: str

    def draw(self) -> Drawn:
        """Cells with their numbers; darker is higher."""
        return _drawn(self)


class Heat(Kind):
    """One heat map of the first value, and its numbers as a table, the highest line first."""

    axes = 2

    def blocks(self, part: Part) -> list[Block]:
        value, (across, up) = part.layout.values[0], part.layout.axes
        plot = heat_plot(part, value)
        xs, ys = (_places(part.table, axis) for axis in (across, up))
        rows = []
        for y, name, cells in zip(ys, plot.rows, plot.cells, strict=True):
            texts = [cell.text.replace("\n", "") for cell in cells]
            lines = [_at(part.table, (across, x), (up, y)) for x in xs]
            linked = (
                part.linked(text, line.iloc[0].to_dict()) if len(line) else Cell(text)
                for text, line in zip(texts, lines, strict=True)
            )
            rows.append(Row((Cell(f"{up.name} = {name}"), *linked)))
        heads = ("", *(f"{across.name} = {name}" for name in plot.columns))
        return [plot, Table.of(value.label, heads, rows[::-1], export="latex")]


def heat_plot(part: Part, value: Value) -> HeatPlot:
    """``value`` over two axes."""
    (across, up), table = part.layout.axes, part.table
    xs, ys = (_places(table, axis) for axis in (across, up))
    means = table[f"{value.column}_mean"]
    low, high = means.min(), means.max()
    cells = []
    for y in ys:
        line = [_at(table, (across, x), (up, y)) for x in xs]
        cells.append(tuple(_heat_cell(at, value, low, high) for at in line))
    scale = "no complete cell yet"
    if not np.isnan(low):
        scale = f"Darker is higher; all shades lie between {fmt.accuracy(low)} and "
        scale += f"{fmt.accuracy(high)}."
    several = bool(table["trials_expected"].max() > 1)
    caption = caption_of(table, part.layout, several, "Printed: mean ± SD over")
    return HeatPlot(
        stem=part.stem,
        **part.heading(value.label),
        columns=tuple(f"{across.shown(x):g}" for x in xs),
        rows=tuple(f"{up.shown(y):g}" for y in ys),
        cells=tuple(cells),
        x_label=across.label,
        y_label=up.label,
        scale=scale,
        caption=f"{caption} {part.note.what_varies}",
        description=f"Heat map of {value.label} on {part.note.title}; every number is printed.",
    )


def _places(table: pd.DataFrame, axis: Axis) -> list[float]:
    return sorted({float(place) for place in table[axis.column]})


def _at(table: pd.DataFrame, *places: tuple[Axis, float]) -> pd.DataFrame:
    """The line of ``table`` at a place on both axes; none where nothing was planned there."""
    for axis, place in places:
        table = table[table[axis.column] == place]
    return table


def _heat_cell(at: pd.DataFrame, value: Value, low: float, high: float) -> HeatCell:
    if len(at) == 0:
        return HeatCell(None, 0.0, "")
    mean = float(at.iloc[0][f"{value.column}_mean"])
    text = value_text(at, value).replace("±", "\n±")
    if np.isnan(mean):
        return HeatCell(None, 0.0, text)
    return HeatCell(mean, 0.5 if high == low else float((mean - low) / (high - low)), text)


def _drawn(plot: HeatPlot) -> Drawn:
    wide, high = CELL_WIDTH * len(plot.columns), CELL_HEIGHT * len(plot.rows)
    width = max(
        LEFT + wide + 0.3, min(7.0, 0.4 + 0.085 * len(plot.title)), 0.4 + 0.07 * len(plot.scale)
    )
    width = max(width, *(min(7.0, 0.4 + 0.075 * len(stamp)) for stamp in plot.stamps), 4.0)
    page = Page(width, 0.15 + high + 0.85, plot.title, plot.stamps)
    axes = page.axes(LEFT, 0.12, wide, high)
    axes.set_xlim(0, len(plot.columns))
    axes.set_ylim(0, len(plot.rows))
    axes.set_facecolor("none")
    for i, row in enumerate(plot.cells):
        for j, cell in enumerate(row):
            shade = [a + (b - a) * cell.tone for a, b in zip(LIGHT, DARK, strict=True)]
            empty = cell.mean is None
            axes.add_patch(
                Rectangle(
                    (j + 0.02, i + 0.03), 0.96, 0.94, lw=0.6, edgecolor=RULE,
                    facecolor="none" if empty else shade, hatch="///" if empty else None,
                )
            )  # fmt: skip
            colour = INK if empty else ON_DARK if cell.tone > 0.68 else ON_LIGHT
            axes.text(j + 0.5, i + 0.5, cell.text, ha="center", va="center", color=colour)
    axes.set_xticks([j + 0.5 for j in range(len(plot.columns))], plot.columns)
    axes.set_yticks([i + 0.5 for i in range(len(plot.rows))], plot.rows)
    axes.tick_params(length=0, labelsize=8, colors=MUTED)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xlabel(plot.x_label, color=MUTED)
    axes.set_ylabel(plot.y_label, color=MUTED)
    page.text(0.06, page.height - 0.16, plot.scale, color=MUTED, fontsize=7.5)
    return page.figure


KIND = Heat
