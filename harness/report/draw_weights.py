"""Draws view weights: bars, and beside them the weights over the epochs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.draw_curves import DASHES, MARK, MARKERS
from harness.report.figure_model import WeightLine, WeightPlot
from harness.report.style import HUES, INK, MUTED, PAPER, Page, plain

LEFT, HEIGHT, WAYS = 0.62, 2.6, 4.9


def figure(plot: WeightPlot) -> Figure:
    """Bars to the left, ways to the right, the warning under both."""
    bars = max(1.9, 0.75 * len(plot.lines))
    width = LEFT + bars + 0.55 + WAYS + 0.25 + 0.07 * max(len(line.view) for line in plot.lines)
    warning = textwrap.wrap(plot.warning, int(width / 0.068))
    page = Page(width, 0.3 + HEIGHT + 0.6 + 0.16 * len(warning), plot.title, plot.stamps)
    left = page.axes(LEFT, 0.3, bars, HEIGHT)
    right = page.axes(LEFT + bars + 0.55, 0.3, WAYS, HEIGHT)
    for axes in (left, right):
        plain(axes)
        axes.set_ylim(0, 1.04)
        axes.axhline(1 / len(plot.lines), **MARK)
    _bars(left, plot)
    for line in plot.lines:
        _ways(right, line)
    _names(right, plot.lines)
    left.set_title(plot.note, fontsize=8.5, color=INK, pad=5)
    left.set_ylabel(plot.y_label, color=MUTED, fontsize=8)
    right.set_title(
        "the same weights over the epochs, every trial (dashed: equal weights)", fontsize=8.5, pad=5
    )
    right.set_xlabel("epoch", color=MUTED, fontsize=8)
    right.set_xlim(left=0)
    for i, text in enumerate(warning):
        page.text(0.06, page.top + HEIGHT + 0.88 + 0.16 * i, text, color=INK, fontsize=7.8)
    return page.figure


def _bars(axes: Axes, plot: WeightPlot) -> None:
    axes.set_xlim(-0.6, len(plot.lines) - 0.4)
    axes.set_xticks(range(len(plot.lines)), [line.view for line in plot.lines])
    axes.tick_params(axis="x", labelsize=8, labelcolor=INK)
    for x, line in enumerate(plot.lines):
        if line.mean is not None:
            sd = line.sd or 0.0
            axes.bar(
                [x], [line.mean], 0.62, yerr=[[sd], [sd]] if sd else None, color=PAPER, lw=1.1,
                edgecolor=INK, hatch=("", "///", "...", "xxx", "\\\\\\", "++")[x % 6], capsize=3,
                error_kw={"elinewidth": 1.2, "ecolor": INK},
            )  # fmt: skip
        places = [x + 0.38] * len(line.values)
        axes.plot(places, line.values, "o", ms=2.8, mfc=MUTED, mec="none", clip_on=False)


def _ways(axes: Axes, line: WeightLine) -> None:
    colour, marker = HUES[line.style % len(HUES)], MARKERS[line.style % len(MARKERS)]
    for way, chosen in line.ways:
        dashes = DASHES[line.style % len(DASHES)]
        axes.plot(range(1, len(way) + 1), way, color=colour, linestyle=dashes, lw=1.0)
        if 0 < chosen <= len(way):
            axes.plot([chosen], [way[chosen - 1]], marker, ms=5, mfc=PAPER, mec=colour, mew=1.2)


def _names(axes: Axes, lines: Sequence[WeightLine]) -> None:
    """The views' names where their longest ways end, moved apart where these meet."""
    ends = [(max((way for way, _ in line.ways), key=len), line) for line in lines if line.ways]
    y = -1.0
    for way, line in sorted(ends, key=lambda end: end[0][-1]):
        y = max(y + 0.06, way[-1])
        axes.annotate(
            line.view, (1, y), xycoords=("axes fraction", "data"), xytext=(4, 0), va="center",
            textcoords="offset points", fontsize=7.5, color=HUES[line.style % len(HUES)],
            annotation_clip=False,
        )  # fmt: skip
