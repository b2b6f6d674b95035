"""Properties of data sets: counts beside the paper's, parts and classes as bars; without fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure as Drawn

from harness.report import captions
from harness.report import format as fmt
from harness.report.kind import Given, Kind, section_of
from harness.report.meta import DatasetNote, with_distinct_titles
from harness.report.model import Block, Cell, Facts, Figure, Row, Section, Table, Text
from harness.report.style import ACCENT, INK, MUTED, PAPER, Page
from harness.store.manifest import Properties, Share, Span

HEADS = ("#sample", "#modality (#dim.)", "#training", "#validation", "#test", "#class")
"""As the paper prints them; its validation rows are the tuning rows of this harness."""
PUBLISHED = ("samples", "modalities", "training", "validation", "test", "classes")
PARTS = ("training", "tuning", "test")
MORE = ("Data", "Kind", "Split", "Groups it splits", "Groups", "Labelled rows", "Licence",
        "Fingerprint")  # fmt: skip
CHECK = "python run_all.py --check-data --data-root DIR"


class Property(NamedTuple):
    """A printed count, the paper's ("" if it has none on these data), and how they compare.

    ``verdict``  ``equal``, ours minus the paper's, or ``differs`` where nothing can be subtracted.
    """

    ours: str
    paper: str = ""
    verdict: str = ""

    def cell(self) -> Cell:
        """As a table prints it."""
        off = self.verdict not in ("", "equal")
        paper = f"{self.paper}, {self.verdict}" if self.paper else ""
        return Cell(self.ours, paper=paper, css="off" if off else "")


class PropertiesOfData(Kind):
    """The paper's table of its data, and per data set what that table lacks."""

    def __init__(self, given: Given) -> None:
        """Raise KeyError for a data set without a note."""
        notes = {note.key: note for note in with_distinct_titles(given.meta.datasets)}
        self.given, self.parts = given, ()
        self.counted = [(counted, notes[counted.dataset]) for counted in given.properties]
        self.cells = [
            counts_beside_paper(counted, note, given.published) for counted, note in self.counted
        ]

    @property
    def spent(self) -> str:
        trials = max((counted.trials for counted, _ in self.counted), default=0)
        return f"Counts over the draws of {fmt.plural(trials, 'trial')}"

    def sections(self) -> tuple[Section, ...]:
        return (
            Section("As in the paper’s table", self._counts_table()),
            Section("How to read this", (Text(self.reading(), "list", export=False),)),
            *(self._of(counted, note) for counted, note in self.counted),
        )

    def reading(self) -> tuple[str, ...]:
        return (
            "Every count is made by the code that draws the trials of all other tables and "
            "figures; nothing is trained.",
            "1421–1440 is the minimum and maximum over the draws of the trials; a single number is "
            "the same in all of them.",
            "A group in several parts has rows in more than one of the three parts: training on "
            "its rows helps on its test rows.",
        )

    def files(self) -> dict[str, pd.DataFrame]:
        records = [
            _record(counted, note, cells)
            for (counted, note), cells in zip(self.counted, self.cells, strict=True)
        ]
        counts = pd.DataFrame(
            {"dataset": counted.dataset, "kind": note.kind, "count": what, "name": name,
             "least": span[0], "most": span[1]}
            for counted, note in self.counted
            for what, name, span in _counts(counted)
        )  # fmt: skip
        return {f"{self.given.meta.protocol}.csv": pd.DataFrame(records), "counts.csv": counts}

    def _counts_table(self) -> tuple[Block, ...]:
        rows, lines, texts = [], [], []
        for (counted, note), cells in zip(self.counted, self.cells, strict=True):
            title = note.title + (" [SIMULATED]" if note.kind == "simulated" else "")
            first = Cell(title, link=f"#{note.anchor}")
            rows.append(Row((first, *(cell.cell() for cell in cells))))
            texts += [
                f"{note.title}: {text}"
                for text in (*_stamps(counted, note), *beside_paper(counted, note, self.published))
            ]
            lines.append(_line(counted, note))
        heads = [Cell(head, css="" if i == 1 else "n") for i, head in enumerate(HEADS)]
        heads[3] = Cell(HEADS[3], css="n", note="tuning")
        first = Table(
            self.given.meta.title, (Cell("dataset"), *heads), tuple(rows), fold="",
            export="latex", css="main cards",
        )  # fmt: skip
        more = Table.of(
            "Sources and splits of the data", MORE, lines, left=8, fold="", css="list cards"
        )
        return (first, Text(tuple(texts)), more)

    @property
    def published(self) -> pd.DataFrame | None:
        """The paper's table."""
        return self.given.published

    def _of(self, counted: Properties, note: DatasetNote) -> Section:
        facts = (*captions.facts(note), ("Splits that can be chosen", _splits(counted)))
        blocks = (
            _bars(counted, note, self.given.meta.protocol),
            *_tables(counted, note),
            Text(tuple(f"{text}." for text in note.remarks)),
            Facts("Source of the data", facts),
        )
        return section_of(note, blocks, _stamps(counted, note))


