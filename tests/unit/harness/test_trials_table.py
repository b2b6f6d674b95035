"""One line per trial: whose figures count, and what is said of stages before the last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from harness.plan.job import Job
from harness.plan.plan import Plan, settle
from harness.report.columns import with_further
from harness.store.record import Record
from protocols.base import Stage
from tests.helpers import table_of
from tests.unit.harness.fake_imputers import DATA, TWO, cell, planned, use_them


@pytest.fixture(autouse=True)
def _methods(monkeypatch: pytest.MonkeyPatch) -> None:
    use_them(monkeypatch)


def record(job: Job, **changes: Any) -> Record:
    made = Record(id=job.id, job=job.description(), data_key="tiny", status="ok", score=0.5)
    metrics = {"n_labelled": 5, "n_unlabelled": 9, "n_tuning_labels": 4, "n_test": 3}
    return replace(made, metrics=metrics, digests=dict.fromkeys(job.methods, "x"), **changes)


def table(plan: Plan, **special: Record) -> pd.DataFrame:
    records = {name: record(job) for name, job in plan.jobs.items()}
    return table_of(plan, records | special, "one")


def test_the_figures_of_a_chain_are_those_of_its_imputing_stage() -> None:
    plan = planned(cell(*TWO))
    records = {}
    for name, job in plan.jobs.items():
        own = record(job)
        extra = {"nmse": 0.7} if job.imputes else {"test_accuracy": 0.8}
        records[name] = replace(own, metrics=dict(own.metrics) | extra)
    found = table(plan, **records)
    assert found["nmse"].tolist() == [0.7, 0.7]
    assert found["accuracy"].tolist() == [0.8, 0.8]
    assert found["at_missing"].tolist() == [0.5, 0.5]
    assert set(found["rule"]) == {"fixed > fixed"}, "one candidate each, and no epochs"
    assert set(found["imputed_by"]) == {name for name, job in plan.jobs.items() if job.imputes}
    assert set(found["chosen"]) == {name for name, job in plan.jobs.items() if not job.imputes}


def test_scores_on_tuning_rows_are_those_of_the_chosen_fit() -> None:
    plan = planned(cell(Stage("both", imputes=True)))
    extra = {"test_accuracy": 0.8, "nmse": 0.7, "tuning_nmse": 0.6, "tuning_accuracy": 0.9}
    records = {
        name: replace(record(job), metrics={**record(job).metrics, **extra})
        for name, job in plan.jobs.items()
    }
    found = table(plan, **records)
    assert found["tuning_nmse"].tolist() == [0.6, 0.6]
    assert found["tuning_accuracy"].tolist() == [0.9, 0.9]
    assert table(plan)[["tuning_nmse", "tuning_accuracy"]].isna().all(axis=None)


@pytest.mark.parametrize("stage", ["filler", "plain"])
def test_a_chain_says_so_where_any_of_its_stages_did_not_converge(stage: str) -> None:
    plan = planned(cell(*TWO))
    records = {
        name: replace(record(job), facts={"converged": job.method != stage})
        for name, job in plan.jobs.items()
    }
    assert not table(plan, **records)["converged"].any()
    assert table(plan)["converged"].all()


def test_a_chosen_epoch_inside_the_warm_up_is_told() -> None:
    plan = planned(cell(Stage("plain")))
    for warmup, expected in ((0, None), (4, False), (5, True), (6, True)):
        facts = {"warmup_epochs": warmup} if warmup else {}
        records = {
            name: replace(record(job), facts=facts, epoch=5) for name, job in plan.jobs.items()
        }
        assert set(table(plan, **records)["in_warmup"]) == {expected}


def test_an_imputer_alone_has_figures_and_no_accuracy() -> None:
    plan = planned(cell(TWO[0]))
    records = {
        name: replace(record(job), metrics={**record(job).metrics, "nmse": 0.9})
        for name, job in plan.jobs.items()
    }
    found = table(plan, **records)
    assert found["nmse"].tolist() == [0.9, 0.9]
    assert found["accuracy"].isna().all()
    assert set(found["status"]) == {"ok"}
    assert set(found["rule"]) == {"fixed"}


def test_a_chain_behind_a_failed_stage_failed_and_behind_one_that_declined_is_skipped() -> None:
    for status in ("failed", "skipped"):
        plan = planned(cell(*TWO))
        records = {
            name: replace(
                record(job), status=status if job.imputes else "skipped", reason="why", score=None
            )
            for name, job in plan.jobs.items()
        }
        assert set(table(plan, **records)["status"]) == {status}


def test_a_failed_candidate_of_an_earlier_stage_is_said_where_another_is_ok() -> None:
    first = Stage("filler", grid={"fault": ("", "breaks")}, imputes=True)
    plan = planned(cell(first, Stage("plain")))
    records = {}
    for name, job in plan.jobs.items():
        own = replace(record(job), metrics=dict(record(job).metrics) | {"test_accuracy": 0.8})
        if job.config["fault"]:
            own = replace(own, status="failed", reason="broke", score=None)
        records[name] = own
    found = table(plan, **records)
    assert set(found["status"]) == {"ok"}
    assert set(found["candidates_failed"]) == {1}
    assert set(found["reason"]) == {"broke"}


def test_a_declined_fit_is_not_tried_again_unless_that_is_asked_for() -> None:
    plan = planned(cell(TWO[0]))
    records = {
        name: replace(record(job), status="skipped", reason="why", score=None)
        for name, job in plan.jobs.items()
    }
    assert not settle(plan, records).todo
    assert len(settle(planned(cell(TWO[0])), records, retry_failed=True).todo) == 2


def test_the_cost_of_a_stage_behind_an_imputer_is_that_of_the_views() -> None:
    plan = planned(cell(*TWO))
    for job in plan.jobs.values():
        assert plan.shape(job).dims == DATA.dims


def test_accuracy_apart_has_columns_only_where_some_test_row_lacks_a_view() -> None:
    plan = planned(cell(Stage("plain"), missing_fraction=0.0))
    ok = {name: record(job) for name, job in plan.jobs.items()}
    split = {"test_accuracy": 0.5, "n_test_complete": 4, "n_test_incomplete": 4}
    apart = split | {"test_accuracy_complete": 0.75, "test_accuracy_incomplete": 0.25}

    def given(first: dict[str, Any], second: dict[str, Any]) -> pd.DataFrame:
        by_trial = {0: first, 1: second}
        made = {
            name: replace(each, metrics=dict(each.metrics) | by_trial[plan.jobs[name].trial])
            for name, each in ok.items()
        }
        return table_of(plan, made, "one")

    whole = {"test_accuracy": 0.6}
    assert not {"accuracy_complete", "accuracy_incomplete"} & set(given(whole, whole))
    told = given(whole, apart)
    assert told["accuracy_complete"].to_list() == [0.6, 0.75]  # all rows of the first are complete
    assert told["accuracy_incomplete"].isna().to_list() == [True, False]
    summary = pd.DataFrame(index=pd.MultiIndex.from_tuples([("tiny", "r", 30.0)]))
    shown = with_further(summary, told)
    assert shown["accuracy_complete_mean"].to_list() == [0.675]
    assert shown["accuracy_incomplete_mean"].isna().all()  # one of the trials has no such row
    assert "accuracy_complete_mean" not in with_further(summary, given(whole, whole))
