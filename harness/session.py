"""One run from options to exit status: choose, plan, say, run, report."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from rich.console import Console

from datasets.base import Dataset
from harness import inputs, registry
from harness.display import Display
from harness.drive import Drive, resumable
from harness.errors import UsageError
from harness.plan import Plan, plan_cells, settle, stacks
from harness.record import Record
from harness.registry import ROOT
from harness.reporting import write_reports
from harness.schedule import Resources, open_pool
from harness.store import Store
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
    trials: int | None = None
    budget: str | None = None
    executor: str = "ray"
    workers: int | None = None
    device: str = "auto"
    gpus_per_job: float = 1.0
    address: str | None = None
    data_root: str | None = None
    results: Path = ROOT / "results"
    reports: Path = ROOT / "reports"
    seed: int = 0
    dry_run: bool = False
    report_only: bool = False
    retry_failed: bool = False
    accept_stale: bool = False
    force: bool = False
    yes: bool = False


def run(options: Options, console: Console) -> int:
    """Run one session. Returns the exit status; raises UsageError before any work is done."""
    root = inputs.data_root(options.data_root)
    plan, protocols = _plan(options, root, console)
    store = Store(options.results)
    records = store.records()
    settle(
        plan,
        records,
        retry_failed=options.retry_failed,
        accept_stale=options.accept_stale or options.report_only,
        force=options.force,
    )
    for warning in store.warnings:
        console.print(f"ledger: {warning}", highlight=False)
    _say_plan(plan, options, console)
    if options.dry_run:
        return 0
    if not options.report_only and plan.todo:
        _guard(plan, options)
        records = _work(plan, options, store, records, console)
    store.close()
    bad = write_reports(plan, protocols, records, _command(options), options.reports, console)
    return 1 if bad else 0


def listing(kind: str) -> list[tuple[str, str]]:
    """Key and first sentence of every method, data set or protocol; imports none of them."""
    kinds: Mapping[str, registry.Kind] = {k: k for k in ("methods", "datasets", "protocols")}
    return [(key, registry.first_line(kinds[kind], key)) for key in registry.entries(kinds[kind])]


def _plan(
    options: Options, root: Path | None, console: Console
) -> tuple[Plan, dict[str, Protocol]]:
    names = list(options.protocols)
    if names == ["all"]:
        names = list(registry.entries("protocols"))
    protocols = {name: registry.load_protocol(name) for name in names}
    data: dict[str, Dataset] = {}
    splits: dict[str, str] = {}
    cells = []
    budget: Budget | None = None
    for name, protocol in protocols.items():
        choice = inputs.choose(protocol, options.budget, options.datasets, root)
        budget = choice.budget
        if options.trials is not None:
            budget = _with_trials(budget, options.trials)
        console.print(
            f"{name}: budget {budget.name} ({choice.why}) on {', '.join(choice.specs)}",
            highlight=False,
        )
        opened = {}
        for spec in choice.specs:
            dataset, split = inputs.open_dataset(spec, root)
            opened[dataset.key] = data.setdefault(dataset.key, dataset)
            splits[dataset.key] = split
        cells += plan_cells({name: protocol}, opened, splits, budget, options.methods, options.seed)
    if budget is None:
        raise UsageError("name at least one protocol; --list protocols shows them")
    _check_patterns(options.methods, cells)
    return Plan(cells, data, splits, budget), protocols


def _check_patterns(patterns: Sequence[str], cells: Sequence[object]) -> None:
    if not patterns or cells:
        return
    known = registry.entries("methods")
    for pattern in patterns:
        if not any(mark in pattern for mark in "*?["):
            raise UsageError(registry.unknown("method or row", pattern, known))
    raise UsageError(f"no row matches {' '.join(patterns)}; --list methods shows the keys")


def _with_trials(budget: Budget, trials: int) -> Budget:
    if trials < 1:
        raise UsageError(f"--trials must be at least 1, not {trials}")
    stamp = "" if budget.name == "paper" and trials >= budget.trials else budget.stamp
    if budget.name == "paper" and trials < budget.trials:
        stamp = f"{trials} trials; the paper uses {budget.trials}"
    if budget.name == "preview":
        stamp = f"preview, {trials} trials; the paper uses 20"
    return replace(budget, trials=trials, stamp=stamp)


def _guard(plan: Plan, options: Options) -> None:
    hours = plan.core_hours()
    if hours <= CORE_HOURS_UNASKED or options.yes or options.budget == "paper":
        return
    raise UsageError(
        f"this plan needs about {hours:.0f} core-hours; add --yes (or --budget paper) to run it,"
        " or use --budget preview for a first look; a run that is stopped resumes with the same"
        " command"
    )


def _say_plan(plan: Plan, options: Options, console: Console) -> None:
    tally = plan.tally()
    files = sorted({name for moved in plan.stale.values() for name in moved})
    if plan.stale:
        what = "kept as they are" if options.accept_stale or options.report_only else "run again"
        console.print(
            f"stale: {len(plan.stale)} records, changed: {', '.join(files)} ({what})",
            highlight=False,
        )
    if plan.failed:
        console.print(
            f"failed before: {len(plan.failed)} fits are left alone; --retry-failed runs them again"
        )
    if options.dry_run:
        _say_cells(plan, console)
    hours = plan.core_hours()
    console.print(
        f"plan: {len(plan.cells)} cells, {tally['total']} fits: {tally['stored']} stored, "
        f"{tally['todo']} to run, about {_duration(hours)} of core time",
        highlight=False,
    )


def _say_cells(plan: Plan, console: Console) -> None:
    for cell in plan.cells:
        ids = {job.id for trial in cell.trials for top in trial for job in top.stages()}
        todo = [plan.todo[name] for name in ids if name in plan.todo]
        hours = sum(plan.cost(job) for job in todo) / 3600
        console.print(
            f"  {cell.data_key:<12} {cell.cell.row.block:<12} {cell.cell.row.title:<24}"
            f"{100 * cell.cell.label_fraction:5g} %  {len(ids):4d} fits, "
            f"{len(ids & plan.stored):4d} stored, {len(ids & plan.stale.keys()):4d} stale, "
            f"{len(todo):4d} to run, {_duration(hours)}",
            highlight=False,
        )


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} core-hours"
    return f"{hours * 60:.1f} core-minutes"


def _work(
    plan: Plan, options: Options, store: Store, records: dict[str, Record], console: Console
) -> dict[str, Record]:
    """Run what is left; an interrupt says how to resume and passes on."""
    device = inputs.device_of(options.device)
    resources = Resources(device, options.workers, options.gpus_per_job, options.address)
    held = resumable(store, plan.jobs, set(plan.todo))
    work = stacks(plan, limit=None if device == "cuda" else 4, held=held)
    costs = {name: plan.cost(job) for name, job in plan.todo.items()}
    every = [
        frozenset(j.id for trial in cell.trials for top in trial for j in top.stages()) & set(costs)
        for cell in plan.cells
    ]
    signal.signal(signal.SIGTERM, _interrupt)
    display = Display(console, costs, [ids for ids in every if ids])
    pool = open_pool(options.executor, plan.data, resources)
    try:
        with display:
            drive = Drive(store, records, plan.budget.name, display.show)
            drive.run(work, pool)
    except KeyboardInterrupt:
        left = len(plan.todo) - len(display.ended)
        console.print(
            f"interrupted: {len(display.ended)} fits of this run are stored, {left} are left; "
            f"resume with the same command:\n  {_command(options)}",
            highlight=False,
        )
        raise
    finally:
        pool.close()
    return drive.records


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _command(options: Options) -> str:
    return "python run_all.py " + shlex.join(options.command)