# ---------------------------------------------------------------- beside the paper's counts


def counts_beside_paper(
    counted: Properties, note: DatasetNote, published: pd.DataFrame | None
) -> tuple[Property, ...]:
    """The columns of the paper's table; the paper's numbers beside them on its own data."""
    paper = _printed(published, note.paper_name)
    views = ", ".join(f"{v}({d})" for v, d in zip(note.view_names, note.dims, strict=True))
    n, classes = note.n, note.n_classes
    ours: tuple[Span | str, ...] = ((n, n), views, *counted.parts, (classes, classes))
    return tuple(
        _property(value, None if paper is None else paper[name])
        for value, name in zip(ours, PUBLISHED, strict=True)
    )


def unlike_paper(counted: Properties, note: DatasetNote, published: pd.DataFrame | None) -> str:
    """Sentence on counts that differ from the paper's, with the command to check; "" if none."""
    cells = zip(HEADS, counts_beside_paper(counted, note, published), strict=True)
    off = [head for head, cell in cells if cell.verdict not in ("", "equal")]
    if not off:
        return ""
    return (
        f"{', '.join(off)} differ from the paper's Table 1; {CHECK} (with the same --data-option, "
        "if any) shows which file or option causes it"
    )


def beside_paper(
    counted: Properties, note: DatasetNote, published: pd.DataFrame | None
) -> tuple[str, ...]:
    """Sentences beside the counts: agreement with the paper's Table 1."""
    if note.kind == "licensed" and not note.paper_name:
        return (f"The split {note.split} is not the paper's, so its Table 1 is not shown here.",)
    form = _printed(published, note.paper_name or counted.imitates)
    if form is None:
        return ()
    if note.paper_name:
        off = unlike_paper(counted, note, published)
        if not off:
            return ("Every count equals the paper's Table 1.",)
        return (f"{off}. A difference is ours minus the paper's.",)
    return (
        f"The simulated data set: {counted.imitates}, in the paper's Table 1 with "
        f"{form['samples']} rows of {form['modalities']}, {form['training']} / "
        f"{form['validation']} / {form['test']} of them for training, validation and test, "
        f"{form['classes']} classes. A simulated copy may be smaller; its counts confirm nothing.",
    )


def _printed(published: pd.DataFrame | None, name: str | None) -> pd.Series | None:
    """The paper's line on the data that it calls ``name``; None where it has none."""
    if published is None or not name:
        return None
    lines = published[published["dataset"] == name]
    return lines.iloc[0] if len(lines) else None


def _property(ours: Span | str, paper: int | str | None) -> Property:
    text = ours if isinstance(ours, str) else fmt.span(ours)
    if paper is None:
        return Property(text)
    if isinstance(ours, str):
        same = _modalities(ours) == _modalities(str(paper))
        return Property(text, str(paper), "equal" if same else "differs")
    gap = [f"{count - int(paper):+d}".replace("-", "−") for count in ours]
    return Property(text, str(paper), "equal" if {*gap} == {"+0"} else _joined(gap))


