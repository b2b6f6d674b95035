"""Write the files of a report, each atomically."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.analysis.statistics import paired, summarise
from harness.report import text
from harness.report.columns import with_further
from harness.report.drawing import Drawings, Made
from harness.report.layout import Layout, Shown
from harness.report.meta import KINDS, ReportMeta
from harness.report.model import Plot, Report
from harness.report.table import build, paper_names, reference_key
from harness.store.manifest import Properties


@dataclass(frozen=True)
class Written:
    """Files of a report that were written, and the figures that could not be drawn.

    ``lines``  the result as a terminal shows it.
    """

    paths: tuple[Path, ...]
    problems: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def render_table(
    trials: pd.DataFrame, meta: ReportMeta, published: pd.DataFrame | None, folder: Path
) -> Written:
    """Write the report on ``trials`` (``statistics.TRIAL_COLUMNS``) into ``folder``.

    The files: ``table2.csv``, ``.md`` and ``.tex`` (named after ``meta.protocol``); ``paired.csv``;
    ``index.html``, which holds its figures and styles; ``figures/``. Raises ValueError for a table
    of trials that breaks its contract, before anything is written.
    """
    return _written(table_report(trials, meta, published), folder)


def render_figure(
    trials: pd.DataFrame, meta: ReportMeta, layout: Layout, shown: Shown, folder: Path
) -> Written:
    """Write the report on a figure into ``folder``, as :func:`render_table` does.

    The files: ``figure3.csv`` (named after ``meta.protocol``), the numbers at every place on the
    axes; ``paired.csv`` where rows are compared; CSV files of arrays; ``index.html``; ``figures/``.
    """
    from harness.report.figure_files import figure_report

    report = figure_report(without_fixed_splits(trials, meta), meta, layout, shown)
    return _written(report, folder)


def render_properties(
    counted: Sequence[Properties], meta: ReportMeta, published: pd.DataFrame | None, folder: Path
) -> Written:
    """Write the report on properties of data into ``folder``, as :func:`render_table` does.

    The files: ``table1.csv``, ``.md`` and ``.tex`` (named after ``meta.protocol``); ``counts.csv``,
    a line a count; ``index.html``.
    """
    files = properties_contents(counted, meta, published)
    for name, content in files.items():
        write_file(folder / name, content)
    return Written(tuple(folder / name for name in files))


def properties_contents(
    counted: Sequence[Properties], meta: ReportMeta, published: pd.DataFrame | None
) -> dict[str, bytes]:
    """File name -> bytes of the whole report on properties; same arguments, same bytes."""
    from harness.report import properties, property_text
    from harness.report.html import properties_page

    report = properties.build(counted, meta, published)
    files = {
        f"{meta.protocol}.csv": text.csv(property_text.table(counted, report)),
        "counts.csv": text.csv(property_text.counts(counted, report)),
        f"{meta.protocol}.md": property_text.markdown(report),
        f"{meta.protocol}.tex": property_text.latex(report),
        "index.html": properties_page(report),
    }
    return {name: content.encode() for name, content in files.items()}


def contents(
    trials: pd.DataFrame,
    meta: ReportMeta,
    published: pd.DataFrame | None,
    kinds: Sequence[str] = KINDS,
) -> dict[str, bytes]:
    """File name -> bytes of the whole report; same arguments, same bytes.

    ``published``  the paper's table, or None.  ``kinds``  of figure files to make.
    """
    return dict(table_report(trials, meta, published, kinds))


def table_report(
    trials: pd.DataFrame,
    meta: ReportMeta,
    published: pd.DataFrame | None,
    kinds: Sequence[str] = KINDS,
) -> Made:
    """The report on a table, without drawn figures."""
    from harness.report.html import page

    trials = without_fixed_splits(trials, meta)
    summary = summarise(trials, published, paper_names(meta))
    compared = paired(trials, reference_key(trials, meta))
    report = build(trials, summary, compared, meta)
    files = {
        f"{meta.protocol}.csv": text.csv(with_further(summary, trials), meta.datasets).encode(),
        "paired.csv": text.csv(compared, meta.datasets).encode(),
        f"{meta.protocol}.md": text.markdown(report).encode(),
        f"{meta.protocol}.tex": text.latex(report).encode(),
    }
    drawings = Drawings(plots(report), kinds)
    return Made(files, drawings, lambda drawn: page(report, drawn), text.terminal(report))


def plots(report: Report) -> dict[str, Plot]:
    """File stem -> plot: ``accuracy_<data set>`` and, where there is one, ``paired_<data set>``."""
    by_stem = {}
    for part in report.parts:
        by_stem[f"accuracy_{part.note.anchor}"] = part.dots
        if part.forest is not None:
            by_stem[f"paired_{part.note.anchor}"] = part.forest
    return by_stem


def without_fixed_splits(trials: pd.DataFrame, meta: ReportMeta) -> pd.DataFrame:
    """Blank ``n_train`` where all trials share one split: the correction does not apply there."""
    fixed = [note.key for note in meta.datasets if note.split_fixed]
    if "n_train" not in trials.columns or not fixed:
        return trials
    return trials.assign(n_train=trials["n_train"].mask(trials["dataset"].isin(fixed)))


def _written(report: Made, folder: Path) -> Written:
    names: dict[str, None] = {}
    for name, content in report:
        write_file(folder / name, content)
        names[name] = None
    paths = tuple(folder / name for name in names)
    return Written(paths, tuple(report.drawings.problems.values()), report.lines)


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically; creates missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".report.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
