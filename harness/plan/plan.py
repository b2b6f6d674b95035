"""The plan: which jobs a run needs, which are stored, stale or failed, and what the rest will cost.

Nothing here runs a method. Jobs that several cells or tables share appear once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np

from datasets.base import TEST, TRAIN, DataError, Dataset
from harness import registry
from harness.errors import UsageError
from harness.plan.job import Job, expand
from harness.store import code_digest
from harness.store.manifest import Properties
from harness.store.record import Record
from methods.base import Shape, Training
from protocols.base import Budget, Cell, Draw, MethodCard, Protocol, draw


@dataclass(frozen=True)
class PlannedCell:
    """A cell of one protocol on one data set: candidate jobs per trial."""

    protocol: str
    data_key: str
    cell: Cell
    trials: tuple[tuple[Job, ...], ...]


@dataclass
class Plan:
    """All cells of a run, and what the ledger already knows of their jobs.

    ``splits``  data key -> name of the split its cells use.
    ``left_out``  protocol -> data sets that its budget leaves out; none where all are in.
    ``properties``  protocol that fits nothing -> counts of the data sets that it opened.
    ``todo``    jobs to run.   ``stored`` ids with a record that stands.
    ``stale``   id -> files whose source changed since its record was made.
    ``failed``  ids whose record is a failure that this run leaves alone.
    """

    cells: list[PlannedCell]
    data: Mapping[str, Dataset]
    splits: Mapping[str, str]
    budget: Budget
    properties: Mapping[str, Sequence[Properties]] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    todo: dict[str, Job] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    stale: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Every job of every cell, earlier stages included, by id."""
        every = (j for c in self.cells for trial in c.trials for job in trial for j in job.stages())
        return {job.id: job for job in every}

    def core_hours(self, jobs: Iterable[Job] | None = None) -> tuple[float, float]:
        """Estimated core-hours of ``jobs``, or of all that is left: the least and the most.

        The least where every fit stops as early as patience allows, the most where none does.
        """
        costs = [self._costs(job) for job in (self.todo.values() if jobs is None else jobs)]
        return sum(least for least, _ in costs) / 3600, sum(most for _, most in costs) / 3600

    def cost(self, job: Job) -> float:
        """Estimated core-seconds of one job, to its last epoch; its share, if some train as one."""
        return self._costs(job)[1]

    def _costs(self, job: Job) -> tuple[float, float]:
        """Estimated core-seconds to the first epoch that may be the last, and to the last."""
        if job.id not in self._known_costs:
            training = soon = Training(**(job.training or {}))
            method, shape = registry.load_method(job.method), self.shape(job)
            config, sharing = method.Config(**job.config), self._sharing[job.training_key]
            if training.patience is not None:
                # Patience counts from the end of a warm-up, or from the first scoring.
                first = max(training.eval_every, getattr(config, "warmup_epochs", 0))
                soon = replace(training, epochs=min(training.epochs, first + training.patience))
            least, most = (method.cost(shape, config, t) / sharing for t in (soon, training))
            self._known_costs[job.id] = least, most
        return self._known_costs[job.id]

    @cached_property
    def _sharing(self) -> Counter[str]:
        """How many jobs share each training."""
        return Counter(job.training_key for job in self.jobs.values())

    @cached_property
    def _known_costs(self) -> dict[str, tuple[float, float]]:
        return {}

    def shape(self, job: Job) -> Shape:
        """Sizes of a job's Problem, from its draw."""
        data = self.data[job.data_key]
        drawn = self.drawn(job)
        unlabelled = {
            "supervised": 0,
            "inductive": ((drawn.part == TRAIN) & drawn.kept & ~drawn.labelled).sum(),
            "transductive": (drawn.part == TEST).sum(),
        }[job.scenario.paradigm]
        return Shape(
            n_labelled=int(drawn.labelled.sum()),
            n_unlabelled=int(unlabelled),
            dims=self._dims(job),
            n_classes=data.n_classes,
        )

    def _dims(self, job: Job) -> tuple[int, ...]:
        """Widths of what a job reads: views, or the codes of the stage before."""
        data = self.data[job.data_key]
        firsts = [group[0] for group in job.upstream]
        if not firsts or firsts[0].imputes:
            dims = dict(zip(data.view_names, data.dims, strict=True))
            return tuple(dims[name] for name in (job.views or data.view_names))
        methods = [registry.load_method(first.method) for first in firsts]
        return tuple(
            method.code_width(self.shape(first), method.Config(**first.config))
            for method, first in zip(methods, firsts, strict=True)
        )

    def drawn(self, job: Job) -> Draw:
        """Who is where in a job's trial, and what is shown. UsageError if none can be drawn."""
        key = (job.data_key, job.scenario, job.trial, job.seed)
        if key not in self._draws:
            try:
                self._draws[key] = draw(self.data[job.data_key], job.scenario, job.trial, job.seed)
            except DataError as error:
                raise UsageError(f"trial {job.trial}: {error}") from error
        return self._draws[key]

    @cached_property
    def _draws(self) -> dict[object, Draw]:
        return {}

    def tally(self) -> Counter[str]:
        """Numbers of jobs: total, stored, stale, failed, todo."""
        return Counter(
            total=len(self.jobs),
            stored=len(self.stored),
            stale=len(self.stale),
            failed=len(self.failed),
            todo=len(self.todo),
        )


