"""From a finished plan to reports on disk, and to the sentences that say what fell short."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from datasets.base import TEST, TRAIN, Dataset
from harness import registry
from harness.analysis.figure_arrays import shown_of
from harness.analysis.trials_table import trials_table
from harness.plan.plan import Plan, PlannedCell
from harness.report import format as say
from harness.report.layout import Layout
from harness.report.meta import DatasetNote, ReportMeta, SplitNote
from harness.report.properties import unlike_paper
from harness.run.resources import usable_cores
from harness.store import code_digest
from harness.store.record import Record
from harness.store.store import Store
from protocols.base import Protocol, Scenario, TableRow, scaling_note, scaling_rule, what_varies
from protocols.published import published_table


def write_reports(
    plan: Plan,
    protocols: Mapping[str, Protocol],
    records: Mapping[str, Record],
    store: Store,
    command: str,
    folder: Path,
    console: Console,
) -> int:
    """Write the report of every protocol below ``folder``; say what fell short, count failures.

    ``store``  holds the arrays that some figures show.
    """
    from harness.report.write import render_figure, render_table  # matplotlib: only when needed

    bad = 0
    for name, protocol in protocols.items():
        if name in plan.properties:
            _write_properties(plan, name, protocol, command, folder, console)
            continue
        trials = trials_table(plan, records, name)
        if trials.empty:
            console.print(f"{name}: no cell was chosen, so there is no report")
            continue
        meta, layout = _meta(plan, name, protocol, command), Layout.of(protocol.layout)
        if layout.kind == "table":
            paths = render_table(trials, meta, published_table(name), folder / name)
        else:
            shown = shown_of(plan, name, layout, trials, records, store)
            paths = render_figure(trials, meta, layout, shown, folder / name)
        declined = trials["status"] == "skipped"
        short = declined | (trials["status"] == "failed") | (trials["candidates_failed"] > 0)
        bad += int((short & ~declined).sum())
        for line in trials[short].itertuples():
            what = "a candidate failed" if line.status == "ok" else line.status
            console.print(
                f"{what}: {line.row} on {line.dataset}, {line.label_percent:g} %, "
                f"{_place(line)}trial {line.trial}: {line.reason}",
            )
        missing = int((trials["status"] == "missing").sum())
        if missing:
            console.print(f"{missing} trials have no result yet; their cells show no mean")
        _say_written(paths, console)
    return bad


def _write_properties(
    plan: Plan, name: str, protocol: Protocol, command: str, folder: Path, console: Console
) -> None:
    """The report of a protocol that fits nothing; says which counts are not the paper's."""
    from harness.report.write import render_properties

    # What a budget's stamp says is true of accuracies; a count is a count under any budget.
    meta = replace(_meta(plan, name, protocol, command), stamp="")
    counted, published = plan.properties[name], published_table(name)
    notes = {note.key: note for note in meta.datasets}
    for one in counted:
        if off := unlike_paper(one, notes[one.dataset], published):
            console.print(f"{one.dataset}: {off}")
    _say_written(render_properties(counted, meta, published, folder / name), console)


def _say_written(paths: Sequence[Path], console: Console) -> None:
    for path in paths:
        console.print(f"wrote {_shown(path)}")


def _left_out(keys: Sequence[str]) -> str:
    """What the budget leaves out, and how to have it; "" where it is nothing."""
    return f"without {', '.join(keys)} (--dataset {' '.join(keys)})" if keys else ""


def _meta(plan: Plan, name: str, protocol: Protocol, command: str) -> ReportMeta:
    cells = [cell for cell in plan.cells if cell.protocol == name]
    shown = {cell.data_key for cell in cells}
    shown |= {one.dataset for one in plan.properties.get(name, ())}
    revision = code_digest.revision()
    notes = {cell.cell.row.key: _row_note(cell.cell.row) for cell in cells}
    return ReportMeta(
        protocol=name,
        title=protocol.title,
        budget=plan.budget.name,
        stamp="; ".join(filter(None, (plan.budget.stamp, _left_out(plan.left_out.get(name, ()))))),
        trials_expected=max((len(cell.trials) for cell in cells), default=plan.budget.trials),
        command=command,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        revision=revision.removesuffix("+changes"),
        dirty=revision.endswith("+changes"),
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {usable_cores()} cores",
        datasets=tuple(
            _note(plan, d, [cell for cell in cells if cell.data_key == d.key])
            for d in plan.data.values()
            if d.key in shown
        ),
        row_notes=notes,
    )


