"""A stage that fills in absent views, the stage behind it, and fits that decline a Problem."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datasets.base import Problem, Rows
from harness import registry
from harness.errors import UsageError
from harness.execute import Stack, execute
from harness.imputation import SHOWN_ROWS, tuning_score
from harness.job import Job, expand
from harness.plan import Plan, plan_cells, settle
from harness.record import Outcome, Record
from harness.selection import CHAIN_RULE, IMPUTER_RULE
from harness.tabulate import trials_table
from methods.base import Can, Fitted, SkipError
from protocols.base import BUDGETS, Cell, Protocol, Row, Stage
from tests.helpers import scenario, tiny, trial
from tests.unit.harness.fake_methods import METHODS, Plain

DATA = tiny(n=90)
BUDGET = replace(BUDGETS["smoke"], trials=2)
HOLES: dict[str, Any] = {"missing": ("b",), "missing_fraction": 0.5}


class Filled(Fitted):
    """Completes views with a row's id; classifies as class 0."""

    def __init__(self, known: np.ndarray | None = None) -> None:
        self.known = known

    def predict(self, rows: Rows) -> np.ndarray:
        return np.zeros(rows.n, np.int64)

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], None]:
        if self.known is not None:
            assert set(rows.ids) <= set(self.known)
        pairs = zip(rows.views, rows.present.T, strict=True)
        return tuple(
            np.where(there[:, None], view, rows.ids[:, None]) for view, there in pairs
        ), None


class Filler(Plain):
    """An imputer without use for labels."""

    can = Can(impute=True, missing_views=True, unlabelled=True, labels=False)

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        if self.config.fault == "declines":
            raise SkipError("too many rows for it")
        Plain.problems.append(problem)
        return Filled()


class Completer(Plain):
    """Knows the rows that it was fitted on, and no other."""

    can = Can(impute=True, missing_views=True, unlabelled=True, labels=False, inductive=False)

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        Plain.problems.append(problem)
        return Filled(problem.rows.ids)


class Both(Plain):
    """Classifies and imputes."""

    can = Can(classify=True, impute=True, missing_views=True)

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        return Filled()


@pytest.fixture(autouse=True)
def _methods(monkeypatch: pytest.MonkeyPatch) -> None:
    own = METHODS | {"filler": Filler, "completer": Completer, "both": Both}
    real = registry.load_method
    monkeypatch.setattr(registry, "load_method", lambda key: own.get(key) or real(key))
    monkeypatch.setattr("harness.source.digests", lambda keys: dict.fromkeys(keys, "x"))
    Plain.problems, Plain.draws = [], []


def cell(*recipe: Stage, fraction: float = 0.3, **changes: Any) -> Cell:
    wanted = scenario(**({"label_fraction": fraction} | HOLES | changes))
    return Cell(Row("r", "R", "b", "inductive", recipe), wanted, fraction, {"missing": 0.5})


def jobs(*recipe: Stage, number: int = 0, **changes: Any) -> tuple[Job, ...]:
    return expand(cell(*recipe, **changes), DATA, BUDGET, number, 0)


def run(*chosen: Job, **changes: Any) -> list[Outcome]:
    return [e for e in execute(Stack(chosen, **changes), DATA) if isinstance(e, Outcome)]


TWO = (Stage("filler", imputes=True), Stage("plain"))


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


def test_one_that_knows_its_own_rows_only_declines_where_test_rows_lack_views() -> None:
    (outcome,) = run(*jobs(Stage("completer", imputes=True), missing_at_test=0.4))
    assert (outcome.record.status, Plain.problems) == ("skipped", [])
    assert "test rows" in outcome.record.reason


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


# ---------------------------------------------------------------- the table of trials


class OneCell(Protocol):
    """Cells as they are given."""

    title = "One"
    datasets = {"smoke": ("tiny",)}  # noqa: RUF012

    def __init__(self, *cells: Cell) -> None:
        self.own = cells

    def rows(self, view_names: Any, methods: Any) -> tuple[Row, ...]:
        return tuple(each.row for each in self.own)

    def cells(self, *_: Any) -> tuple[Cell, ...]:
        return self.own


def planned(*cells: Cell) -> Plan:
    data = {DATA.key: DATA}
    found = plan_cells({"one": OneCell(*cells)}, data, {DATA.key: "rows"}, BUDGET)
    return Plan(found, data, {DATA.key: "rows"}, BUDGET)


def record(job: Job, **changes: Any) -> Record:
    made = Record(id=job.id, job=job.identity(), data_key="tiny", status="ok", score=0.5)
    metrics = {"n_labelled": 5, "n_unlabelled": 9, "n_tuning_labels": 4, "n_test": 3}
    return replace(made, metrics=metrics, digests=dict.fromkeys(job.methods(), "x"), **changes)


def table(plan: Plan, **special: Record) -> pd.DataFrame:
    records = {name: record(job) for name, job in plan.jobs.items()}
    return trials_table(plan, records | special, "one")


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
    assert set(found["selection"]) == {CHAIN_RULE}
    assert set(found["imputed_by"]) == {name for name, job in plan.jobs.items() if job.imputes}
    assert set(found["chosen"]) == {name for name, job in plan.jobs.items() if not job.imputes}


@pytest.mark.parametrize("stage", ["filler", "plain"])
def test_a_chain_says_so_where_any_of_its_stages_did_not_converge(stage: str) -> None:
    plan = planned(cell(*TWO))
    records = {
        name: replace(record(job), facts={"converged": job.method != stage})
        for name, job in plan.jobs.items()
    }
    assert not table(plan, **records)["converged"].any()
    assert table(plan)["converged"].all()


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
    assert set(found["selection"]) == {IMPUTER_RULE}


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
