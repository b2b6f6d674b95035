"""Properties of data as Markdown, LaTeX and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from harness.report.properties import PUBLISHED
from harness.report.property_model import (
    PropertiesPart,
    PropertiesReport,
    Property,
)
from harness.report.text import md, md_row, md_rule, md_table, tex, tex_table, unnumbered
from harness.store.manifest import Properties, Share, Span


def table(counted: Sequence[Properties], report: PropertiesReport) -> pd.DataFrame:
    """A line a data set: its counts, the least and the most over trials, and the paper's."""
    return pd.DataFrame(
        _record(properties, part) for properties, part in zip(counted, report.parts, strict=True)
    )


def counts(counted: Sequence[Properties], report: PropertiesReport) -> pd.DataFrame:
    """A line a count: rows of each class and part, groups, groups in several parts, labels.

    Shares of rows that lack a view, where some do, are in percent.
    """
    return pd.DataFrame(
        {"dataset": properties.dataset, "kind": part.note.kind, "count": what, "name": name,
         "least": span[0], "most": span[1]}
        for properties, part in zip(counted, report.parts, strict=True)
        for what, name, span in _counts(properties)
    )  # fmt: skip


def markdown(report: PropertiesReport) -> str:
    """The report's tables for a README or an issue."""
    lines = [f"# {md(report.meta.title)}", "", f"Counts over the draws of {report.trials}.", ""]
    lines += [md_row(["dataset", *map(md, report.heads)]), md_rule(1, len(report.heads))]
    lines += [md_row([_name(part), *map(_md_cell, part.cells)]) for part in report.parts]
    lines += ["", *(f"- {md(title)}: {md(text)}" for title, text in _notes(report))]
    lines += md_table(report.more, 2)
    for part in report.parts:
        lines += ["", f"## {_name(part)}"]
        for shown in part.tables:
            lines += md_table(shown, 3)
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def latex(report: PropertiesReport) -> str:
    """The table in the paper's layout; needs booktabs and graphicx."""
    rows = []
    for part in report.parts:
        rows.append(_tex_row([tex(_title(part)), *(tex(cell.ours) for cell in part.cells)]))
        if any(cell.paper for cell in part.cells):
            rows.append(_tex_row([r"\quad{\scriptsize paper}", *map(_tex_paper, part.cells)]))
    notes = [f"{title}: {text}" for title, text in _notes(report)]
    title = f"{tex(unnumbered(report.meta.title))}. Counts over the draws of {report.trials}."
    head = [r"\toprule", _tex_row(["dataset", *map(tex, report.heads)]), r"\midrule"]
    return tex_table(title, "lrlrrrr", [*head, *rows], map(_tex_flags, notes))


def _record(counted: Properties, part: PropertiesPart) -> dict[str, object]:
    note = part.note
    names = ("training", "tuning", "test")
    return {
        "dataset": note.key,
        "kind": note.kind,
        "samples": note.n,
        "modalities": part.cells[1].ours,
        **{f"{name}_{end}": span[i] for name, span in zip(names, counted.parts, strict=True)
           for i, end in enumerate(("min", "max"))},
        "classes": note.n_classes,
        "trials": counted.trials,
        "split": note.split,
        "leaks": " ".join(note.leaks),
        "groups": " ".join(f"{group.name}:{group.groups}" for group in counted.groups),
        **{f"published_{name}": cell.paper
           for name, cell in zip(PUBLISHED, part.cells, strict=True)},
        **{f"published_{name}_is": cell.verdict
           for name, cell in zip(PUBLISHED, part.cells, strict=True)},
        "fingerprint": note.fingerprint,
        "licence": note.licence,
        "source": note.source,
    }  # fmt: skip


def _counts(counted: Properties) -> Iterator[tuple[str, str, Span | Share]]:
    for entry in counted.classes:
        yield "rows of class", entry.name, (entry.rows, entry.rows)
        for part, rows in zip(("training", "tuning", "test"), entry.parts, strict=True):
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


def _notes(report: PropertiesReport) -> list[tuple[str, str]]:
    """(data set, sentence) of all notes below the table."""
    return [(p.note.title, text) for p in report.parts for text in (*p.stamps, *p.lines)]


def _title(part: PropertiesPart) -> str:
    return part.note.title + (" [SIMULATED]" if part.note.kind == "simulated" else "")


def _name(part: PropertiesPart) -> str:
    return md(_title(part))


def _md_cell(cell: Property) -> str:
    return md(cell.ours) + (f" (paper {cell.paper}, {cell.verdict})" if cell.paper else "")


def _tex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _tex_flags(text: str) -> str:
    """``text`` with the two hyphens of its flags, which LaTeX would draw as one dash."""
    return "-{}-".join(map(tex, text.split("--")))


def _tex_paper(cell: Property) -> str:
    return rf"{{\scriptsize {tex(cell.paper)} ({tex(cell.verdict)})}}" if cell.paper else ""
