"""Reports of a run, made from ``results/`` alone, and the page that lists all runs.

Opens no data set and imports no method: everything needed is in the manifest, records and arrays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from harness.analysis.against import Against, Stored, against, of_results, of_suite
from harness.analysis.figure_arrays import Shown, matrices_shown, truths_of, weights_shown
from harness.analysis.trials_table import trials_table
from harness.errors import UsageError
from harness.layout import Layout
from harness.report import format as fmt
from harness.report import places
from harness.report.figures.properties import unlike_paper
from harness.report.index import write_index
from harness.report.kind import Given
from harness.report.ledger import judged, told, write_ledger
from harness.report.meta import KINDS, ReportMeta, with_distinct_titles
from harness.report.write import Written, render
from harness.store import manifest as manifests
from harness.store.manifest import Manifest, ProtocolEntry
from harness.store.record import Record
from harness.store.store import Store
from harness.store.suite import find_suite


def rebuild(results: Path, reports: Path, name: str, against: str | None, console: Console) -> int:
    """Write the reports of the run ``name`` (``last``, ``all``, or how its id begins) once more.

    ``against``  what to compare it with; None: what the run itself was compared with.

    Returns 1 where a trial of it failed, else 0. Raises UsageError where there is no such run.
    """
    chosen = manifests.chosen(results, name)
    store = Store(results)
    records = store.records()
    for warning in store.warnings:
        console.print(f"ledger: {warning}")
    if against is not None:
        chosen = [replace(run, against=against) for run in chosen]
    bad = sum(publish(run, records, store, reports, console) for run in chosen)
    return 1 if bad else 0


@dataclass(frozen=True)
class Live:
    """How a report is written: once, or again and again while its run goes on.

    ``refresh``  seconds after which its page reloads; 0 for never.   ``kinds`` of figure files.
    """

    refresh: int = 0
    kinds: Sequence[str] = KINDS


ONCE = Live()


def publish(
    run: Manifest,
    records: Mapping[str, Record],
    store: Store,
    reports: Path,
    console: Console,
    how: Live = ONCE,
) -> int:
    """Write the report of every protocol of a run below ``reports/<run id>``, and the list of runs.

    Prints trials without a number; returns how many trials failed.
    """
    bad, lines = 0, list[str]()
    tables = {entry.name: trials_table(run, entry, records) for entry in run.protocols}
    ledger = judged(tables, {entry.name: meta_of(run, entry) for entry in run.protocols})
    for entry in run.protocols:
        folder, trials = reports / run.id / entry.name, tables[entry.name]
        if trials.empty and not entry.properties:
            console.print(f"{entry.name}: no cell was chosen, so there is no report")
            continue
        given = given_of(run, entry, trials, records, store)
        _print_unlike_paper(given, console)
        own = ledger[ledger["protocol"] == entry.name]
        meta = replace(given.meta, refresh=how.refresh)
        written = render(replace(given, meta=meta, ledger=own), folder, how.kinds)
        bad += _print_short(entry.name, trials, console)
        _print_written(written, folder, console)
        lines += [f"{entry.name}: {line}" for line in written.summary]
        lines.append(f"{entry.name}: the page is {_near(folder / 'index.html')}")
    write_ledger(ledger, reports / run.id)
    lines += told(ledger)
    index = write_index(store.folder, reports)
    for line in lines:
        console.print(line)
    console.print(f"all runs: {_near(index)}")
    return bad


def given_of(
    run: Manifest,
    entry: ProtocolEntry,
    trials: pd.DataFrame,
    records: Mapping[str, Record],
    store: Store,
) -> Given:
    """What the report of a protocol is made from."""
    layout = Layout.of(entry.layout)
    return Given(
        meta=meta_of(run, entry),
        layout=layout,
        trials=trials,
        published=None if entry.published is None else pd.DataFrame(list(entry.published)),
        shown=shown_of(run, entry, layout, trials, records, store),
        properties=entry.properties,
        against=against_of(run, entry, trials),
        records=records,
        arrays=store.arrays,
    )


def against_of(run: Manifest, entry: ProtocolEntry, trials: pd.DataFrame) -> Against | None:
    """The run's rows beside stored ones; None where that was not asked or nothing was fitted.

    Stored rows that cannot be read give a section that says why: they cost no report.
    """
    if not run.against or trials.empty:
        return None
    try:
        stored = stored_rows(run.against, entry.name)
    except UsageError as error:
        return Against(run.against, left_out=(str(error),))
    return against(run, entry, trials, stored)


def stored_rows(name: str, protocol: str) -> Stored:
    """The rows of a results folder, or of a suite. Raises UsageError where there are none."""
    folder = Path(name)
    if (folder / manifests.FOLDER).is_dir():
        return of_results(name, manifests.known(folder)[0], Store(folder).records(), protocol)
    return of_suite(find_suite(name))


def shown_of(
    run: Manifest,
    entry: ProtocolEntry,
    layout: Layout,
    trials: pd.DataFrame,
    records: Mapping[str, Record],
    store: Store,
) -> Shown:
    """The arrays that a layout shows."""
    if layout.kind == "weights":
        return weights_shown(trials, records, store.arrays)
    if layout.kind == "matrices":
        try:
            arrays = manifests.load_arrays(store.folder, run)
        except ValueError:
            arrays = {}
        return matrices_shown(trials, records, store.arrays, truths_of(arrays, entry.name))
    return Shown()


def meta_of(run: Manifest, entry: ProtocolEntry) -> ReportMeta:
    """Metadata of a protocol's report."""
    return ReportMeta(
        protocol=entry.name,
        title=entry.title,
        budget=run.budget,
        stamp=entry.stamp,
        trials_expected=entry.trials,
        command=run.command,
        date=run.date,
        revision=run.revision.removesuffix("+changes"),
        dirty=run.revision.endswith("+changes"),
        versions=run.versions,
        machine=run.machine,
        datasets=with_distinct_titles(entry.datasets),
        row_notes=entry.row_notes,
    )


