"""Run job groups on an executor and store every outcome.

A stage waits for the stages before it. Jobs of a lost worker run again; a fit over its time limit
fails. Jobs that another driver of the same results folder runs are not run here. An interrupt loses
only the fits that were running.
"""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.analysis import selection
from harness.plan.job import Job
from harness.run.executors import Ended, Executor, Lost, Overdue, TooLarge, WorkerEvent
from harness.run.limits import FitLimits, GroupLimit
from harness.run.transforms import Codes
from harness.run.wording import count
from harness.run.worker import JobGroup
from harness.store import code_digest
from harness.store.claims import Claims
from harness.store.record import Outcome, Record, Status
from harness.store.store import Store
from methods.base import Checkpoint, Progress

ATTEMPTS = 3
"""Number of lost workers after which a job is recorded as failed."""
PAUSE_SECONDS = 1.0
"""Interval at which the driver reads the records and claims of other drivers."""


@dataclass(frozen=True)
class ProgressUpdate:
    """An update for the display: one job's record, or the finished share of a group.

    ``done``   share of the group's work that is done, 0..1.
    ``ended``  the group has left the executor, with or without results.
    """

    group: JobGroup
    record: Record | None = None
    done: float = 0.0
    note: str = ""
    ended: bool = False


@dataclass
class Running:
    """A group on the executor.

    ``since``       wall time at its start.
    ``last_event``  ``time.monotonic`` of its last event.
    ``started``     whether it has had an event; if not, no worker has started with it.
    """

    group: JobGroup
    limit: GroupLimit
    since: float = field(default_factory=time.time)
    last_event: float = field(default_factory=time.monotonic)
    started: bool = False


