"""A stack of jobs in, events out. Runs in a worker; writes nothing and does not know Ray.

Builds each job's Problem, keeps the Answers, hands the method what it may see, scores what comes
back. A job that raises is a failed record; the others go on.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from datasets.base import Answers, Dataset, Problem, Rows
from harness import imputation, machine, registry
from harness.job import Job, canonical
from harness.record import Outcome, Record, plain, sentence
from harness.scores import accuracy, finite, probe
from harness.trial_views import Codes, second_transduction, with_codes, with_views
from methods.base import (
    Checkpoint,
    Failed,
    Finished,
    Fitted,
    Member,
    Method,
    Progress,
    SkipError,
    StackedMethod,
    Training,
)
from protocols.base import Scenario, build, draw, seed_of, varies


@dataclass(frozen=True)
class Stack:
    """Jobs that run together, with the codes of the stages before them.

    ``done``    ids of jobs that have a record already: they are here only because a checkpoint
                holds the stack as it was started.
    ``chosen``  ``chosen[i][j]`` is the upstream job behind input ``j`` of job ``i``.
    ``codes``   its arrays, by id.
    """

    jobs: tuple[Job, ...]
    done: frozenset[str] = frozenset()
    chosen: tuple[tuple[str, ...], ...] = ()
    codes: Mapping[str, Codes] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """Names the stack and its checkpoint: a digest of its jobs' ids."""
        return hashlib.sha256("".join(job.id for job in self.jobs).encode()).hexdigest()[:20]


def execute(
    stack: Stack, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Outcome | Progress | Checkpoint]:
    """Run a stack; yield each job's outcome when it ends, progress and checkpoints between."""
    method = registry.load_method(stack.jobs[0].method)
    build_trial = _builder(stack, data)
    if issubclass(method, StackedMethod):
        tasks = [_Task(stack, index, data, build_trial) for index in range(len(stack.jobs))]
        yield from _together(method, tasks, stack.done, device, state)
        return
    left = [index for index, job in enumerate(stack.jobs) if job.id not in stack.done]
    for done, index in enumerate(left, start=1):
        yield _alone(method, _Task(stack, index, data, build_trial))
        yield Progress(done / len(left))


Build = Callable[[Job, tuple[str, ...]], tuple[Problem, Answers]]


def _builder(stack: Stack, data: Dataset) -> Build:
    """Problem and Answers of a job, made once for all candidates of a trial.

    Candidates share them, also in memory. A stacked method needs every trial at once; other methods
    go trial by trial, so that a long list of candidates holds one trial in memory.
    """
    stacked = registry.is_stacked(registry.load_method(stack.jobs[0].method))

    @lru_cache(maxsize=None if stacked else 1)
    def made(
        scenario: Scenario,
        coded: Scenario | None,
        trial: int,
        seed: int,
        views: Any,
        chosen: tuple[str, ...],
        completed: bool,
    ) -> tuple[Problem, Answers]:
        problem, answers = build(data, scenario, draw(data, scenario, trial, seed))
        if completed:
            problem, answers = imputation.with_completed(problem, answers, stack.codes[chosen[0]])
        elif coded is not None:
            seen = problem.rows
            if coded != scenario:
                seen = build(data, coded, draw(data, coded, trial, seed))[0].rows
            return with_codes(problem, answers, [stack.codes[name] for name in chosen], seen.ids)
        return with_views(problem, answers, views) if views else (problem, answers)

    def of(job: Job, chosen: tuple[str, ...]) -> tuple[Problem, Answers]:
        coded = job.upstream[0][0].scenario if job.upstream else None
        completed = bool(job.upstream) and job.upstream[0][0].imputes
        return made(job.scenario, coded, job.trial, job.seed, job.views, chosen, completed)

    return of


