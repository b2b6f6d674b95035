"""Draws a heat map: one shade a cell, its number printed on it."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.report.figure_model import HeatPlot
from harness.report.style import INK, MUTED, RULE, Page

CELL_WIDTH, CELL_HEIGHT, LEFT = 1.0, 0.62, 0.85
LIGHT, DARK = (0.945, 0.955, 0.975), (0.09, 0.25, 0.45)
ON_LIGHT, ON_DARK = "#111214", "#ffffff"  # the cells keep their shades in dark mode; so does this


def figure(plot: HeatPlot) -> Figure:
    """Cells with their numbers; darker is higher."""
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
