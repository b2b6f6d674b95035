"""A table of accuracies: rows by paradigm, shares of labels across; all trials, paired differences.

Its two figures print their meaning in grey (size, fill and shape); the one hue repeats bold type.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from harness.analysis.statistics import paired, summarise
from harness.layout import Value
from harness.report import captions, details, places
from harness.report import columns as further
from harness.report import format as fmt
from harness.report.figures import _pareto as pareto
from harness.report.kind import BEYOND, ENDS, Given, Kind, Part, interval_of
from harness.report.marks import Mark, mark_of
from harness.report.model import Block, Cell, Figure, Row, Table, Text
from harness.report.style import (
    ACCENT,
    DOT,
    INK,
    MARK,
    MUTED,
    PAPER,
    RULE,
    Page,
    plain,
    shortened,
)

LONGEST = 48
"""Letters of a row's name in a figure; tables have the whole name."""
LISTED, MANY = 20, 3000
"""Trials of a cell whose values its hover lists; dots of a panel above which they are an image."""
LINE, ABOVE, BELOW = 0.215, 0.3, 0.56
"""Inches: the height of one row, of the panels' titles, of the axis."""
READING = (
    "A number is the mean test accuracy over trials ± their sample SD (n − 1).",
    "A mean is printed only when every planned trial is there: 3/5 says that three of five are.",
    "Bold marks the highest mean of a column; the paired differences show whether it is decided.",
    "All rows share splits and labels trial by trial, so rows are compared within trials; where an "
    "interval contains zero, the comparison is undecided.",
    "Intervals concern further re-draws of the same data, not new subjects; test sets overlap "
    "between trials, so the plain intervals are too narrow.",
)
Line = dict[str, Any]


