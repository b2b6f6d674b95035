"""The search of `--tune`: settings of one method on development draws, scored on tuning rows.

Ray Tune samples settings and stops poor ones early (ASHA: Li et al., "A system for massively
parallel hyperparameter tuning", MLSys 2020). A setting's score at an epoch is the mean over the
draws of the best tuning score so far, which is what would choose the epoch in a table. Predictions
of test rows are never made.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from datasets.base import Dataset
from harness import registry
from harness.errors import RunStopped, UsageError
from harness.plan.expand import expand
from harness.plan.job import Job
from harness.plan.plan import RowCounts
from harness.plan.space import Axis
from harness.run.executors import RayExecutor, Resources
from harness.run.task import Task
from harness.run.threads import one_thread
from harness.run.worker import fit_alone
from harness.store.record import sentence
from methods.base import Failed, FitError, Member, Shape, Training
from protocols.base import Budget, Cell, Scenario, Stage, TableRow, build, draw

Report = Callable[[int, float], None]
"""(epoch, score so far)."""
MOST_DRAWS = 500
"""Draws that are looked at for some of equal sizes."""
REDUCTION = 3
"""ASHA goes on with this share's best settings at each rung: one third."""
RETRIES = 2
"""How often a setting whose worker was lost (killed, out of memory) is started again."""


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


@dataclass(frozen=True)
class Confirmed:
    """One setting on further draws: a score a draw, core-seconds; ``reason`` if it failed."""

    scores: Sequence[float]
    seconds: float
    reason: str = ""


def evaluate(
    question: Question,
    settings: Mapping[str, Any],
    data: Dataset,
    report: Report | None = None,
    device: str = "cpu",
) -> list[float]:
    """The best tuning score of ``settings`` on every development draw, higher is better.

    ``report``  is called after every scoring of all draws. Raises FitError where a fit fails.
    ``device``  where stacked methods train; all others use the processor.
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
    training = Training(**(tasks[0].job.training or {}), device=device)
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


def costs(question: Question, settings: Sequence[Mapping[str, Any]], data: Dataset) -> list[float]:
    """Estimated core-seconds of each of ``settings`` on all draws, if it is not stopped early."""
    method = registry.load_method(question.method)
    task = next(_tasks(question, question.fixed, data))
    counts = RowCounts.of(
        draw(data, question.scenario, task.job.trial, question.seed), question.scenario.paradigm
    )
    shape = Shape(counts.labelled, counts.unlabelled, data.dims, data.n_classes)
    training = Training(**(task.job.training or {}))
    return [question.draws * method.cost(shape, method.Config(**one), training) for one in settings]


def search(
    question: Question,
    settings: Sequence[Mapping[str, Any]],
    data: Dataset,
    resources: Resources,
    tell: Callable[[Tried], None],
    seconds: float | None = None,
) -> None:
    """Try all ``settings``; ``tell`` is called as each ends, is stopped early, or fails.

    ``seconds``  the most core-seconds; settings that have not ended by then are not told.

    What ``tell`` raises ends the search and is raised again.
    """
    device = _device(question, resources)
    with _ray(resources), TemporaryDirectory() as folder:
        from ray import tune

        trainable = tune.with_resources(
            tune.with_parameters(
                _trainable, question=question, settings=list(settings), data=data, device=device
            ),
            {"cpu": 1, "gpu": _gpus(device, resources)},
        )
        last = question.budget.epochs if _stacked(question) else 1
        told = _Told(settings, tell, last, seconds)
        LISTENERS[:] = [told]
        tune.Tuner(
            trainable,
            param_space={"number": tune.grid_search(list(range(len(settings))))},
            tune_config=tune.TuneConfig(metric="score", mode="max", scheduler=_asha(question)),
            run_config=tune.RunConfig(
                name=question.method,
                storage_path=folder,
                verbose=0,
                callbacks=[_callback(tune)],
                stop=_stopper(tune),
                failure_config=tune.FailureConfig(max_failures=RETRIES),
            ),
        ).fit()
    if told.error is not None:
        raise told.error


def confirm(
    question: Question, candidates: Sequence[Mapping[str, Any]], data: Dataset, resources: Resources
) -> list[Confirmed]:
    """The scores of some settings on the draws of ``question``, at the same time.

    Raises RunStopped if Ray loses a worker more than ``RETRIES`` times.
    """
    device = _device(question, resources)
    with _ray(resources) as ray:
        task = ray.remote(_confirmed).options(
            num_cpus=1, num_gpus=_gpus(device, resources), max_retries=RETRIES
        )
        try:
            return ray.get([task.remote(question, one, data, device) for one in candidates])
        except ray.exceptions.RayError as error:
            raise RunStopped(f"the comparison lost its worker ({sentence(error)})") from error


def _device(question: Question, resources: Resources) -> str:
    """Where the method of a question trains: only stacked methods use a GPU."""
    return resources.device if _stacked(question) else "cpu"


def _stacked(question: Question) -> bool:
    return registry.is_stacked(registry.load_method(question.method))


def _gpus(device: str, resources: Resources) -> float:
    return resources.gpus_per_job if device == "cuda" else 0


def _confirmed(
    question: Question, settings: Mapping[str, Any], data: Dataset, device: str
) -> Confirmed:
    began = time.perf_counter()
    try:
        scores, reason = evaluate(question, settings, data, device=device), ""
    except Exception as error:  # whatever a method raises is its own failure
        scores, reason = [], sentence(error)
    return Confirmed(scores, time.perf_counter() - began, reason)


def _trainable(
    given: Mapping[str, Any],
    question: Question,
    settings: Sequence[Mapping[str, Any]],
    data: Dataset,
    device: str,
) -> None:
    """What a worker of Ray Tune runs."""
    from ray import tune

    def report(epoch: int, score: float) -> None:
        tune.report({"epoch": epoch, "score": score, "reason": ""})

    try:
        evaluate(question, settings[given["number"]], data, report, device)
    except Exception as error:  # not for Ray Tune, which would start it again
        # Lower than any score, for ASHA cannot compare NaN.
        tune.report({"epoch": 1, "score": -1.0, "reason": sentence(error)})


def _asha(question: Question) -> Any:
    """No setting is stopped before the default's warm-up and two scorings have passed."""
    from ray.tune.schedulers import ASHAScheduler

    if not _stacked(question):
        return None
    budget, method = question.budget, registry.load_method(question.method)
    first = method.warmup(method.Config()) + 2 * budget.eval_every
    return ASHAScheduler(
        time_attr="epoch",
        max_t=budget.epochs,
        grace_period=max(1, min(first, budget.epochs)),
        reduction_factor=REDUCTION,
    )


