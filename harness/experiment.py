"""One run from options to exit status: choose, plan, say, run, report."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from rich.console import Console

from datasets.base import Dataset
from harness import registry
from harness.errors import UsageError
from harness.plan import properties, resolve
from harness.plan.grouping import stacks
from harness.plan.plan import (
    Plan,
    PlannedCell,
    leave_out,
    matches,
    method_cards,
    plan_cells,
    settle,
)
from harness.registry import ROOT
from harness.report import format as say
from harness.run.describe import describe, ended, truths
from harness.run.driver import Driver, missing_inputs, resumable
from harness.run.executors import Executor, Resources, open_executor
from harness.run.progress import Display
from harness.store import manifest as manifests
from harness.store.manifest import Manifest, State
from harness.store.record import Record
from harness.store.store import Store, StoreError
from protocols.base import Budget, Protocol

CORE_HOURS_UNASKED = 8.0
"""A plan dearer than this runs only when it was asked for in so many words."""


@dataclass(frozen=True)
class Options:
    """Everything ``run_all.py`` can be told; see its ``--help``."""

    protocols: Sequence[str]
    command: Sequence[str] = ()
    datasets: Sequence[str] = ()
    methods: Sequence[str] = ()
    without: Sequence[str] = ()
    label_percent: Sequence[float] = ()
    missing_views: Sequence[str] = ()
    missing_at_test: float = 0.0
    trials: int | None = None
    epochs: int | None = None
    budget: str | None = None
    executor: str = "ray"
    workers: int | None = None
    device: str = "auto"
    gpus_per_job: float = 1.0
    address: str | None = None
    data_root: str | None = None
    data_options: Sequence[str] = ()
    results: Path = ROOT / "results"
    reports: Path = ROOT / "reports"
    seed: int = 0
    dry_run: bool = False
    report_only: str | None = None
    retry_failed: bool = False
    accept_stale: bool = False
    force: bool = False
    yes: bool = False


def run(options: Options, console: Console) -> int:
    """Run one session. Returns the exit status.

    Raises UsageError before any work is done; StoreError where work cannot be stored, and
    KeyboardInterrupt, whose messages say how much is.
    """
    _check(options)
    root = resolve.data_root(options.data_root)
    plan, protocols = _plan(options, root, console)
    store = Store(options.results)
    records = store.records()
    settle(
        plan,
        records,
        retry_failed=options.retry_failed,
        accept_stale=options.accept_stale or options.report_only is not None,
        force=options.force,
    )
    if not options.report_only:
        _restore_inputs(plan, store, records, console)
    for warning in store.warnings:
        console.print(f"ledger: {warning}")
    _say_plan(plan, records, options, console)
    if options.dry_run:
        return 0
    resolve.check_writable(options.reports)
    resolve.check_writable(options.results)
    if not options.report_only and plan.todo:
        _guard(plan, options)
    begin = partial(_begin, plan, protocols, options, store)
    if not options.report_only and plan.todo:
        manifest, records = _work(plan, options, store, records, begin, console)
    else:
        manifest = begin()
        manifest = _finish(store, manifest, _state(manifest, records), records, records)
    try:
        from harness.report.publish import publish  # matplotlib: only when needed

        bad = publish(manifest, records, store, options.reports, console)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("every fit is stored, the report is not complete") from None
    return 1 if bad else 0


HOW = {
    "command", "executor", "workers", "device", "gpus_per_job", "address", "data_root", "results",
    "reports", "dry_run", "report_only", "retry_failed", "accept_stale", "force", "yes",
}  # fmt: skip
"""Options that say how a run is made; all others are part of what is asked, and of the run's id."""


def question(options: Options) -> dict[str, Any]:
    """What is asked, as far as it is not the default: part of the run's id.

    Protocols, data sets and the budget, which may follow from what lies on the machine, are named
    by what they turned out to be (:func:`_begin`).
    """
    resolved = {"protocols", "datasets", "budget"}
    return {
        f.name: list(value) if isinstance(value := getattr(options, f.name), tuple) else value
        for f in fields(Options)
        if f.name not in HOW | resolved and getattr(options, f.name) != f.default
    }