class AccuracyTable(Kind):
    """The table, best of each column in bold, the paper's numbers beside its own data."""

    rivals = True

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self._known: dict[str, tuple[Row, ...]] = {}
        names = {note.key: note.paper_name for note in given.meta.datasets if note.paper_name}
        # Never a simulated copy: only the paper's own data have a name in its table.
        self.summary = summarise(self.given.trials, given.published, names)

    @property
    def reference(self) -> str:
        """Row key that the others are compared with; "" where there is none."""
        if key := self.given.meta.reference_row_key:
            return key
        trials = self.given.trials
        ours = trials[(trials["block"] == "inductive") & (trials["published"] == "SMVAE")]
        return str(ours["row_key"].iloc[0]) if len(ours) else ""

    def compare(self) -> pd.DataFrame:
        return paired(self.given.trials, self.reference)

    def reading(self) -> tuple[str, ...]:
        return (*READING, BEYOND)

    def files(self) -> dict[str, pd.DataFrame]:
        table = further.with_further(self.summary, self.given.trials)
        name = f"{self.given.meta.protocol}.csv"
        return {name: table, "paired.csv": self.compared}

    @property
    def headline(self) -> Value:
        return Value("accuracy", "test accuracy")

    def lines(self, part: Part) -> tuple[str, ...]:
        cells = [cell for row in self._rows(part) for cell in row.cells]
        bound = part.trials["all_labels"].any()
        known = {
            "Bold: highest mean of the column"
            + (", upper bounds excluded." if bound else "."): any(cell.bold for cell in cells),
            "m/n: m of n planned trials are ok; no mean is given.": any(
                cell.css == "incomplete" for cell in cells
            ),
            "‡ upper bound: trained on every training label, in all columns.": bound,
            "† contains results made by an earlier version of the source.": any(
                cell.stale for cell in cells
            ),
            "Paper: the number printed in the paper's Table 2, mean±SD over 20 runs.": any(
                cell.paper for cell in cells
            ),
        }
        return tuple(text for text, applies in known.items() if applies)

    def blocks(self, part: Part) -> list[Block]:
        rows = self._rows(part)
        heads = [Cell("Algorithm")]
        heads += [
            Cell(c.title, css="n", note=f"{c.labels} labels" if c.labels else "")
            for c in part.columns
        ]
        title = f"Test accuracy on {part.note.title}"
        main = Table(
            title, tuple(heads), rows, fold="", export="latex", css="main sortable",
        )  # fmt: skip
        figures = [
            self._dots(part, rows),
            self._forest(part, rows),
            pareto.plot(part, self.summary),
        ]
        there = [figure for figure in figures if figure is not None]
        small = Text((self._note(part),), "quiet", export=False)
        return [main, small, *further.tables(part.trials, part.columns), *there]

    def _note(self, part: Part) -> str:
        """What the small print of a cell is."""
        reference = part.reference(self.reference)
        text = "Strip: every trial, on one axis for the column. Open a number for its trials."
        if reference and part.compared["mean_difference"].notna().any():
            text += (
                f" ± points: difference from {reference} within trials, and whether it is decided."
            )
        return text

    def comparisons(self, part: Part) -> Sequence[Block]:
        return details.pairs(part.compared, part.reference(self.reference))

    def _rows(self, part: Part) -> tuple[Row, ...]:
        """The rows in printed order, paradigm by paradigm, made once."""
        if part.note.key not in self._known:
            self._known[part.note.key] = self._made(part)
        return self._known[part.note.key]

    def _made(self, part: Part) -> tuple[Row, ...]:
        trials = part.trials
        summary = self.summary[self.summary["dataset"] == part.note.key]
        bounds = set(trials.loc[trials["all_labels"].astype(bool), "row_key"])
        best = _best(summary, bounds)
        order = [*captions.BLOCKS, *dict.fromkeys(trials["block"])]
        rows = []
        ranges = _ranges(trials)
        for row in trials.drop_duplicates("row_key").to_dict("records"):
            key = row["row_key"]
            about = self.given.meta.row_notes.get(key, ("", ()))[0]
            title = row["row"] + (" ‡" if key in bounds else "")
            cells = [Cell(title, hover=about, swatch=mark_of(key))]
            for column in part.columns:
                line = _at(summary, key, column.percent, key in bounds)
                cell = _cell(line, part, (key, column.percent) in best, ranges)
                cells.append(self._judged(cell, part, key, column.percent))
            css = "reference" if key == self.reference else ""
            group = captions.BLOCKS.get(row["block"]) or str(row["block"]).capitalize()
            own = Row(tuple(cells), group, key, part.files[key], css)
            rows.append((order.index(row["block"]), own))
        return tuple(row for _, row in sorted(rows, key=lambda pair: pair[0]))

    def _judged(self, cell: Cell, part: Part, key: str, percent: float) -> Cell:
        """The cell with its difference from the reference, and whether that is decided."""
        at = part.compared
        at = at[(at["row_key"] == key) & (at["label_percent"] == percent)]
        if not len(at) or pd.isna(at.iloc[0]["mean_difference"]):
            return cell
        gap = fmt.points(-at.iloc[0]["mean_difference"])
        word = "undecided" if at.iloc[0]["decision"] == "undecided" else "decided"
        return replace(cell, gap=gap, badge=word)

    def _dots(self, part: Part, rows: Sequence[Row]) -> Figure:
        note, trials = part.note, part.trials
        summary = self.summary[self.summary["dataset"] == note.key]
        ok = trials[trials["status"] == "ok"]
        bounds = set(trials.loc[trials["all_labels"].astype(bool), "row_key"])

        def cell(key: str, percent: float) -> _Dots | None:
            line = _at(summary, key, percent, key in bounds)
            if line is None:
                return None
            mine = (ok["row_key"] == key) & (ok["label_percent"] == line["label_percent"])
            return _dots(ok.loc[mine, "accuracy"].tolist(), line)

        chance = 1 / note.n_classes
        seen = [*ok["accuracy"], *summary["published_mean"].dropna()] or [chance]
        low, high = min(seen), max(seen)
        near = low - chance < max(high - low, 0.1)  # else the line would squeeze the dots together
        low, high = (min(low, chance), max(high, chance)) if near else (low, high)
        room = 0.04 * (high - low) + 0.005
        far = "" if near else f" (chance, {fmt.accuracy(chance)}, is below the axis)"
        paper = " Diamond above the line: the paper’s mean." if note.paper_name else ""
        dashed = f" Dashed: chance level, 1/{note.n_classes}." if near else ""
        return DotPlot(
            stem=f"accuracy_{note.anchor}",
            title=f"{note.title}: test accuracy of every trial",
            stamps=part.stamps,
            panels=tuple(column.long for column in part.columns),
            lines=_plot_lines(rows, part.columns, cell, bounds),
            x_label=f"test accuracy{far}",
            limits=(max(0.0, low - room), min(1.0, high + room)),
            mark=(chance, "chance"),
            caption="Small dots: trials. Large dot and bar: mean ± SD, where every trial is there; "
            f"hollow for an upper bound.{paper}{dashed} {note.what_varies}",
            description=f"Dot plot of test accuracy on {note.title}, a panel per share of labels. "
            "The numbers are in the table above.",
        )

    def _forest(self, part: Part, rows: Sequence[Row]) -> Figure | None:
        """Reference minus every other row; None where no comparison has enough trials."""
        there = part.compared.dropna(subset=["mean_difference"])
        if len(there) == 0:
            return None

        def cell(key: str, percent: float) -> _Difference | None:
            at = there[(there["row_key"] == key) & (there["label_percent"] == percent)]
            return _difference(at.iloc[0]) if len(at) else None

        compared = set(there["row_key"])
        reference = str(there["reference"].iloc[0])
        group = next((row.group for row in rows if row.key == self.reference), "")
        shown = [row for row in rows if row.key in compared]
        ends = there[["mean_difference", *ENDS]]
        ends = ends.to_numpy(float).clip(-1, 1)
        low, high = min(0.0, float(np.nanmin(ends))), max(0.0, float(np.nanmax(ends)))
        room = 0.05 * (high - low) + 0.002
        return ForestPlot(
            stem=f"paired_{part.note.anchor}",
            title=f"{part.note.title}: {reference} ({group}) minus each row, paired by trial",
            stamps=part.stamps,
            panels=tuple(column.long for column in part.columns),
            lines=_plot_lines(shown, part.columns, cell, set()),
            x_label=f"difference in test accuracy (right of 0: {reference} higher)",
            limits=(low - room, high + room),
            mark=(0.0, ""),
            caption="Mean difference within trials and its 95 % interval: thick, plain t; thin, "
            "corrected for overlapping training sets. Filled: zero lies outside the widest and "
            f"Holm’s p is at most .05; hollow: undecided. {part.note.what_varies}",
            description=f"Paired differences between {reference} and each other row on "
            f"{part.note.title} with 95 % intervals. The numbers are in the list below.",
        )


