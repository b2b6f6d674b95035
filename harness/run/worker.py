"""Run a group of jobs and yield events. Used in workers; writes nothing and does not use Ray.

Builds each job's Problem and HeldOut, fits the method on the Problem and scores the fit. A job that
raises gives a failed record; the others continue.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from datasets.base import Dataset, HeldOut, Problem
from harness import registry
from harness.plan.job import Job
from harness.run import imputation, resources
from harness.run.task import Task
from harness.run.transforms import Codes, with_codes, with_views
from harness.store.record import Outcome
from methods.base import (
    Checkpoint,
    Failed,
    Finished,
    Fitted,
    Member,
    Method,
    Progress,
    StackedMethod,
    Training,
)
from protocols._trial import Scenario, build, draw


@dataclass(frozen=True)
class JobGroup:
    """Jobs that run together, with the codes of their upstream stages.

    ``done``    ids of jobs that already have a record: a checkpoint contains the group as it was
                started.
    ``chosen``  ``chosen[i][j]`` is the upstream job behind input ``j`` of job ``i``.
    ``codes``   its arrays, by id.
    """

    jobs: tuple[Job, ...]
    done: frozenset[str] = frozenset()
    chosen: tuple[tuple[str, ...], ...] = ()
    codes: Mapping[str, Codes] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """Id of the group and of its checkpoint: a digest of its jobs' ids."""
        return hashlib.sha256("".join(job.id for job in self.jobs).encode()).hexdigest()[:20]


def execute(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Outcome | Progress | Checkpoint]:
    """Run a group; yield each job's outcome when it ends, and progress and checkpoints."""
    method = registry.load_method(group.jobs[0].method)
    build_trial = _builder(group, data)
    if issubclass(method, StackedMethod):
        tasks = [_task(group, index, data, build_trial) for index in range(len(group.jobs))]
        yield from _together(method, tasks, group.done, device, state)
        return
    left = [index for index, job in enumerate(group.jobs) if job.id not in group.done]
    for done, index in enumerate(left, start=1):
        yield _alone(method, _task(group, index, data, build_trial))
        yield Progress(done / len(left))


Build = Callable[[Job, tuple[str, ...]], tuple[Problem, HeldOut, str]]
"""Problem and HeldOut of a job, and the digest of its draw."""


def _builder(group: JobGroup, data: Dataset) -> Build:
    """What a job is fitted and scored on, made once for all candidates of a trial.

    Candidates share them in memory. A stacked method needs all trials at once; other methods run
    trial by trial, with one trial in memory.
    """
    stacked = registry.is_stacked(registry.load_method(group.jobs[0].method))

    @lru_cache(maxsize=None if stacked else 1)
    def made(
        scenario: Scenario,
        coded: Scenario | None,
        trial: int,
        seed: int,
        views: Any,
        chosen: tuple[str, ...],
        completed: bool,
    ) -> tuple[Problem, HeldOut, str]:
        drawn = draw(data, scenario, trial, seed)
        problem, held_out = build(data, scenario, drawn)
        if completed:
            problem, held_out = imputation.with_completed(problem, held_out, group.codes[chosen[0]])
        elif coded is not None:
            seen = problem.rows
            if coded != scenario:
                seen = build(data, coded, draw(data, coded, trial, seed))[0].rows
            codes = [group.codes[name] for name in chosen]
            problem, held_out = with_codes(problem, held_out, codes, seen.ids)
        if views and (completed or coded is None):
            problem, held_out = with_views(problem, held_out, views)
        return problem, held_out, drawn.digest

    def of(job: Job, chosen: tuple[str, ...]) -> tuple[Problem, HeldOut, str]:
        coded = job.upstream[0][0].scenario if job.upstream else None
        completed = bool(job.upstream) and job.upstream[0][0].imputes
        return made(job.scenario, coded, job.trial, job.seed, job.views, chosen, completed)

    return of


def _task(group: JobGroup, index: int, data: Dataset, build_trial: Build) -> Task:
    """Job ``index`` of a group, with its Problem and HeldOut."""
    job = group.jobs[index]
    problem, held_out, drawn = build_trial(job, group.chosen[index] if job.upstream else ())
    return Task(job, len(group.jobs), data, problem, held_out, drawn)


def _together(
    method: type[StackedMethod],
    tasks: list[Task],
    done: frozenset[str],
    device: str,
    state: bytes | None,
) -> Iterator[Outcome | Progress | Checkpoint]:
    """Train the tasks together; if that raises, train the remaining ones one by one."""
    members = [Member(t.problem, t.config, t.seed, t.score) for t in tasks]
    training = Training(**(tasks[0].job.training or {}), device=device)
    waiting = {i: task for i, task in enumerate(tasks) if task.job.id not in done}
    since, broken = resources.forget_peak_memory(device), False
    try:
        for task in tasks:
            task.check()
        for event in method.fit_stack(members, training, state):
            if isinstance(event, Progress | Checkpoint):
                yield event
            elif (task := waiting.pop(event.index, None)) is not None:
                yield _on(device, since, _outcome(task, event))
    except Exception as error:
        if len(tasks) == 1 and state is None:
            yield from (_on(device, since, t.failed(error, 0.0)) for t in waiting.values())
            return
        broken = True
    if broken:  # outside the except block, so that the group's memory is free
        for task in waiting.values():
            task.size = 1
            alone = _together(method, [task], frozenset(), device, None)
            yield from (event for event in alone if isinstance(event, Outcome))
        return
    for task in waiting.values():
        reason = f"{method.__name__} returned no result for this job"
        yield _on(device, since, task.ended("failed", reason, "", 0.0))


def _alone(method: type[Method], task: Task) -> Outcome:
    start = time.perf_counter()
    since = resources.forget_peak_memory("cpu")
    try:
        task.check()
        chooser = fitted = fit_alone(method, task, task.problem)
        if not method.can.inductive:
            chooser = fit_alone(method, task, task.second_problem())
        outcome = task.ok(fitted, task.score(chooser), 0, 0.0)
    except Exception as error:
        outcome = task.failed(error, 0.0)
    seconds = round(time.perf_counter() - start, 4)
    return _on("cpu", since, replace(outcome, record=replace(outcome.record, seconds=seconds)))


def fit_alone(method: type[Method], task: Task, problem: Problem) -> Fitted:
    """A fit of a method that is not stacked, with the random numbers of its task."""
    return method(task.config).fit(problem, np.random.default_rng(task.seed))


def _outcome(task: Task, event: Finished | Failed) -> Outcome:
    if isinstance(event, Failed):
        return task.ended("failed", str(event.reason), str(event.trace), event.seconds)
    try:
        return task.ok(event.fitted, event.score, event.epoch, event.seconds)
    except Exception as error:
        return task.failed(error, event.seconds)


def _on(device: str, since: str, outcome: Outcome) -> Outcome:
    """The outcome with what is known of the device it was made on."""
    record = replace(
        outcome.record,
        device=resources.device_name(device),
        peak_gpu_memory_mb=resources.peak_gpu_memory_mb(device),
        peak_since=since,
    )
    return replace(outcome, record=record)