def _begin(
    plan: Plan, protocols: Mapping[str, Protocol], options: Options, store: Store
) -> Manifest:
    """Write the run's manifest, in state ``running``, and what its figures need of the data."""
    asked = question(options) | {
        "fingerprints": [data.fingerprint for data in plan.data.values()],
        "splits": dict(plan.splits),
    }
    run = manifests.run_id(list(protocols), plan.budget.name, list(plan.data), asked)
    command = "python run_all.py " + shlex.join(options.command)
    made = describe(plan, protocols, run, command, options.seed)
    with store.writing():
        made = replace(
            made, arrays=manifests.save_arrays(store.folder, run, truths(plan, protocols))
        )
        manifests.write_manifest(store.folder, made)
    return made


def _stop(
    store: Store,
    manifest: Manifest | None,
    state: State,
    before: Mapping[str, Record],
    after: Mapping[str, Record],
) -> None:
    """Write how a run stopped, if it had begun; the disk may be what stopped it."""
    if manifest is not None:
        with suppress(StoreError):
            _finish(store, manifest, state, before, after)


def _finish(
    store: Store,
    manifest: Manifest,
    state: State,
    before: Mapping[str, Record],
    after: Mapping[str, Record],
) -> Manifest:
    """Write the manifest of a run that has ended."""
    done = ended(manifest, state, before, after)
    with store.writing():
        manifests.write_manifest(store.folder, done)
    return done


def _state(manifest: Manifest, records: Mapping[str, Record]) -> State:
    """Of a run that has nothing to do: finished where every job has a record."""
    return "finished" if all(name in records for name in manifest.jobs) else "interrupted"


def listing(kind: str) -> list[tuple[str, str]]:
    """Key and first sentence of every method, data set or protocol; imports none of them."""
    kinds: Mapping[str, registry.Kind] = {k: k for k in ("methods", "datasets", "protocols")}
    return [(key, registry.first_line(kinds[kind], key)) for key in registry.entries(kinds[kind])]


def _check(options: Options) -> None:
    whole = {"trials": options.trials, "epochs": options.epochs, "workers": options.workers}
    for flag, number in whole.items():
        if number is not None and number < 1:
            raise UsageError(f"--{flag} must be at least 1, not {number}")
    share = options.gpus_per_job
    if not 0 < share < math.inf or (share > 1 and share != int(share)):
        raise UsageError(f"--gpus-per-job must be a share up to 1 or a whole number, not {share:g}")
    if options.address and options.executor == "serial":
        raise UsageError("--address needs --executor ray: serial runs in this process alone")


def _restore_inputs(
    plan: Plan, store: Store, records: Mapping[str, Record], console: Console
) -> None:
    for name, job in missing_inputs(store, records, plan.todo).items():
        console.print(f"arrays of {job.method} ({name}) are gone or damaged: it runs again")
        plan.todo[name] = job
        plan.stored.discard(name)