def _best(summary: pd.DataFrame, bounds: set[str]) -> set[tuple[str, float]]:
    """(row key, percent) of the highest mean per column; means that print the same are all best."""
    fair = summary.loc[[index[1] not in bounds for index in summary.index]]
    fair = fair.assign(printed=fair["mean"].round(3)).dropna(subset=["mean"])
    top = fair.groupby("label_percent")["printed"].transform("max") == fair["printed"]
    return {(index[1], index[2]) for index in fair.index[top]}


def _at(summary: pd.DataFrame, key: str, percent: float, bound: bool) -> Line | None:
    """The line of a cell; an upper bound that was run once is shown in every column."""
    own = summary.loc[[index[1] == key for index in summary.index]]
    at = own[own["label_percent"] == percent]
    if len(at) == 0 and bound and len(own) == 1:
        at = own
    return None if len(at) == 0 else {str(n): v for n, v in at.iloc[0].items()} | {"row_key": key}


Ranges = dict[float, tuple[float, float]]
"""Share of labels -> lowest and highest accuracy of any trial."""


def _ranges(trials: pd.DataFrame) -> Ranges:
    ok = trials[trials["status"] == "ok"].groupby("label_percent")["accuracy"]
    ends = zip(ok.min().items(), ok.max(), strict=True)
    return {float(str(percent)): (float(low), float(high)) for (percent, low), high in ends}


def _strip(trials: pd.DataFrame, ends: tuple[float, float]) -> tuple[float, ...]:
    """The trials of a cell as places from 0 to 1; the middle where all of a column are equal."""
    low, high = ends
    values = trials.loc[trials["status"] == "ok", "accuracy"]
    places = [(v - low) / (high - low) if high > low else 0.5 for v in values.tolist()]
    return tuple(dict.fromkeys(round(at, 3) for at in places))


def _cell(line: Line | None, part: Part, best: bool, ranges: Ranges) -> Cell:
    if line is None:
        return Cell("", css="absent")
    percent, trials = line["label_percent"], part.trials
    own = trials[(trials["row_key"] == line["row_key"]) & (trials["label_percent"] == percent)]
    complete = line["trials"] == line["trials_expected"]
    return Cell(
        fmt.mean_or_progress(line),
        paper=fmt.mean_sd(line["published_mean"], line["published_sd"]),
        note=f"{line['failed']} failed" if line["failed"] else "",
        bold=best,
        stale=bool(own["stale"].astype(bool).any()),
        hover=_hover(own, line),
        link=places.link(part.note.anchor, {"row_key": line["row_key"], "label_percent": percent}),
        dots=_strip(own, ranges.get(percent, (0.0, 1.0))),
        css="complete" if complete else "incomplete",
    )


