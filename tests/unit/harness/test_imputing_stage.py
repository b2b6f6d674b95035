"""A stage that fills in absent views, the stage behind it, and fits that decline a Problem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.analysis.selection import NAMES
from harness.errors import UsageError
from harness.plan.expand import expand
from harness.plan.job import Job
from harness.run.imputation import SHOWN_ROWS, tuning_score
from harness.run.worker import JobGroup, execute
from harness.store.record import Outcome
from protocols.base import Stage
from tests.helpers import scenario, trial
from tests.unit.harness.fake_imputers import (
    BUDGET,
    DATA,
    HOLES,
    TWO,
    Filled,
    cell,
    planned,
    use_them,
)
from tests.unit.harness.fake_methods import Plain


@pytest.fixture(autouse=True)
def _methods(monkeypatch: pytest.MonkeyPatch) -> None:
    use_them(monkeypatch)


def jobs(*recipe: Stage, number: int = 0, **changes: Any) -> tuple[Job, ...]:
    return expand(cell(*recipe, **changes), DATA, BUDGET, number, 0)


def run(*chosen: Job, **changes: Any) -> list[Outcome]:
    return [e for e in execute(JobGroup(chosen, **changes), DATA) if isinstance(e, Outcome)]


def test_the_next_stage_reads_completed_views() -> None:
    (top,) = jobs(*TWO, missing_at_test=0.4)
    ((first,),) = top.upstream
    (before,) = run(first)
    Plain.problems.clear()
    (outcome,) = run(top, chosen=((first.id,),), codes={first.id: before.arrays})
    assert outcome.record.status == "ok"
    (given,) = Plain.problems
    _, problem, _ = trial(DATA, top.scenario)
    absent = ~problem.rows.present[:, 1]
    assert absent.any()
    assert given.rows.present.all()
    assert given.may_miss == ()
    np.testing.assert_array_equal(given.rows.views[1][absent, 0], problem.rows.ids[absent])
    np.testing.assert_array_equal(given.rows.views[1][~absent], problem.rows.views[1][~absent])
    np.testing.assert_array_equal(given.labels, problem.labels)


def test_an_imputer_is_scored_on_masked_tuning_rows_and_judged_on_hidden_entries() -> None:
    ((first,),) = jobs(*TWO)[0].upstream
    (outcome,) = run(first)
    _, problem, _ = trial(DATA, first.scenario)
    assert outcome.record.score == tuning_score(Filled(), problem)
    assert outcome.record.metrics["nmse"] > 1
    assert "test_accuracy" not in outcome.record.metrics
    assert len(outcome.arrays["imputed_1"]) == (~problem.rows.present[:, 1]).sum()


def test_one_fit_serves_all_label_fractions_and_sees_no_label() -> None:
    few, many = (jobs(*TWO, fraction=share)[0].upstream for share in (0.2, 0.6))
    assert few[0][0].id == many[0][0].id
    run(few[0][0])
    (problem,) = Plain.problems
    assert not problem.labelled.any()
    assert (problem.labels == -1).all()
    assert problem.rows.n == trial(DATA, scenario(**HOLES))[1].rows.n


def test_one_that_knows_its_own_rows_only_is_scored_by_a_second_fit() -> None:
    ((first,),) = jobs(Stage("completer", imputes=True), Stage("plain"))[0].upstream
    (outcome,) = run(first)
    assert outcome.record.status == "ok"
    own, second = Plain.problems
    assert second.rows.n == own.rows.n + own.tuning.n


def test_behind_one_that_knows_its_own_rows_only_none_runs_where_test_rows_lack_views() -> None:
    recipe = (Stage("completer", imputes=True), Stage("plain"))
    (top,) = jobs(*recipe, missing_at_test=0.4)
    ((first,),) = top.upstream
    (before,) = run(first)
    assert before.record.status == "ok"
    assert before.record.metrics["nmse"] > 1  # it is judged on its own rows
    Plain.problems.clear()
    (outcome,) = run(top, chosen=((first.id,),), codes={first.id: before.arrays})
    assert (outcome.record.status, Plain.problems) == ("skipped", [])
    assert "completer" in outcome.record.reason
    assert "test rows" in outcome.record.reason


def test_a_stage_that_left_rows_out_fails_the_next() -> None:
    (top,) = jobs(*TWO)
    ((first,),) = top.upstream
    few = {name: values[:3] for name, values in run(first)[0].arrays.items()}
    (outcome,) = run(top, chosen=((first.id,),), codes={first.id: few})
    assert outcome.record.status == "failed"
    assert "without values" in outcome.record.reason


def test_the_next_stage_may_read_some_of_the_completed_views() -> None:
    (top,) = jobs(TWO[0], Stage("plain", ("b",)))
    ((first,),) = top.upstream
    run(top, chosen=((first.id,),), codes={first.id: run(first)[0].arrays})
    given = Plain.problems[-1]
    assert given.view_names == ("b",)
    assert given.rows.present.all()
    plan = planned(cell(TWO[0], Stage("plain", ("b",))))
    assert {plan.shape(job).dims for job in plan.jobs.values()} == {DATA.dims, DATA.dims[1:]}


def test_a_classifier_that_imputes_leaves_figures_and_a_few_rows() -> None:
    (outcome,) = run(*jobs(Stage("both")))
    assert {"test_accuracy", "nmse", "nmse_raw_all"} <= outcome.record.metrics.keys()
    assert 0 < len(outcome.arrays["imputed_1"]) <= SHOWN_ROWS
    (whole,) = run(*jobs(Stage("both"), missing_fraction=0.0))
    assert "nmse" not in whole.record.metrics
    assert "imputed_1" not in whole.arrays


def test_a_classifier_may_be_chosen_as_an_imputer_and_both_numbers_are_kept() -> None:
    (as_classifier,), (as_imputer,) = (
        run(*jobs(Stage("both", imputes=imputes))) for imputes in (False, True)
    )
    one, other = as_classifier.record, as_imputer.record
    assert one.id != other.id
    assert (one.selected_by, other.selected_by) == (NAMES["accuracy"], NAMES["nmse"])
    _, problem, held_out = trial(DATA, scenario(**HOLES))
    right = np.mean(held_out.tuning_labels == 0)
    for record in (one, other):
        assert {"test_accuracy", "nmse"} <= record.metrics.keys()
        assert record.metrics["tuning_accuracy"] == right
        assert record.metrics["tuning_nmse"] == -tuning_score(Filled(), problem)
        assert record.parse(record.line()) == record
    assert one.score == right
    assert other.score == tuning_score(Filled(), problem)
    whole = [
        run(*jobs(Stage("both", imputes=imputes), missing_at_test=0.4))[0].record.status
        for imputes in (False, True)
    ]
    assert whole == ["ok", "ok"]


@pytest.mark.parametrize(
    ("stage", "missing", "has"),
    [
        (Stage("plain"), 0.0, {"tuning_accuracy"}),
        (Stage("filler", imputes=True), 0.5, {"tuning_nmse"}),
        (Stage("completer", imputes=True), 0.5, {"tuning_nmse"}),
        (Stage("both"), 0.0, {"tuning_accuracy", "tuning_nmse"}),
    ],
)
def test_a_fit_has_those_scores_on_tuning_rows_that_it_can(
    stage: Stage, missing: float, has: set[str]
) -> None:
    (outcome,) = run(*jobs(stage, missing_fraction=missing))
    assert {name for name in outcome.record.metrics if name.startswith("tuning_")} == has


def test_where_no_view_may_be_absent_an_imputing_classifier_has_no_tuning_nmse() -> None:
    (outcome,) = run(*jobs(Stage("both"), missing=(), missing_fraction=0.0))
    assert outcome.record.status == "ok"
    assert "tuning_nmse" not in outcome.record.metrics


@pytest.mark.parametrize("imputes", [False, True])
def test_the_epoch_is_that_of_the_best_score_of_its_kind(imputes: bool) -> None:
    """A real net: among epochs scored both ways, the one that its own measure chooses."""
    budget = replace(BUDGET, epochs=8, eval_every=1, patience=None, grid=1)
    asked = cell(Stage("simvae", config={"learning_rate": 2e-3}, imputes=imputes))
    (job,) = expand(asked, DATA, budget, 0, 0)
    (outcome,) = run(job)
    record = outcome.record
    assert record.status == "ok", record.reason
    own, sign = ("tuning_nmse", -1) if imputes else ("tuning_accuracy", 1)
    assert record.score == sign * record.metrics[own]
    for end in range(1, 9):
        (until,) = expand(asked, DATA, replace(budget, epochs=end, eval_every=end), 0, 0)
        assert run(until)[0].record.score <= record.score


def test_a_fit_that_declines_is_skipped_with_its_reason() -> None:
    (outcome,) = run(*jobs(Stage("filler", config={"fault": "declines"}, imputes=True)))
    record = outcome.record
    assert (record.status, record.reason, record.trace) == ("skipped", "too many rows for it", "")


def test_rows_that_lost_every_label_are_skipped_by_those_that_need_one() -> None:
    lost = {"incomplete": "drop", "missing_fraction": 1.0}
    for stage in (Stage("plain"), Stage("m2")):
        (top, *_) = jobs(stage, **lost)
        (outcome,) = run(top)
        assert outcome.record.status == "skipped"
        assert "no labelled row" in outcome.record.reason


def test_a_stage_that_cannot_impute_is_refused_before_any_work() -> None:
    for stage in (Stage("plain", imputes=True), Stage("filler", ("a",), imputes=True)):
        with pytest.raises(UsageError, match="cannot impute"):
            jobs(stage, Stage("plain"))
