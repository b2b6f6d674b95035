"""Data sets whose rows lack views: what is drawn, scaled, hidden, scored, planned and reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, HeldOut, Problem, Rows
from harness.errors import UsageError
from harness.plan import absent
from harness.plan.cards import method_cards
from harness.plan.expand import expand
from harness.plan.job import Job
from harness.plan.lacking import digest, lacking
from harness.plan.plan import Plan, plan_cells
from harness.plan.properties import properties_of
from harness.plan.rows import Selection, matches
from harness.run import imputation
from harness.run.worker import JobGroup, execute
from harness.store.record import Outcome
from methods.base import Fitted
from protocols._trial import LEFT_OUT
from protocols.base import BUDGETS, Cell, Stage, TableRow
from protocols.table2 import Table2
from tests.contract.canaries import ALTERATIONS, canary
from tests.helpers import scenario, tiny, trial

BUDGET = replace(BUDGETS["smoke"], trials=1)
CARDS = {card.key: card for card in method_cards()}


def holes(n: int = 90, share: float = 0.3, view: int = 1, **changes: Any) -> Dataset:
    """The tiny data set with one view absent from a share of its rows."""
    data = tiny(n=n, dims=(6, 4, 3))
    lost = np.random.default_rng(5).random(n) < share
    return without(replace(data, **changes), {view: lost})


def without(data: Dataset, lost: dict[int, np.ndarray]) -> Dataset:
    views = [view.copy() for view in data.views]
    for v, rows in lost.items():
        views[v][rows] = np.nan
    return replace(data, views=tuple(views))


def run(*jobs: Job, data: Dataset, **inputs: Any) -> list[Outcome]:
    group = JobGroup(jobs, **inputs)
    return [event for event in execute(group, data) if isinstance(event, Outcome)]


# ---------------------------------------------------------------- draws


def test_a_draw_differs_from_that_of_complete_data_in_the_mask_alone() -> None:
    whole, data = tiny(n=90, dims=(6, 4, 3)), holes()
    one, other = trial(whole, scenario())[0], trial(data, scenario())[0]
    for name in ("order", "part", "labelled", "kept"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(other.present, data.present)


@pytest.mark.parametrize("paradigm", ["supervised", "transductive", "inductive"])
def test_every_part_lacks_what_the_data_set_lacks(paradigm: str) -> None:
    data = holes(share=0.4)
    drawn, problem, held_out = trial(data, scenario(paradigm))
    assert problem.may_miss == ("b",)
    for rows in (problem.rows, problem.tuning, held_out.test, held_out.complete):
        np.testing.assert_array_equal(rows.present, data.present[drawn.order[rows.ids]])
        assert not rows.present.all()
        for v, view in enumerate(rows.views):
            np.testing.assert_array_equal(np.isnan(view).all(axis=1), ~rows.present[:, v])
    np.testing.assert_array_equal(held_out.test_complete, held_out.test.present.all(axis=1))


def test_views_that_a_trial_hides_come_on_top_and_no_row_loses_all() -> None:
    data = without(holes(), {0: np.arange(90) % 7 == 0, 2: np.arange(90) % 5 == 0})
    drawn, problem, _ = trial(data, scenario(missing=("b", "c"), missing_fraction=0.9))
    assert not (drawn.present & ~data.present).any()
    assert drawn.present.any(axis=1).all()
    hidden = data.present & ~drawn.present
    assert hidden[drawn.part == TRAIN].any()
    assert not hidden[drawn.part != TRAIN].any()
    assert problem.may_miss == ("b", "c", "a")


def test_complete_rows_alone_are_left_in_every_part() -> None:
    data = holes()
    drawn, problem, held_out = trial(data, scenario(incomplete="leave_out"))
    assert ((drawn.part == LEFT_OUT) == ~data.present.all(axis=1)).all()
    for rows in (problem.rows, problem.tuning, held_out.test):
        assert rows.present.all()
    usual = trial(data, scenario())[2].test
    assert set(held_out.test.ids) == set(usual.ids[usual.present.all(axis=1)])


def test_complete_rows_of_a_class_that_has_none_are_refused() -> None:
    data = tiny(n=90, dims=(6, 4, 3))
    lost = without(data, {1: data.labels == 2})
    trial(lost, scenario())
    with pytest.raises(DataError, match="class z"):
        trial(lost, scenario(incomplete="leave_out"))


@pytest.mark.parametrize("paradigm", ["supervised", "inductive"])
@pytest.mark.parametrize("name", [n for n, a in ALTERATIONS.items() if not a.in_problem])
def test_nothing_hidden_reaches_the_problem(name: str, paradigm: str) -> None:
    wanted = scenario(paradigm, missing=("c",), missing_fraction=0.5, scaling="global")
    canary(ALTERATIONS[name], holes(), wanted)


# ---------------------------------------------------------------- scaling


@pytest.mark.parametrize("rule", ["global", "per_file"])
def test_scaling_rests_on_present_training_rows(rule: Any) -> None:
    data = holes(n=180, share=0.2, file_group="person", scaling="global")
    data = replace(data, groups=dict(data.groups) | {"person": np.arange(180) % 3})
    drawn, problem, held_out = trial(data, scenario(scaling=rule))
    seen = problem.rows.views[1][problem.rows.present[:, 1]]
    assert np.isfinite(seen).all()
    files = data.groups["person"][drawn.order]
    for rows, part in ((held_out.test, TEST), (problem.tuning, TUNE)):
        for v, view in enumerate(data.views):
            file = files[rows.ids] if rule == "per_file" else np.zeros(rows.n, int)
            for number in np.unique(file):
                block = data.groups["person"] == number if rule == "per_file" else True
                fitted = view[(drawn.part == TRAIN) & data.present[:, v] & block].astype(float)
                here = (file == number) & rows.present[:, v]
                raw = view[drawn.order[rows.ids[here]]]
                expected = (raw - fitted.mean(0)) / fitted.std(0)
                np.testing.assert_allclose(rows.views[v][here], expected, atol=1e-5)
        assert (drawn.part[drawn.order[rows.ids]] == part).all()


def test_a_file_without_a_view_needs_no_scale_of_it() -> None:
    data = tiny(n=180, dims=(6, 4, 3))
    files = np.arange(180) % 3
    data = replace(data, groups=dict(data.groups) | {"person": files}, file_group="person")
    data = without(replace(data, scaling="per_file"), {1: files == 1})
    _, problem, _ = trial(data, scenario(scaling="per_file"))
    assert np.isfinite(problem.rows.views[1][problem.rows.present[:, 1]]).all()
    assert np.isnan(problem.rows.views[1][~problem.rows.present[:, 1]]).all()


# ---------------------------------------------------------------- scores


class Constant(Fitted):
    """Fills in 0.7 everywhere."""

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], None]:
        pairs = zip(rows.views, rows.present.T, strict=True)
        return tuple(np.where(there[:, None], view, 0.7) for view, there in pairs), None


def judged(problem: Problem, held_out: HeldOut) -> dict[str, float]:
    return imputation.measures(problem, held_out, *imputation.completed(Constant(), problem.rows))


def test_nmse_counts_what_the_trial_hid_and_nothing_that_the_data_lack() -> None:
    data = holes()
    assert judged(*trial(data, scenario())[1:]) == {}
    drawn, problem, held_out = trial(data, scenario(missing=("b",), missing_fraction=0.5))
    found = judged(problem, held_out)
    rows = drawn.order[problem.rows.ids]
    hid = data.present[rows, 1] & ~drawn.present[rows, 1]
    assert 0 < hid.sum() < (~drawn.present[rows, 1]).sum()
    seen = data.views[1][rows][drawn.present[rows, 1]].astype(float)
    truth = (data.views[1][rows] - seen.mean(0)) / seen.std(0)
    guess = (0.7 - seen.mean(0)) / seen.std(0)
    norm = np.linalg.norm
    assert found["nmse"] == pytest.approx(norm(truth[hid] - guess) / norm(truth[hid]), rel=1e-5)
    known = truth[data.present[rows, 1]]
    assert found["nmse_all"] == pytest.approx(norm(truth[hid] - guess) / norm(known), rel=1e-5)


def test_a_tuning_row_is_masked_where_it_has_the_view_and_another() -> None:
    data = holes(share=0.4)
    data = without(data, {0: ~data.present[:, 1] & (np.arange(90) % 2 == 0)})
    _, problem, _ = trial(data, scenario())
    for v, part, rows in imputation.masked_tuning(problem):
        assert problem.tuning.present[part, v].all()
        assert rows.present.any(axis=1).all()
        assert 0 < rows.n < problem.tuning.n
    assert np.isfinite(imputation.tuning_score(Constant(), problem))
    second = imputation.second_problem(problem)
    assert len(set(second.rows.ids)) == second.rows.n


# ---------------------------------------------------------------- rows


def cell(*recipe: Stage, **changes: Any) -> Cell:
    row = TableRow("r", "R", "inductive", "inductive", recipe)
    return Cell(row, scenario(**changes), 0.3)


def test_rows_that_cannot_read_absent_views_run_behind_the_imputer() -> None:
    plain = absent.readable(cell(Stage("svm")), CARDS, "ridge_impute")
    assert [stage.key for stage in plain.row.recipe] == ["ridge_impute", "svm"]
    assert plain.row.title == "Ridge regression → R"
    assert matches(plain.row, "svm")
    assert not matches(plain.row, "ridge_impute")
    for stage in (Stage("mvae", "each"), Stage("m2", ("a",)), Stage("dccae")):
        assert absent.readable(cell(stage), CARDS, "ridge_impute").row.imputer == "ridge_impute"
    for stage in (Stage("simvae"), Stage("majority"), Stage("dccae", imputes=True)):
        assert absent.readable(cell(stage), CARDS, "ridge_impute") == cell(stage)


def test_or_on_the_complete_rows_as_their_title_says() -> None:
    whole = absent.readable(cell(Stage("svm")), CARDS, absent.COMPLETE)
    assert whole.row.title == "R, complete rows"
    assert whole.scenario.incomplete == "leave_out"
    assert absent.readable(cell(Stage("simvae")), CARDS, absent.COMPLETE) == cell(Stage("simvae"))


def planned(data: Dataset, selection: Selection) -> list[TableRow]:
    cells = plan_cells({"table2": Table2()}, {"t": data}, {"t": "rows"}, BUDGET, selection)
    return [planned.cell.row for planned in cells]


def test_complete_data_are_planned_as_before_and_others_gain_the_rows_that_read_them() -> None:
    before = {row.key: row for row in planned(tiny(dims=(6, 4, 3)), Selection())}
    after = {row.key: row for row in planned(holes(), Selection())}
    assert not any(row.imputer for row in before.values())
    gained = {"simvae", "conet", "sdgm_plus", "mean_indicator", "hist_gradient_boosting"}
    gained |= {"tmc", "incomplete_poe"}
    assert after.keys() - before.keys() == gained
    assert all(not after[key].imputer for key in gained)
    one = planned(holes(), Selection(only=("svm", "mae_svm"), absent_views="mean_impute"))
    assert {row.imputer for row in one} == {"mean_impute"}


def test_one_imputer_serves_every_paradigm_and_share_of_labels() -> None:
    data, firsts = holes(), set()
    for paradigm in ("supervised", "transductive", "inductive"):
        for fraction in (0.2, 1.0):
            asked = cell(Stage("svm"), paradigm=paradigm, label_fraction=fraction)
            made = expand(absent.readable(asked, CARDS, "mean_impute"), data, BUDGET, 0, 0)
            firsts |= {job.id for top in made for group in top.upstream for job in group}
    assert len(firsts) == 1


def test_an_imputer_sees_no_more_unlabelled_rows_than_the_row_behind_it() -> None:
    data = holes()
    asked = cell(Stage("svm"), unlabelled_fraction=0.5)
    (top, *_) = expand(absent.readable(asked, CARDS, "mean_impute"), data, BUDGET, 0, 0)
    ((first,),) = top.upstream
    seen, needed = (trial(data, job.scenario)[1].rows.ids for job in (first, top))
    assert set(seen) == set(needed)


@pytest.mark.parametrize("paradigm", ["supervised", "transductive", "inductive"])
def test_accuracy_is_given_apart_for_complete_and_incomplete_test_rows(paradigm: str) -> None:
    data = holes(n=150)
    asked = cell(Stage("logistic_regression"), paradigm=paradigm)
    (top, *_) = expand(absent.readable(asked, CARDS, "mean_impute"), data, BUDGET, 0, 0)
    ((first,),) = top.upstream
    (before,) = run(first, data=data)
    (after,) = run(top, data=data, chosen=((first.id,),), codes={first.id: before.arrays})
    assert after.record.status == "ok", after.record.reason
    metrics = after.record.metrics
    lacks = ~trial(data, top.scenario)[2].test_complete
    right = after.arrays["test_predictions"] == trial(data, top.scenario)[2].test_labels
    assert metrics["n_test_incomplete"] == lacks.sum() > 0
    assert metrics["test_accuracy_incomplete"] == pytest.approx(right[lacks].mean())
    assert metrics["test_accuracy_complete"] == pytest.approx(right[~lacks].mean())
    (plain,) = run(*expand(cell(Stage("majority")), tiny(), BUDGET, 0, 0), data=tiny())
    assert not [name for name in plain.record.metrics if "complete" in name]


def test_the_flag_is_refused_where_it_does_nothing_or_names_no_imputer() -> None:
    absent.check("ridge_impute", [tiny()])
    absent.check(absent.COMPLETE, [tiny(), holes()])
    with pytest.raises(UsageError, match="no effect"):
        absent.check("mean_impute", [tiny()])
    for how in ("svm", "knn_impute"):
        with pytest.raises(UsageError, match=how):
            absent.check(how, [holes()])


# ---------------------------------------------------------------- what is reported


def shares(rows: Sequence[bool] | np.ndarray) -> float:
    return round(100 * float(np.mean(rows)), 4)


def test_the_realised_share_of_every_part_is_counted() -> None:
    data = holes(share=0.4)
    drawn = trial(data, scenario(missing=("c",), missing_fraction=0.5))[0]
    b, c = lacking(data, [drawn])
    assert (b.view, c.view) == ("b", "c")
    train = drawn.part == TRAIN
    assert b.labelled == (shares(~data.present[drawn.labelled, 1]),) * 2
    assert b.unlabelled == (shares(~data.present[train & ~drawn.labelled, 1]),) * 2
    assert b.test == (shares(~data.present[drawn.part == TEST, 1]),) * 2
    assert c.tuning == c.test == (0.0, 0.0)
    assert c.unlabelled[0] > 0
    assert lacking(tiny(), [trial(tiny(), scenario())[0]]) == ()


def test_table_1_has_the_shares_and_a_digest_of_the_mask() -> None:
    counted = properties_of(holes(), "rows", 3)
    (view,) = counted.lacking
    assert view.view == "b"
    assert 0 < view.test[0] <= view.test[1] < 100
    assert counted.mask == digest(holes(), [holes().present])
    assert counted.mask != properties_of(holes(share=0.5), "rows", 3).mask
    whole = properties_of(tiny(), "rows", 3)
    assert (whole.lacking, whole.mask) == ((), "")


def test_a_plan_knows_the_sizes_of_what_is_left() -> None:
    data = holes()
    cells = plan_cells(
        {"table2": Table2()},
        {"t": data},
        {"t": "rows"},
        BUDGET,
        Selection(only=("svm",), absent_views=absent.COMPLETE),
    )
    plan = Plan(cells, {data.key: data}, {data.key: "rows"}, BUDGET)
    (job, *_) = plan.jobs.values()
    problem = trial(data, job.scenario)[1]
    assert plan.shape(job).n_labelled == problem.labelled.sum()
