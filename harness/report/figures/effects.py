"""Effects with intervals, a line each: differences of rows, or distances to a known value.

For a layout of kind ``effects``, which lists them. Lines are sorted by the first panel's
difference; a band shows where an effect must lie, and a word says whether it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from harness.analysis.effects import FAILED, PASSED, UNDECIDED, bounds, effects
from harness.analysis.statistics import possible
from harness.layout import Layout
from harness.report import format as fmt
from harness.report.kind import ENDS, Kind, Part
from harness.report.model import Block, Cell, Figure, Row, Table
from harness.report.style import ACCENT, HUES, INK, MARK, MUTED, PAPER, RULE, Page, plain, shortened

LINE, PANEL, WORD, LONGEST = 0.23, 2.4, 0.75, 64  # inches, inches, inches, letters
COLOURS = {PASSED: ACCENT, FAILED: HUES[0], UNDECIDED: MUTED, "": INK}
HEADS = ("must hold", "measured", "expected", "difference (95 % interval)", "verdict")
DEFAULT = "default"
"""Name of the line that the verdicts of the others are compared with."""


@dataclass(frozen=True)
class Mark:
    """An effect: its ``mean``, None where a trial is missing (``note``), and where it must lie."""

    mean: float | None
    interval: tuple[float, float] | None
    within: tuple[float, float] | None
    verdict: str
    note: str = ""


Line = tuple[str, tuple[Mark | None, ...]]


@dataclass(frozen=True, eq=False)
class EffectsPlot(Figure):
    """Lines by panels; ``lines`` are a title and a mark for each panel, None where it has none.

    A line without marks is a heading.
    """

    panels: tuple[str, ...]
    lines: tuple[Line, ...]

    def draw(self) -> Drawn:
        """Names to the left, verdicts to the right of each panel."""
        return _drawn(self)


class Effects(Kind):
    """A figure of each data set and share of labels, and one of all data sets together."""

    lead_title = "Verdicts"

    def compare(self) -> pd.DataFrame:
        """Every effect of the layout with its interval and verdict."""
        known = {note.key: note.known for note in self.given.meta.datasets}
        return effects(self.given.trials, self.given.layout.effects, known)

    def overall(self) -> Sequence[Block]:
        """All effects under the names of several data sets, where no line stands in two of them."""
        table, layout = self.compared, self.given.layout
        if table["dataset"].nunique() < 2 or table.groupby("line")["dataset"].nunique().max() > 1:
            return ()
        lines: list[Line] = []
        for part in self.parts:
            lines += [(part.note.title, ()), *_lines(part.compared, layout)]
        stamps = dict.fromkeys(stamp for part in self.parts for stamp in part.stamps)
        meta = self.given.meta
        plot = EffectsPlot(
            stem=meta.protocol,
            title=f"{meta.title.split(':')[0]}: all effects",
            stamps=tuple(stamps),
            panels=_panels(layout, table),
            lines=tuple(lines),
            **_words(layout, _panels(layout, table)),
        )
        return (plot, _verdicts(self.parts))

    def blocks(self, part: Part) -> Sequence[Block]:
        made: list[Block] = []
        for column in part.columns:
            here = part.compared[part.compared["label_percent"] == column.percent]
            if len(here):
                panels = _panels(part.layout, here)
                plot = EffectsPlot(
                    stem=part.stem + ("" if len(part.columns) == 1 else f"_{column.percent:g}"),
                    panels=panels,
                    lines=_lines(here, part.layout),
                    **part.heading(f"effects, {column.title}"),
                    **_words(part.layout, panels),
                )
                made += [plot, *_tables(part, here)]
        return made

    def comparisons(self, part: Part) -> Sequence[Block]:
        """None besides the effects."""
        return ()

    def lead(self, part: Part) -> tuple[str, ...]:
        """How many effects lie where they must, which fail, and which differ from the default's."""
        table, sentences = part.compared, []
        for panel in dict.fromkeys(table["panel"]):
            here = table[(table["panel"] == panel) & (table["verdict"] != "")]
            if here.empty:
                continue
            counts = here["verdict"].value_counts()
            words = ", ".join(f"{counts[word]} {word}" for word in COLOURS if word in counts.index)
            usual = here.loc[here["line"] == DEFAULT, "verdict"]
            if len(usual):
                other = here[here["verdict"] != usual.iloc[0]]
                named = ", ".join(f"{a} ({b})" for a, b in other[["line", "verdict"]].to_numpy())
                start = f"{panel}: {words}; by default {usual.iloc[0]}"
                sentences.append(f"{start}, otherwise under: {named or 'no choice'}.")
            else:
                failed = ", ".join(here.loc[here["verdict"] == FAILED, "line"])
                sentences.append(f"{panel}: {words}{f' ({failed})' if failed else ''}.")
        return tuple(sentences)


