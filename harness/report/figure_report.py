"""The report of a figure, from trials, points and arrays. Pure: reads and writes no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from harness.analysis.statistics import check
from harness.report import captions
from harness.report import format as fmt
from harness.report.details import costs, failures, pair_lines, trial_lines
from harness.report.figure_model import FigurePart, FigureReport, Head, Numbers, NumberTable
from harness.report.figures import kind_of
from harness.report.figures.curves import numbers as number_tables
from harness.report.layout import Layout
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Column


def build(numbers: Numbers, meta: ReportMeta, layout: Layout) -> FigureReport:
    """The report. Raises ValueError for a data set without a note in ``meta``."""
    ordered = check(numbers.trials)
    notes = {note.key: note for note in meta.datasets}
    parts = []
    for key in dict.fromkeys(ordered["dataset"]):
        if key not in notes:
            raise ValueError(f"the report has no note on the data set '{key}'")
        parts.append(_part(notes[key], replace(numbers, trials=ordered).of(key), meta, layout))
    overall = kind_of(layout.kind).overall(replace(numbers, trials=ordered), meta, layout)
    return FigureReport(meta, layout, tuple(parts), overall=overall)


def _part(note: DatasetNote, own: Numbers, meta: ReportMeta, layout: Layout) -> FigurePart:
    kind = kind_of(layout.kind)
    head = Head(meta.title.split(":")[0], note, captions.stamps(note, meta, own.trials))
    columns = _columns(own.trials)
    named = own.trials.loc[own.trials["row_key"] == layout.reference, "row"]
    return FigurePart(
        note=note,
        facts=captions.facts(note),
        stamps=head.stamps,
        drawings=kind.drawings(head, own, columns, layout, f"{meta.protocol}_{note.anchor}"),
        tables=_extras(own, columns, layout),
        lines=_lines(own, columns, note),
        selections=captions.selections(own.trials),
        progress=captions.progress(own.trials),
        columns=columns,
        failures=failures(own.trials),
        trials=trial_lines(own.trials),
        costs=costs(own.trials, columns),
        pairs=pair_lines(own.compared) if kind.pairs else (),
        reference=str(named.iloc[0]) if len(named) else "",
        lead=kind.lead(own.compared, columns, note),
    )


def _extras(own: Numbers, columns: Sequence[Column], layout: Layout) -> tuple[NumberTable, ...]:
    """Tables without a figure; and, where rows have fewer labels than drawn, their counts."""
    table, extras = own.table, []
    for value in layout.extras:
        if (table[f"{value.column}_trials"] > 0).any():
            extras += number_tables(table, columns, layout, value)
    if layout.kind == "matrices":
        extras += number_tables(table, columns, layout, layout.values[0])
    if layout.kind == "curves" and layout.values[0].column == "accuracy":
        extras += _kept(own, columns, layout)
    return tuple(extras)


def _kept(own: Numbers, columns: Sequence[Column], layout: Layout) -> tuple[NumberTable, ...]:
    """Labels and classes of rows that have fewer labels than the others of their column."""
    (axis,) = layout.axes
    places, lines = sorted({float(place) for place in own.table[axis.column]}), []
    short = own.trials[_short(own.trials)]
    for column in columns:
        here = own.table[own.table["label_percent"] == column.percent]
        fewer = set(short.loc[short["label_percent"] == column.percent, "row_key"])
        for key in dict.fromkeys(here["row_key"]):
            row = here[here["row_key"] == key].set_index(axis.column)
            if key not in fewer:
                continue
            cells = [
                f"{_span(row.at[place, 'n_labelled'])} of {column.labels}, in "
                f"{_span(row.at[place, 'n_classes_labelled'])}"
                if place in row.index and row.at[place, "n_labelled"]
                else ""
                for place in places
            ]
            lines.append((row["row"].iloc[0], column.short, *cells))
    if not lines:
        return ()
    heads = ("", "Labelled", *(f"{axis.shown(p):g}{' %' if axis.percent else ''}" for p in places))
    note = "Labels used of those drawn, and in how many classes, minimum to maximum over trials; "
    note += "all other rows use all of them. A class without a labelled row is never predicted."
    return (NumberTable("Labels and classes used", heads, tuple(lines), note, left=2),)


def _columns(trials: pd.DataFrame) -> tuple[Column, ...]:
    """The label columns; their numbers of labels are those of rows that use all labels."""
    return captions.columns(trials.assign(n_labelled=trials["n_labelled"].where(~_short(trials))))


def _short(trials: pd.DataFrame) -> pd.Series:
    """Trials with fewer labels than another row has in the same trial of the same split."""
    counts = trials.assign(n_labelled=trials["n_labelled"].astype(float))
    same = ["label_percent", "trial", *({"at_split"} & set(trials.columns))]
    return counts["n_labelled"] < counts.groupby(same)["n_labelled"].transform("max")


def _lines(own: Numbers, columns: Sequence[Column], note: DatasetNote) -> tuple[str, ...]:
    """Sentences beside the figure: labels, stale trials, missing arrays, convergence."""
    tuning = sorted({int(v) for v in own.trials["n_tuning_labels"].dropna()})
    sentences = []
    if tuning and any(column.labels for column in columns):
        used = ", ".join(f"{c.labels} ({c.short})" for c in columns if c.labels)
        span = "–".join(dict.fromkeys(str(n) for n in (tuning[0], tuning[-1])))
        chosen = (
            f"with {span} tuning labels" if captions.label_users(own.trials) else "without labels"
        )
        sentences.append(f"Training used {used} labels; settings and epochs were chosen {chosen}.")
    stale = int(own.trials["stale"].astype(bool).sum())
    if stale:
        sentences.append(f"{fmt.plural(stale, 'trial')} made by an earlier version of the source.")
    if own.shown.matrices and note.kind == "licensed":
        sentences.append("No CSV of the images is written: its values are licensed data.")
    return (
        *sentences,
        *own.shown.unavailable.get(note.key, ()),
        *captions.unconverged(own.trials),
        *captions.in_warmup(own.trials),
        *(f"{text}." for text in note.absent),
    )


def _span(text: str) -> str:
    return text.replace("-", "–")