class _Told:
    """Tells what ended, and says when the search is over: by time, or by an error of ``tell``.

    Settings that are stopped because the time is over are not told: they have not ended.
    """

    def __init__(
        self,
        settings: Sequence[Mapping[str, Any]],
        tell: Callable[[Tried], None],
        epochs: int,
        seconds: float | None,
    ) -> None:
        self.settings, self.tell, self.epochs, self.seconds = settings, tell, epochs, seconds
        self.error: Exception | None = None
        self._spent: dict[int, float] = {}

    def count(self, number: int, result: Mapping[str, Any]) -> None:
        """Count the time of a setting that goes on."""
        self._spent[number] = float(result.get("time_total_s", 0.0))

    @property
    def is_over(self) -> bool:
        late = self.seconds is not None and sum(self._spent.values()) >= self.seconds
        return late or self.error is not None

    def __call__(self, number: int, result: Mapping[str, Any], lost: str) -> None:
        reason = lost or str(result.get("reason", ""))
        epoch = int(result.get("epoch", 0))
        if self.error is not None or (self.is_over and not reason and epoch < self.epochs):
            return
        score = float("nan") if reason else float(result.get("score", "nan"))
        seconds = float(result.get("time_total_s", 0.0))
        try:
            self.tell(Tried(dict(self.settings[number]), epoch, score, seconds, reason))
        except Exception as error:  # Ray Tune would wrap it
            self.error = error


LISTENERS: list[_Told] = []
"""Whom Ray Tune's callbacks tell. Ray Tune stores its callbacks in a file, which a terminal cannot
be part of, so they are looked up here."""


def _listeners() -> list[_Told]:
    from harness.run.search import LISTENERS  # of this process, where Ray Tune read it from a file

    return LISTENERS


def _callback(tune: Any) -> Any:
    class Callback(tune.Callback):
        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
        ) -> None:
            for told in _listeners():
                told.count(trial.config["number"], result)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            for told in _listeners():
                told(trial.config["number"], trial.last_result or {}, "")

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            lines = str(trial.get_error() or "no reason is known").strip().splitlines()
            lost = f"its worker was lost {RETRIES + 1} times ({lines[-1][:300]})"
            for told in _listeners():
                told(trial.config["number"], trial.last_result or {}, lost)

    return Callback()


def _stopper(tune: Any) -> Any:
    class Stopper(tune.Stopper):
        def __call__(self, trial_id: str, result: Mapping[str, Any]) -> bool:
            return bool(result.get("reason"))

        def stop_all(self) -> bool:
            return any(told.is_over for told in _listeners())

    return Stopper()


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
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # else Ctrl-C ends the search as if it were complete
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