def _panels(layout: Layout, table: pd.DataFrame) -> tuple[str, ...]:
    there = set(table["panel"])
    return tuple(p for p in dict.fromkeys(e.panel for e in layout.effects) if p in there)


def _lines(table: pd.DataFrame, layout: Layout) -> tuple[Line, ...]:
    """Lines of one data set, sorted by the first panel's difference, 0 where that has none."""
    panels = _panels(layout, table)
    by_place = {(e["line"], e["panel"]): e for e in table.to_dict("records")}
    titles = dict.fromkeys(table["line"])

    def size(title: str) -> float:
        first = by_place.get((title, panels[0]))
        return -np.nan_to_num(first["difference"] if first else 0.0, nan=-np.inf)

    return tuple(
        (str(title), tuple(_mark(by_place.get((title, panel))) for panel in panels))
        for title in sorted(titles, key=size)
    )


def _mark(line: dict[Any, Any] | None) -> Mark | None:
    if line is None:
        return None
    within = (line["within_low"], line["within_high"])
    limits = bounds([None if np.isnan(end) else end for end in within])
    there = None if np.isinf(limits).all() else limits
    if np.isnan(line["difference"]):
        return Mark(None, None, there, "", f"{line['trials']}/{line['trials_expected']}")
    return Mark(line["difference"], _widest(line), there, line["verdict"])


def _widest(line: dict[Any, Any]) -> tuple[float, float] | None:
    """The wider of both intervals as printed; None where there is none."""
    ends = np.array([line[name] for name in ENDS], float)
    if np.isnan(ends).all():
        return None
    low, high = possible(np.nanmin(ends), np.nanmax(ends), line["column"], difference=True)
    return float(low), float(high)


def _words(layout: Layout, panels: Sequence[str]) -> dict[str, Any]:
    """Caption and description."""
    return {
        "caption": f"{layout.shows} Bars: 95 % t interval over trials, widened for training sets "
        "that overlap (Nadeau and Bengio, 2003) unless the split is fixed. m/n: m of n planned "
        "trials are present, so nothing is given.",
        "description": f"Effects with intervals in {fmt.plural(len(panels), 'panel')}.",
    }


# ---------------------------------------------------------------- tables


def _tables(part: Part, table: pd.DataFrame) -> list[Table]:
    return [
        Table.of(
            str(panel),
            ("", *HEADS),
            [Row(_cells(part, line)) for line in _dicts(table[table["panel"] == panel])],
            left=2,
        )
        for panel in dict.fromkeys(table["panel"])
    ]


def _verdicts(parts: Sequence[Part]) -> Table:
    """All effects of all data sets in one table, failures first."""
    order = {word: place for place, word in enumerate((FAILED, UNDECIDED, PASSED, ""))}
    lines = [(part, line) for part in parts for line in _dicts(part.compared)]
    lines.sort(key=lambda pair: order[pair[1]["verdict"]])
    rows = [Row((Cell(part.note.title), *_cells(part, line))) for part, line in lines]
    return Table.of("Every effect, failures first", ("data", "", *HEADS), rows, left=3)


def _cells(part: Part, line: dict[Any, Any]) -> tuple[Cell, ...]:
    against = f" ({line['against']})" if line["against"] else ""
    ends = _widest(line)
    difference = fmt.signed(line["difference"]) or f"{line['trials']}/{line['trials_expected']}"
    span = f" ({fmt.signed(ends[0])} to {fmt.signed(ends[1])})" if ends else ""
    measured, expected = _rows(part, line)
    return (
        *map(Cell, (line["line"], line["must"])),
        _linked(part, line, fmt.accuracy(line["measured"]), measured),
        _linked(part, line, f"{fmt.accuracy(line['expected'])}{against}", expected),
        *map(Cell, (difference + span, line["verdict"])),
    )


