"""View weights: bars of the chosen epoch, and beside them the weights over the epochs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from harness.analysis.figure_arrays import Weights
from harness.report import format as fmt
from harness.report.colours import HUES
from harness.report.kind import Kind, Part
from harness.report.marks import DASHES, MARKERS
from harness.report.model import Block, Figure, Table
from harness.report.style import (
    INK,
    MARK,
    MUTED,
    PAPER,
    Page,
    plain,
    shortened,
)

LEFT, HEIGHT, TRAJECTORIES, LABEL = 0.62, 2.6, 4.9, 0.2
NAMED = 16
"""Views that are named beside their lines."""


@dataclass(frozen=True)
class WeightLine:
    """One view: a bar with its trials, and the trajectory of its weight in every trial.

    ``trajectories``  per trial (weights by epoch, the selected epoch).
    """

    view: str
    style: int
    values: tuple[float, ...]
    mean: float | None
    sd: float | None
    trajectories: tuple[tuple[tuple[float, ...], int], ...]


@dataclass(frozen=True, eq=False)
class WeightPlot(Figure):
    """Bars of view weights, and beside them the same weights over the epochs."""

    lines: tuple[WeightLine, ...]
    y_label: str
    note: str
    warning: str

    def draw(self) -> Drawn:
        """Bars at the left, trajectories at the right, the warning under both."""
        return _drawn(self)


class ViewWeights(Kind):
    """Bars, and beside them the weights over the epochs."""

    def blocks(self, part: Part) -> list[Block]:
        plot = weight_plot(part)
        return [plot, weight_table(plot)]

    def files(self) -> dict[str, pd.DataFrame]:
        """The weights of the chosen epochs, and those of all epochs."""
        names = {note.key: note.view_names for note in self.given.meta.datasets}
        shown = [(weights, names[weights.dataset]) for weights in self.given.shown.weights]
        return {
            f"{self.given.meta.protocol}.csv": _stacked([weights_csv([w], v) for w, v in shown]),
            "epochs.csv": _stacked([trajectories_csv([w], v) for w, v in shown]),
        }


def weight_plot(part: Part) -> WeightPlot:
    """Bars and trajectories of the weights of every view; no mean if a planned trial has none."""
    trials, weights, value = part.trials, part.shown.weights, part.layout.values[0]
    complete = len(weights) == len(trials)
    lines = []
    for v, view in enumerate(part.note.view_names):
        values = tuple(float(trial.final[v]) for trial in weights)
        mean = float(np.mean(values)) if complete else None
        sd = float(np.std(values, ddof=1)) if complete and len(weights) > 1 else None
        curves = tuple((tuple(trial.curve[:, v].tolist()), trial.epoch) for trial in weights)
        lines.append(WeightLine(view, v, values, mean, sd, curves))
    amount = fmt.labelled(trials.iloc[0])
    spread = f"mean ± SD over {len(weights)} trials" if len(weights) > 1 else "one trial, no SD"
    return WeightPlot(
        stem=part.stem,
        **part.heading(f"{value.label}, {amount} labelled"),
        lines=tuple(lines),
        y_label=value.label,
        note=spread if complete else f"{len(weights)}/{len(trials)} trials: no mean",
        warning=part.layout.warning,
        caption=f"{part.layout.shows} Bars: {spread}; dots: trials. A marker on a line is the "
        "chosen epoch of that trial; training continued until patience or epochs ran out. "
        + part.note.what_varies,
        description=f"View weights on {part.note.title}; the numbers are in the table.",
    )


def weight_table(plot: WeightPlot) -> Table:
    """The bars' numbers, with the weights after the first and the last epoch."""
    lines = []
    for line in plot.lines:
        ends = [[weights[i] for weights, _ in line.trajectories] for i in (0, -1)]
        lines.append(
            (
                line.view,
                fmt.mean_sd(line.mean, line.sd) or plot.note,
                *(fmt.interval(min(end), max(end)) if end else "" for end in ends),
                fmt.runs({epoch for _, epoch in line.trajectories}),
            )
        )
    heads = ("View", "λ, chosen epoch", "first epoch", "last epoch", "chosen epochs")
    return Table.of(plot.y_label, heads, lines, note=plot.warning, export="latex")


def weights_csv(weights: Sequence[Weights], names: Sequence[str]) -> pd.DataFrame:
    """A line per trial and view: the weight of the chosen epoch."""
    return pd.DataFrame(
        [
            {"dataset": trial.dataset, "trial": trial.trial, "view": view, "epoch": trial.epoch,
             "weight": float(trial.final[v])}
            for trial in weights
            for v, view in enumerate(names)
        ],
        columns=["dataset", "trial", "view", "epoch", "weight"],
    )  # fmt: skip


