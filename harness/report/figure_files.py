"""The files of a figure's report, as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from harness.analysis.aggregate import points
from harness.analysis.leakage import leaks
from harness.analysis.statistics import PAIRED_COLUMNS, axes, paired
from harness.report import text
from harness.report.array_plots import matrix_csv, ways_csv, weights_csv
from harness.report.drawing import Drawings
from harness.report.figure_model import FigureReport, MatrixPlot
from harness.report.figure_report import Numbers, build
from harness.report.html import figure_page
from harness.report.layout import Layout, Shown
from harness.report.meta import KINDS, ReportMeta
from harness.report.write import Made


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
    columns = [value.column for value in (*layout.values, *layout.extras)]
    table = points(trials, columns)
    numbers = Numbers(trials, table, _compared(trials, layout, meta), shown)
    report = build(numbers, meta, layout)
    tables = _tables(report, numbers)
    found = {name: text.csv(one, meta.datasets).encode() for name, one in tables.items()}
    drawings = Drawings({d.stem: d.plot for part in report.parts for d in part.drawings}, kinds)
    whole = replace(report, files=(*found, *drawings.names()))
    return Made(found, drawings, lambda drawn: figure_page(whole, drawn))


def _compared(trials: pd.DataFrame, layout: Layout, meta: ReportMeta) -> pd.DataFrame:
    """Paired differences in the headline value, or gains of a leak; none where nothing is."""
    if layout.kind == "leak":
        return leaks(trials, {n.key: {s.name: s.ratio for s in n.splits} for n in meta.datasets})
    places, value = axes(trials), layout.values[0].column
    if layout.kind != "curves" or value not in trials.columns:
        return pd.DataFrame(columns=[PAIRED_COLUMNS[0], *places, *PAIRED_COLUMNS[1:]])
    return paired(trials, layout.reference, value)


def _tables(report: FigureReport, numbers: Numbers) -> dict[str, pd.DataFrame]:
    """CSV files by name. Values of licensed data are never among them."""
    protocol, shown = report.meta.protocol, numbers.shown
    if report.layout.kind == "weights":
        names = {note.key: note.view_names for note in report.meta.datasets}
        every = [(one, names[one.dataset]) for one in shown.weights]
        return {
            f"{protocol}.csv": _stacked([weights_csv([one], views) for one, views in every]),
            "epochs.csv": _stacked([ways_csv([one], views) for one, views in every]),
        }
    if report.layout.kind == "leak":
        return {f"{protocol}.csv": numbers.compared}
    found = {f"{protocol}.csv": numbers.table}
    if len(numbers.compared):
        found["paired.csv"] = numbers.compared
    for part in report.parts:
        if part.note.kind == "licensed":
            continue
        matrices = {f"{protocol}_{part.note.anchor}_{one.view}": one for one in shown.matrices
                    if one.dataset == part.note.key}  # fmt: skip
        for one in part.drawings:
            if isinstance(one.plot, MatrixPlot):
                found[f"figures/{one.stem}.csv"] = matrix_csv(one.plot, matrices[one.stem])
    return found


def _stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else weights_csv([], ())