def _row_note(row: TableRow) -> tuple[str, tuple[str, ...]]:
    """What the methods of a row are, stage by stage, and where they come from."""
    keys = list(dict.fromkeys(stage.key for stage in row.recipe))
    cites = [cite for key in keys for cite in registry.load_method(key).cites]
    first = " Then ".join(registry.first_line("methods", key) for key in keys)
    return first, tuple(dict.fromkeys(cites))


def _hidden(data: Dataset, scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """Which views rows of ``data`` may lack, in words; nothing where none may."""
    names = [name for name in data.view_names if any(name in s.missing for s in scenarios)]
    if not names:
        return ()
    at_test = max(scenario.missing_at_test for scenario in scenarios)
    tests = f"{100 * at_test:g} % of the test rows" if at_test else "no test row"
    which = " or ".join(names)
    return (f"rows may lack {which}; {tests} and no tuning row lacks a view",)


def _place(line: Any) -> str:
    """``missing 0.5, `` for a trial of a figure."""
    at = {name[3:]: getattr(line, name) for name in line._fields if name.startswith("at_")}
    return "".join(f"{text}, " for text in say.places(at))


def _scaled(data: Dataset, split: str, scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """Which scaling rules are applied, in words; nothing where the methods alone z-score."""
    said = dict.fromkeys(scaling_note(data, s.split, s.scaling) for s in scenarios)
    if not scenarios:
        said = {scaling_note(data, split, scaling_rule(data, split)): None}
    return tuple(text for text in said if text)


def _note(plan: Plan, data: Dataset, cells: Sequence[PlannedCell]) -> DatasetNote:
    split, scenarios = plan.splits[data.key], [cell.cell.scenario for cell in cells]
    trained = any(job.trained for cell in cells for job in cell.trials[0])
    origin = data.provenance
    rule = data.split(split)
    # The default split of a licensed set is the paper's; another one is another experiment.
    as_published = origin.kind == "licensed" and split == data.splits[0].name
    note = DatasetNote(
        key=data.key,
        title=data.title,
        kind=origin.kind,
        is_paper_data=as_published,
        published_name=data.draw_key.upper() if as_published else None,
        split_fixed=rule.official,
        source=origin.source,
        licence=origin.licence,
        citation=origin.citation,
        n=data.n,
        dims=data.dims,
        view_names=data.view_names,
        n_classes=data.n_classes,
        split=split,
        leaks=rule.leaks,
        fingerprint=data.fingerprint,
        what_varies=what_varies(data, scenarios, trained=trained),
        notes=(*origin.notes, *_scaled(data, split, scenarios), *_hidden(data, scenarios)),
    )
    return _of_splits(note, plan, data, cells)


def _of_splits(
    note: DatasetNote, plan: Plan, data: Dataset, cells: Sequence[PlannedCell]
) -> DatasetNote:
    """The note where the cells have several splits, in their order."""
    first: dict[str, PlannedCell] = {}
    for cell in cells:
        first.setdefault(cell.cell.scenario.split, cell)
    if len(first) < 2:
        return note
    rules = [data.split(name) for name in first]

    def ratio(cell: PlannedCell) -> float:
        """Rows of the test part over those of the training part, medians over the trials."""
        parts = [plan.drawn(trial[0]).part for trial in cell.trials]
        test, train = (np.median([(part == p).sum() for part in parts]) for p in (TEST, TRAIN))
        return float(test / train)

    return replace(
        note,
        split=", ".join(rule.name for rule in rules),
        leaks=(),
        split_fixed=False,
        splits=tuple(
            SplitNote(r.name, r.leaks, None if r.official else ratio(first[r.name])) for r in rules
        ),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("torch", "numpy", "scipy", "scikit-learn", "pandas", "ray"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _shown(path: Path) -> str:
    """Relative to where the user stands, if it lies there."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