def _joined(ends: Sequence[str]) -> str:
    return " to ".join(dict.fromkeys(ends))


def _modalities(text: str) -> set[tuple[str, str]]:
    """Names and widths, however they are spelt: ``EEG(310), Eye(33)``."""
    return {(name.lower(), width) for name, width in re.findall(r"(\S+?)\s*\((\d+)\)", text)}


def _stamps(counted: Properties, note: DatasetNote) -> tuple[str, ...]:
    if note.kind != "simulated":
        return ()
    return (f"SIMULATED in the format of {counted.imitates}; not measured data",)


# ---------------------------------------------------------------- tables


def _tables(counted: Properties, note: DatasetNote) -> tuple[Table, ...]:
    """Classes, labels, and where there are some, groups and absent views."""
    parts = tuple(name.capitalize() for name in PARTS)
    classes = [
        (entry.name, str(entry.rows), fmt.share(entry.rows, note.n), *map(fmt.span, entry.parts))
        for entry in counted.classes
    ]
    largest = max(entry.rows for entry in counted.classes)
    groups = [
        (
            group.name,
            # Whether the split puts rows of a group in several parts; draws check this declaration.
            "in several parts" if group.name in note.leaks else "in one part",
            str(group.groups),
            fmt.span(group.rows),
            fmt.span(group.torn),
        )
        for group in counted.groups
    ]
    labels = [(fmt.percent(percent), fmt.span(rows)) for percent, rows in counted.labels]
    tables = (
        Table.of(
            f"Rows of each class ({note.n_classes})", ("Class", "Rows", "Share", *parts), classes,
            note=f"A majority vote over all rows is right in {fmt.share(largest, note.n)} of them.",
            fold="open" if len(classes) <= 12 else "closed",
        ),
        Table.of(
            f"Groups ({len(groups)})",
            ("Group", "Under this split", "How many", "Rows in one", "In several parts"),
            groups, left=2,
        ),
        Table.of("Labelled rows", ("Of the training rows", "Labelled"), labels),
        Table.of(
            "Rows that lack a view",
            ("View", "Labelled training", "Unlabelled training", "Tuning", "Test"),
            [(view.view, *view.in_words) for view in counted.lacking],
            note="Share of the rows of each part that lack the view, least to most over the draws "
            f"of all shares of labels. Digest of which row lacks which view: {counted.mask}.",
        ),
    )  # fmt: skip
    return tuple(table for table in tables if table.rows)


def _line(counted: Properties, note: DatasetNote) -> tuple[str, ...]:
    """A line of what the paper's table lacks, in the order of ``MORE``."""
    return (
        note.title,
        "SIMULATED" if note.kind == "simulated" else note.kind,
        note.split,
        ", ".join(note.leaks) or "none",
        ", ".join(f"{group.groups} {group.name}" for group in counted.groups) or "none",
        "; ".join(f"{fmt.percent(p)}:\u00a0{fmt.span(rows)}" for p, rows in counted.labels),
        note.licence,
        note.fingerprint,
    )


def _splits(counted: Properties) -> str:
    """Every split of a data set, the default first, with the groups it puts in several parts."""
    return "; ".join(
        name + (f" ({', '.join(leaks)} in several parts)" if leaks else "")
        for name, leaks in counted.splits
    )


