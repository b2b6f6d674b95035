"""Accuracy against cost: a point a row, and the line of those that none beats in both.

Cost is the time of a trial: all its candidates and stages, on one core, or on the device that the
table of costs names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn
from matplotlib.lines import Line2D

from harness.report import cost, places
from harness.report import format as fmt
from harness.report.kind import Part
from harness.report.marks import Mark, mark_of
from harness.report.model import Figure
from harness.report.style import INK, MARK, MUTED, Page, plain, shortened

LEFT, HEIGHT, PANEL, LEGEND_LINE, LONGEST = 0.62, 3.0, 3.0, 0.19, 40


@dataclass(frozen=True)
class Point:
    """A row: ``seconds`` of a trial, ``accuracy`` its mean; ``front``: no row beats it in both."""

    name: str
    mark: Mark
    seconds: float
    accuracy: float
    link: str
    front: bool


@dataclass(frozen=True, eq=False)
class ParetoPlot(Figure):
    """A panel for each share of labels; ``panels`` are a title and its points."""

    panels: tuple[tuple[str, tuple[Point, ...]], ...]

    def draw(self) -> Drawn:
        """Panels side by side, names to their right."""
        return _drawn(self)

    def explore(self) -> dict[str, Any]:
        panels = [
            {"title": title, "lines": [_line(p) for p in points]} for title, points in self.panels
        ]
        words = {"x": "time of a trial, in seconds", "y": "mean test accuracy", "unit": "s"}
        return words | {"log": True, "joined": False, "text": self.title, "panels": panels}


def _line(point: Point) -> dict[str, Any]:
    at = {"x": max(point.seconds, 1e-3), "y": point.accuracy, "link": point.link}
    return {"name": point.name, "mark": point.mark.plain(), "points": [at]}


def plot(part: Part, summary: pd.DataFrame) -> ParetoPlot | None:
    """``summary``  of cells (``statistics.summarise``). None with fewer than two complete rows.

    Upper bounds are left out: they have all labels.
    """
    own = summary[summary["dataset"] == part.note.key].dropna(subset=["mean", "seconds_per_trial"])
    bounds = set(part.trials.loc[part.trials["all_labels"].astype(bool), "row_key"])
    own = own.loc[[index[1] not in bounds for index in own.index]]
    panels = []
    for column in part.columns:
        lines = own[own["label_percent"] == column.percent]
        points = [
            (
                part.names[str(index[1])],
                mark_of(str(index[1])),
                float(s),
                float(m),
                _link(part, index),
            )
            for index, s, m in zip(
                lines.index, lines["seconds_per_trial"], lines["mean"], strict=True
            )
        ]
        panels.append((column.long, tuple(Point(*p, _front(p, points)) for p in points)))
    if max((len(points) for _, points in panels), default=0) < 2:
        return None
    warning = cost.comparable(part.trials)
    return ParetoPlot(
        stem=f"cost_{part.note.anchor}",
        title=f"{part.note.title}: test accuracy against the time of a trial",
        stamps=part.stamps,
        caption="Mean test accuracy against the mean time of a trial, which counts all its "
        "candidates and stages. Dashed: rows that no other row beats in both."
        + (f" {warning}" if warning else ""),
        description=f"Accuracy against cost on {part.note.title}; the numbers are in the tables.",
        panels=tuple(panels),
    )


def _link(part: Part, index: Any) -> str:
    return places.link(part.note.anchor, {"row_key": index[1], "label_percent": index[2]})


Line = tuple[str, Mark, float, float, str]


def _front(point: Line, points: list[Line]) -> bool:
    """Whether no other row is at least as good in both and better in one."""
    _, _, seconds, accuracy, _ = point
    return not any(
        s <= seconds and a >= accuracy and (s < seconds or a > accuracy) for _, _, s, a, _ in points
    )


def _drawn(plot: ParetoPlot) -> Drawn:
    names: dict[tuple[str, Mark], None] = {}
    for _, points in plot.panels:
        names |= dict.fromkeys((p.name, p.mark) for p in sorted(points, key=lambda p: -p.accuracy))
    longest = max((len(shortened(name, LONGEST)) for name, _ in names), default=0)
    width = LEFT + PANEL * len(plot.panels) + 0.35 + 0.075 * longest
    body = max(0.3 + HEIGHT + 0.55, 0.4 + LEGEND_LINE * (len(names) + 1))
    page = Page(max(width, min(7.0, 0.4 + 0.082 * len(plot.title))), body, plot.title, plot.stamps)
    seen = [p.accuracy for _, points in plot.panels for p in points]
    room = 0.06 * (max(seen) - min(seen)) + 0.005
    for i, (title, points) in enumerate(plot.panels):
        axes = page.axes(LEFT + i * PANEL, 0.3, PANEL - 0.25, HEIGHT)
        plain(axes)
        axes.set_title(title, fontsize=8.5, color=INK, pad=5)
        axes.set_ylim(min(seen) - room, max(seen) + room)
        _panel(axes, points)
        if i == 0:
            axes.set_ylabel("mean test accuracy", color=MUTED, fontsize=8)
        else:
            axes.tick_params(labelleft=False)
    middle = LEFT + 0.5 * PANEL * len(plot.panels) - 0.1
    below = page.top + 0.3 + HEIGHT + 0.4
    page.text(middle, below, "time of a trial (log scale)", ha="center", color=MUTED)
    shown = [_handle(shortened(name, LONGEST), mark) for name, mark in names]
    page.figure.legend(
        handles=shown, loc="upper left", frameon=False, handlelength=1.0, labelspacing=0.4,
        bbox_to_anchor=((LEFT + PANEL * len(plot.panels)) / page.width,
                        1 - (page.top + 0.22) / page.height),
        borderaxespad=0, fontsize=8,
    )  # fmt: skip
    return page.figure


def _panel(axes: Axes, points: tuple[Point, ...]) -> None:
    if not points:
        return
    axes.set_xscale("log")
    times = np.array([max(p.seconds, 1e-3) for p in points])
    low, high = times.min(), times.max()
    room = max((high / low) ** 0.08, 1.2)
    axes.set_xlim(low / room, high * room)
    places = [t for t in _TICKS if low / room <= t <= high * room]
    places = places[:: max(1, -(-len(places) // 5))] or [float(low)]
    axes.set_xticks(places, [fmt.seconds(t).replace(".00", "") for t in places])
    axes.minorticks_off()
    front = sorted((p for p in points if p.front), key=lambda p: p.seconds)
    axes.plot([max(p.seconds, 1e-3) for p in front], [p.accuracy for p in front], **MARK)
    for point, at in zip(points, times, strict=True):
        axes.plot([at], [point.accuracy], **_look(point.mark), zorder=3)


_TICKS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 7200, 18000,
    36000, 86400,
)  # fmt: skip
"""Seconds."""


def _look(mark: Mark) -> dict[str, Any]:
    return {
        "marker": mark.marker, "ls": "none", "ms": 6, "mec": mark.colour, "mew": 1.1,
        "mfc": mark.line()["mfc"],
    }  # fmt: skip


def _handle(name: str, mark: Mark) -> Line2D:
    return Line2D([], [], label=name, **_look(mark))
