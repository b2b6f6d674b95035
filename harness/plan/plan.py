"""The plan: which jobs a run needs, which are stored, stale or failed, and the cost of the rest.

No method is run here. Jobs that several cells or tables share appear once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from datasets.base import TEST, TRAIN, DataError, Dataset
from harness import registry
from harness.errors import UsageError
from harness.plan import absent, draws
from harness.plan.cards import method_cards
from harness.plan.expand import expand_all
from harness.plan.job import Job, stages_of
from harness.plan.rows import Selection, too_few_views, with_settings
from harness.store import code_digest
from harness.store.manifest import Properties
from harness.store.record import Record
from methods.base import Shape, Training
from protocols.base import Budget, Cell, Draw, Paradigm, Protocol, TableRow, draw

EVERY = Selection()
Unfit = Mapping[tuple[str, str], Sequence[tuple[TableRow, str]]]
"""(protocol, data key) -> rows for which the data have too few views, each with the reason."""


@dataclass(frozen=True)
class PlannedCell:
    """A cell of one protocol on one data set: candidate jobs per trial."""

    protocol: str
    data_key: str
    cell: Cell
    trials: tuple[tuple[Job, ...], ...]


@dataclass(frozen=True)
class RowCounts:
    """How many rows a draw has: of a job's Problem, and what else sets the shapes of its tensors.

    ``labelled``, ``unlabelled``  rows that the Problem has.
    ``parts``     rows of the training, tuning and test part.
    ``kept``      training rows that take part.
    ``complete``  labelled rows, training rows that take part, and test rows with every view.
    """

    labelled: int
    unlabelled: int
    parts: tuple[int, int, int]
    kept: int
    complete: tuple[int, int, int]

    @classmethod
    def of(cls, drawn: Draw, paradigm: Paradigm) -> RowCounts:
        sizes = np.bincount(drawn.part[drawn.part >= 0], minlength=3)
        whole = drawn.present.all(axis=1)
        labelled, kept, test = (
            int((drawn.labelled & whole).sum()),
            int((drawn.kept & whole).sum()),
            int(((drawn.part == TEST) & whole).sum()),
        )
        rest = ((drawn.part == TRAIN) & drawn.kept & ~drawn.labelled).sum()
        unlabelled = {"supervised": 0, "inductive": rest, "transductive": sizes[TEST]}[paradigm]
        return cls(
            labelled=int(drawn.labelled.sum()),
            unlabelled=int(unlabelled),
            parts=(int(sizes[0]), int(sizes[1]), int(sizes[2])),
            kept=int(drawn.kept.sum()),
            complete=(labelled, kept, test),
        )

    def sizes(self, *, complete: bool = False) -> tuple[int, ...]:
        """Equal for draws whose problems can be stacked; with ``complete`` for complete rows."""
        rows = (self.labelled, self.unlabelled, *self.parts, self.kept)
        return (*rows, *self.complete) if complete else rows


@dataclass
class Plan:
    """All cells of a run, and the stored state of their jobs.

    ``splits``  data key -> name of the split its cells use.
    ``left_out``  protocol -> data sets that its budget leaves out; none where all are in.
    ``unfit``   rows that are left out because a data set has too few views for them.
    ``tuned``   how the settings that the user fixed were chosen; "" where nothing is known of it.
    ``properties``  protocol without fits -> counts of its data sets.
    ``todo``    jobs to run.   ``stored`` ids with a valid record.
    ``stale``   id -> files whose source changed since its record was made.
    ``failed``  ids whose record is a failure that this run does not repeat.
    """

    cells: list[PlannedCell]
    data: Mapping[str, Dataset]
    splits: Mapping[str, str]
    budget: Budget
    properties: Mapping[str, Sequence[Properties]] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unfit: Unfit = field(default_factory=dict)
    tuned: str = ""
    todo: dict[str, Job] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    stale: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Every job of every cell, earlier stages included, by id."""
        return stages_of(job for c in self.cells for trial in c.trials for job in trial)

    def core_hours(self, jobs: Iterable[Job] | None = None) -> tuple[float, float]:
        """Estimated core-hours of ``jobs``, or of all jobs to run: minimum and maximum.

        The minimum if every fit stops as early as patience allows, the maximum if none does.
        """
        costs = [self._costs(job) for job in (self.todo.values() if jobs is None else jobs)]
        return sum(least for least, _ in costs) / 3600, sum(most for _, most in costs) / 3600

    def cost(self, job: Job) -> float:
        """Estimated core-seconds of one job to its last epoch; its share of a shared training."""
        return self._costs(job)[1]

    def _costs(self, job: Job) -> tuple[float, float]:
        """Estimated core-seconds to the earliest possible last epoch, and to the latest."""
        if job.id not in self._known_costs:
            shape, sharing = self.shape(job), self._sharing[job.training_key]
            key = _fit_key(job), shape
            if key not in self._known_seconds:
                self._known_seconds[key] = _seconds(job, shape)
            least, most = self._known_seconds[key]
            self._known_costs[job.id] = least / sharing, most / sharing
        return self._known_costs[job.id]

    @cached_property
    def _sharing(self) -> Counter[str]:
        """How many jobs share each training."""
        return Counter(job.training_key for job in self.jobs.values())

    @cached_property
    def _known_costs(self) -> dict[str, tuple[float, float]]:
        return {}

    @cached_property
    def _known_seconds(self) -> dict[object, tuple[float, float]]:
        return {}

    def shape(self, job: Job) -> Shape:
        """Sizes of a job's Problem, from its draw."""
        counts = self.counts(job)
        classes = self.data[job.data_key].n_classes
        return Shape(counts.labelled, counts.unlabelled, self._dims(job), classes)

    def counts(self, job: Job) -> RowCounts:
        """How many rows a job's draw has of each kind. Raises UsageError if it cannot be drawn."""
        key = _draw_key(job)
        if key not in self._counts:
            self._counts[key] = RowCounts.of(self.drawn(job), job.scenario.paradigm)
        return self._counts[key]

    @cached_property
    def _counts(self) -> dict[object, RowCounts]:
        return {}

    def _dims(self, job: Job) -> tuple[int, ...]:
        """Widths of a job's inputs: views, or the codes of the upstream stage."""
        data = self.data[job.data_key]
        firsts = [group[0] for group in job.upstream]
        if not firsts or firsts[0].imputes:
            dims = dict(zip(data.view_names, data.dims, strict=True))
            return tuple(dims[name] for name in (job.views or data.view_names))
        return tuple(self._code_width(first) for first in firsts)

    def _code_width(self, job: Job) -> int:
        """Width of the codes of a job."""
        shape = self.shape(job)
        key = _fit_key(job), shape
        if key not in self._known_widths:
            method = registry.load_method(job.method)
            self._known_widths[key] = method.code_width(shape, method.Config(**job.config))
        return self._known_widths[key]

    @cached_property
    def _known_widths(self) -> dict[object, int]:
        return {}

    def drawn(self, job: Job) -> Draw:
        """The draw of a job's trial. Raises UsageError if it cannot be drawn."""
        key = _draw_key(job)
        if key not in self._draws:
            data = self.data[job.data_key]
            try:
                self._draws[key] = draw(data, job.scenario, job.trial, job.seed)
            except DataError as error:
                trials = max(len(c.trials) for c in self.cells if c.data_key == job.data_key)
                reason = draws.refusal(data, job.scenario, trials, job.seed)
                raise UsageError(reason or str(error)) from error
        return self._draws[key]

    @cached_property
    def _draws(self) -> dict[object, Draw]:
        return {}

    def beyond_paper(self) -> list[Job]:
        """Jobs to run that rows of the paper do not need; its rows are those it prints."""
        printed = (c for c in self.cells if c.cell.row.published)
        needed = stages_of(job for c in printed for trial in c.trials for job in trial)
        return [job for name, job in self.todo.items() if name not in needed]

    def tally(self) -> Counter[str]:
        """Numbers of jobs: total, stored, stale, failed, todo."""
        return Counter(
            total=len(self.jobs),
            stored=len(self.stored),
            stale=len(self.stale),
            failed=len(self.failed),
            todo=len(self.todo),
        )