class _Task:
    """One job inside a worker: its Problem, its Answers, and how a fit of it is scored."""

    def __init__(self, stack: Stack, index: int, data: Dataset, build_trial: Build) -> None:
        self.job, self.size = stack.jobs[index], len(stack.jobs)
        self.method = registry.load_method(self.job.method)
        self.config = self.method.Config(**self.job.config)
        chosen = stack.chosen[index] if self.job.upstream else ()
        self.problem, self.answers = build_trial(self.job, chosen)
        self.varies = varies(data, self.job.scenario, trained=self.job.trained)
        place = canonical([self.job.views, self.job.depth])
        self.seed = seed_of(
            data, self.job.scenario.split, self.job.trial, f"fit:{place}", self.job.seed
        )

    def check(self) -> None:
        """Raise SkipError where labels, or rows to complete, are out of the method's reach."""
        if self.method.can.labels and not self.problem.labelled.any():
            raise SkipError("no labelled row has all its views, and rows that lack one are dropped")
        own_rows_only = self.job.imputes and not self.method.can.inductive
        if own_rows_only and not self.answers.test.present.all():
            raise SkipError("it completes rows that it was fitted on, and test rows lack views too")

    def second_problem(self) -> Problem:
        """The Problem on which a purely transductive method is scored for selection."""
        second = imputation.second_problem if self.job.imputes else second_transduction
        return second(self.problem)

    def score(self, fitted: Fitted) -> float:
        """Score on tuning rows, higher is better: what chooses the epoch."""
        if self.job.imputes:
            return imputation.tuning_score(fitted, self.problem, once=not self.method.can.inductive)
        if self.method.can.classify:
            return accuracy(fitted.predict(self.problem.tuning), self.answers.tuning_labels)
        return -fitted.loss(self.problem.tuning)

    def ok(self, fitted: Fitted, score: float, epoch: int, seconds: float) -> Outcome:
        """The outcome of a fit that ended well."""
        arrays = {name: np.asarray(value) for name, value in fitted.arrays().items()}
        metrics, can = self.counts(), self.method.can
        if can.classify:
            predicted = fitted.predict(self.answers.test)
            metrics["test_accuracy"] = accuracy(predicted, self.answers.test_labels)
            arrays["test_predictions"] = predicted.astype(np.int16)
        if can.represent and not self.job.imputes:
            for name, rows in self._parts().items():
                arrays[f"codes_{name}"] = finite(fitted.transform(rows))
            if not can.classify:  # epochs were chosen by loss, candidates by a probe
                score = probe(self.problem, self.answers, arrays)
        elif can.impute:
            metrics |= self._imputed(fitted, arrays)
        record = replace(
            self.record("ok", seconds),
            score=float(score),
            epoch=epoch,
            metrics=metrics,
            facts={name: plain(value) for name, value in fitted.facts().items()},
        )
        return Outcome(record, arrays)

    def _imputed(self, fitted: Fitted, arrays: dict[str, np.ndarray]) -> imputation.Measures:
        """Figures on the completed views of training rows; views to keep go into ``arrays``."""
        parts = [self.problem.rows]
        if self.job.imputes and not self.answers.test.present.all():
            parts.append(self.answers.test)
        made = [imputation.completed(fitted, rows) for rows in parts]
        most = None if self.job.imputes else imputation.SHOWN_ROWS
        arrays |= imputation.kept(parts, [views for views, _ in made], most)
        return imputation.measures(self.problem, self.answers, *made[0])

    def failed(self, error: Exception, seconds: float) -> Outcome:
        """The outcome of a fit that failed, or that declined, with its reason."""
        if isinstance(error, SkipError):
            return self.ended("skipped", str(error), "", seconds)
        trace = "".join(traceback.format_exception(error))
        return self.ended("failed", sentence(error), trace, seconds)

    def ended(self, status: Any, reason: str, trace: str, seconds: float) -> Outcome:
        """The outcome of a fit that gave nothing."""
        record = replace(self.record(status, seconds), reason=reason, trace=trace)
        return Outcome(replace(record, metrics=self.counts()), {})

    def counts(self) -> dict[str, Any]:
        """How many rows and labels this trial used."""
        labels = self.problem.labels[self.problem.labelled]
        return {
            "n_labelled": int(self.problem.labelled.sum()),
            "n_unlabelled": int((~self.problem.labelled).sum()),
            "n_tuning_labels": len(self.answers.tuning_labels),
            "n_test": len(self.answers.test_labels),
            "labelled_per_class": np.bincount(labels, minlength=self.problem.n_classes).tolist(),
        }

    def record(self, status: Any, seconds: float) -> Record:
        """What every record of this job says, however it ended."""
        return Record(
            id=self.job.id,
            job=self.job.identity(),
            data_key=self.job.data_key,
            status=status,
            varies=list(self.varies),
            seconds=round(seconds, 4),
            peak_memory_mb=machine.peak_memory_mb(),
            stack_size=self.size,
            versions=machine.versions(),
        )

    def _parts(self) -> dict[str, Rows]:
        return {"rows": self.problem.rows, "tuning": self.problem.tuning, "test": self.answers.test}


def _together(
    method: type[StackedMethod],
    tasks: list[_Task],
    done: frozenset[str],
    device: str,
    state: bytes | None,
) -> Iterator[Outcome | Progress | Checkpoint]:
    """Train the tasks as one; where that breaks, those left alone, so that one takes none along."""
    members = [Member(t.problem, t.config, t.seed, t.score) for t in tasks]
    training = Training(**(tasks[0].job.training or {}), device=device)
    waiting = {i: task for i, task in enumerate(tasks) if task.job.id not in done}
    since, broken = machine.forget_peak_memory(device), False
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
    if broken:  # by now the error, and with it the stack's memory, is gone
        for task in waiting.values():
            task.size = 1
            alone = _together(method, [task], frozenset(), device, None)
            yield from (event for event in alone if isinstance(event, Outcome))
        return
    for task in waiting.values():
        reason = f"{method.__name__} ended without a word on this job"
        yield _on(device, since, task.ended("failed", reason, "", 0.0))


def _alone(method: type[Method], task: _Task) -> Outcome:
    start = time.perf_counter()
    since = machine.forget_peak_memory("cpu")
    try:
        task.check()
        chooser = fitted = _fit(method, task, task.problem)
        if not method.can.inductive:
            chooser = _fit(method, task, task.second_problem())
        outcome = task.ok(fitted, task.score(chooser), 0, 0.0)
    except Exception as error:
        outcome = task.failed(error, 0.0)
    seconds = round(time.perf_counter() - start, 4)
    return _on("cpu", since, replace(outcome, record=replace(outcome.record, seconds=seconds)))


def _fit(method: type[Method], task: _Task, problem: Problem) -> Fitted:
    return method(task.config).fit(problem, np.random.default_rng(task.seed))


def _outcome(task: _Task, event: Finished | Failed) -> Outcome:
    if isinstance(event, Failed):
        return task.ended("failed", event.reason, event.trace, event.seconds)
    try:
        return task.ok(event.fitted, event.score, event.epoch, event.seconds)
    except Exception as error:
        return task.failed(error, event.seconds)


def _on(device: str, since: str, outcome: Outcome) -> Outcome:
    """The outcome with what is known of the device it was made on."""
    record = replace(
        outcome.record,
        device=machine.device_name(device),
        peak_gpu_memory_mb=machine.peak_gpu_memory_mb(device),
        peak_since=since,
    )
    return replace(outcome, record=record)
