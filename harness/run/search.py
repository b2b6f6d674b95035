"""The search of `--tune`: settings of one method on development draws, scored on tuning rows.

Ray Tune samples settings and stops poor ones early (ASHA: Li et al., "A system for massively
parallel hyperparameter tuning", MLSys 2020). A setting's score at an epoch is the mean over the
draws of the best tuning score so far, which is what would choose the epoch in a table. Predictions
of test rows are never made.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from datasets.base import Dataset
from harness import registry
from harness.errors import UsageError
from harness.plan.expand import expand
from harness.plan.job import Job
from harness.plan.plan import RowCounts
from harness.plan.space import Axis
from harness.run.executors import RayExecutor, Resources
from harness.run.task import Task
from harness.run.threads import one_thread
from harness.run.worker import fit_alone
from methods.base import Failed, FitError, Member, Shape, Training
from protocols.base import Budget, Cell, Scenario, Stage, TableRow, build, draw

Report = Callable[[int, float], None]
"""(epoch, score so far)."""
MOST_DRAWS = 500
"""Draws that are looked at for some of equal sizes."""
REDUCTION = 3
"""ASHA goes on with this share's best settings at each rung: one third."""


@dataclass(frozen=True)
class Question:
    """What is searched: a method on a data set, and how its settings are scored.

    ``fixed``   settings that the user fixed.   ``seed`` of the development draws.
    ``draws``   how many there are.
    """

    method: str
    scenario: Scenario
    budget: Budget
    space: Mapping[str, Axis]
    fixed: Mapping[str, Any]
    draws: int
    seed: int


@dataclass(frozen=True)
class Tried:
    """One setting: its settings, last epoch, score there, core-seconds; ``reason`` if it failed."""

    settings: Mapping[str, Any]
    epoch: int
    score: float
    seconds: float
    reason: str = ""


def evaluate(
    question: Question, settings: Mapping[str, Any], data: Dataset, report: Report | None = None
) -> list[float]:
    """The best tuning score of ``settings`` on every development draw, higher is better.

    ``report``  is called after every scoring of all draws. Raises FitError where a fit fails.
    """
    method = registry.load_method(question.method)
    one_thread()
    tasks = list(_tasks(question, settings, data))
    best = [float("-inf")] * len(tasks)
    if not registry.is_stacked(method):
        for number, task in enumerate(tasks):
            problem = task.problem if method.can.inductive else task.second_problem()
            best[number] = task.score(fit_alone(method, task, problem))
        if report:
            report(1, float(np.mean(best)))
        return best
    training = Training(**(tasks[0].job.training or {}))
    scored = 0

    def watched(number: int) -> Callable[[Any], float]:
        def score(fitted: Any) -> float:
            nonlocal scored
            value = tasks[number].score(fitted)
            best[number], scored = max(best[number], value), scored + 1
            if report and scored % len(tasks) == 0:
                epoch = min(scored // len(tasks) * training.eval_every, training.epochs)
                report(epoch, float(np.mean(best)))
            return value

        return score

    members = [Member(t.problem, t.config, t.seed, watched(i)) for i, t in enumerate(tasks)]
    for event in method.fit_stack(members, training):
        if isinstance(event, Failed):
            raise FitError(str(event.reason))
    return best


def cost(question: Question, settings: Sequence[Mapping[str, Any]], data: Dataset) -> float:
    """Estimated core-seconds of all ``settings`` on every draw, if none is stopped early."""
    method = registry.load_method(question.method)
    task = next(_tasks(question, question.fixed, data))
    counts = RowCounts.of(
        draw(data, question.scenario, task.job.trial, question.seed), question.scenario.paradigm
    )
    shape = Shape(counts.labelled, counts.unlabelled, data.dims, data.n_classes)
    training = Training(**(task.job.training or {}))
    each = [method.cost(shape, method.Config(**one), training) for one in settings]
    return question.draws * sum(each)


def search(
    question: Question,
    settings: Sequence[Mapping[str, Any]],
    data: Dataset,
    resources: Resources,
    tell: Callable[[Tried], None],
    seconds: float | None = None,
) -> None:
    """Try all ``settings``; ``tell`` is called as each ends, is stopped, or fails.

    ``seconds``  the most wall time; settings that have not ended by then are not told.
    """
    with _ray(resources), TemporaryDirectory() as folder:
        from ray import tune

        trainable = tune.with_resources(
            tune.with_parameters(_trainable, question=question, settings=list(settings), data=data),
            {"cpu": 1, "gpu": resources.gpus_per_job if resources.device == "cuda" else 0},
        )
        LISTENERS[:] = [lambda number, found, why: tell(_tried(settings[number], found, why))]
        tune.Tuner(
            trainable,
            param_space={"number": tune.grid_search(list(range(len(settings))))},
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                time_budget_s=seconds,
                scheduler=_asha(question),
            ),
            run_config=tune.RunConfig(
                name=question.method,
                storage_path=folder,
                verbose=0,
                callbacks=[_callback(tune)],
            ),
        ).fit()