def _draw_key(job: Job) -> tuple[object, ...]:
    """Equal for jobs of one draw."""
    return job.data_key, job.scenario, job.trial, job.seed


def _fit_key(job: Job) -> tuple[object, ...]:
    """Equal for jobs that differ only in data, trial and inputs."""
    return job.method, job.texts["config"], job.texts.get("training")


def _seconds(job: Job, shape: Shape) -> tuple[float, float]:
    """Estimated core-seconds of one fit to the earliest possible last epoch, and to the latest."""
    training = soon = Training(**(job.training or {}))
    method = registry.load_method(job.method)
    config = method.Config(**job.config)
    if training.patience is not None:
        # Patience counts from the end of a warm-up, or from the first scoring.
        first = max(training.eval_every, method.warmup(config))
        soon = replace(training, epochs=min(training.epochs, first + training.patience))
    return method.cost(shape, config, soon), method.cost(shape, config, training)


def plan_cells(
    protocols: Mapping[str, Protocol],
    data: Mapping[str, Dataset],
    splits: Mapping[str, str],
    budget: Budget,
    selection: Selection = EVERY,
    seed: int = 0,
) -> list[PlannedCell]:
    """Cells of all protocols on all data sets that the ``selection`` includes.

    ``splits``  data key -> name of its split.
    """
    cards = method_cards()
    by_key = {card.key: card for card in cards}
    planned = []
    for name, protocol in protocols.items():
        for key, dataset in data.items():
            for cell in protocol.cells(dataset, splits[key], budget, cards):
                if dataset.absent_views:
                    how, promote = selection.absent_views, not protocol.takes_missing
                    cell = absent.readable(cell, by_key, how, promote=promote)
                if not selection.includes(cell) or too_few_views(cell.row, len(dataset.views)):
                    continue
                row = with_settings(cell.row, selection.settings)
                cell = cell if row is cell.row else replace(cell, row=row)
                count = min(cell.trials or budget.trials, budget.trials)
                trials = expand_all(cell, dataset, budget, count, seed)
                planned.append(PlannedCell(name, key, cell, trials))
    return planned


