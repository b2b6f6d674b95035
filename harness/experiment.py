"""One run, from options to exit status: resolve, plan, print the plan, run, report."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import fields, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from datasets.base import Dataset
from harness import registry
from harness.errors import RunStopped, UsageError
from harness.options import WHAT, Options, flags
from harness.plan import absent, properties, resolve
from harness.plan.cards import broken_methods
from harness.plan.job import stages_of
from harness.plan.plan import Plan, PlannedCell, Unfit, plan_cells, settle, unfit_rows
from harness.plan.rows import Selection, check_named, every_row, keep_own, leave_out
from harness.report import format as fmt
from harness.run import wording
from harness.run.describe import describe, ended, truths
from harness.run.wording import count
from harness.store import manifest as manifests
from harness.store.claims import Claims
from harness.store.collector import paused_collector
from harness.store.manifest import Manifest, State
from harness.store.record import Record
from harness.store.store import Store, StoreError
from protocols import FORMER_KEYS
from protocols.base import Budget, Protocol, per_class

if TYPE_CHECKING:
    from harness.run.executors import Executor
    from harness.run.limits import FitLimits

CORE_HOURS_UNASKED = 8.0
"""A plan above this cost runs only with ``--yes``."""


def run(options: Options, console: Console) -> int:
    """Plan, run and report one command. Returns the exit status.

    Raises UsageError before any work is done. StoreError (work cannot be stored), RunStopped (the
    executor failed) and KeyboardInterrupt carry a message with the number of stored fits.
    """
    root = resolve.data_root(options.data_root, searched=not options.datasets)
    claims = Claims(options.results)
    store = Store(options.results)
    with paused_collector():
        plan, protocols = _plan(options, root, console)
        records = store.records()
        settle(
            plan,
            records,
            retry_failed=options.retry_failed,
            accept_stale=options.accept_stale or options.report_only is not None,
            force=options.force,
        )
    if not options.report_only and plan.todo:
        _restore_inputs(plan, store, records, console)
    for warning in store.warnings:
        console.print(f"ledger: {warning}")
    _print_plan(plan, records, options, console)
    if options.dry_run:
        return 0
    resolve.check_writable(options.reports)
    resolve.check_writable(options.results)
    if not options.report_only and plan.todo:
        _guard(plan, options)
    begin = partial(_begin, plan, protocols, options, store)
    if not options.report_only and plan.todo:
        with closing(store), closing(claims):
            manifest, records = _work(plan, options, store, records, claims, begin, console)
    else:
        manifest = begin()
        manifest = _finish(store, manifest, _state(manifest, records), records, records)
    try:
        from harness.report.publish import publish  # imports matplotlib

        with paused_collector():
            bad = publish(manifest, records, store, options.reports, console)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("every fit is stored, the report is not complete") from None
    except RunStopped as stop:
        raise RunStopped(f"{stop}; every fit is stored") from None
    return 1 if bad else 0


HOW = {"command", "data_root", "suite"} | {n for n, f in flags().items() if f.group != WHAT}
"""Options that affect only how a run is carried out; all others are part of the run's id."""


def question(options: Options) -> dict[str, Any]:
    """Options of the run's id that differ from their defaults.

    Protocols, data sets and budget are left out: their defaults depend on the files found on this
    machine, so :func:`_begin` adds the resolved ones.
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
    """Write the run's manifest, in state ``running``, and the data arrays of its figures."""
    asked = question(options) | {
        "fingerprints": [data.fingerprint for data in plan.data.values()],
        "splits": dict(plan.splits),
    }
    run = manifests.run_id(list(protocols), plan.budget.name, list(plan.data), asked)
    command = "python run_all.py " + shlex.join(options.command)
    manifest = describe(plan, protocols, run, command, options.seed)
    manifest = replace(manifest, against=options.against or "")
    with store.writing():
        manifest = replace(
            manifest, arrays=manifests.save_arrays(store.folder, run, truths(plan, protocols))
        )
        manifests.write_manifest(store.folder, manifest)
    return manifest


def _stop(
    store: Store,
    manifest: Manifest | None,
    state: State,
    before: Mapping[str, Record],
    after: Mapping[str, Record],
) -> None:
    """Write the final state of a stopped run, if it had started; ignores a failing disk."""
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
    """Write the manifest of an ended run."""
    done = ended(manifest, state, before, after)
    with store.writing():
        manifests.write_manifest(store.folder, done)
    return done


def _state(manifest: Manifest, records: Mapping[str, Record]) -> State:
    """State of a run with nothing left to run: finished if every job has a record."""
    return "finished" if all(name in records for name in manifest.jobs) else "interrupted"


