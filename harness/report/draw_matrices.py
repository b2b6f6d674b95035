"""Draws matrices as images side by side: the same rows, the same columns, one diverging scale."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from harness.report.figure_model import MatrixPlot
from harness.report.style import INK, MUTED, RULE, Page

STOPS = ("#081d3f", "#2f5c94", "#8a8f96", "#d8a860", "#fff3c4")
"""Blue below, grey at zero, ochre above; lightness rises all the way, so grey print keeps signs."""
LEFT, HEIGHT = 0.75, 3.6


def scale() -> LinearSegmentedColormap:
    """The diverging scale."""
    return LinearSegmentedColormap.from_list("signed", STOPS)


def figure(plot: MatrixPlot) -> Figure:
    """One image a panel, the colour bar at the right."""
    panel = min(1.75, max(1.15, 8.2 / len(plot.panels)))
    width = LEFT + panel * len(plot.panels) + 0.95
    width = max(width, min(7.0, 0.4 + 0.085 * len(plot.title)))
    page = Page(width, 0.5 + HEIGHT + 0.62, plot.title, plot.stamps)
    colours, norm = scale(), Normalize(-plot.limit, plot.limit)
    for i, (title, below, values) in enumerate(plot.panels):
        axes = page.axes(LEFT + i * panel, 0.5, panel - 0.12, HEIGHT)
        axes.imshow(
            np.asarray(values), cmap=colours, norm=norm, aspect="auto", interpolation="nearest"
        )
        axes.set_title(f"{title}\n{below}", fontsize=7.8, color=INK, pad=5)
        axes.set_xticks([])
        axes.set_yticks([])
        for _, first, _ in plot.groups[1:]:
            axes.axhline(first - 0.5, color="#ffffff", lw=0.9)
        for side in axes.spines.values():
            side.set_color(RULE)
        if i == 0:
            middles = [(first + last) / 2 for _, first, last in plot.groups]
            axes.set_yticks(middles, [name for name, _, _ in plot.groups])
            axes.tick_params(length=0, labelsize=7, colors=MUTED)
            axes.set_ylabel(plot.y_label, color=MUTED, fontsize=8)
    bar = page.axes(LEFT + panel * len(plot.panels) + 0.12, 0.5, 0.16, HEIGHT)
    made = page.figure.colorbar(ScalarMappable(norm, colours), cax=bar, extend="both")
    made.outline.set_edgecolor(RULE)
    bar.tick_params(labelsize=7, colors=MUTED, length=2)
    bar.set_title(plot.scale, fontsize=7, color=MUTED, pad=4)
    middle = LEFT + 0.5 * panel * len(plot.panels)
    page.text(middle, page.height - 0.28, plot.x_label, ha="center", color=MUTED)
    return page.figure
