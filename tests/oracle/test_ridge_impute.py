"""Ridge imputation against normal equations, scikit-learn's Ridge and RidgeCV, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV

from datasets.base import Rows
from methods.completion.ridge_impute import Config, RidgeImpute
from tests.helpers import taken
from tests.oracle.completion_cases import blocks, imputed, problem_of, views, z_scores

METHODS = ("ridge_impute",)
DIMS = (6, 4, 3)
ENDS = np.cumsum((0, *DIMS))


def fit(problem, penalty: float = 0.1):
    return RidgeImpute(Config(penalty=penalty)).fit(problem, np.random.default_rng(0))


def part(x: np.ndarray, *wanted: int) -> np.ndarray:
    """The columns of some views."""
    return np.concatenate([x[:, ENDS[v] : ENDS[v + 1]] for v in wanted], axis=1)


def sides(problem, given: tuple[int, ...], v: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of a regression, z-scored, of the rows that have both."""
    both = problem.rows.present[:, [*given, v]].all(axis=1)
    x = z_scores(problem.rows)[both]
    return part(x, *given), part(x, v)


def lacking(problem, *absent: int) -> Rows:
    """Rows of the Problem's data that lack ``absent``, with ids of their own."""
    n = problem.rows.n
    there = np.ones((n, 3), bool)
    there[:, list(absent)] = False
    whole = views(n, DIMS)
    shown = (np.where(there[:, v, None], x, np.nan) for v, x in enumerate(whole))
    return Rows(tuple(shown), there, np.arange(n) + 9000)


def scaled(problem, rows: Rows) -> np.ndarray:
    """``rows`` on the scale of the Problem's z-scores, NaN where absent."""
    own = np.concatenate(problem.rows.views, axis=1).astype(np.float64)
    x = np.concatenate(rows.views, axis=1).astype(np.float64)
    return (x - np.nanmean(own, 0)) / np.nanstd(own, 0)


def guessed(problem, rows: Rows, v: int, penalty: float) -> np.ndarray:
    """What is imputed for view ``v``, on the same scale."""
    filled = fit(problem, penalty).impute(rows)[0]
    return part(scaled(problem, Rows(filled, np.ones_like(rows.present), rows.ids)), v)


@pytest.mark.parametrize("absent", [(1,), (2,), (0, 1), (1, 2)])
@pytest.mark.parametrize("penalty", [1e-3, 0.1, 3.0])
def test_it_is_scikit_learns_ridge_and_solves_the_normal_equations(absent, penalty):
    problem = blocks(80, DIMS)
    given = tuple(v for v in range(3) if v not in absent)
    rows = lacking(problem, *absent)
    for v in absent:
        x, y = sides(problem, given, v)
        theirs = Ridge(penalty * len(x), solver="svd").fit(x, y)
        at = part(scaled(problem, rows), *given)
        found = guessed(problem, rows, v, penalty)
        np.testing.assert_allclose(found, theirs.predict(at), atol=1e-5)
        wide = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        charge = penalty * len(x) * np.diag([*np.ones(x.shape[1]), 0.0])
        solved = np.linalg.solve(wide.T @ wide + charge, wide.T @ y)
        np.testing.assert_allclose(found, at @ solved[:-1] + solved[-1], atol=1e-5)


def test_without_penalty_it_is_least_squares():
    problem = blocks(200, DIMS)
    rows = lacking(problem, 1)
    x, y = sides(problem, (0, 2), 1)
    wide = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    w = np.linalg.lstsq(wide, y)[0]
    expected = part(scaled(problem, rows), 0, 2) @ w[:-1] + w[-1]
    np.testing.assert_allclose(guessed(problem, rows, 1, 1e-8), expected, atol=1e-5)


def test_with_all_penalty_it_is_the_column_mean_of_the_rows_that_have_both_sides():
    problem = blocks(80, DIMS)
    rows = lacking(problem, 1)
    _, y = sides(problem, (0, 2), 1)
    expected = np.broadcast_to(y.mean(0), (rows.n, DIMS[1]))
    np.testing.assert_allclose(guessed(problem, rows, 1, 1e9), expected, atol=1e-5)


def test_where_one_view_alone_may_be_absent_that_mean_has_an_nmse_of_1():
    rows, whole = blocks(80, (6, 4)).rows, np.concatenate(views(80, (6, 4)), axis=1)
    there = rows.present | (np.arange(2) == 0)
    shown = (np.where(there[:, v, None], x, np.nan) for v, x in enumerate(views(80, (6, 4))))
    problem = problem_of(Rows(tuple(shown), there, rows.ids))
    absent, x = ~there[:, 1], np.concatenate(problem.rows.views, axis=1).astype(np.float64)
    truth = ((whole - np.nanmean(x, 0)) / np.nanstd(x, 0))[absent][:, 6:]
    at = [imputed(fit(problem, p), problem.rows)[absent][:, 6:] for p in (1e9, 0.1)]
    nmse = [np.linalg.norm(truth - guess) / np.linalg.norm(truth) for guess in at]
    assert nmse[0] == pytest.approx(1, abs=1e-5)
    assert nmse[1] < 0.7, "views share three factors"


