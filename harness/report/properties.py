"""The report on properties of data, from counts. Pure: reads and writes no file."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from harness.report import captions
from harness.report import format as fmt
from harness.report.meta import DatasetNote, ReportMeta, with_distinct_titles
from harness.report.property_model import (
    PropertiesPart,
    PropertiesReport,
    Property,
)
from harness.report.property_tables import more, on_offer, span, strips, tables
from harness.store.manifest import Properties, Span

HEADS = ("#sample", "#modality (#dim.)", "#training", "#validation", "#test", "#class")
"""As the paper prints them; its validation rows are the tuning rows of this harness."""
PUBLISHED = ("samples", "modalities", "training", "validation", "test", "classes")
CHECK = "python run_all.py --check-data --data-root DIR"


def build(
    counted: Sequence[Properties], meta: ReportMeta, published: pd.DataFrame | None
) -> PropertiesReport:
    """The report on what was counted. Raises KeyError for a data set without a note in ``meta``."""
    notes = {note.key: note for note in with_distinct_titles(meta.datasets)}
    parts = tuple(_part(properties, notes[properties.dataset], published) for properties in counted)
    trials = max((properties.trials for properties in counted), default=0)
    return PropertiesReport(
        meta, HEADS, parts, more(counted, notes), fmt.plural(trials, "trial"), CHECK
    )


def unlike_paper(counted: Properties, note: DatasetNote, published: pd.DataFrame | None) -> str:
    """Sentence on counts that differ from the paper's, with the command to check; "" if none."""
    cells = _cells(counted, note, _printed(published, note.paper_name))
    off = [
        head for head, cell in zip(HEADS, cells, strict=True) if cell.verdict not in ("", "equal")
    ]
    if not off:
        return ""
    return (
        f"{', '.join(off)} differ from the paper's Table 1; {CHECK} (with the same --data-option, "
        "if any) shows which file or option causes it"
    )


def _part(counted: Properties, note: DatasetNote, published: pd.DataFrame | None) -> PropertiesPart:
    return PropertiesPart(
        note=note,
        stamps=_stamps(counted, note),
        cells=_cells(counted, note, _printed(published, note.paper_name)),
        lines=_lines(counted, note, published),
        strips=strips(counted),
        tables=tables(counted, note),
        facts=(*captions.facts(note), ("Splits on offer", on_offer(counted))),
    )


def _printed(published: pd.DataFrame | None, name: str | None) -> pd.Series | None:
    """The paper's line on the data that it calls ``name``; None where it has none."""
    if published is None or not name:
        return None
    lines = published[published["dataset"] == name]
    return lines.iloc[0] if len(lines) else None


def _cells(counted: Properties, note: DatasetNote, paper: pd.Series | None) -> tuple[Property, ...]:
    """The columns of the paper's table; the paper's own numbers beside them where ``paper`` is."""
    views = ", ".join(f"{v}({d})" for v, d in zip(note.view_names, note.dims, strict=True))
    n, classes = note.n, note.n_classes
    ours: tuple[Span | str, ...] = ((n, n), views, *counted.parts, (classes, classes))
    return tuple(
        _cell(value, None if paper is None else paper[name])
        for value, name in zip(ours, PUBLISHED, strict=True)
    )


def _cell(ours: Span | str, paper: int | str | None) -> Property:
    text = ours if isinstance(ours, str) else span(ours)
    if paper is None:
        return Property(text)
    if isinstance(ours, str):
        same = _modalities(ours) == _modalities(str(paper))
        return Property(text, str(paper), "equal" if same else "differs")
    gap = (ours[0] - int(paper), ours[1] - int(paper))
    return Property(text, str(paper), "equal" if gap == (0, 0) else _gap(gap))


def _modalities(text: str) -> set[tuple[str, str]]:
    """Names and widths, however they are spelt: ``EEG(310), Eye(33)``."""
    return {(name.lower(), width) for name, width in re.findall(r"(\S+?)\s*\((\d+)\)", text)}


def _gap(gap: Span) -> str:
    return " to ".join(dict.fromkeys(f"{difference:+d}".replace("-", "−") for difference in gap))


def _stamps(counted: Properties, note: DatasetNote) -> tuple[str, ...]:
    if note.kind != "simulated":
        return ()
    return (f"SIMULATED in the format of {counted.imitates}; not measured data",)


def _lines(
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