def _rows(part: Part, line: dict[Any, Any]) -> tuple[list[str], list[str]]:
    """Keys of the rows that an effect measures, and of those that it is compared with."""
    (own,) = (e for e in part.layout.effects if (e.line, e.panel) == (line["line"], line["panel"]))
    titles = part.trials.drop_duplicates("row_key").set_index("row_key")["row"]
    best = [key for key in own.best_of if titles.get(key) == line["against"]]
    return (
        [key for key, weight in own.rows.items() if weight > 0],
        [*(key for key, weight in own.rows.items() if weight < 0), *best],
    )


def _linked(part: Part, line: dict[Any, Any], text: str, keys: Sequence[str]) -> Cell:
    """A number with a link to its trials, where it is that of one row."""
    if len(keys) != 1:
        return Cell(text)
    return part.linked(text, {"row_key": keys[0], "label_percent": line["label_percent"]})


def _dicts(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")


# ---------------------------------------------------------------- drawing


def _drawn(plot: EffectsPlot) -> Drawn:
    """Panels side by side over the same lines; verdicts to the right of each mark's panel."""
    names = [shortened(title, LONGEST) for title, _ in plot.lines]
    side = 0.25 + 0.078 * max(map(len, names), default=0)
    high, step = LINE * max(len(names), 1), PANEL + WORD
    page = Page(side + step * max(len(plot.panels), 1), 0.5 + high + 0.4, plot.title, plot.stamps)
    for y, (name, (_, marks)) in enumerate(zip(names, plot.lines, strict=True)):
        at = page.top + 0.5 + LINE * (y + 0.5)
        weight = "normal" if marks else "bold"
        page.text(side - 0.08, at, name, ha="right", color=INK if marks else MUTED, weight=weight)
    for i, panel in enumerate(plot.panels):
        axes = page.axes(side + step * i, 0.5, PANEL - 0.2, high)
        marks = [marks[i] if marks else None for _, marks in plot.lines]
        _panel(axes, marks)
        axes.set_title(panel, fontsize=8, color=INK, pad=5)
        for y, mark in enumerate(marks):
            if mark is not None and mark.verdict:
                at = page.top + 0.5 + LINE * (y + 0.5)
                colour = COLOURS[mark.verdict]
                page.text(side + step * i + PANEL - 0.15, at, mark.verdict, color=colour)
    return page.figure


def _panel(axes: Axes, marks: Sequence[Mark | None]) -> None:
    plain(axes, grid=False)
    axes.set_ylim(len(marks), 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    low, high = _limits(mark for mark in marks if mark is not None)
    axes.set_xlim(low, high)
    axes.axvline(0, zorder=1, **MARK)
    for y, mark in enumerate(marks):
        if mark is None:
            continue
        if mark.within is not None:
            left, right = max(mark.within[0], low), min(mark.within[1], high)
            axes.barh(y + 0.5, right - left, 0.8, left, color=RULE, alpha=0.5, zorder=0)
        if mark.mean is None:
            where = axes.get_yaxis_transform()
            axes.text(0.02, y + 0.5, mark.note, va="center", color=MUTED, transform=where)
            continue
        colour = COLOURS[mark.verdict]
        if mark.interval is not None:
            axes.plot(mark.interval, (y + 0.5, y + 0.5), color=colour, lw=1.5, zorder=2)
        axes.plot([mark.mean], [y + 0.5], "o", ms=5, color=colour, mec=PAPER, zorder=3)


def _limits(marks: Iterable[Mark]) -> tuple[float, float]:
    """Limits of a panel: all intervals, zero, and every finite end of a band."""
    ends = [0.0]
    for mark in marks:
        ends += [*(mark.interval or ()), *(mark.within or ())]
        ends += [] if mark.mean is None else [mark.mean]
    finite = np.array(ends)[np.isfinite(ends)]
    room = 0.06 * float(np.ptp(finite)) + 0.01
    return float(finite.min()) - room, float(finite.max()) + room


KIND = Effects