def _record(
    counted: Properties, note: DatasetNote, cells: tuple[Property, ...]
) -> dict[str, object]:
    paper = list(zip(PUBLISHED, cells, strict=True))
    return {
        "dataset": note.key,
        "kind": note.kind,
        "samples": note.n,
        "modalities": cells[1].ours,
        **{f"{name}_{end}": span[i] for name, span in zip(PARTS, counted.parts, strict=True)
           for i, end in enumerate(("min", "max"))},
        "classes": note.n_classes,
        "trials": counted.trials,
        "split": note.split,
        "leaks": " ".join(note.leaks),
        "groups": " ".join(f"{group.name}:{group.groups}" for group in counted.groups),
        **{f"published_{name}": cell.paper for name, cell in paper},
        **{f"published_{name}_is": cell.verdict for name, cell in paper},
        "fingerprint": note.fingerprint,
        "licence": note.licence,
        "source": note.source,
    }  # fmt: skip


def _counts(counted: Properties) -> Iterator[tuple[str, str, Span | Share]]:
    """Numbers of rows and groups; shares of rows that lack a view are in percent."""
    for entry in counted.classes:
        yield "rows of class", entry.name, (entry.rows, entry.rows)
        for part, rows in zip(PARTS, entry.parts, strict=True):
            yield f"{part} rows of class", entry.name, rows
    for entry in counted.groups:
        yield "groups", entry.name, (entry.groups, entry.groups)
        yield "rows of a group", entry.name, entry.rows
        yield "groups in several parts", entry.name, entry.torn
    for percent, rows in counted.labels:
        yield "labelled rows", f"{percent:g} %", rows
    for view in counted.lacking:
        yield "% of labelled rows that lack a view", view.view, view.labelled
        yield "% of unlabelled rows that lack a view", view.view, view.unlabelled
        yield "% of tuning rows that lack a view", view.view, view.tuning
        yield "% of test rows that lack a view", view.view, view.test


# ---------------------------------------------------------------- figure


@dataclass(frozen=True, eq=False)
class Bars(Figure):
    """Bars divided into shares: (name of the bar, ((label, rows), ...))."""

    bars: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]

    def draw(self) -> Drawn:
        """One bar under the other; a label is printed where its share has room for it."""
        left, width, high = 0.85, 6.2, 0.3
        page = Page(left + width + 0.2, 0.45 * len(self.bars) + 0.1, self.title, self.stamps)
        axes = page.axes(left, 0.05, width, 0.45 * len(self.bars))
        axes.set_xlim(0, 1)
        axes.set_ylim(0.45 * len(self.bars), 0)
        axes.axis("off")
        for i, (name, shares) in enumerate(self.bars):
            y, total, start = 0.45 * i + 0.2, sum(rows for _, rows in shares), 0.0
            page.text(0.06, page.top + 0.05 + y, name, color=MUTED)
            for k, (label, rows) in enumerate(shares):
                share, alpha = rows / total, (0.45, 0.28, 0.14)[k % 3]
                axes.barh(y, share, high, start, facecolor=(ACCENT, alpha), edgecolor=PAPER)
                if share * width > 0.085 * (len(label) + 1):
                    axes.text(start + share / 2, y, label, ha="center", va="center", color=INK)
                start += share
        return page.figure


def _bars(counted: Properties, note: DatasetNote, protocol: str) -> Bars:
    """The parts, in the middle of their spans, and the classes."""
    parts = [
        (name, sum(rows) / 2, fmt.span(rows))
        for name, rows in zip(PARTS, counted.parts, strict=True)
    ]
    classes = [(entry.name, float(entry.rows), str(entry.rows)) for entry in counted.classes]
    texts = [
        f"{what}: " + ", ".join(f"{name} {rows}" for name, _, rows in shares)
        for what, shares in (("rows of the parts", parts), ("rows of the classes", classes))
    ]
    return Bars(
        stem=f"{protocol}_{note.anchor}",
        title=f"{note.title}: parts and classes by their share of the rows",
        stamps=_stamps(counted, note),
        caption="Shares of the rows; the numbers are in the tables.",
        description="; ".join(texts),
        bars=tuple(
            (what, tuple((name, rows) for name, rows, _ in shares))
            for what, shares in (("Parts", parts), ("Classes", classes))
        ),
    )


KIND = PropertiesOfData
