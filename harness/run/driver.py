"""The loop: give stacks to a pool, book what comes back, until nothing is left.

Stages wait for the stages before them; a lost worker's jobs are tried again; an interrupt loses
only what was in flight.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.analysis import selection
from harness.plan.job import Job
from harness.run.executors import Ended, Executor, Lost, WorkerEvent
from harness.run.transforms import Codes
from harness.run.worker import JobGroup
from harness.store import code_digest
from harness.store.record import Outcome, Record
from harness.store.store import Store
from methods.base import Checkpoint, Progress

ATTEMPTS = 3
"""How often a job may take its worker down before it is recorded as failed."""


@dataclass(frozen=True)
class ProgressUpdate:
    """Something for the display: one job's record, or a stack's share done."""

    stack: JobGroup
    record: Record | None = None
    done: float = 0.0
    note: str = ""


class Driver:
    """One run of one list of stacks."""

    def __init__(
        self,
        store: Store,
        records: Mapping[str, Record],
        budget: str,
        show: Callable[[ProgressUpdate], None],
    ) -> None:
        self.store, self.budget, self.show = store, budget, show
        self.records = dict(records)
        self.attempts: Counter[str] = Counter()

    def run(self, stacks: Sequence[JobGroup], pool: Executor) -> None:
        """Run every stack to its end. KeyboardInterrupt passes through; finished work is stored."""
        waiting = list(stacks)
        todo = {job.id for stack in stacks for job in stack.jobs if job.id not in stack.done}
        running = 0
        while waiting or running:
            while pool.free > 0 and (stack := self._ready(waiting, todo)) is not None:
                started = self._start(stack, pool, todo)
                running += started
            if not running:
                if waiting:
                    raise RuntimeError("stages wait for work that is not part of this run")
                return
            happened = pool.next(timeout=0.5)
            if happened is None:
                continue
            stack, event = happened
            again = self._take(stack, event, todo)
            running -= isinstance(event, Ended | Lost)
            waiting[:0] = again

    def _ready(self, waiting: list[JobGroup], todo: set[str]) -> JobGroup | None:
        """The first stack whose earlier stages have all ended; removed from ``waiting``."""
        for index, stack in enumerate(waiting):
            needs = {j.id for job in stack.jobs for group in job.upstream for j in group}
            if not needs & todo:
                return waiting.pop(index)
        return None

    def _start(self, stack: JobGroup, pool: Executor, todo: set[str]) -> bool:
        """Start a stack, less the jobs whose earlier stage gave nothing. False if none is left."""
        jobs: list[Job] = []
        chosen: list[tuple[str, ...]] = []
        codes: dict[str, Codes] = {}
        for job in stack.jobs:
            try:
                names = tuple(self._codes(group, codes) for group in job.upstream)
            except ValueError as error:
                if job.id in todo:
                    self._note_skipped(stack, job, str(error), todo)
                continue
            jobs.append(job)
            chosen.append(names)
        if todo.isdisjoint(job.id for job in jobs):
            return False
        work = JobGroup(tuple(jobs), stack.done, tuple(chosen), codes)
        kept = self.store.checkpoint(work.id)
        pool.start(work, kept[1] if kept else None)
        return True

    def _codes(self, group: Sequence[Job], codes: dict[str, Codes]) -> str:
        """Id of the chosen candidate of an earlier stage, its codes added to ``codes``."""
        winner = selection.chosen(group, self.records)
        if winner is None:
            found = [self.records[job.id] for job in group if job.id in self.records]
            reasons = "; ".join(sorted({record.reason for record in found})) or "no record"
            raise ValueError(f"the stage before, {group[0].method}, gave nothing: {reasons}")
        if winner.id not in codes:
            codes[winner.id] = self.store.arrays(winner)
        return winner.id

    def _take(self, stack: JobGroup, event: WorkerEvent, todo: set[str]) -> list[JobGroup]:
        """Book one happening; return stacks to run again."""
        if isinstance(event, Progress):
            self.show(ProgressUpdate(stack, done=event.done))
        elif isinstance(event, Checkpoint):
            self.store.save_checkpoint(stack.id, checkpoint_header(stack), event.state)
        elif isinstance(event, Outcome):
            self._book(stack, event, todo)
        elif isinstance(event, Ended):
            self.store.drop_checkpoint(stack.id)
        elif isinstance(event, Lost):
            return self._retry(stack, event, todo)
        return []

    def _book(self, stack: JobGroup, outcome: Outcome, todo: set[str]) -> None:
        job = next(job for job in stack.jobs if job.id == outcome.record.id)
        earlier = self.records.get(job.id)
        record = replace(
            outcome.record,
            budget=self.budget,
            revision=code_digest.revision(),
            digests=code_digest.digests(job.methods()),
            generation=earlier.generation + 1 if earlier else 0,
            ended=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        record = self.store.append(replace(outcome, record=record))
        self.records[job.id] = record
        todo.discard(job.id)
        self.show(ProgressUpdate(stack, record=record))

    def _retry(self, stack: JobGroup, lost: Lost, todo: set[str]) -> list[JobGroup]:
        """The jobs of a lost stack that have no record: again, one by one after the second loss."""
        left = [job for job in stack.jobs if job.id in todo]
        for job in left:
            self.attempts[job.id] += 1
        again = [job for job in left if self.attempts[job.id] < ATTEMPTS]
        note = f"a worker was lost ({lost.reason}); {len(again)} jobs run again"
        self.show(ProgressUpdate(stack, note=note))
        for job in left:
            if job not in again:
                self._book(stack, _lost(job, len(left), lost), todo)
        alone = any(self.attempts[job.id] > 1 for job in again)
        if again and not alone and self.store.checkpoint(stack.id) is not None:
            return [replace(stack, done=frozenset(job.id for job in stack.jobs) - todo)]
        self.store.drop_checkpoint(stack.id)
        if alone:  # so that one bad job cannot take others along
            return [JobGroup((job,)) for job in again]
        return [JobGroup(tuple(again))] if again else []

    def _note_skipped(self, stack: JobGroup, job: Job, reason: str, todo: set[str]) -> None:
        earlier = self.records.get(job.id)
        if earlier and (earlier.status, earlier.reason) == ("skipped", reason):
            todo.discard(job.id)  # known: no second record of it
            self.show(ProgressUpdate(stack, record=earlier))
            return
        record = replace(_lost(job, 1, Lost(reason)).record, status="skipped", reason=reason)
        self._book(stack, Outcome(record, {}), todo)


def checkpoint_header(stack: JobGroup) -> dict[str, Any]:
    """Which jobs a checkpoint holds, in order, and the source that made it."""
    methods = frozenset(key for job in stack.jobs for key in job.methods())
    return {"jobs": [job.id for job in stack.jobs], "digests": code_digest.digests(methods)}


def resumable(store: Store, plan_jobs: Mapping[str, Job], todo: set[str]) -> list[JobGroup]:
    """Stacks that a checkpoint holds and that still have work; checkpoints of other code go."""
    found = []
    for name in store.checkpoints():
        kept = store.checkpoint(name)
        if kept is None:
            continue
        ids = kept[0]["jobs"]
        if not set(ids) <= plan_jobs.keys():
            continue  # another plan's work: leave it
        stack = JobGroup(tuple(plan_jobs[i] for i in ids), done=frozenset(ids) - todo)
        if checkpoint_header(stack) != kept[0] or stack.done == set(ids):
            store.drop_checkpoint(name)
            continue
        found.append(stack)
    return found


def missing_inputs(
    store: Store, records: Mapping[str, Record], todo: Mapping[str, Job]
) -> dict[str, Job]:
    """Stored stages that ``todo`` rests on and whose arrays are gone or damaged: to run again."""
    found: dict[str, Job] = {}
    seen = set(todo)
    waiting = list(todo.values())
    while waiting:
        for job in (job for group in waiting.pop().upstream for job in group):
            record = records.get(job.id)
            if job.id in seen or record is None or record.status != "ok":
                continue
            seen.add(job.id)
            try:
                store.arrays(record)
            except ValueError:
                found[job.id] = job
                waiting.append(job)
    return found


def _lost(job: Job, size: int, lost: Lost) -> Outcome:
    what = "it failed" if lost.trace else "its worker was lost"
    record = Record(
        id=job.id,
        job=job.description(),
        data_key=job.data_key,
        status="failed",
        reason=f"{what} {ATTEMPTS} times: {lost.reason}",
        trace=lost.trace,
        stack_size=size,
    )
    return Outcome(record, {})
