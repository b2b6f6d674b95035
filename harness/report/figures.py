"""Draws plots with matplotlib; those of ``struct.Plot`` here. Computes nothing but places on paper.

Greyscale carries the meaning (size, fill and shape); the one hue only repeats what is bold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report import draw_curves, draw_heat, draw_leak, draw_matrices, draw_weights
from harness.report.figure_model import (
    AnyPlot,
    CurvePlot,
    HeatPlot,
    LeakPlot,
    MatrixPlot,
    WeightPlot,
)
from harness.report.model import DotCell, ForestCell, Plot, PlotLine
from harness.report.style import ACCENT, DOT, INK, MUTED, PAPER, RULE, saved, shortened, wrapped

LONGEST = 48
"""Letters of a row's name in a figure; tables have the whole name."""
_LINE = 0.215  # inches: the height of one row


def render(plot: AnyPlot, kind: str) -> bytes:
    """The plot as ``svg``, ``pdf`` or ``png`` bytes; the same bytes for the same plot."""
    return saved(lambda: _DRAWN[type(plot)](plot), kind)


def _figure(plot: Plot) -> Figure:
    side, panel_width = _widths(plot)
    width = side + panel_width * len(plot.panels) + 0.1
    titles = wrapped(plot.title, width, 10)
    stamps = [line for stamp in plot.stamps for line in wrapped(stamp, width, 8)]
    top = 0.46 + 0.2 * len(titles) + 0.17 * len(stamps)
    height = top + _LINE * len(plot.lines) + 0.56
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    for i, line in enumerate(titles):
        y = 1 - (0.2 + 0.2 * i) / height
        figure.text(0.06 / width, y, line, fontsize=10, weight="bold", va="center")
    for i, line in enumerate(stamps):
        y = 1 - (0.2 + 0.2 * len(titles) + 0.17 * i) / height
        figure.text(0.06 / width, y, line, fontsize=8, weight="bold", color=MUTED, va="center")
    for i, panel in enumerate(plot.panels):
        left = (side + i * panel_width + 0.08) / width
        box = (left, 0.52 / height, (panel_width - 0.2) / width, _LINE * len(plot.lines) / height)
        axes = figure.add_axes(box)
        _frame(axes, plot, panel)
        for y, line in enumerate(plot.lines):
            cell = line.cells[i] if line.cells else None
            if cell is not None:
                _DRAW[plot.kind](axes, y, line, cell)
    _names(figure, plot, width, height)
    middle = (side + 0.5 * panel_width * len(plot.panels)) / width
    figure.text(middle, 0.12 / height, plot.x_label, ha="center", va="center", color=MUTED)
    return figure


def _widths(plot: Plot) -> tuple[float, float]:
    """Inches of the column of names and of one panel; a lone panel leaves room for the title."""
    longest = max((len(_name(line)) for line in plot.lines if line.cells), default=0)
    return max(1.95, 0.078 * longest + 0.1), max(2.75, 6.0 / max(len(plot.panels), 1))


def _name(line: PlotLine) -> str:
    return shortened(line.title, LONGEST)


def _frame(axes: Axes, plot: Plot, title: str) -> None:
    axes.set_xlim(*plot.limits)
    axes.set_ylim(len(plot.lines) - 0.5, -0.5)
    axes.set_title(title, fontsize=8.5, color=INK, pad=5)
    axes.set_facecolor("none")
    axes.set_yticks([])
    axes.tick_params(axis="x", colors=MUTED, length=3, labelsize=7.5)
    axes.locator_params(axis="x", nbins=5)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    for y, line in enumerate(plot.lines):
        if line.cells:
            axes.axhline(y, color=RULE, linewidth=0.5, zorder=0)
    if plot.limits[0] <= plot.mark <= plot.limits[1]:
        axes.axvline(plot.mark, color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
        # The first line is a heading, so its place in the panel is free.
        axes.text(plot.mark, 0, f" {plot.mark_label}", fontsize=7, color=MUTED, va="center")


def _names(figure: Figure, plot: Plot, width: float, height: float) -> None:
    for y, line in enumerate(plot.lines):
        at = (0.52 + _LINE * (len(plot.lines) - y - 0.5)) / height
        if line.heading:
            figure.text(0.06 / width, at, line.title, color=MUTED, va="center", fontsize=7.5)
        else:
            weight = "bold" if line.reference else "normal"
            figure.text(
                (_widths(plot)[0] - 0.02) / width, at, _name(line), ha="right", va="center",
                color=ACCENT if line.reference else INK, weight=weight,
            )  # fmt: skip


def _dots(axes: Axes, y: int, line: PlotLine, cell: DotCell) -> None:
    colour = ACCENT if line.reference else INK
    axes.plot(cell.values, [y + 0.3] * len(cell.values), "o", ms=2.4, mfc=DOT, mec="none", zorder=2)
    if cell.mean is not None:
        if cell.sd is not None:
            ends = (cell.mean - cell.sd, cell.mean + cell.sd)
            axes.plot(ends, (y, y), color=colour, lw=1.5, zorder=3, solid_capstyle="butt")
        axes.plot(
            [cell.mean], [y], "o", ms=5.2, zorder=4, mec=colour, mew=1.2,
            mfc=PAPER if line.ceiling else colour,
        )  # fmt: skip
    if cell.published is not None:
        axes.plot([cell.published[0]], [y - 0.3], "D", ms=3, mfc=PAPER, mec=INK, mew=0.8, zorder=5)
    _note(axes, y, cell.note)


def _forest(axes: Axes, y: int, line: PlotLine, cell: ForestCell) -> None:
    if cell.corrected is not None:
        axes.plot(cell.corrected, (y, y), color=INK, lw=0.8, zorder=2, marker="|", ms=4)
    if cell.plain is not None:
        axes.plot(cell.plain, (y, y), color=INK, lw=2.4, zorder=3, solid_capstyle="butt")
    fill = INK if cell.decided else PAPER
    axes.plot([cell.mean], [y], "o", ms=5.4, mfc=fill, mec=INK, mew=1.1, zorder=4)
    _note(axes, y, cell.note)


def _note(axes: Axes, y: int, note: str) -> None:
    if note:
        axes.annotate(
            note, (1, y), xycoords=("axes fraction", "data"), ha="right", va="center",
            fontsize=7.5, color=INK, style="italic", zorder=6,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip


_DRAW: dict[str, Callable] = {"dots": _dots, "forest": _forest}
_DRAWN: dict[type, Callable[[Any], Figure]] = {
    Plot: _figure,
    CurvePlot: draw_curves.figure,
    HeatPlot: draw_heat.figure,
    WeightPlot: draw_weights.figure,
    MatrixPlot: draw_matrices.figure,
    LeakPlot: draw_leak.figure,
}