def _print_unlike_paper(given: Given, console: Console) -> None:
    """Print counts of the data that differ from the paper's."""
    notes = {note.key: note for note in given.meta.datasets}
    for counted in given.properties:
        if off := unlike_paper(counted, notes[counted.dataset], given.published):
            console.print(f"{counted.dataset}: {off}")


def _print_short(protocol: str, trials: pd.DataFrame, console: Console) -> int:
    """Print trials without a number, a line for each cell and reason; count the failed ones."""
    if trials.empty:
        return 0
    declined = trials["status"] == "skipped"
    short = declined | (trials["status"] == "failed") | (trials["candidates_failed"] > 0)
    for lines in _alike(trials[short]):
        first = lines[0]
        what = "a candidate failed" if first["status"] == "ok" else first["status"]
        numbers = fmt.runs(int(line["trial"]) for line in lines)
        word = "trial" if len(lines) == 1 else "trials"
        place = places.place(first).replace("\u00a0", " ")
        console.print(
            f"{protocol}: {what}: {first['row']} on {first['dataset']}, "
            f"{place}, {word} {numbers}: {first['reason']}"
        )
    if missing := int((trials["status"] == "missing").sum()):
        what = fmt.plural(missing, "trial")
        console.print(f"{protocol}: {what} without a result yet; their cells show no mean")
    return int((short & ~declined).sum())


def _alike(short: pd.DataFrame) -> list[list[dict[Any, Any]]]:
    """Lines of one cell that share status and reason, together."""
    alike: dict[tuple[Any, ...], list[dict[Any, Any]]] = {}
    for line in short.to_dict("records"):
        at = tuple(places.at(line).values())
        key = (line["dataset"], line["row_key"], line["label_percent"], at)
        alike.setdefault((*key, line["status"], line["reason"]), []).append(line)
    return list(alike.values())


def _print_written(written: Written, folder: Path, console: Console) -> None:
    for line in written.lines:
        console.print(line)
    for problem in written.problems:
        console.print(f"{folder.name}: {problem}")
    console.print(f"wrote {fmt.plural(len(written.paths), 'file')} under {_near(folder)}")


def page_of(run: Manifest, reports: Path) -> str:
    """The page of the first protocol of a run."""
    return _near(reports / run.id / run.protocols[0].name / "index.html")


def _near(path: Path) -> str:
    """``path`` relative to the working directory, if it is inside it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