@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_its_variance_is_that_of_errors_on_rows_left_out(penalty):
    problem = blocks(60, DIMS)
    rows = lacking(problem, 1)
    x, y = sides(problem, (0, 2), 1)
    n = len(x)
    judge = RidgeCV([penalty * n], store_cv_results=True).fit(x, y)
    squares = judge.cv_results_[..., 0]
    errors = np.empty_like(y)
    for i in range(n):
        rest = np.arange(n) != i
        left = Ridge(penalty * n, solver="svd").fit(x[rest], y[rest])
        errors[i] = y[i] - left.predict(x[[i]])[0]
    np.testing.assert_allclose(squares, errors**2, atol=1e-8)
    sd = np.nanstd(problem.rows.views[1].astype(np.float64), 0)
    (none, found, _) = fit(problem, penalty).impute(rows)[1]
    expected = (1 + (errors**2).sum(0)) / (1 + n)
    np.testing.assert_allclose(found, np.broadcast_to(expected * sd**2, found.shape), rtol=1e-4)
    assert not none.any(), "present entries have none"


def test_its_intervals_hold_the_truth_as_often_as_they_say():
    whole = views(2000, (6, 4))
    present = np.ones((2000, 2), bool)
    present[150:, 1] = False
    shown = (whole[0], np.where(present[:, 1, None], whole[1], np.nan))
    problem = problem_of(Rows(shown, present, np.arange(2000)))
    filled, spread = fit(problem, 0.01).impute(problem.rows)
    off = np.abs(filled[1] - whole[1])[150:] / np.sqrt(spread[1][150:])
    assert np.mean(off <= 1.6448536) == pytest.approx(0.9, abs=0.02)


def test_a_pattern_that_no_row_has_is_served_by_rows_that_have_more():
    problem = blocks(80, DIMS)
    assert not (problem.rows.present == [True, False, False]).all(1).any()
    x, y = sides(problem, (0,), 2)
    expected = Ridge(0.1 * len(x), solver="svd").fit(x, y)
    rows = lacking(problem, 1, 2)
    at = part(scaled(problem, rows), 0)
    np.testing.assert_allclose(guessed(problem, rows, 2, 0.1), expected.predict(at), atol=1e-5)
    assert fit(problem).facts() == {"rows_served_by_fewer_views": 0}


def few(n_both: int) -> Rows:
    """40 rows; the first 20 have views 0 and 1, the others 0 and 2, ``n_both`` all three."""
    present = np.ones((40, 3), bool)
    present[:20, 2] = present[20:, 1] = False
    present[:n_both] = True
    shown = (np.where(present[:, v, None], x, np.nan) for v, x in enumerate(views(40, DIMS)))
    return Rows(tuple(shown), present, np.arange(40))


@pytest.mark.parametrize(("n_both", "given"), [(0, (0,)), (1, (0,)), (2, (0, 1))])
def test_where_too_few_rows_have_both_sides_fewer_views_serve_and_that_is_said(n_both, given):
    problem = problem_of(few(n_both))
    found = fit(problem)
    assert found.serving(np.array([True, True, False]), 2) == given
    told = found.facts()["rows_served_by_fewer_views"]
    assert told == (0 if len(given) == 2 else problem.rows.n - n_both)
    x, y = sides(problem, given, 2)
    expected = Ridge(0.1 * len(x), solver="svd").fit(x, y)
    lack = taken(problem.rows, np.flatnonzero(~problem.rows.present[:, 2]))
    at = part(scaled(problem, lack), *given)
    np.testing.assert_allclose(guessed(problem, lack, 2, 0.1), expected.predict(at), atol=1e-5)


def test_where_no_row_has_both_sides_it_is_the_column_mean():
    present = np.arange(40)[:, None] % 2 == np.arange(2)
    shown = (np.where(present[:, v, None], x, np.nan) for v, x in enumerate(views(40, (6, 4))))
    problem = problem_of(Rows(tuple(shown), present, np.arange(40)))
    found = fit(problem)
    guess, x = imputed(found, problem.rows), z_scores(problem.rows)
    np.testing.assert_allclose(guess[np.isnan(x)], 0, atol=1e-5)
    assert found.facts() == {"rows_served_by_fewer_views": 40}
    for v, spread in enumerate(found.impute(problem.rows)[1]):
        own = np.nanvar(problem.rows.views[v].astype(np.float64), 0)
        expected = np.where(present[:, v, None], 0, own)
        np.testing.assert_allclose(spread, expected, rtol=1e-5)


def test_columns_that_never_vary_are_imputed_by_their_value_for_sure():
    rows = blocks(40, (6, 4)).rows
    flat = np.where(np.isnan(rows.views[1]), np.nan, np.float32(4))
    problem = problem_of(Rows((rows.views[0], flat), rows.present, rows.ids))
    filled, spread = fit(problem).impute(problem.rows)
    np.testing.assert_array_equal(filled[1], 4)
    np.testing.assert_array_equal(spread[1], 0)
