"""What the two figures of a data set show, as structs; ``figures.py`` draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from harness.report import format as say
from harness.report.meta import DatasetNote
from harness.report.model import Block, Column, DotCell, ForestCell, Plot, PlotLine


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
    return Plot(
        kind="dots",
        title=f"{note.title}: test accuracy of every trial",
        stamps=stamps,
        panels=_panels(columns),
        lines=_lines(blocks, columns, cell),
        x_label="test accuracy"
        + ("" if near else f" (chance, {say.accuracy(chance)}, is off left)"),
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

    kept = set(there["row_key"])
    lines = tuple(
        line
        for block in blocks
        if any(row.key in kept for row in block.lines)
        for line in _lines([block], columns, cell)
        if line.heading or any(line.cells)
    )
    ends = there[["mean_difference", "low", "high", "corrected_low", "corrected_high"]]
    ends = ends.to_numpy(float)
    low, high = min(0.0, float(np.nanmin(ends))), max(0.0, float(np.nanmax(ends)))
    room = 0.05 * (high - low) + 0.002
    reference = str(there["reference"].iloc[0])
    block = next((b.name for b in blocks if any(row.reference for row in b.lines)), "")
    return Plot(
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
