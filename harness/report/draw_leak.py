"""Draws what a leak is worth: dots with intervals, their values printed beside them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.draw_curves import MARKERS
from harness.report.figure_model import Gain, LeakPlot
from harness.report.style import ACCENT, HUES, INK, MUTED, PAPER, RULE, Page, plain

HEADING, STEP, AIR = 0.24, 0.16, 0.1  # inches: a heading, a dot, the air around a method
TOP, LEGEND_LINE = 0.3, 0.18
LETTER = 0.078


def figure(plot: LeakPlot) -> Figure:
    """Panels side by side over the same lines; the values stand to the right of each panel."""
    side = max(1.9, LETTER * max((len(line.title) for line in plot.lines), default=0) + 0.15)
    beside = 0.15 + 0.065 * max([5, *(len(g.text) for g in _gains(plot))])
    panel = max(2.5, 4.8 / max(len(plot.panels), 1))
    width = side + (panel + beside) * len(plot.panels)
    width = max(
        width,
        min(7.0, 0.4 + 0.085 * len(plot.title)),
        *(min(7.0, 0.4 + LETTER * len(s)) for s in plot.stamps),
    )
    heights = [STEP * len(plot.others) + AIR if line.cells else HEADING for line in plot.lines]
    body = sum(heights)
    page = Page(width, TOP + body + 0.65 + LEGEND_LINE * len(plot.others), plot.title, plot.stamps)
    middles = [sum(heights[:i]) + height / 2 for i, height in enumerate(heights)]
    for line, middle in zip(plot.lines, middles, strict=True):
        y = page.top + TOP + middle
        if line.cells:
            page.text(side - 0.1, y, line.title, ha="right")
        else:
            page.text(0.06, y, line.title, color=MUTED, fontsize=7.5)
    for i, title in enumerate(plot.panels):
        axes = page.axes(side + i * (panel + beside), TOP, panel, body)
        _frame(axes, plot, title, body)
        for line, middle in zip(plot.lines, middles, strict=True):
            if line.cells:
                axes.axhline(middle, color=RULE, lw=0.5, zorder=0)
                for k, gain in enumerate(line.cells[i]):
                    y = middle + STEP * (k - (len(plot.others) - 1) / 2)
                    _gain(axes, gain, y, k)
    page.text(side, page.top + TOP + body + 0.4, plot.x_label, color=MUTED)
    for k, other in enumerate(plot.others):
        y = page.top + TOP + body + 0.62 + LEGEND_LINE * k
        handle = Line2D([side + 0.06], [page.height - y], marker=_marker(k), color=_hue(k), ms=5,
                        transform=page.figure.dpi_scale_trans)  # fmt: skip
        page.figure.add_artist(handle)
        page.text(side + 0.18, y, other, fontsize=7.5)
    return page.figure


def _frame(axes: Axes, plot: LeakPlot, title: str, body: float) -> None:
    plain(axes, grid=False)
    axes.set_xlim(*plot.limits)
    axes.set_ylim(body, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=6)
    axes.set_title(title, fontsize=8.5, color=INK, pad=5)
    axes.axvline(0, color=MUTED, lw=0.9, linestyle=(0, (3, 2)), zorder=1)


def _gain(axes: Axes, gain: Gain | None, y: float, k: int) -> None:
    colour = _hue(k)
    if gain is None:
        _beside(axes, "–", y, MUTED)
        return
    if gain.corrected is not None:
        axes.plot(gain.corrected, (y, y), color=colour, lw=0.8, marker="|", ms=4, zorder=2)
    if gain.plain is not None:
        axes.plot(gain.plain, (y, y), color=colour, lw=2.2, solid_capstyle="butt", zorder=3)
    fill = colour if gain.decided else PAPER
    axes.plot([gain.mean], [y], _marker(k), ms=4.8, mfc=fill, mec=colour, mew=1.1, zorder=4)
    _beside(axes, gain.text, y, colour)


def _beside(axes: Axes, text: str, y: float, colour: str) -> None:
    axes.annotate(
        text, (1, y), xycoords=("axes fraction", "data"), xytext=(4, 0),
        textcoords="offset points", va="center", fontsize=7, color=colour,
    )  # fmt: skip


def _hue(k: int) -> str:
    return (ACCENT, *HUES)[k % (1 + len(HUES))]


def _marker(k: int) -> str:
    return MARKERS[k % len(MARKERS)]


def _gains(plot: LeakPlot) -> list[Gain]:
    return [g for line in plot.lines for cells in line.cells for g in cells if g is not None]
