"""The files of a figure's report, as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from harness.analysis.aggregate import points
from harness.report import text
from harness.report.drawing import Drawings, Made
from harness.report.figure_model import Numbers
from harness.report.figure_report import build
from harness.report.figures import kind_of
from harness.report.html import figure_page
from harness.report.layout import Layout, Shown
from harness.report.meta import KINDS, ReportMeta


def figure_contents(
    trials: pd.DataFrame,
    meta: ReportMeta,
    layout: Layout,
    shown: Shown,
    kinds: Sequence[str] = KINDS,
) -> dict[str, bytes]:
    """File name -> bytes of a figure's whole report; same arguments, same bytes."""
    return dict(figure_report(trials, meta, layout, shown, kinds))


def figure_report(
    trials: pd.DataFrame,
    meta: ReportMeta,
    layout: Layout,
    shown: Shown,
    kinds: Sequence[str] = KINDS,
) -> Made:
    """The report on a figure, nothing of it drawn yet."""
    extras = tuple(value for value in layout.extras if value.column in trials.columns)
    layout = replace(layout, extras=extras)
    columns = [value.column for value in (*layout.values, *layout.extras)]
    table = points(trials, columns)
    kind = kind_of(layout.kind)
    numbers = Numbers(trials, table, kind.compared(trials, layout, meta), shown)
    report = build(numbers, meta, layout)
    tables = kind.files(meta, numbers, report.parts)
    files = {name: text.csv(table, meta.datasets).encode() for name, table in tables.items()}
    figures = [*report.overall, *(d for part in report.parts for d in part.drawings)]
    drawings = Drawings({d.stem: d.plot for d in figures}, kinds)
    complete = replace(report, files=(*files, *drawings.names()))
    return Made(files, drawings, lambda drawn: figure_page(complete, drawn))
