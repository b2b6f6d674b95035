"""Accuracy gained under a leaky split: dots with intervals, values printed beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn
from matplotlib.lines import Line2D

from harness.analysis.leakage import AXIS, leaks
from harness.report import format as fmt
from harness.report.captions import BLOCKS
from harness.report.kind import ENDS, Kind, Part, interval_of
from harness.report.marks import MARKERS
from harness.report.meta import SplitNote
from harness.report.model import Block, Cell, Figure, Row, Table
from harness.report.style import (
    ACCENT,
    HUES,
    INK,
    MUTED,
    PAPER,
    RULE,
    Page,
    plain,
    shortened,
)

DECIDED = ("higher", "lower")
HEADING, STEP, AIR = 0.24, 0.16, 0.1  # inches: a heading, a dot, the air around a method
TOP, LEGEND_LINE = 0.3, 0.18
LETTER = 0.078


@dataclass(frozen=True)
class Gain:
    """What one method gains, in points, under the leaky split over one other.

    ``plain``, ``corrected``  95 % intervals, None where there are none.   ``text`` what is printed.
    """

    mean: float
    plain: tuple[float, float] | None
    corrected: tuple[float, float] | None
    decided: bool
    text: str


@dataclass(frozen=True)
class GainLine:
    """A block's heading (no cells), or a method: ``cells[panel][split]``, None: not complete."""

    title: str
    cells: tuple[tuple[Gain | None, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class LeakPlot(Figure):
    """Gains as dots with intervals, a panel per share of labels, a marker for every other split.

    ``others``  what each marker stands for.
    """

    panels: tuple[str, ...]
    lines: tuple[GainLine, ...]
    others: tuple[str, ...]
    x_label: str
    limits: tuple[float, float]

    def draw(self) -> Drawn:
        """Panels side by side over the same lines; the values stand to the right of each panel."""
        return _drawn(self)


class Leak(Kind):
    """Accuracy under the leakiest split minus that under every other."""

    axes = 1
    lead_title = "Points gained, most labels"
    shared = "Under one split, all rows share splits, labels and hidden entries trial by trial."

    def compare(self) -> pd.DataFrame:
        notes = self.given.meta.datasets
        ratios = {note.key: {s.name: s.ratio for s in note.splits} for note in notes}
        return leaks(self.given.trials, ratios)

    def files(self) -> dict[str, pd.DataFrame]:
        return {f"{self.given.meta.protocol}.csv": self.compared}

    def lead(self, part: Part) -> tuple[str, ...]:
        return _lead(part)

    def comparisons(self, part: Part) -> tuple[Block, ...]:
        return ()  # the tables of blocks() have them

    def blocks(self, part: Part) -> list[Block]:
        return [leak_plot(part), *leak_tables(part)]


def leak_plot(part: Part) -> LeakPlot:
    """Methods by paradigm; a method has a dot for every split that is compared."""
    leaky, *others = part.note.splits
    gains, lines = part.compared, []
    for block, own in gains.groupby("paradigm", sort=False):
        lines.append(GainLine(BLOCKS.get(str(block), str(block))))
        for _, row in own.groupby("row_key", sort=False):
            cells = tuple(
                tuple(_gain(row, c.percent, s.name) for s in others) for c in part.columns
            )
            lines.append(GainLine(str(row["row"].iloc[0]), cells))
    ends = 100 * gains[["difference", *ENDS]].to_numpy(float).clip(-1, 1)
    ends = np.append(ends[np.isfinite(ends)], 0.0)
    room = 0.05 * float(np.ptp(ends)) + 0.5
    return LeakPlot(
        stem=part.stem,
        **part.heading(f"accuracy gained under the split “{leaky.name}”"),
        panels=tuple(column.long for column in part.columns),
        lines=tuple(lines),
        others=tuple(
            f"{leaky.name} minus {s.name}: rows of {_groups(leaky, s)} on both sides"
            for s in others
        ),
        x_label=f"points of test accuracy gained under the split “{leaky.name}”",
        limits=(float(ends.min()) - room, float(ends.max()) + room),
        caption="Markers: mean of the differences of trials. Bars: its 95 % interval, thick: t; "
        "thin: corrected for training sets that overlap. Filled: zero lies outside the widest "
        "interval and Holm’s p is at most .05; hollow: undecided. " + part.note.what_varies,
        description=f"Gains of a leaky split on {part.note.title}; the numbers are in the tables.",
    )


def leak_tables(part: Part) -> list[Table]:
    """Accuracies under both splits and their difference, a table for each share of labels."""
    gains = part.compared
    if len(gains) == 0:
        return []
    heads = (
        "", "Compared with", f"Under {gains['leaky_split'].iloc[0]}", "Under the other",
        "Points gained", "95 % interval", "Corrected", "p (Holm)", "Pairs",
    )  # fmt: skip
    tables = []
    for column in part.columns:
        rows = []
        for key in dict.fromkeys(gains["row_key"]):
            own = gains[(gains["row_key"] == key) & (gains["label_percent"] == column.percent)]
            for i, line in enumerate(own.to_dict("records")):
                first = Cell(line["row"] if i == 0 else "")
                rows.append(Row((first, *_numbers(part, line)), key=str(key)))
        title = f"Test accuracy, {column.long}"
        tables.append(Table.of(title, heads, rows, left=2, export="latex"))
    return tables


def _lead(part: Part) -> tuple[str, ...]:
    """Least and most gain over the methods: most labels, the split that leaks least; or ()."""
    gains, columns, note = part.compared, part.columns, part.note
    if not columns or len(note.splits) < 2:
        return ()
    leaky, least = note.splits[0], note.splits[-1]
    own = gains[(gains["label_percent"] == columns[-1].percent) & (gains["split"] == least.name)]
    own = own.dropna(subset=["difference"])
    if len(own) == 0:
        return ()
    ends = dict.fromkeys((own["difference"].idxmin(), own["difference"].idxmax()))
    gained = [_worth(own.loc[i]) for i in ends]
    where = f"the simulated copy of {note.title}" if note.kind == "simulated" else note.title
    return (
        f"On {where}, {columns[-1].title}: rows of {_groups(leaky, least)} on both sides change "
        f"test accuracy by {' to '.join(gained)} ({leaky.name} minus {least.name}), decided "
        f"for {own['decision'].isin(DECIDED).sum()} of {fmt.plural(len(own), 'method')}.",
    )


def _gain(row: pd.DataFrame, percent: float, split: str) -> Gain | None:
    at = row[(row["label_percent"] == percent) & (row["split"] == split)]
    if len(at) == 0 or pd.isna(at["difference"].iloc[0]):
        return None
    line = at.iloc[0]

    def in_points(prefix: str = "") -> tuple[float, float] | None:
        ends = interval_of(line, prefix)
        return None if ends is None else (100 * ends[0], 100 * ends[1])

    short = f" ({_pairs(line)})" if line["pairs"] < line["pairs_expected"] else ""
    return Gain(
        mean=100 * float(line["difference"]),
        plain=in_points(),
        corrected=in_points("corrected_"),
        decided=line["decision"] in DECIDED,
        text=fmt.points(line["difference"]) + short,
    )


def _numbers(part: Part, line: dict[Any, Any]) -> tuple[Cell, ...]:
    at = {"row_key": line["row_key"], "label_percent": line["label_percent"]}
    texts = (
        fmt.points(line["difference"]),
        fmt.interval(line["low"], line["high"], fmt.points),
        fmt.interval(line["corrected_low"], line["corrected_high"], fmt.points),
        fmt.p_value(line["t_p_holm"]),
        _pairs(line),
    )
    return (
        Cell(line["split"]),
        part.linked(fmt.mean_or_progress(line, "leaky_"), at | {AXIS: line["leaky_split"]}),
        part.linked(fmt.mean_or_progress(line), at | {AXIS: line["split"]}),
        *map(Cell, texts),
    )


def _worth(line: pd.Series) -> str:
    """``13.2 points (SVM, 95 % interval +8.0 to +18.1)``, by the widest interval there is."""
    low, high = np.nanmin([*line[ENDS[::2]], np.inf]), np.nanmax([*line[ENDS[1::2]], -np.inf])
    span = fmt.interval(low, high, fmt.points) if np.isfinite(low) else ""
    more = f", 95 % interval {span}" if span else ""
    return f"{fmt.points(line['difference'])} points ({line['row']}{more})"


def _groups(leaky: SplitNote, other: SplitNote) -> str:
    """Groups that only the leaky split puts on both sides: ``one person and one recording``."""
    return " and ".join(f"one {name}" for name in leaky.leaks if name not in other.leaks)


def _pairs(line: Any) -> str:
    return f"{line['pairs']}/{line['pairs_expected']}"


def _drawn(plot: LeakPlot) -> Drawn:
    names = [shortened(line.title, 48) for line in plot.lines]
    side = max(1.9, LETTER * max(map(len, names), default=0) + 0.15)
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
            page.text(side - 0.1, y, shortened(line.title, 48), ha="right")
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
                    _draw_gain(axes, gain, y, k)
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


def _draw_gain(axes: Axes, gain: Gain | None, y: float, k: int) -> None:
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


KIND = Leak