def _plan(
    options: Options, root: Path | None, console: Console
) -> tuple[Plan, dict[str, Protocol]]:
    names = list(options.protocols)
    if "all" in names:
        known = registry.entries("protocols")
        names = [name for name in known if not registry.load_protocol(name).by_name_only]
    protocols = {name: registry.load_protocol(name) for name in names}
    chosen = resolve.data_options(options.data_options)
    resolve.choose_missing(protocols, options.missing_views, options.missing_at_test)
    rows_named = {"--method": options.methods, "--without": options.without}
    properties.check_rows_named(protocols, rows_named, options.label_percent)
    data: dict[str, Dataset] = {}
    splits: dict[str, str] = {}
    cells, counted, left_out = [], {}, {}
    budget: Budget | None = None
    once = cache(
        lambda spec: resolve.open_dataset(spec, root, chosen)
    )  # however many protocols ask
    for name, protocol in protocols.items():
        choice = resolve.choose(protocol, options.budget, options.datasets, root)
        budget = _as_asked(choice.budget, options)
        console.print(f"{name}: budget {budget.name} ({choice.why}) on {', '.join(choice.specs)}")
        if choice.left_out:
            more = " ".join(choice.left_out)
            console.print(f"{name}: left out by this budget: {more} (name them: --dataset {more})")
            left_out[name] = choice.left_out
        opened, alone = {}, bool(options.datasets) or len(choice.specs) == 1
        for spec in choice.specs:
            dataset, split = once(spec)
            wanted = alone and "all" not in options.protocols
            if reason := resolve.left_out(protocol, dataset, wanted=wanted):
                console.print(f"{name} leaves one out: {reason}")
                continue
            opened[dataset.key] = resolve.told_apart(data, dataset)
            splits[dataset.key] = split
        if properties.fits_nothing(protocol):
            counted[name] = properties.every(opened, splits, budget.trials, options.seed)
        cells += plan_cells(
            {name: protocol},
            opened,
            splits,
            budget,
            options.methods,
            options.seed,
            options.label_percent,
        )
    if budget is None:
        raise UsageError("name at least one protocol; --list protocols shows them")
    if options.label_percent and not cells:
        asked = ", ".join(f"{percent:g}" for percent in options.label_percent)
        raise UsageError(
            f"no column has {asked} % labels; open data has 2, 5 and 10 %, licensed data 1, 2, 3 %"
        )
    _check_patterns(options.methods, cells, protocols.values(), data.values())
    kept = leave_out(cells, options.without)
    return Plan(kept, data, splits, budget, counted, left_out), protocols


def _check_patterns(
    patterns: Sequence[str],
    cells: Sequence[PlannedCell],
    protocols: Iterable[Protocol],
    data: Iterable[Dataset],
) -> None:
    """Raise UsageError for the first pattern that names no cell of the plan."""
    lost = [p for p in patterns if not any(matches(planned.cell, p) for planned in cells)]
    if not lost:
        return
    if any(mark in lost[0] for mark in "*?["):
        raise UsageError(f"no row matches {lost[0]}; --list methods shows the keys")
    cards, names = method_cards(), {d.view_names for d in data}
    rows = {row.key for p in protocols for views in names for row in p.rows(views, cards)}
    raise UsageError(registry.unknown("method or row", lost[0], rows | {c.key for c in cards}))


def _as_asked(budget: Budget, options: Options) -> Budget:
    """The budget with the trials and epochs that the user named."""
    if options.trials is not None:
        budget = _with_trials(budget, options.trials)
    if options.epochs is None:
        return budget
    stamp = f"{budget.stamp}; {options.epochs} epochs, none stops early".removeprefix("; ")
    return replace(budget, epochs=options.epochs, patience=None, fixed_epochs=True, stamp=stamp)


def _with_trials(budget: Budget, trials: int) -> Budget:
    stamp = "" if budget.name == "paper" and trials >= budget.trials else budget.stamp
    if budget.name == "paper" and trials < budget.trials:
        stamp = f"{trials} trials; the paper uses {budget.trials}"
    if budget.name == "preview":
        stamp = f"preview, {trials} trials; the paper uses 20"
    return replace(budget, trials=trials, stamp=stamp)


def _guard(plan: Plan, options: Options) -> None:
    least, most = plan.core_hours()
    if most <= CORE_HOURS_UNASKED or options.yes or options.budget == "paper":
        return
    raise UsageError(
        f"this plan needs about {_durations(least, most)}; add --yes (or --budget paper) to run it,"
        " or use --budget preview for a first look; a run that is stopped resumes with the same"
        " command"
    )


