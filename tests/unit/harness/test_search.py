"""How --tune scores a setting: as a run would, on development draws, without any test row."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import registry, tune
from harness.errors import UsageError
from harness.plan.expand import expand
from harness.plan.space import space_of
from harness.registry import load_method
from harness.run import search
from harness.run.search import Question, evaluate
from harness.run.worker import JobGroup, execute
from harness.store.record import Outcome
from methods.base import FitError
from protocols.base import BUDGETS, Cell, Stage, TableRow
from tests.helpers import scenario, tiny
from tests.unit.harness.fake_methods import METHODS

DATA = tiny()
BUDGET = replace(BUDGETS["smoke"], epochs=6, eval_every=2, patience=None, grid=1, quick_grid=1)
SEED = 2018


def question(method: str, **changes: Any) -> Question:
    paradigm = "inductive" if load_method(method).can.unlabelled else "supervised"
    found = Question(
        method, scenario(paradigm), BUDGET, space_of(load_method(method).Config), {}, 3, SEED
    )
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("method", "settings"), [("svm", {"C": 10.0}), ("m2", {"c": 1.0, "warmup_epochs": 2})]
)
def test_scores_are_those_that_a_run_would_choose_by(method: str, settings: dict) -> None:
    asked = question(method)
    row = TableRow("r", "R", "b", asked.scenario.paradigm, (Stage(method, config=settings),))
    cell = Cell(row, asked.scenario, 0.3)
    jobs = tuple(expand(cell, DATA, BUDGET, trial, SEED)[0] for trial in range(3))
    outcomes = [e for e in execute(JobGroup(jobs), DATA) if isinstance(e, Outcome)]
    scores = {outcome.record.id: outcome.record.score for outcome in outcomes}
    assert evaluate(asked, settings, DATA) == [scores[job.id] for job in jobs]


def test_a_report_is_the_mean_of_the_best_scores_so_far() -> None:
    told: list[tuple[int, float]] = []
    best = evaluate(question("m2"), {}, DATA, lambda epoch, score: told.append((epoch, score)))
    assert [epoch for epoch, _ in told] == [2, 4, 6]
    assert [score for _, score in told] == sorted(score for _, score in told)
    assert told[-1][1] == pytest.approx(np.mean(best))


@pytest.mark.parametrize(("method", "fault"), [("plain", "at fit"), ("together", "alone")])
def test_a_setting_that_fails_raises(
    method: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = registry.load_method
    monkeypatch.setattr(registry, "load_method", lambda key: METHODS.get(key) or real(key))
    budget = replace(BUDGET, epochs=4)
    asked = Question(method, scenario("supervised"), budget, {}, {}, 3, SEED)
    with pytest.raises((RuntimeError, FitError)):
        evaluate(asked, {"fault": fault}, DATA)


def test_too_few_equal_draws_are_refused() -> None:
    with pytest.raises(UsageError, match="tune-draws"):
        evaluate(question("svm", draws=501), {}, DATA)


def test_the_best_is_among_those_that_trained_longest() -> None:
    def tried(epoch: int, score: float) -> tune.Tried:
        return tune.Tried({"c": score}, epoch, score, 1.0)

    several = [tried(80, 0.6), tried(48, 0.9), tried(80, 0.7), tried(80, float("nan"))]
    several.append(replace(tried(80, 0.8), reason="it failed at its end"))
    assert tune._best(several).score == 0.7
    assert tune._best([tried(80, 0.6), replace(tried(80, 0.6), settings={"c": 1})]).settings == {
        "c": 0.6
    }


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "search.jsonl"
    good, bad = (tune.Tried({"C": c}, 1, c, 1.0, why) for c, why in ((0.5, ""), (0.7, "lost")))
    path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in (good, bad)) + '{"set')
    assert tune._done(path, [{"C": 0.5}, {"C": 0.7}]) == [good]


@pytest.mark.parametrize("error", [FitError("no optimum"), ValueError("a bug")])
def test_a_failed_comparison_is_a_result(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> list[float]:
        raise error

    monkeypatch.setattr(search, "evaluate", fails)
    found = search._confirmed(question("svm"), {}, DATA, "cpu")
    assert found.scores == []
    assert str(error) in found.reason
