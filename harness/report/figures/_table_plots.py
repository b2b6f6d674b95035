"""The two figures under a table: all trials of every cell, and paired differences.

Greyscale carries the meaning (size, fill and shape); the one hue only repeats what is bold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report import format as fmt
from harness.report.meta import DatasetNote
from harness.report.model import Block, Column, DotCell, ForestCell, Plot, PlotLine
from harness.report.style import (
    ACCENT,
    DOT,
    INK,
    MUTED,
    PAPER,
    RULE,
    shortened,
    wrapped,
)

LONGEST = 48
"""Letters of a row's name in a figure; tables have the whole name."""
_LINE = 0.215  # inches: the height of one row


class TablePlot(Plot):
    """A plot of a table, which can be drawn."""

    def draw(self) -> Figure:
        """The figure, drawn."""
        return _figure(self)


def dot_plot(
    note: DatasetNote,
    stamps: tuple[str, ...],
    trials: pd.DataFrame,
    summary: pd.DataFrame,
    columns: Sequence[Column],
    blocks: Sequence[Block],
) -> Plot:
    """All trials of every cell as dots, with mean and SD where the cell is complete."""
    ok = trials[trials["status"] == "ok"]

    def cell(key: str, ceiling: bool, percent: float) -> DotCell | None:
        own = summary.loc[[index[1] == key for index in summary.index]]
        at = own[own["label_percent"] == percent]
        if len(at) == 0 and ceiling and len(own) == 1:
            at = own
        if len(at) == 0:
            return None
        line = at.iloc[0]
        mine = (ok["row_key"] == key) & (ok["label_percent"] == line["label_percent"])
        return _dots(ok.loc[mine, "accuracy"].to_numpy(float), line)

    chance = 1 / note.n_classes
    seen = [*ok["accuracy"], *summary["published_mean"].dropna()] or [chance]
    low, high = min(seen), max(seen)
    near = low - chance < max(high - low, 0.1)  # else the line would squeeze the dots together
    low, high = (min(low, chance), max(high, chance)) if near else (low, high)
    room = 0.04 * (high - low) + 0.005
    return TablePlot(
        kind="dots",
        title=f"{note.title}: test accuracy of every trial",
        stamps=stamps,
        panels=_panels(columns),
        lines=_lines(blocks, columns, cell),
        x_label="test accuracy"
        + ("" if near else f" (chance, {fmt.accuracy(chance)}, is off left)"),
        limits=(max(0.0, low - room), min(1.0, high + room)),
        mark=chance,
        mark_label="chance",
        caption=_caption(note, near),
        description=(
            f"Dot plot of test accuracy on {note.title}, one panel per share of labels. "
            "The numbers are in the table above."
        ),
    )


def forest_plot(
    note: DatasetNote,
    stamps: tuple[str, ...],
    compared: pd.DataFrame,
    columns: Sequence[Column],
    blocks: Sequence[Block],
) -> Plot | None:
    """Reference minus every other row; None where no comparison has enough trials."""
    there = compared.dropna(subset=["mean_difference"])
    if len(there) == 0:
        return None

    def cell(key: str, ceiling: bool, percent: float) -> ForestCell | None:
        at = there[(there["row_key"] == key) & (there["label_percent"] == percent)]
        return _difference(at.iloc[0]) if len(at) and not ceiling else None

    compared_rows = set(there["row_key"])
    lines = tuple(
        line
        for block in blocks
        if any(row.key in compared_rows for row in block.lines)
        for line in _lines([block], columns, cell)
        if line.heading or any(line.cells)
    )
    ends = there[["mean_difference", "low", "high", "corrected_low", "corrected_high"]]
    ends = ends.to_numpy(float)
    low, high = min(0.0, float(np.nanmin(ends))), max(0.0, float(np.nanmax(ends)))
    room = 0.05 * (high - low) + 0.002
    reference = str(there["reference"].iloc[0])
    block = next((b.name for b in blocks if any(row.reference for row in b.lines)), "")
    return TablePlot(
        kind="forest",
        title=f"{note.title}: {reference} ({block}) minus each row, paired by trial",
        stamps=stamps,
        panels=_panels(columns),
        lines=lines,
        x_label=f"difference in test accuracy (right of 0: {reference} higher)",
        limits=(low - room, high + room),
        mark=0.0,
        mark_label="",
        caption=(
            "Mean difference within trials and its 95 % interval: thick, plain t; thin, corrected "
            "for overlapping training sets. Filled: zero lies outside the widest and Holm’s p is "
            "at most .05; hollow: undecided."
        ),
        description=(
            f"Paired differences between {reference} and each other row on {note.title} with 95 % "
            "intervals. The numbers are in the list below."
        ),
    )


def _lines(
    blocks: Sequence[Block],
    columns: Sequence[Column],
    cell: Callable[[str, bool, float], DotCell | ForestCell | None],
) -> tuple[PlotLine, ...]:
    lines = []
    for block in blocks:
        lines.append(PlotLine(block.title, True, False, False, ()))
        for row in block.lines:
            cells = tuple(cell(row.key, row.ceiling, column.percent) for column in columns)
            title = row.title + (" ‡" if row.ceiling else "")
            lines.append(PlotLine(title, False, row.ceiling, row.reference, cells))
    return tuple(lines)


def _dots(values: np.ndarray, line: pd.Series) -> DotCell:
    complete = line["trials"] == line["trials_expected"]
    paper = (line["published_mean"], line["published_sd"])
    return DotCell(
        values=tuple(values.tolist()),
        mean=None if pd.isna(line["mean"]) else float(line["mean"]),
        sd=None if pd.isna(line["sd"]) else float(line["sd"]),
        published=None if pd.isna(paper[0]) else (float(paper[0]), float(paper[1])),
        note="" if complete else f"{line['trials']}/{line['trials_expected']}",
    )


def _difference(line: pd.Series) -> ForestCell:
    def ends(low: str, high: str) -> tuple[float, float] | None:
        return None if pd.isna(line[low]) else (float(line[low]), float(line[high]))

    return ForestCell(
        mean=float(line["mean_difference"]),
        plain=ends("low", "high"),
        corrected=ends("corrected_low", "corrected_high"),
        decided=line["decision"] in ("higher", "lower"),
        note=""
        if line["pairs"] == line["pairs_expected"]
        else f"{line['pairs']}/{line['pairs_expected']}",
    )


def _caption(note: DatasetNote, near: bool) -> str:
    text = "Small dots: trials. Large dot and bar: mean ± SD, where every trial is there; hollow "
    text += "for a ceiling."
    text += " Diamond above the line: the paper’s mean." if note.paper_name else ""
    return text + (f" Dashed: chance level, 1/{note.n_classes}." if near else "")


def _panels(columns: Sequence[Column]) -> tuple[str, ...]:
    return tuple(
        column.title + (f" ({column.labels} labels)" if column.labels else "") for column in columns
    )


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


def _draw_dots(axes: Axes, y: int, line: PlotLine, cell: DotCell) -> None:
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


def _draw_forest(axes: Axes, y: int, line: PlotLine, cell: ForestCell) -> None:
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


_DRAW: dict[str, Callable] = {"dots": _draw_dots, "forest": _draw_forest}