def plan_cells(
    protocols: Mapping[str, Protocol],
    data: Mapping[str, Dataset],
    splits: Mapping[str, str],
    budget: Budget,
    only: Sequence[str] = (),
    seed: int = 0,
    percents: Sequence[float] = (),
) -> list[PlannedCell]:
    """Cells of all protocols on all data sets, cut down to rows that match one of ``only``.

    ``splits``  data key -> name of its split.   ``only`` globs over row keys and first methods; an
    optional row is planned only if one of them names it.   ``percents`` columns to keep (all if
    empty), in percent of labelled training rows.
    """
    cards = method_cards()
    planned = []
    for name, protocol in protocols.items():
        for key, dataset in data.items():
            for cell in protocol.cells(dataset, splits[key], budget, cards):
                if not _wanted(cell, only):
                    continue
                if percents and not np.isclose(100 * cell.label_fraction, percents).any():
                    continue
                count = min(cell.trials or budget.trials, budget.trials)
                trials = tuple(expand(cell, dataset, budget, trial, seed) for trial in range(count))
                planned.append(PlannedCell(name, key, cell, trials))
    return planned


def settle(
    plan: Plan,
    records: Mapping[str, Record],
    *,
    retry_failed: bool = False,
    accept_stale: bool = False,
    force: bool = False,
) -> Plan:
    """Sort the plan's jobs into stored, stale, failed and todo by what the ledger holds.

    A job whose earlier stage runs again runs again too: another candidate of it may win.
    """
    now = {job.methods(): code_digest.digests(job.methods()) for job in plan.jobs.values()}
    for name, job in plan.jobs.items():
        record = records.get(name)
        earlier = (stage.id for group in job.upstream for stage in group)
        if record is None or force or any(stage in plan.todo for stage in earlier):
            plan.todo[name] = job
            continue
        moved = code_digest.changed(dict(record.digests), now[job.methods()])
        if moved:
            plan.stale[name] = moved
            if not accept_stale:
                plan.todo[name] = job
                continue
        if record.status == "ok":
            plan.stored.add(name)
        elif retry_failed or (record.status == "skipped" and _can_start(job, records)):
            plan.todo[name] = job
        else:
            plan.failed.add(name)
    return plan


def _can_start(job: Job, records: Mapping[str, Record]) -> bool:
    """Whether a job has inputs, and each has a candidate that is ok by now."""
    return bool(job.upstream) and all(
        any(stage.id in records and records[stage.id].status == "ok" for stage in group)
        for group in job.upstream
    )


def method_cards() -> tuple[MethodCard, ...]:
    """Every registered method, as far as a protocol may know it."""
    cards = []
    for key in registry.entries("methods"):
        method = registry.load_method(key)
        can = method.can
        cards.append(
            MethodCard(key, method.title, can.classify, can.impute, can.unlabelled, can.inductive)
        )
    return tuple(cards)


def matches(cell: Cell, pattern: str) -> bool:
    """Whether a glob names the cell's row, or the method that its recipe begins with.

    So ``svm`` is the SVM on the views, and not every row that ends in an SVM.
    """
    names = (cell.row.key, cell.row.recipe[0].key)
    return any(fnmatchcase(name, pattern) for name in names)


def leave_out(cells: list[PlannedCell], without: Sequence[str]) -> list[PlannedCell]:
    """``cells`` less those of rows whose key matches one of the globs ``without``.

    By the key of the row alone: ``svm`` is one row here, not all that begin with that method.
    UsageError where a glob matches none of the rows, or none is left.
    """
    rows = list(dict.fromkeys(planned.cell.row.key for planned in cells))
    for pattern in without:
        if not any(fnmatchcase(row, pattern) for row in rows):
            raise UsageError(f"--without {pattern} matches no row; there are: {', '.join(rows)}")
    gone = {row for row in rows for pattern in without if fnmatchcase(row, pattern)}
    if gone and gone == set(rows):
        raise UsageError(f"--without leaves no row of: {', '.join(rows)}")
    return [planned for planned in cells if planned.cell.row.key not in gone]


def _wanted(cell: Cell, only: Iterable[str]) -> bool:
    only = tuple(only)
    if not only:
        return not cell.row.optional
    if cell.row.optional:  # 'smvae' must not drag its variants in; 'smvae_*' or the key itself does
        return any(fnmatchcase(cell.row.key, pattern) for pattern in only)
    return any(matches(cell, pattern) for pattern in only)