def _restore_inputs(
    plan: Plan, store: Store, records: Mapping[str, Record], console: Console
) -> None:
    from harness.run.driver import missing_inputs  # imports scikit-learn, as all that runs fits

    for name, job in missing_inputs(store, records, plan.todo).items():
        console.print(f"arrays of {job.method} ({name}) are missing or damaged: it runs again")
        plan.todo[name] = job
        plan.stored.discard(name)


def _plan(
    options: Options, root: Path | None, console: Console
) -> tuple[Plan, dict[str, Protocol]]:
    for former in sorted(FORMER_KEYS.keys() & set(options.protocols)):
        console.print(f"{former} is now called {FORMER_KEYS[former]}")
    protocols, broken = resolve.protocols(options.protocols)
    for error in (*broken, *broken_methods(), *registry.modules("datasets")[1]):
        console.print(f"left out: {error}")
    settings = resolve.method_settings(options.settings)
    selection = Selection(options.methods, settings, options.absent_views)
    resolve.choose_missing(protocols, options.missing_views, options.missing_at_test)
    rows = {"--method": options.methods, "--without": options.without, "--set": options.settings}
    amounts = {
        "--label-percent": options.label_percent, "--labels-per-class": options.labels_per_class
    }  # fmt: skip
    properties.check_rows_named(protocols, rows, amounts)
    data: dict[str, Dataset] = {}
    splits: dict[str, str] = {}
    cells, counted, left_out, unfit = [], {}, {}, {}
    budget: Budget | None = None
    by_protocol = _opened(options, protocols, root, console)
    absent.check(options.absent_views, [d for _, opened in by_protocol.values() for d, _ in opened])
    for name, (choice, opened) in by_protocol.items():
        budget = choice.budget
        if choice.left_out:
            left_out[name] = choice.left_out
        of_protocol = {}
        for dataset, split in opened:
            of_protocol[dataset.key] = resolve.add_dataset(data, dataset)
            splits[dataset.key] = split
        protocol = protocols[name]
        if properties.fits_nothing(protocol):
            counted[name] = properties.properties_of_all(
                of_protocol, splits, budget.trials, options.seed
            )
        cells += plan_cells({name: protocol}, of_protocol, splits, budget, selection, options.seed)
        unfit |= unfit_rows({name: protocol}, of_protocol, splits, budget, selection)
    if budget is None:
        raise UsageError("name at least one protocol; --list protocols shows them")
    views = {dataset.view_names for dataset in data.values()}
    _print_unfit(unfit, console)
    chosen = _without_left_out(options, cells, unfit, protocols, views)
    planned = {cell.cell.row.key for cell in chosen}
    offered = [row for row in every_row(protocols, views) if row.key in planned]
    offered += absent.stages_in_front(cell.cell.row for cell in chosen)
    for sentence in keep_own(offered, selection.settings):
        console.print(sentence)
    return (
        Plan(chosen, data, splits, budget, counted, left_out, unfit, options.tuned),
        protocols,
    )


def _opened(
    options: Options, protocols: Mapping[str, Protocol], root: Path | None, console: Console
) -> dict[str, tuple[resolve.Choice, list[tuple[Dataset, str]]]]:
    """Budget, data sets and split names of every protocol; prints them."""
    chosen = resolve.data_options(options.data_options)
    choices = {
        name: resolve.choose(protocol, options.budget, options.datasets, root)
        for name, protocol in protocols.items()
    }
    used = dict.fromkeys(resolve.key_of(spec) for c in choices.values() for spec in c.specs)
    resolve.check_options_used(chosen, list(used), ", ".join(protocols))
    once = cache(lambda spec: _open(spec, root, chosen, console))  # for all protocols
    by_protocol = {}
    for name, choice in choices.items():
        choice = replace(choice, budget=_as_asked(choice.budget, options))
        specs, budget = ", ".join(choice.specs), choice.budget.name
        console.print(f"{name}: budget {budget} ({choice.why}) on {specs}")
        if choice.left_out:
            more, every = " ".join(choice.left_out), " ".join((*choice.specs, *choice.left_out))
            console.print(f"{name}: left out by this budget: {more} (all: --dataset {every})")
        alone = bool(options.datasets) or len(choice.specs) == 1
        opened = []
        for spec in choice.specs:
            dataset, split = once(spec)
            wanted = alone and "all" not in options.protocols
            if reason := resolve.left_out(protocols[name], dataset, wanted=wanted):
                console.print(f"{name} skips a data set: {reason}")
                continue
            opened.append((dataset, split))
        by_protocol[name] = choice, opened
    return by_protocol