class Driver:
    """Runs one list of job groups.

    ``running``  groups on the executor, by id; other threads may read it.
    ``last_event``    ``time.monotonic`` of the last event of any group.
    """

    def __init__(
        self,
        store: Store,
        records: Mapping[str, Record],
        budget: str,
        show: Callable[[ProgressUpdate], None],
        limits: FitLimits | None = None,
        claims: Claims | None = None,
    ) -> None:
        self.store, self.budget, self.show = store, budget, show
        self.limits, self.claims = limits or FitLimits(), claims or Claims(store.folder)
        self.records = dict(records)
        self.attempts: Counter[str] = Counter()
        self.todo: set[str] = set()
        self.running: dict[str, Running] = {}
        self.last_event = time.monotonic()
        self._jobs: dict[str, Job] = {}
        self._waiting: list[JobGroup] = []
        self._elsewhere: list[JobGroup] = []
        self._next_look = 0.0

    def run(self, groups: Sequence[JobGroup], executor: Executor) -> None:
        """Run all groups; KeyboardInterrupt and RunStopped pass through."""
        self._waiting = list(groups)
        self._jobs = {job.id: job for group in groups for job in group.jobs}
        self.todo = {job.id for group in groups for job in group.jobs if job.id not in group.done}
        while self._waiting or self._elsewhere or self.running:
            self._look_elsewhere()
            while executor.free > 0 and (group := self._ready(executor.takes)) is not None:
                self._start(group, executor)
            if self.running:
                received = executor.next(timeout=0.5)
                if received is not None:
                    self._waiting[:0] = self._take(*received)
            elif self._elsewhere:
                time.sleep(PAUSE_SECONDS)
            elif self._waiting and self._ready() is None:
                raise RuntimeError("stages wait for work that is not part of this run")

    def _ready(self, takes: Callable[[JobGroup], bool] | None = None) -> JobGroup | None:
        """The first waiting group whose earlier stages have ended.

        With ``takes`` the first for which it is true; that one is removed from the queue.
        """
        refused: set[str] = set()
        for index, group in enumerate(self._waiting):
            method = group.jobs[0].method
            if method in refused:
                continue
            needs = {j.id for job in group.jobs for stage in job.upstream for j in stage}
            if needs & self.todo:
                continue
            if takes is None:
                return group
            if takes(group):
                return self._waiting.pop(index)
            refused.add(method)  # one group of it is refused as another is
        return None

    def _start(self, group: JobGroup, executor: Executor) -> None:
        """Start the jobs of a group that this driver has claimed and whose inputs exist."""
        claimed = self._claimed(group)
        if claimed is None:
            return
        jobs: list[Job] = []
        chosen: list[tuple[str, ...]] = []
        codes: dict[str, Codes] = {}
        for job in claimed.jobs:
            try:
                names = tuple(self._codes(stage, codes) for stage in job.upstream)
            except ValueError as error:
                if job.id in self.todo:
                    self._note_skipped(claimed, job, str(error))
                continue
            jobs.append(job)
            chosen.append(names)
        self.claims.release({job.id for job in claimed.jobs} - self.todo)
        if self.todo.isdisjoint(job.id for job in jobs):
            return
        work = JobGroup(tuple(jobs), claimed.done, tuple(chosen), codes)
        saved = self.store.checkpoint(work.id)
        running = Running(work, self.limits.of(work))
        self.running[work.id] = running
        executor.start(work, saved[1] if saved else None, running.limit)

    def _claimed(self, group: JobGroup) -> JobGroup | None:
        """The jobs of a group that this driver has claimed, None if there are none.

        Jobs are claimed before the records of other drivers are read: a claimed job without a
        record then belongs to this driver alone. A group with a checkpoint is not divided.
        """
        mine = self.claims.take(job.id for job in group.jobs if job.id in self.todo)
        self._take_news()
        todo = {job.id for job in group.jobs if job.id in self.todo}
        resumed = self.store.checkpoint(group.id) is not None
        if todo - mine and resumed:
            self.claims.release(mine)
            self._elsewhere.append(group)
            return None
        if todo - mine:
            self._elsewhere.append(JobGroup(tuple(j for j in group.jobs if j.id in todo - mine)))
        self.claims.release(mine - todo)
        if not mine & todo:
            return None
        if resumed:
            return replace(group, done=frozenset(job.id for job in group.jobs) - todo)
        return JobGroup(tuple(job for job in group.jobs if job.id in mine & todo))

    def _look_elsewhere(self) -> None:
        """Every ``PAUSE_SECONDS``: read other drivers' records, retry jobs that they held."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + PAUSE_SECONDS
        self._take_news()
        self._waiting += self._elsewhere
        self._elsewhere = []

    def _take_news(self) -> None:
        """Take over records that another driver made with the same code."""
        for record in self.claims.news():
            known = self.records.get(record.id)
            newer = known is None or record.generation > known.generation
            if record.id not in self.todo or not newer:
                continue
            job = self._jobs[record.id]
            if dict(record.digests) != code_digest.digests(job.methods):
                continue
            self.records[record.id] = record
            self.todo.discard(record.id)
            self.show(ProgressUpdate(JobGroup((job,)), record=record))

    def _codes(self, stage: Sequence[Job], codes: dict[str, Codes]) -> str:
        """Id of the chosen candidate of an earlier stage, its codes added to ``codes``."""
        winner = selection.chosen(stage, self.records)
        if winner is None:
            records = [self.records[job.id] for job in stage if job.id in self.records]
            reasons = "; ".join(sorted({record.reason for record in records})) or "no record"
            raise ValueError(f"upstream stage {stage[0].method} produced no usable fit: {reasons}")
        if winner.id not in codes:
            codes[winner.id] = self.store.arrays(winner)
        return winner.id

    def _take(self, group: JobGroup, event: WorkerEvent) -> list[JobGroup]:
        """Handle one event of a group; returns groups to run again."""
        running, self.last_event = self.running[group.id], time.monotonic()
        running.last_event, running.started = self.last_event, True
        again: list[JobGroup] = []
        if isinstance(event, Progress):
            self.show(ProgressUpdate(group, done=event.done))
        elif isinstance(event, Checkpoint):
            self.store.save_checkpoint(group.id, checkpoint_header(group), event.state)
        elif isinstance(event, Outcome):
            self._book(group, event)
        elif isinstance(event, Ended):
            self.store.drop_checkpoint(group.id)
        elif isinstance(event, Lost):
            again = self._retry(group, event)
        elif isinstance(event, Overdue):
            reason = f"it ran over its time limit of {_minutes(event.limit)} and was ended"
            again = self._end_over(group, event.limit, f"{reason} (--fit-timeout)")
        elif isinstance(event, TooLarge):
            reason = (
                f"its process held {event.held:.0f} MiB of memory and may hold {event.most:.0f}"
            )
            again = self._end_over(group, event.limit, f"{reason}; it was ended (--fit-memory)")
        if isinstance(event, Ended | Lost | Overdue | TooLarge):
            del self.running[group.id]
            self.show(ProgressUpdate(group, ended=True))
            self.claims.release(job.id for job in group.jobs)
        return again

    def _book(self, group: JobGroup, outcome: Outcome) -> None:
        job = next(job for job in group.jobs if job.id == outcome.record.id)
        earlier = self.records.get(job.id)
        record = replace(
            outcome.record,
            budget=self.budget,
            revision=code_digest.revision(),
            digests=code_digest.digests(job.methods),
            generation=earlier.generation + 1 if earlier else 0,
            ended=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        record = self.store.append(replace(outcome, record=record))
        self.records[job.id] = record
        self.todo.discard(job.id)
        self.show(ProgressUpdate(group, record=record))

    def _retry(self, group: JobGroup, lost: Lost) -> list[JobGroup]:
        """Groups to run again: jobs of a lost group without a record, singly after two losses."""
        left = [job for job in group.jobs if job.id in self.todo]
        for job in left:
            self.attempts[job.id] += 1
        again = [job for job in left if self.attempts[job.id] < ATTEMPTS]
        rest = f"{count(len(again), 'fit')} will run again" if again else "no fit is left to rerun"
        self.show(ProgressUpdate(group, note=f"a worker was lost ({lost.reason}); {rest}"))
        what = "it failed" if lost.trace else "its worker was lost"
        for job in left:
            if job not in again:
                reason = f"{what} {ATTEMPTS} times: {lost.reason}"
                self._book(group, _no_fit(job, "failed", reason, lost.trace, len(left)))
        alone = any(self.attempts[job.id] > 1 for job in again)
        if again and not alone and self.store.checkpoint(group.id) is not None:
            return [replace(group, done=frozenset(job.id for job in group.jobs) - self.todo)]
        self.store.drop_checkpoint(group.id)
        if alone:  # one bad job must not end the worker of the others
            return [JobGroup((job,)) for job in again]
        return [JobGroup(tuple(again))] if again else []

    def _end_over(self, group: JobGroup, limit: GroupLimit, reason: str) -> list[JobGroup]:
        """Record the fit that ran over a limit as failed; returns groups to run again.

        If the fits run one after the other, it is the first without a record. If they train
        together, it may be any of them: each runs again alone, with its own limit.
        """
        self.store.drop_checkpoint(group.id)
        left = [job for job in group.jobs if job.id in self.todo]
        if len(left) > 1 and not limit.per_fit:
            note = f"{count(len(left), 'fit')} that trained together: {reason}"
            self.show(ProgressUpdate(group, note=f"{note}; each will run again alone"))
            return [JobGroup((job,)) for job in left]
        if not left:
            return []
        self._book(group, _no_fit(left[0], "failed", reason))
        return [JobGroup(tuple(left[1:]))] if left[1:] else []

    def _note_skipped(self, group: JobGroup, job: Job, reason: str) -> None:
        earlier = self.records.get(job.id)
        if earlier and (earlier.status, earlier.reason) == ("skipped", reason):
            self.todo.discard(job.id)  # already recorded
            self.show(ProgressUpdate(group, record=earlier))
            return
        self._book(group, _no_fit(job, "skipped", reason))


def checkpoint_header(group: JobGroup) -> dict[str, Any]:
    """Jobs of a checkpoint, in order, and digests of the code that made it."""
    methods = frozenset(key for job in group.jobs for key in job.methods)
    return {"jobs": [job.id for job in group.jobs], "digests": code_digest.digests(methods)}


def resumable(store: Store, plan_jobs: Mapping[str, Job], todo: set[str]) -> list[JobGroup]:
    """Groups with a checkpoint and remaining jobs; deletes checkpoints made by other code."""
    groups = []
    for name in store.checkpoints():
        saved = store.checkpoint(name)
        if saved is None:
            continue
        ids = saved[0]["jobs"]
        if not set(ids) <= plan_jobs.keys():
            continue  # of another plan
        group = JobGroup(tuple(plan_jobs[i] for i in ids), done=frozenset(ids) - todo)
        if checkpoint_header(group) != saved[0] or group.done == set(ids):
            store.drop_checkpoint(name)
            continue
        groups.append(group)
    return groups


def missing_inputs(
    store: Store, records: Mapping[str, Record], todo: Mapping[str, Job]
) -> dict[str, Job]:
    """Stored stages that ``todo`` needs and whose arrays are missing or damaged, by id."""
    missing: dict[str, Job] = {}
    seen = set(todo)
    waiting = list(todo.values())
    while waiting:
        for job in (job for stage in waiting.pop().upstream for job in stage):
            record = records.get(job.id)
            if job.id in seen or record is None or record.status != "ok":
                continue
            seen.add(job.id)
            try:
                store.arrays(record)
            except ValueError:
                missing[job.id] = job
                waiting.append(job)
    return missing


def _minutes(limit: GroupLimit) -> str:
    return f"{limit.seconds / 60:.3g} min"


def _no_fit(job: Job, status: Status, reason: str, trace: str = "", size: int = 1) -> Outcome:
    """The outcome of a job that no worker reported on."""
    record = Record(
        id=job.id,
        job=job.description(),
        data_key=job.data_key,
        status=status,
        reason=reason,
        trace=trace,
        stack_size=size,
    )
    return Outcome(record, {})
