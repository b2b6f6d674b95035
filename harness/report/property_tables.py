"""Tables and strips on the properties of one data set, as structs of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.report import format as fmt
from harness.report.figure_model import NumberTable
from harness.report.meta import DatasetNote
from harness.report.property_model import Segment, Strip
from harness.store.manifest import Properties, Span

PARTS = ("Training", "Tuning", "Test")
MORE = ("Data", "Kind", "Split", "Groups it splits", "Groups", "Labelled rows", "Licence",
        "Fingerprint")  # fmt: skip
EM, STRIP = 7.0, 380.0
"""Pixels of a letter, and of a strip on a telephone: a longer label would not fit its segment."""


def span(counts: Span) -> str:
    """``1421``, or ``1421–1440`` where trials differ."""
    return "–".join(dict.fromkeys(map(str, counts)))


def tables(counted: Properties, note: DatasetNote) -> tuple[NumberTable, ...]:
    """Classes, groups where there are some, labels, and absent views where there are some."""
    return (
        _class_table(counted, note),
        *_group_tables(counted, note),
        _label_table(counted),
        *_lacking_tables(counted),
    )


def more(counted: Sequence[Properties], notes: Mapping[str, DatasetNote]) -> NumberTable:
    """A line a data set of what the paper's table lacks."""
    lines = tuple(_line(properties, notes[properties.dataset]) for properties in counted)
    return NumberTable("Sources and splits of the data", MORE, lines, left=8)


def strips(counted: Properties) -> tuple[Strip, Strip]:
    """The parts in the middle of their spans, and the classes."""
    parts = [
        (name, f"{name.lower()} {span(rows)} rows", sum(rows) / 2)
        for name, rows in zip(PARTS, counted.parts, strict=True)
    ]
    classes = [
        (entry.name, f"class {entry.name}: {entry.rows} rows", entry.rows)
        for entry in counted.classes
    ]
    return _strip("Parts", parts), _strip("Classes", classes)


def _strip(kind: str, shares: Sequence[tuple[str, str, float]]) -> Strip:
    total, start, segments = sum(rows for *_, rows in shares), 0.0, []
    for name, title, rows in shares:
        width = 100 * rows / total
        label = name if width / 100 * STRIP > EM * (len(name) + 1) else ""
        title = f"{title} ({_share(rows, total)})"
        segments.append(Segment(label, title, round(start, 3), round(width, 3)))
        start += width
    return Strip(
        kind, f"{kind}: {', '.join(segment.title for segment in segments)}", tuple(segments)
    )


def _class_table(counted: Properties, note: DatasetNote) -> NumberTable:
    lines = tuple(
        (entry.name, str(entry.rows), _share(entry.rows, note.n), *map(span, entry.parts))
        for entry in counted.classes
    )
    largest = max(entry.rows for entry in counted.classes)
    return NumberTable(
        f"Rows of each class ({note.n_classes})",
        ("Class", "Rows", "Share", *PARTS),
        lines,
        f"A majority vote over all rows is right in {_share(largest, note.n)} of them.",
    )


def _group_tables(counted: Properties, note: DatasetNote) -> tuple[NumberTable, ...]:
    lines = tuple(
        (
            group.name,
            _placement(group.name, note),
            str(group.groups),
            span(group.rows),
            span(group.torn),
        )
        for group in counted.groups
    )
    heads = ("Group", "Under this split", "How many", "Rows in one", "In several parts")
    return (NumberTable(f"Groups ({len(lines)})", heads, lines, left=2),) if lines else ()


def _placement(group: str, note: DatasetNote) -> str:
    """Whether the split puts rows of a group in several parts; draws check this declaration."""
    return "in several parts" if group in note.leaks else "in one part"


def _label_table(counted: Properties) -> NumberTable:
    lines = tuple((fmt.percent(percent), span(rows)) for percent, rows in counted.labels)
    return NumberTable("Labelled rows", ("Of the training rows", "Labelled"), lines)


def _lacking_tables(counted: Properties) -> tuple[NumberTable, ...]:
    lines = tuple((view.view, *view.in_words) for view in counted.lacking)
    heads = ("View", "Labelled training", "Unlabelled training", "Tuning", "Test")
    note = "Share of the rows of each part that lack the view, least to most over the draws of all "
    note += f"shares of labels. Digest of which row lacks which view: {counted.mask}."
    return (NumberTable("Rows that lack a view", heads, lines, note),) if lines else ()


def on_offer(counted: Properties) -> str:
    """Every split of a data set, the default first, with the groups it puts in several parts."""
    return "; ".join(
        name + (f" ({', '.join(leaks)} in several parts)" if leaks else "")
        for name, leaks in counted.splits
    )


def _line(counted: Properties, note: DatasetNote) -> tuple[str, ...]:
    """A line of what the paper's table lacks, in the order of ``MORE``."""
    return (
        note.title,
        "SIMULATED" if note.kind == "simulated" else note.kind,
        note.split,
        ", ".join(note.leaks) or "nothing",
        ", ".join(f"{group.groups} {group.name}" for group in counted.groups) or "none",
        "; ".join(f"{fmt.percent(percent)}:\u00a0{span(rows)}" for percent, rows in counted.labels),
        note.licence,
        note.fingerprint,
    )


def _share(rows: float, total: float) -> str:
    return f"{100 * rows / total:.1f}\u00a0%"