def _hover(trials: pd.DataFrame, line: Line) -> str:
    ok = trials[trials["status"] == "ok"]
    texts = [f"{line['trials']} of {fmt.plural(line['trials_expected'], 'trial')} ok"]
    if len(ok):
        values = [fmt.accuracy(value) for value in ok["accuracy"]]
        few = len(values) <= LISTED
        texts.append(f"accuracies {' '.join(values) if few else fmt.span(sorted(values))}")
        epochs = sorted({int(v) for v in ok["epoch"].dropna()})
        texts += [f"epochs {epochs[0]}–{epochs[-1]}"] if epochs else []
        texts.append(f"{fmt.count(line['candidates'])} candidates")
        texts.append(f"{fmt.seconds(line['seconds_per_trial'])} a trial")
    return "; ".join(texts)


# ---------------------------------------------------------------- figures


class _Dots(NamedTuple):
    """Trials of one cell; ``mean`` None where the cell is not complete (``note`` says 3/5)."""

    values: list[float]
    mean: float | None
    sd: float | None
    published: float | None
    note: str


class _Difference(NamedTuple):
    """One paired difference; the corrected interval is None where no correction applies."""

    mean: float
    plain: tuple[float, float] | None
    corrected: tuple[float, float] | None
    decided: bool
    note: str


@dataclass(frozen=True)
class PlotLine:
    """A line of a plot: a heading (no cells) or a row with one cell per panel."""

    title: str
    mark: Mark | None = None
    bound: bool = False
    reference: bool = False
    cells: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class RowPlot(Figure):
    """Panels that share their rows. ``mark`` is a level with its name: chance, or zero."""

    panels: tuple[str, ...]
    lines: tuple[PlotLine, ...]
    x_label: str
    limits: tuple[float, float]
    mark: tuple[float, str]

    @abstractmethod
    def draw_cell(self, axes: Axes, y: int, line: PlotLine, cell: Any) -> None:
        """Draw one cell of a row at ``y``."""

    def draw_cells(self, axes: Axes, cells: Sequence[tuple[int, PlotLine, Any]]) -> None:
        """Draw a panel: the cells with their rows and heights; a cell may be None."""
        for y, line, cell in cells:
            if cell is not None:
                self.draw_cell(axes, y, line, cell)

    def draw(self) -> Drawn:
        """Names to the left, panels side by side."""
        names = [shortened(line.title, LONGEST) for line in self.lines]
        longest = max(
            (len(n) for n, x in zip(names, self.lines, strict=True) if x.cells), default=0
        )
        side, panel = max(1.95, 0.078 * longest + 0.1), max(2.75, 6.0 / max(len(self.panels), 1))
        high = LINE * len(self.lines)
        width = side + panel * len(self.panels) + 0.1
        page = Page(width, ABOVE + high + BELOW, self.title, self.stamps)
        for y, (name, line) in enumerate(zip(names, self.lines, strict=True)):
            at = page.top + ABOVE + LINE * (y + 0.5)
            if not line.cells:
                page.text(0.06, at, line.title, color=MUTED, fontsize=7.5)
                continue
            weight = "bold" if line.reference else "normal"
            colour = ACCENT if line.reference else INK
            page.text(side - 0.02, at, name, ha="right", color=colour, weight=weight)
        for i, title in enumerate(self.panels):
            axes = page.axes(side + i * panel + 0.08, ABOVE, panel - 0.2, high)
            self._frame(axes, title)
            self.draw_cells(axes, [(y, x, x.cells[i]) for y, x in enumerate(self.lines) if x.cells])
        middle = side + 0.5 * panel * len(self.panels)
        page.text(middle, page.height - 0.12, self.x_label, ha="center", color=MUTED)
        return page.figure

    def _frame(self, axes: Axes, title: str) -> None:
        plain(axes, grid=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(*self.limits)
        axes.set_ylim(len(self.lines) - 0.5, -0.5)
        axes.set_title(title, fontsize=8.5, color=INK, pad=5)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=5)
        for y, line in enumerate(self.lines):
            if line.cells:
                axes.axhline(y, color=RULE, linewidth=0.5, zorder=0)
        level, name = self.mark
        if self.limits[0] <= level <= self.limits[1]:
            axes.axvline(level, zorder=1, **MARK)
            # The first line is a heading, so its place in the panel is free.
            axes.text(level, 0, f" {name}", fontsize=7, color=MUTED, va="center")