def _open(
    spec: str, root: Path | None, options: Mapping[str, Mapping[str, str]], console: Console
) -> tuple[Dataset, str]:
    """A data set and the name of its split; prints how a file of the user's own is read."""
    data, split = resolve.open_dataset(spec, root, options)
    if resolve.is_own_file(spec):
        for note in data.provenance.notes:
            console.print(f"{data.key}: {note}")
    return data, split


def _print_unfit(unfit: Unfit, console: Console) -> None:
    for (name, key), rows in unfit.items():
        by_reason: dict[str, list[str]] = {}
        for row, reason in rows:
            by_reason.setdefault(reason, []).append(row.title)
        for reason, titles in by_reason.items():
            console.print(f"{name}: not applicable to {key}: {', '.join(titles)} ({reason})")


def _without_left_out(
    options: Options,
    cells: list[PlannedCell],
    unfit: Unfit,
    protocols: Mapping[str, Protocol],
    views: Collection[tuple[str, ...]],
) -> list[PlannedCell]:
    """``cells`` without the rows of ``--without``. Raises UsageError for an unknown name."""
    rows = [planned.cell.row for planned in cells]
    lost = [row for left in unfit.values() for row, _ in left]
    check_named(options.methods, [*rows, *lost], protocols, views)
    if lost and not rows:
        raise UsageError("every row of this run needs more views than the data have; name others")
    dropped = leave_out(rows, options.without)
    return [planned for planned in cells if planned.cell.row.key not in dropped]


def _as_asked(budget: Budget, options: Options) -> Budget:
    """The budget with the user's labels, ``--trials`` and ``--epochs``."""
    budget = replace(
        budget,
        shares=tuple(sorted({percent / 100 for percent in options.label_percent})),
        per_class=tuple(sorted(set(options.labels_per_class))),
    )
    if options.trials is not None:
        budget = resolve.with_trials(budget, options.trials)
    if options.epochs is None:
        return budget
    stamp = f"{budget.stamp}; {options.epochs} epochs, no early stopping".removeprefix("; ")
    return replace(budget, epochs=options.epochs, patience=None, fixed_epochs=True, stamp=stamp)


def _guard(plan: Plan, options: Options) -> None:
    least, most = plan.core_hours()
    if most <= CORE_HOURS_UNASKED or options.yes:
        return
    raise UsageError(
        f"this plan needs {_about_hours(least, most)}; add --yes to run it, or use --budget"
        " preview for a first look; a run that is stopped resumes with the same command"
    )


def _print_plan(
    plan: Plan, records: Mapping[str, Record], options: Options, console: Console
) -> None:
    tally = plan.tally()
    files = sorted({name for moved in plan.stale.values() for name in moved})
    if plan.stale:
        what = "used as stored" if options.accept_stale or options.report_only else "run again"
        stale = count(len(plan.stale), "record")
        console.print(f"stale: {stale}, changed: {', '.join(files)} ({what})")
    before = Counter(records[name].status for name in plan.failed)
    if failed := before["failed"]:
        console.print(
            f"failed before: {count(failed, 'fit')}, not run again unless --retry-failed is given"
        )
    if skipped := before["skipped"]:
        console.print(f"skipped before: {count(skipped, 'fit')}, reasons are in the report")
    if options.dry_run:
        _print_cells(plan, console)
        from harness.plan.power import power_lines, power_of  # imports scipy.stats

        for line in power_lines(power_of(plan)):
            console.print(line)
    console.print(
        f"plan: {count(len(plan.cells), 'cell')}, {count(tally['total'], 'fit')}: "
        f"{tally['stored']} stored, "
        f"{tally['todo']} to run, {_about_hours(*plan.core_hours())}",
    )
    extra = plan.beyond_paper()
    if 0 < len(extra) < tally["todo"]:
        work = _about_hours(*plan.core_hours(extra))
        console.print(f"of these, rows not in the paper: {count(len(extra), 'fit')}, {work}")


def _labels(cell: PlannedCell) -> str:
    """``    2 %`` or ``4 per class``."""
    count = per_class(cell.cell.label_fraction)
    return f"{count:5d} per class" if count else f"{100 * cell.cell.label_fraction:5g} %"


