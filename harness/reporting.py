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

from rich.console import Console

from datasets.base import Dataset
from harness import registry, source
from harness.plan import Plan, PlannedCell
from harness.record import Record
from harness.render import format as say
from harness.render.layout import Layout
from harness.render.meta import DatasetNote, ReportMeta, SplitNote
from harness.render.properties import unlike_paper
from harness.shown import shown_of
from harness.store import Store
from harness.tabulate import trials_table
from protocols.base import Protocol, Row
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
    from harness.render.write import render_figure, render_table  # matplotlib: only when needed

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
    from harness.render.write import render_properties

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


def _meta(plan: Plan, name: str, protocol: Protocol, command: str) -> ReportMeta:
    cells = [cell for cell in plan.cells if cell.protocol == name]
    shown = {cell.data_key for cell in cells}
    shown |= {one.dataset for one in plan.properties.get(name, ())}
    revision = source.revision()
    notes = {cell.cell.row.key: _row_note(cell.cell.row) for cell in cells}
    return ReportMeta(
        protocol=name,
        title=protocol.title,
        budget=plan.budget.name,
        stamp=plan.budget.stamp,
        trials_expected=max((len(cell.trials) for cell in cells), default=plan.budget.trials),
        command=command,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        revision=revision.removesuffix("+changes"),
        dirty=revision.endswith("+changes"),
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        datasets=tuple(
            _of_splits(_note(d, plan.splits[d.key], _hidden(cells, d)), cells, d)
            for d in plan.data.values()
            if d.key in shown
        ),
        row_notes=notes,
    )


def _row_note(row: Row) -> tuple[str, tuple[str, ...]]:
    """What the methods of a row are, stage by stage, and where they come from."""
    keys = list(dict.fromkeys(stage.key for stage in row.recipe))
    cites = [cite for key in keys for cite in registry.load_method(key).cites]
    first = " Then ".join(registry.first_line("methods", key) for key in keys)
    return first, tuple(dict.fromkeys(cites))


def _hidden(cells: Sequence[PlannedCell], data: Dataset) -> tuple[str, ...]:
    """Which views rows of ``data`` may lack, in words; nothing where none may."""
    scenarios = [cell.cell.scenario for cell in cells if cell.data_key == data.key]
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


def _note(data: Dataset, split: str, hidden: tuple[str, ...]) -> DatasetNote:
    origin = data.provenance
    rule = data.split(split)
    # The default split of a licensed set is the paper's; another one is another experiment.
    as_published = origin.kind == "licensed" and split == data.splits[0].name
    drawn = "the labelled rows, the initial weights and the minibatches"
    drawn = f"which rows lack a view, {drawn}" if hidden else drawn
    varies = drawn if rule.official else f"the {split} split ({_shares(rule.shares)}), {drawn}"
    return DatasetNote(
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
        what_varies=varies,
        notes=(*origin.notes, *hidden),
    )


def _of_splits(note: DatasetNote, cells: Sequence[PlannedCell], data: Dataset) -> DatasetNote:
    """The note where cells of ``data`` run under several splits, in the order of the cells."""
    names = dict.fromkeys(c.cell.scenario.split for c in cells if c.data_key == data.key)
    if len(names) < 2:
        return note
    rules = [data.split(name) for name in names]
    drawn = note.what_varies.split("), ", 1)[-1]  # without the one split that the note speaks of
    shares = ", ".join(dict.fromkeys(_shares(rule.shares) for rule in rules if not rule.official))
    return replace(
        note,
        split=", ".join(names),
        leaks=(),
        split_fixed=False,
        what_varies=f"each split that is not fixed ({shares}), {drawn}",
        splits=tuple(
            SplitNote(r.name, r.leaks, None if r.official else r.shares[2] / r.shares[0])
            for r in rules
        ),
    )


def _shares(shares: tuple[float, float, float]) -> str:
    return "/".join(f"{100 * share:g}" for share in shares)


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