def _say_plan(
    plan: Plan, records: Mapping[str, Record], options: Options, console: Console
) -> None:
    tally = plan.tally()
    files = sorted({name for moved in plan.stale.values() for name in moved})
    if plan.stale:
        what = "kept as they are" if options.accept_stale or options.report_only else "run again"
        console.print(f"stale: {len(plan.stale)} records, changed: {', '.join(files)} ({what})")
    before = Counter(records[name].status for name in plan.failed)
    if failed := before["failed"]:
        console.print(
            f"failed before: {failed} fits are left alone; --retry-failed runs them again"
        )
    if skipped := before["skipped"]:
        console.print(f"skipped before: {skipped} fits, for reasons that the report gives")
    if options.dry_run:
        _say_cells(plan, console)
    console.print(
        f"plan: {len(plan.cells)} cells, {tally['total']} fits: {tally['stored']} stored, "
        f"{tally['todo']} to run, about {_durations(*plan.core_hours())}",
    )


def _say_cells(plan: Plan, console: Console) -> None:
    name = max((len(cell.protocol) for cell in plan.cells), default=0)
    data = max((len(cell.data_key) for cell in plan.cells), default=0)
    row = max((len(cell.cell.row.title) for cell in plan.cells), default=0)
    for cell in plan.cells:
        ids = {job.id for trial in cell.trials for top in trial for job in top.stages()}
        todo = [plan.todo[name] for name in ids if name in plan.todo]
        place = "".join(f"{text}, " for text in say.places(cell.cell.at))
        console.print(
            f"  {cell.protocol:<{name}}  {cell.data_key:<{data}}  {cell.cell.row.block:<12}  "
            f"{cell.cell.row.title:<{row}}"
            f"{100 * cell.cell.label_fraction:5g} %  {place}{len(ids):4d} fits, "
            f"{len(ids & plan.stored):4d} stored, {len(ids & plan.stale.keys()):4d} stale, "
            f"{len(todo):4d} to run, {_durations(*plan.core_hours(todo))}",
        )


def _durations(least: float, most: float) -> str:
    """One figure, or two where fits may stop before their last epoch."""
    few, many = _duration(least), _duration(most)
    return many if few == many else f"{few} (if fits stop early) to {many}"


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} core-hours"
    return f"{hours * 60:.1f} core-minutes"


def _work(
    plan: Plan,
    options: Options,
    store: Store,
    records: dict[str, Record],
    begin: Callable[[], Manifest],
    console: Console,
) -> tuple[Manifest, dict[str, Record]]:
    """Run what is left; an interrupt says how much is stored and passes on.

    ``begin`` writes the run's manifest, once there is something to run on. Returns the manifest of
    the run as it ended, and all records.
    """
    device = resolve.device_of(options.device, options.address)
    resources = Resources(device, options.workers, options.gpus_per_job, options.address)
    held = resumable(store, plan.jobs, set(plan.todo))
    work = stacks(plan, limit=None if device == "cuda" else 4, held=held)
    costs = {name: plan.cost(job) for name, job in plan.todo.items()}
    every = [
        frozenset(j.id for trial in cell.trials for top in trial for j in top.stages()) & set(costs)
        for cell in plan.cells
    ]
    display = Display(console, costs, [ids for ids in every if ids])
    drive = Driver(store, records, plan.budget.name, display.show)
    pool: Executor | None = None
    manifest: Manifest | None = None
    try:
        pool = open_executor(options.executor, plan.data, resources)
        manifest = begin()
        with display:
            drive.run(work, pool)
    except (KeyboardInterrupt, StoreError) as stop:
        now = store.records()
        new = sum(now.get(name) not in (None, records.get(name)) for name in plan.todo)
        told = f"{stop}; " if str(stop) else ""
        left = len(plan.todo) - new
        _stop(store, manifest, "interrupted", records, now)
        raise type(stop)(f"{told}{new} fits of this run are stored, {left} are left") from None
    except Exception:
        _stop(store, manifest, "failed", records, store.records())
        raise
    finally:
        if pool is not None:
            pool.close()
        store.close()
    return _finish(store, manifest, "finished", records, drive.records), drive.records