class DotPlot(RowPlot):
    """All trials of every cell as dots, with mean and SD where the cell is complete."""

    source = "trials.csv"

    def draw_cells(self, axes: Axes, cells: Sequence[tuple[int, PlotLine, Any]]) -> None:
        """All trials of a panel at once: one by one they would take most of a report's time."""
        places = [(value, y + 0.3) for y, _, cell in cells if cell for value in cell.values]
        if places:
            dots = {"ms": 2.4, "mfc": DOT, "mec": "none", "zorder": 2}
            axes.plot(*zip(*places, strict=True), "o", rasterized=len(places) > MANY, **dots)
        super().draw_cells(axes, cells)

    def draw_cell(self, axes: Axes, y: int, line: PlotLine, cell: _Dots) -> None:
        colour, shape = _look(line)
        if cell.mean is not None:
            if cell.sd is not None:
                ends = (cell.mean - cell.sd, cell.mean + cell.sd)
                axes.plot(ends, (y, y), color=colour, lw=1.5, zorder=3, solid_capstyle="butt")
            fill = PAPER if line.bound else colour
            axes.plot([cell.mean], [y], shape, ms=5.2, zorder=4, mec=colour, mew=1.2, mfc=fill)
        if cell.published is not None:
            axes.plot([cell.published], [y - 0.3], "D", ms=3, mfc=PAPER, mec=INK, mew=0.8, zorder=5)
        _note(axes, y, cell.note)


class ForestPlot(RowPlot):
    """Paired differences with their intervals."""

    source = "paired.csv"

    def draw_cell(self, axes: Axes, y: int, line: PlotLine, cell: _Difference) -> None:
        colour, shape = _look(line)
        if cell.corrected is not None:
            axes.plot(cell.corrected, (y, y), color=colour, lw=0.8, zorder=2, marker="|", ms=4)
        if cell.plain is not None:
            axes.plot(cell.plain, (y, y), color=colour, lw=2.4, zorder=3, solid_capstyle="butt")
        fill = colour if cell.decided else PAPER
        axes.plot([cell.mean], [y], shape, ms=5.4, mfc=fill, mec=colour, mew=1.1, zorder=4)
        _note(axes, y, cell.note)


def _look(line: PlotLine) -> tuple[str, str]:
    """Colour and marker of a row."""
    return (line.mark.colour, line.mark.marker) if line.mark else (INK, "o")


def _plot_lines(
    rows: Sequence[Row],
    columns: Sequence[captions.Column],
    cell: Callable[[str, float], Any],
    bounds: set[str],
) -> tuple[PlotLine, ...]:
    lines: list[PlotLine] = []
    for i, row in enumerate(rows):
        if i == 0 or row.group != rows[i - 1].group:
            lines.append(PlotLine(row.group))
        cells = tuple(cell(row.key, column.percent) for column in columns)
        ours = row.css == "reference"
        mark = mark_of(row.key)
        lines.append(PlotLine(row.cells[0].text, mark, row.key in bounds, ours, cells))
    return tuple(lines)


def _dots(values: list[float], line: Line) -> _Dots:
    mean, sd, paper = (
        None if pd.isna(line[name]) else float(line[name])
        for name in ("mean", "sd", "published_mean")
    )
    complete = line["trials"] == line["trials_expected"]
    note = "" if complete else f"{line['trials']}/{line['trials_expected']}"
    return _Dots(values, mean, sd, paper, note)


def _difference(line: pd.Series) -> _Difference:
    return _Difference(
        mean=float(line["mean_difference"]),
        plain=interval_of(line),
        corrected=interval_of(line, "corrected_"),
        decided=line["decision"] in ("higher", "lower"),
        note=""
        if line["pairs"] == line["pairs_expected"]
        else f"{line['pairs']}/{line['pairs_expected']}",
    )


def _note(axes: Axes, y: int, note: str) -> None:
    if note:
        axes.annotate(
            note, (1, y), xycoords=("axes fraction", "data"), ha="right", va="center",
            fontsize=7.5, color=INK, style="italic", zorder=6,
        )  # fmt: skip


KIND = AccuracyTable