def _print_cells(plan: Plan, console: Console) -> None:
    name = max((len(cell.protocol) for cell in plan.cells), default=0)
    data = max((len(cell.data_key) for cell in plan.cells), default=0)
    row = max((len(cell.cell.row.title) for cell in plan.cells), default=0)
    for cell in plan.cells:
        ids = stages_of(job for trial in cell.trials for job in trial).keys()
        todo = [plan.todo[name] for name in ids if name in plan.todo]
        place = "".join(f"{text}, " for text in fmt.places(cell.cell.at))
        console.print(
            f"  {cell.protocol:<{name}}  {cell.data_key:<{data}}  {cell.cell.row.block:<12}  "
            f"{cell.cell.row.title:<{row}}"
            f"{_labels(cell)}  {place}{len(ids):4d} {'fit, ' if len(ids) == 1 else 'fits,'} "
            f"{len(ids & plan.stored):4d} stored, {len(ids & plan.stale.keys()):4d} stale, "
            f"{len(todo):4d} to run, {_durations(*plan.core_hours(todo))}",
        )


def _about_hours(least: float, most: float) -> str:
    text = _durations(least, most)
    return text if text.startswith("under") else f"about {text}"


def _durations(least: float, most: float) -> str:
    """One duration, or two if fits may stop before their last epoch."""
    few, many = wording.work(least), wording.work(most)
    return many if few == many else f"{few} (if fits stop early) to {many}"


def _join_others(claims: Claims, command: Sequence[str], console: Console) -> None:
    """Register this driver in the results folder; print the other drivers there."""
    for other in claims.enter(command):
        console.print(f"another run uses {claims.folder}: {other.sentence()}")
        console.print("the two runs share the work: each fit is computed once")
    if claims.problem:
        console.print(f"claims: {claims.problem}")


def _work(
    plan: Plan,
    options: Options,
    store: Store,
    records: dict[str, Record],
    claims: Claims,
    begin: Callable[[], Manifest],
    console: Console,
) -> tuple[Manifest, dict[str, Record]]:
    """Run the remaining jobs. Returns the manifest of the ended run, and all records.

    ``begin`` writes the run's manifest; it is called once an executor is open. An exception that
    ends the run early is raised again with the number of stored fits in its message.
    """
    from harness.run.driver import Driver, resumable
    from harness.run.executors import Resources, choose_executor, open_executor
    from harness.run.grouping import group_jobs
    from harness.run.progress import Display
    from harness.run.watchdog import Watchdog

    device = resolve.device_of(options.device, options.address)
    resources = Resources(device, options.workers, options.gpus_per_job, options.address)
    resumed = resumable(store, plan.jobs, set(plan.todo))
    groups = group_jobs(plan, device, resumed)
    costs = {name: plan.cost(job) for name, job in plan.todo.items()}
    name, why = choose_executor(
        options.executor, options.address, options.workers, sum(costs.values())
    )
    console.print(f"executor: {name} ({why})")
    executor: Executor | None = None
    manifest: Manifest | None = None
    try:
        executor = open_executor(name, plan.data, resources)
        # Only now, so that nothing is written if the executor cannot be opened.
        warned = len(store.warnings)
        store.open()  # before any fit, so that a folder without locks is reported or refused
        for warning in store.warnings[warned:]:
            console.print(f"ledger: {warning}")
        manifest = begin()
        _join_others(claims, options.command, console)
        limits = _limits(options, costs)
        display = Display(console, costs, _cells_to_run(plan), executor.free)
        driver = Driver(store, records, plan.budget.name, display.show, limits, claims)
        with display, Watchdog(driver, executor, display.print_line):
            driver.run(groups, executor)
    except (KeyboardInterrupt, StoreError, RunStopped) as stop:
        now = store.records()
        new = sum(now.get(name) not in (None, records.get(name)) for name in plan.todo)
        reason = f"{stop}; " if str(stop) else ""
        left = len(plan.todo) - new
        _stop(store, manifest, "interrupted", records, now)
        raise type(stop)(f"{reason}{count(new, 'fit')} of this run stored, {left} left") from None
    except Exception:
        _stop(store, manifest, "failed", records, store.records())
        raise
    finally:
        if executor is not None:
            executor.close()
    return _finish(store, manifest, "finished", records, driver.records), driver.records


def _limits(options: Options, costs: Mapping[str, float]) -> FitLimits:
    from harness.run.limits import FitLimits

    minutes, gib = options.fit_timeout, options.fit_memory
    seconds, mib = minutes and 60 * minutes, gib and 1024 * gib
    return FitLimits(costs, seconds, mib)


def _cells_to_run(plan: Plan) -> list[frozenset[str]]:
    """For each incomplete cell, the ids of its jobs still to run."""
    cells = [
        frozenset(stages_of(job for trial in cell.trials for job in trial)) & plan.todo.keys()
        for cell in plan.cells
    ]
    return [ids for ids in cells if ids]