def confirm(
    question: Question, candidates: Sequence[Mapping[str, Any]], data: Dataset, resources: Resources
) -> list[list[float]]:
    """The scores of some settings on the draws of ``question``, at the same time."""
    with _ray(resources) as ray:
        task = ray.remote(_scores).options(num_cpus=1, max_retries=0)
        return ray.get([task.remote(question, settings, data) for settings in candidates])


def _scores(question: Question, settings: Mapping[str, Any], data: Dataset) -> list[float]:
    return evaluate(question, settings, data)


def _trainable(
    given: Mapping[str, Any],
    question: Question,
    settings: Sequence[Mapping[str, Any]],
    data: Dataset,
) -> None:
    """What a worker of Ray Tune runs."""
    from ray import tune

    def report(epoch: int, score: float) -> None:
        tune.report({"epoch": epoch, "score": score})

    evaluate(question, settings[given["number"]], data, report)


def _asha(question: Question) -> Any:
    """No setting is stopped before the default's warm-up and two scorings have passed."""
    from ray.tune.schedulers import ASHAScheduler

    budget, method = question.budget, registry.load_method(question.method)
    if not registry.is_stacked(method):
        return None
    first = method.warmup(method.Config()) + 2 * budget.eval_every
    return ASHAScheduler(
        time_attr="epoch",
        max_t=budget.epochs,
        grace_period=max(1, min(first, budget.epochs)),
        reduction_factor=REDUCTION,
    )


LISTENERS: list[Callable[[int, Mapping[str, Any], str], None]] = []
"""Called with the number, last result and failure of every setting that ends. Ray Tune stores its
callbacks in a file, which a terminal cannot be part of, so they are looked up here."""


def _callback(tune: Any) -> Any:
    class Callback(tune.Callback):
        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            _heard(trial, "")

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            lines = str(trial.get_error() or "no reason is known").strip().splitlines()
            _heard(trial, lines[-1][:300])

    return Callback()


def _heard(trial: Any, reason: str) -> None:
    from harness.run.search import LISTENERS  # of this process, where Ray Tune read it from a file

    for listener in LISTENERS:
        listener(trial.config["number"], trial.last_result or {}, reason)


def _tried(settings: Mapping[str, Any], found: Mapping[str, Any], reason: str) -> Tried:
    return Tried(
        dict(settings),
        int(found.get("epoch", 0)),
        float(found.get("score", float("nan"))),
        float(found.get("time_total_s", 0.0)),
        reason,
    )


@contextmanager
def _ray(resources: Resources) -> Iterator[Any]:
    """A Ray, started or joined as for a run, without Ray Tune's own messages and limits."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    executor = RayExecutor({}, resources)
    try:
        yield executor._ray
    finally:
        executor.close()


QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


def _tasks(question: Question, settings: Mapping[str, Any], data: Dataset) -> Iterator[Task]:
    """The draws as tasks of one stack: the first of equal numbers of rows."""
    key, scenario = question.method, question.scenario
    row = TableRow(key, key, "tuning", scenario.paradigm, (Stage(key, config=dict(settings)),))
    cell = Cell(row, scenario, scenario.label_fraction)
    budget = replace(question.budget, grid=1, quick_grid=1, patience=None)
    partly = getattr(registry.load_method(key), "drops_incomplete", False)
    first: tuple[int, ...] = ()
    found = 0
    for trial in range(MOST_DRAWS):
        drawn = draw(data, scenario, trial, question.seed)
        sizes = RowCounts.of(drawn, scenario.paradigm).sizes(complete=partly)
        first = first or sizes
        if sizes != first:
            continue
        job: Job = expand(cell, data, budget, trial, question.seed)[0]
        problem, held_out = build(data, scenario, drawn)
        yield Task(job, question.draws, data, problem, held_out, drawn.digest)
        found += 1
        if found == question.draws:
            return
    raise UsageError(
        f"{data.key} has fewer than {question.draws} draws of equal numbers of rows among"
        f" {MOST_DRAWS}; ask for fewer with --tune-draws"
    )
