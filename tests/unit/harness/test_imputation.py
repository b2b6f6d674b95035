"""Completed views: how they are judged, kept, and handed to the next stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from datasets.base import HeldOut, Problem, Rows
from harness.run import imputation
from methods.base import FitError, Fitted
from tests.helpers import scenario, tiny, trial

BOTH = ("a", "b")


class Known(Fitted):
    """Fills in ``value`` (or what it computes from the rows), with a variance if one is given."""

    def __init__(self, value: Any, variance: float | None = None) -> None:
        self.value, self.variance = value, variance

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...] | None]:
        views, spreads = [], []
        for v, view in enumerate(rows.views):
            there = rows.present[:, v, None]
            guess = self.value(v, rows) if callable(self.value) else self.value
            views.append(np.where(there, view, guess))
            spreads.append(np.where(there, 0.0, np.full(view.shape, self.variance or 0.0)))
        return tuple(views), tuple(spreads) if self.variance is not None else None


def case(fraction: float = 0.4, **changes: Any) -> tuple[Problem, HeldOut]:
    wanted = scenario(**({"missing": ("b",), "missing_fraction": fraction} | changes))
    _, problem, held_out = trial(tiny(n=150, dims=(6, 4, 3)), wanted)
    return problem, held_out


def column_means(problem: Problem) -> Known:
    means = [
        view[problem.rows.present[:, v]].astype(float).mean(0)
        for v, view in enumerate(problem.rows.views)
    ]
    return Known(lambda v, rows: means[v])


def judged(problem: Problem, held_out: HeldOut, fitted: Fitted) -> dict[str, float]:
    return imputation.measures(problem, held_out, *imputation.completed(fitted, problem.rows))


def test_the_mean_has_an_nmse_of_exactly_one() -> None:
    problem, held_out = case()
    assert judged(problem, held_out, column_means(problem))["nmse"] == pytest.approx(1, abs=1e-12)


def test_the_truth_has_no_error() -> None:
    problem, held_out = case()
    views = held_out.complete.views
    found = imputation.measures(problem, held_out, views, None)
    assert {found[name] for name in ("nmse", "nmse_all", "nmse_raw", "nmse_raw_all")} == {0.0}
    assert "coverage_90" not in found


def test_nmse_is_the_ratio_of_frobenius_norms_over_hidden_entries() -> None:
    problem, held_out = case()
    guess = Known(lambda v, rows: np.full((rows.n, problem.dims[v]), 0.7))
    found = judged(problem, held_out, guess)
    truth, absent = held_out.complete.views[1].astype(float), ~problem.rows.present[:, 1]
    seen = truth[~absent]
    z = (truth - seen.mean(0)) / seen.std(0)
    off = z - (0.7 - seen.mean(0)) / seen.std(0)
    norm = np.linalg.norm
    assert found["nmse"] == pytest.approx(norm(off[absent]) / norm(z[absent]), rel=1e-6)
    assert found["nmse_all"] == pytest.approx(norm(off[absent]) / norm(z), rel=1e-6)
    raw = norm(truth[absent] - 0.7)
    assert found["nmse_raw"] == pytest.approx(raw / norm(truth[absent]), rel=1e-6)
    assert found["nmse_raw_all"] == pytest.approx(raw / norm(truth), rel=1e-6)
    assert not [name for name in found if name.startswith("nmse_b")]


def test_views_are_judged_together_and_one_by_one_where_several_lack() -> None:
    problem, held_out = case(0.5, missing=BOTH)
    found = judged(problem, held_out, column_means(problem))
    assert found["nmse"] == pytest.approx(1)
    assert found["nmse_a"] == pytest.approx(1)
    assert found["nmse_b"] == pytest.approx(1)


def test_no_row_without_a_view_gives_no_figure() -> None:
    problem, held_out = case(0.0)
    assert judged(problem, held_out, column_means(problem)) == {}


def test_constant_columns_are_left_out() -> None:
    data = tiny(n=150)
    flat = replace(data, views=(data.views[0], np.c_[data.views[1], np.full(150, 5.0, "f4")]))
    _, problem, held_out = trial(flat, scenario(missing=("b",), missing_fraction=0.4))
    guess = column_means(problem)
    assert judged(problem, held_out, guess)["nmse"] == pytest.approx(1)


def test_coverage_and_likelihood_are_those_of_the_normal_distribution() -> None:
    problem, held_out = case()
    found = judged(problem, held_out, Known(0.2, variance=2.5))
    absent = ~problem.rows.present[:, 1]
    truth = held_out.complete.views[1][absent].astype(float)
    sd = held_out.complete.views[1][~absent].astype(float).std(0)
    inside = np.abs(truth - 0.2) <= stats.norm.ppf(0.95) * np.sqrt(2.5)
    assert found["coverage_90"] == pytest.approx(inside.mean())
    nll = -stats.norm.logpdf(truth, 0.2, np.sqrt(2.5)) - np.log(sd)
    assert found["nll"] == pytest.approx(nll.mean(), rel=1e-6)


def test_candidates_are_judged_on_tuning_rows_whose_view_is_masked() -> None:
    problem, _ = case(missing=BOTH)
    asked: list[Rows] = []

    def note(v: int, rows: Rows) -> np.ndarray:
        asked.append(rows)
        return column_means(problem).value(v, rows)

    score = imputation.tuning_score(Known(note), problem)
    masked = imputation.masked_tuning(problem)
    assert [rows.present.all(axis=0).tolist() for _, _, rows in masked] == [
        [False, True, True],
        [True, False, True],
    ]
    assert all(np.isnan(rows.views[v]).all() for v, _, rows in masked)
    assert {tuple(rows.present.all(axis=0)) for rows in asked} == {
        (False, True, True),
        (True, False, True),
    }
    assert -1.3 < score < -0.8  # the training mean on other rows of the same kind


def test_no_two_masked_copies_of_a_row_share_an_id() -> None:
    problem, _ = case(missing=BOTH)
    second = imputation.second_problem(problem)
    assert len(set(second.rows.ids)) == second.rows.n == problem.rows.n + problem.tuning.n
    copies = imputation.masked_tuning(problem)
    assert len({name for _, _, rows in copies for name in rows.ids}) == 2 * problem.tuning.n
    assert second.labelled.sum() == problem.labelled.sum()
    assert (second.labels[problem.rows.n :] == -1).all()


def test_rows_that_are_masked_once_show_nothing_together_that_one_of_them_hides() -> None:
    problem, _ = case(missing=BOTH)
    masked = imputation.masked_tuning(problem, once=True)
    assert [v for v, _, _ in masked] == [0, 1]
    third = np.concatenate([rows.views[2] for _, _, rows in masked])
    assert len(np.unique(third, axis=0)) == len(third) == problem.tuning.n
    for v, part, rows in masked:
        np.testing.assert_array_equal(rows.views[1 - v], problem.tuning.views[1 - v][part])
    assert -1.3 < imputation.tuning_score(column_means(problem), problem, once=True) < -0.8
    (only,) = imputation.masked_tuning(case()[0], once=True)
    assert only[2].n == problem.tuning.n, "all of them where one view alone may be absent"


def test_what_is_kept_completes_the_rows_it_came_from() -> None:
    problem, held_out = case(0.5, missing=BOTH, missing_at_test=0.3)
    guess = Known(lambda v, rows: rows.ids[:, None] + 0.5 * v)
    parts = [problem.rows, held_out.test]
    arrays = imputation.arrays_to_store(
        parts, [imputation.completed(guess, rows)[0] for rows in parts]
    )
    filled, kept = imputation.with_completed(problem, held_out, arrays)
    for before, after in ((problem.rows, filled.rows), (held_out.test, kept.test)):
        assert after.present.all()
        for v in range(3):
            absent = ~before.present[:, v]
            np.testing.assert_array_equal(after.views[v][~absent], before.views[v][~absent])
            expected = np.broadcast_to(
                before.ids[absent, None] + 0.5 * v, after.views[v][absent].shape
            )
            np.testing.assert_array_equal(after.views[v][absent], expected)
    assert filled.may_miss == ()
    fewer = imputation.arrays_to_store(
        parts, [imputation.completed(guess, rows)[0] for rows in parts], 5
    )
    assert {len(values) for values in fewer.values()} == {5}
    some, _ = imputation.with_completed(problem, held_out, fewer)
    assert some.rows.present.sum() == problem.rows.present.sum() + 10, "five rows of two views"
    none, _ = imputation.with_completed(problem, held_out, {})
    np.testing.assert_array_equal(none.rows.present, problem.rows.present)


def test_a_value_that_is_not_finite_is_refused() -> None:
    problem, _ = case()
    with pytest.raises(FitError, match="finite"):
        imputation.completed(Known(np.nan), problem.rows)