def trajectories_csv(weights: Sequence[Weights], names: Sequence[str]) -> pd.DataFrame:
    """A line per trial, view and epoch."""
    return pd.DataFrame(
        [
            {"dataset": trial.dataset, "trial": trial.trial, "view": view, "epoch": epoch,
             "weight": float(weight)}
            for trial in weights
            for v, view in enumerate(names)
            for epoch, weight in enumerate(trial.curve[:, v], start=1)
        ],
        columns=["dataset", "trial", "view", "epoch", "weight"],
    )  # fmt: skip


def _stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else weights_csv([], ())


def _drawn(plot: WeightPlot) -> Drawn:
    bars = max(1.9, min(0.75 * len(plot.lines), 9.0))
    width = (
        LEFT
        + bars
        + 0.55
        + TRAJECTORIES
        + 0.25
        + 0.07 * max(len(_name(line)) for line in plot.lines)
    )
    warning = textwrap.wrap(plot.warning, int(width / 0.068))
    below = _label_height(plot, bars)
    body = 0.3 + HEIGHT + 0.4 + below + 0.16 * len(warning)
    page = Page(width, body, plot.title, plot.stamps)
    left = page.axes(LEFT, 0.3, bars, HEIGHT)
    right = page.axes(LEFT + bars + 0.55, 0.3, TRAJECTORIES, HEIGHT)
    for axes in (left, right):
        plain(axes)
        axes.set_ylim(0, 1.04)
        axes.axhline(1 / len(plot.lines), **MARK)
    _bars(left, plot, upright=below > LABEL)
    for line in plot.lines:
        _trajectories(right, line)
    _names(right, plot.lines)
    left.set_title(plot.note, fontsize=8.5, color=INK, pad=5)
    left.set_ylabel(plot.y_label, color=MUTED, fontsize=8)
    right.set_title(
        "the same weights over the epochs, every trial (dashed: equal weights)", fontsize=8.5, pad=5
    )
    right.set_xlabel("epoch", color=MUTED, fontsize=8)
    right.set_xlim(left=0)
    for i, text in enumerate(warning):
        page.text(0.06, page.top + HEIGHT + 0.68 + below + 0.16 * i, text, color=INK, fontsize=7.8)
    return page.figure


def _bars(axes: Axes, plot: WeightPlot, *, upright: bool) -> None:
    axes.set_xlim(-0.6, len(plot.lines) - 0.4)
    axes.set_xticks(range(len(plot.lines)), [_name(line) for line in plot.lines])
    axes.tick_params(axis="x", labelsize=8, labelcolor=INK, labelrotation=90 if upright else 0)
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


def _trajectories(axes: Axes, line: WeightLine) -> None:
    colour, marker = HUES[line.style % len(HUES)], MARKERS[line.style % len(MARKERS)]
    for weights, chosen in line.trajectories:
        dashes = DASHES[line.style % len(DASHES)]
        axes.plot(range(1, len(weights) + 1), weights, color=colour, linestyle=dashes, lw=1.0)
        if 0 < chosen <= len(weights):
            axes.plot([chosen], [weights[chosen - 1]], marker, ms=5, mfc=PAPER, mec=colour, mew=1.2)


def _name(line: WeightLine) -> str:
    return shortened(line.view, 24)


def _label_height(plot: WeightPlot, bars: float) -> float:
    """Inches below the bars: names stand upright where they would touch side by side."""
    longest = max(len(_name(line)) for line in plot.lines)
    return LABEL if 0.075 * (longest + 1) < bars / len(plot.lines) else 0.1 + 0.072 * longest


def _names(axes: Axes, lines: Sequence[WeightLine]) -> None:
    """The views' names where their longest lines end, moved apart where these meet.

    Of many views those with the highest weights are named; the table has all.
    """
    ends = [
        (max((weights for weights, _ in line.trajectories), key=len)[-1], line)
        for line in lines
        if line.trajectories
    ]
    ends = sorted(ends, key=lambda end: end[0])[-NAMED:]
    y, top = -1.0, 1.0 - 0.06 * len(ends)
    for end, line in ends:
        top += 0.06  # room for the names above it
        y = max(y + 0.06, min(end, top))
        axes.annotate(
            _name(line), (1, y), xycoords=("axes fraction", "data"), xytext=(4, 0), va="center",
            textcoords="offset points", fontsize=7.5, color=HUES[line.style % len(HUES)],
            annotation_clip=False,
        )  # fmt: skip


KIND = ViewWeights