def unfit_rows(
    protocols: Mapping[str, Protocol],
    data: Mapping[str, Dataset],
    splits: Mapping[str, str],
    budget: Budget,
    selection: Selection = EVERY,
) -> Unfit:
    """Rows that :func:`plan_cells` leaves out since a data set has too few views, and the reasons.

    Protocols and data sets without such rows are not among the keys.
    """
    cards, unfit = method_cards(), {}
    for name, protocol in protocols.items():
        for key, dataset in data.items():
            cells = protocol.cells(dataset, splits[key], budget, cards)
            rows = {cell.row.key: cell.row for cell in cells if selection.includes(cell)}
            reasons = {row: too_few_views(rows[row], len(dataset.views)) for row in rows}
            if lost := [(rows[row], reason) for row, reason in reasons.items() if reason]:
                unfit[name, key] = lost
    return unfit


def settle(
    plan: Plan,
    records: Mapping[str, Record],
    *,
    retry_failed: bool = False,
    accept_stale: bool = False,
    force: bool = False,
) -> Plan:
    """Sort the plan's jobs into stored, stale, failed and todo, by their records.

    A job whose upstream stage runs again runs again too: another candidate may be selected.
    """
    now: dict[frozenset[str], dict[str, str]] = {}
    for name, job in plan.jobs.items():
        record = records.get(name)
        earlier = (stage.id for group in job.upstream for stage in group)
        if record is None or force or any(stage in plan.todo for stage in earlier):
            plan.todo[name] = job
            continue
        methods = job.methods
        if methods not in now:
            now[methods] = code_digest.digests(methods)
        moved = code_digest.changed(record.digests, now[methods])
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
    """Whether a job has inputs, each with a candidate whose record is ok."""
    return bool(job.upstream) and all(
        any(stage.id in records and records[stage.id].status == "ok" for stage in group)
        for group in job.upstream
    )
