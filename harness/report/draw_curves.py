"""Draws curves in panels: means with their SD, incomplete points said, the legend outside."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from harness.report.figure_model import Curve, CurvePlot, Point
from harness.report.style import ACCENT, HUES, INK, MUTED, PAPER, Page, plain

LEFT, PANEL_HEIGHT, LEGEND_LINE = 0.62, 2.75, 0.2
MARK: dict[str, Any] = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (3, 2))}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
DASHES = ((0, ()), (0, (5, 2)), (0, (1.2, 1.4)), (0, (6, 2, 1.2, 2)), (0, (3, 1.2)))


def figure(plot: CurvePlot) -> Figure:
    """Panels side by side, the legend to their right."""
    names = _names(plot)
    panel = max(2.3, 5.6 / len(plot.panels))
    if len(plot.panels) == 1:
        panel = 4.4
    legend = 0.45 + 0.078 * max([len(plot.spread), *(len(curve.title) for curve in names)])
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


def style(number: int, reference: bool) -> dict[str, Any]:
    """Colour, marker and dashes of a line: distinct without the colour too."""
    if reference:
        return {"color": ACCENT, "marker": "o", "linestyle": "-", "lw": 2.0, "ms": 5.2}
    return {
        "color": HUES[number % len(HUES)],
        "marker": MARKERS[(number + 1) % len(MARKERS)],
        "linestyle": DASHES[(number + 1) % len(DASHES)],
        "lw": 1.2,
        "ms": 4.4,
        "mfc": PAPER if number % 2 else HUES[number % len(HUES)],
    }


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
    look = style(curve.style, curve.reference)
    x = np.array([point.x for point in curve.points])
    # A line breaks where a point has no mean: nothing may seem to be known there.
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
    """What a point without a place says: ``4/5`` at the lower edge, a mean beyond it at the upper.

    The line's marker, hollow, tells whose it is; ``above`` counts those that are there already.
    """
    look, step = style(curve.style, curve.reference), 0.045 * above
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
        Line2D([], [], label=curve.title, mec=look["color"], mew=1.0, **look)
        for curve in names
        for look in (style(curve.style, curve.reference),)
    ]
    shown += [Line2D([], [], label=name, **MARK) for _, name in plot.marks]
    page.figure.legend(
        handles=shown, loc="upper left", frameon=False, handlelength=3.2, labelspacing=0.45,
        bbox_to_anchor=(x / page.width, 1 - (page.top + 0.22) / page.height), borderaxespad=0,
    )  # fmt: skip
    below = page.top + 0.42 + LEGEND_LINE * (len(names) + len(plot.marks))
    page.text(x + 0.08, below, plot.spread, fontsize=7.5, color=MUTED)


def _names(plot: CurvePlot) -> list[Curve]:
    """One curve of every name, in the order of their styles."""
    found = {curve.style: curve for _, lines in reversed(plot.panels) for curve in lines}
    return [found[number] for number in sorted(found)]


def _room(places: list[float], log: bool) -> tuple[float, float]:
    low, high = min(places), max(places)
    if low == high:
        return (low / 2, high * 2) if log else (low - 1, high + 1)
    if log:
        room = (high / low) ** 0.06
        return low / room, high * room
    room = 0.07 * (high - low)
    return low - room, high + room
