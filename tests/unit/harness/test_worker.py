"""Running a stack: what is scored, what is recorded, and how a failure stays alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness import registry
from harness.plan.expand import expand
from harness.plan.job import Job
from harness.run.scoring import accuracy, probe
from harness.run.worker import JobGroup, execute
from harness.store.record import Outcome
from methods.base import Checkpoint, Progress
from protocols.base import BUDGETS, Cell, Stage, TableRow
from tests.helpers import scenario, tiny, trial
from tests.unit.harness.fake_methods import METHODS, Plain

DATA = tiny()
BUDGET = replace(BUDGETS["smoke"], epochs=4)


@pytest.fixture(autouse=True)
def _methods(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry.load_method
    monkeypatch.setattr(registry, "load_method", lambda key: METHODS.get(key) or real(key))
    Plain.problems, Plain.draws = [], []


def job(key: str, fault: str = "", trial: int = 0, **changes: Any) -> Job:
    paradigm = changes.pop("paradigm", "inductive")
    views = changes.pop("views", None)
    stage = Stage(key, views, {"fault": fault} if key in METHODS else {})
    cell = Cell(TableRow("r", "R", "b", paradigm, (stage,)), scenario(paradigm, **changes), 0.3)
    return expand(cell, DATA, BUDGET, trial, 0)[0]


def run(*jobs: Job, **changes: Any) -> list[Outcome]:
    events = execute(JobGroup(tuple(jobs), **changes), DATA)
    return [event for event in events if isinstance(event, Outcome)]


# ---------------------------------------------------------------- one by one


def test_a_record_names_the_rows_drawn_whatever_is_fitted_on_them() -> None:
    methods = [("svm", "supervised"), ("svm", "inductive"), ("majority", "transductive")]
    found = {run(job(key, paradigm=p))[0].record.drawn for key, p in methods}
    assert found == {trial(DATA, scenario(), 0)[0].digest}
    failing = run(job("plain", fault="at fit"))[0].record
    assert (failing.status, failing.drawn) == ("failed", *found)
    others = [job("svm", trial=1), job("svm", label_fraction=0.5), job("svm", split="person")]
    others.append(job("svm", unlabelled_fraction=0.5))
    others.append(job("svm", missing=("b",), missing_fraction=0.5, incomplete="drop"))
    digests = [outcome.record.drawn for each in others for outcome in run(each)]
    assert len({*digests, *found}) == 6


def test_the_digest_of_a_draw_does_not_name_its_order() -> None:
    drawn, *_ = trial(DATA, scenario(), 0)
    assert replace(drawn, order=drawn.order[::-1]).digest == drawn.digest
    for name in ("part", "labelled", "kept", "present"):
        other = getattr(drawn, name).copy()
        other[0] = ~other[0] if other.dtype == bool else other[0] + 1
        assert replace(drawn, **{name: other}).digest != drawn.digest


def test_a_record_says_what_was_scored_and_on_how_many_rows() -> None:
    wanted = job("svm", trial=2)
    (outcome,) = run(wanted)
    record, (_, problem, held_out) = outcome.record, trial(DATA, wanted.scenario, 2)
    predicted = outcome.arrays["test_predictions"]
    assert record.id == wanted.id
    assert record.job == wanted.description()
    assert record.status == "ok"
    assert record.metrics["test_accuracy"] == np.mean(predicted == held_out.test_labels)
    assert record.metrics["n_labelled"] == problem.labelled.sum()
    assert record.metrics["n_unlabelled"] == (~problem.labelled).sum()
    assert record.metrics["n_tuning_labels"] == problem.tuning.n
    assert record.metrics["n_test"] == held_out.test.n
    assert sum(record.metrics["labelled_per_class"]) == problem.labelled.sum()
    assert 0 <= (record.score or 0) <= 1
    assert record.seconds > 0
    assert record.peak_memory_mb > 1
    assert record.device == "cpu"
    assert {"python", "numpy", "scikit-learn"} <= record.versions.keys()
    assert record.varies == ["split", "labels"]
    assert record.parse(record.line()) == record


def test_the_score_is_tuning_accuracy_and_facts_become_plain() -> None:
    (outcome,) = run(job("plain"))
    _, problem, held_out = trial(DATA, scenario())
    ids = int(problem.rows.ids.sum())
    assert outcome.record.score == np.mean(held_out.tuning_labels == 0)
    assert outcome.record.facts == {"nan": "nan", "count": 3, "ids": ids}
    np.testing.assert_array_equal(outcome.arrays["curve"], np.arange(3.0))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("at fit", "FitError: did not converge"),
        ("at predict", "ValueError: no idea"),
        ("short", "FitError: predicted (2,) for 12 rows; one class per row is expected"),
    ],
)
def test_a_fit_that_fails_fails_alone_and_says_why(fault: str, reason: str) -> None:
    good, bad, last = run(job("plain"), job("plain", fault), job("plain", trial=1))
    assert [o.record.status for o in (good, bad, last)] == ["ok", "failed", "ok"]
    assert bad.record.reason == reason
    assert "Traceback" in bad.record.trace
    assert bad.record.score is None
    assert "test_accuracy" not in bad.record.metrics
    assert bad.record.metrics["n_labelled"] == good.record.metrics["n_labelled"]
    assert bad.arrays == {}


def test_a_stage_sees_the_views_it_names() -> None:
    run(job("plain", views=("b",)), job("plain"))
    assert [problem.view_names for problem in Plain.problems] == [("b",), ("a", "b")]


def test_finished_jobs_of_a_stack_are_not_run_again() -> None:
    first, second = job("plain"), job("plain", trial=1)
    (outcome,) = run(first, second, done=frozenset({first.id}))
    assert outcome.record.id == second.id


def test_the_generator_follows_the_trial_and_not_the_settings() -> None:
    run(
        job("plain"),
        job("plain", "other"),
        job("plain", trial=1),
        job("graph", paradigm="inductive"),
    )
    same, candidate, other, *_ = Plain.draws
    assert same == candidate
    assert same != other


# ---------------------------------------------------------------- representations, graphs


def test_codes_are_kept_for_every_part_and_judged_by_a_probe() -> None:
    (outcome,) = run(job("codes"))
    _, problem, held_out = trial(DATA, scenario())
    shapes = {name: outcome.arrays[f"codes_{name}"].shape for name in ("rows", "tuning", "test")}
    assert shapes == {"rows": (36, 10), "tuning": (12, 10), "test": (12, 10)}
    assert outcome.arrays["codes_rows"].dtype == np.float32
    assert outcome.record.score == probe(problem, held_out, outcome.arrays)
    assert "test_accuracy" not in outcome.record.metrics


def test_codes_that_are_not_finite_are_a_failure() -> None:
    (outcome,) = run(job("codes", "nan codes"))
    assert outcome.record.status == "failed"
    assert "not finite" in outcome.record.reason


def test_a_transductive_method_is_selected_by_a_second_transduction() -> None:
    (outcome,) = run(job("graph", paradigm="transductive"))
    first, second = Plain.problems
    _, problem, held_out = trial(DATA, scenario("transductive"))
    assert outcome.record.status == "ok"
    assert set(first.rows.ids) == set(problem.rows.ids)
    assert set(second.rows.ids) == {*problem.rows.ids[problem.labelled], *problem.tuning.ids}
    assert not set(second.rows.ids) & set(held_out.test.ids)
    assert outcome.record.facts["ids"] == problem.rows.ids.sum()  # not of the second one


def test_codes_of_the_stage_before_become_the_views() -> None:
    chain = (Stage("codes", "each"), Stage("plain"))
    cell = Cell(TableRow("r", "R", "b", "inductive", chain), scenario(), 0.3)
    (top,) = expand(cell, DATA, BUDGET, 0, 0)
    before = {o.record.id: o.arrays for group in top.upstream for o in run(*group)}
    chosen = tuple(group[0].id for group in top.upstream)
    Plain.problems.clear()
    (outcome,) = run(top, chosen=(chosen,), codes=before)
    assert outcome.record.status == "ok"
    (given,) = Plain.problems
    assert given.dims == DATA.dims
    for name, view in zip(chosen, given.rows.views, strict=True):
        np.testing.assert_array_equal(view, before[name]["codes_rows"])


# ---------------------------------------------------------------- stacks


def test_a_stack_reports_each_member_with_its_own_time_and_epoch() -> None:
    stack = JobGroup((job("together"), job("together", trial=1)))
    events = list(execute(stack, DATA, state=b"kept"))
    assert [e.state for e in events if isinstance(e, Checkpoint)] == [b"kept"]
    assert [e.done for e in events if isinstance(e, Progress)] == [0.5, 0.5]
    records = [e.record for e in events if isinstance(e, Outcome)]
    assert [record.id for record in records] == [each.id for each in stack.jobs]
    assert {(r.epoch, r.score, r.seconds, r.stack_size) for r in records} == {(3, 0.75, 2.5, 2)}


def test_members_fail_alone_and_silence_is_a_failure() -> None:
    faults = ("", "alone", "silent", "short")
    found = {o.record.id: o.record for o in run(*(job("together", fault) for fault in faults))}
    ok, alone, silent, short = (found[job("together", fault).id] for fault in faults)
    assert ok.varies == alone.varies == ["split", "labels", "initial weights", "minibatches"]
    assert ok.status == "ok"
    assert (alone.status, alone.reason, alone.seconds) == ("failed", "not finite", 1.5)
    assert (silent.status, silent.reason) == ("failed", "Together returned no result for this job")
    assert (short.status, short.epoch) == ("failed", 0)


def test_what_a_broken_stack_leaves_is_fitted_one_by_one() -> None:
    done, first, bad, last = (
        job("together", fault, number) for number, fault in enumerate(("", "", "breaks all", ""))
    )
    stack = JobGroup((done, first, bad, last), done=frozenset({done.id}))
    events = list(execute(stack, DATA))
    records = [event.record for event in events if isinstance(event, Outcome)]
    assert [(r.id, r.status, r.stack_size) for r in records] == [
        (first.id, "ok", 4),
        (bad.id, "failed", 1),
        (last.id, "ok", 1),
    ]
    assert records[1].reason == "MemoryError: out of memory"
    assert sum(isinstance(event, Checkpoint) for event in events) == 1  # the stack's own


def test_a_state_that_breaks_a_lone_fit_is_left_and_it_starts_again() -> None:
    wanted = job("together", "breaks resumed")
    events = list(execute(JobGroup((wanted,)), DATA, state=b"old"))
    assert [e.record.status for e in events if isinstance(e, Outcome)] == ["ok"]


def test_a_member_that_declines_takes_none_along() -> None:
    bare = job("together", label_fraction=0.0)
    other = job("together", "", 1)
    found = {o.record.id: o.record.status for o in run(bare, other)}
    assert found == {bare.id: "skipped", other.id: "ok"}


def test_a_stack_is_named_by_its_jobs() -> None:
    one, two = job("plain"), job("plain", trial=1)
    assert JobGroup((one, two)).id == JobGroup((one, two), done=frozenset({one.id})).id
    assert len({JobGroup(jobs).id for jobs in ((one,), (two,), (one, two), (two, one))}) == 4


# ---------------------------------------------------------------- scores


def test_accuracy_is_the_share_of_right_classes() -> None:
    assert accuracy(np.array([1, 2, 0, 0]), np.array([1, 2, 3, 4])) == 0.5


def test_the_probe_is_a_classifier_on_codes() -> None:
    _, problem, held_out = trial(tiny(gap=8.0), scenario())
    codes = {
        "codes_rows": np.concatenate(problem.rows.views, 1),
        "codes_tuning": np.concatenate(problem.tuning.views, 1),
    }
    assert probe(problem, held_out, codes) >= 0.9
    blind = {name: np.ones_like(value) for name, value in codes.items()}
    assert probe(problem, held_out, blind) <= 0.6
