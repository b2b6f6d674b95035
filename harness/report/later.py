"""What the page loads on demand: the rows of long tables, and the trials behind every number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.report.kind import Kind, Part
from harness.report.model import Block, Cell, Figure, Report, Row, Section, Table
from harness.report.trial_data import TrialData, script

LONG = 300
"""Rows from which on a folded table is not in the page itself."""
CHARTS = Path(__file__).parent / "vendor" / "chart.umd.min.js"
"""Chart.js, unchanged; its licence is beside it."""


def shortened(report: Report) -> tuple[Report, dict[str, Table]]:
    """The report with its long folded tables marked, and these by the name of their data file."""
    tables: dict[str, Table] = {}

    def marked(section: Section, block: Block) -> Block:
        if not isinstance(block, Table) or block.fold != "closed" or len(block.rows) < LONG:
            return block
        file = f"data/{section.anchor or 'all'}-list-{len(tables) + 1}.js"
        tables[file] = block
        return replace(block, later=file)

    sections = tuple(
        replace(section, blocks=tuple(marked(section, block) for block in section.blocks))
        for section in report.sections
    )
    return replace(report, sections=sections), tables


def data_files(
    kind: Kind, tables: Mapping[str, Table], figures: Mapping[str, Figure]
) -> Iterator[tuple[str, bytes]]:
    """Every data file, one at a time."""
    for file, table in tables.items():
        yield file, script(file, [_plain_row(row) for row in table.rows])
    for stem, figure in figures.items():
        if (plot := figure.explore()) is not None:
            yield f"data/figure-{stem}.js", script(f"data/figure-{stem}.js", plot)
    data = TrialData(kind.given.records, kind.given.arrays)
    for part in kind.parts:
        yield from _rows(part, data)
    if kind.parts:
        yield "data/chart.js", CHARTS.read_bytes()


def _rows(part: Part, data: TrialData) -> Iterator[tuple[str, bytes]]:
    for key, trials in part.trials.groupby("row_key", sort=False):
        file = part.files[str(key)]
        yield file, script(file, data.row(trials, part.names[str(key)], part.note.view_names))


def _plain_row(row: Row) -> dict[str, Any]:
    return {"group": row.group, "file": row.file, "cells": [_plain(cell) for cell in row.cells]}


def _plain(cell: Cell) -> Any:
    """A text, or what differs from one."""
    more = {
        "note": cell.note, "more": cell.more, "link": cell.link, "file": cell.file,
        "css": cell.css,
        "stale": cell.stale, "bold": cell.bold,
    }  # fmt: skip
    there = {name: value for name, value in more.items() if value}
    return {"text": cell.text, **there} if there else cell.text
