"""SoftImputeALS against a convex solver, fancyimpute, ridge regressions and certificates."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from datasets.base import Rows
from methods.completion._als import (
    Factors,
    Moments,
    als_sweep,
    certificate,
    follow,
    ridge_maps,
    svd_step,
)
from methods.completion.soft_impute_als import Config, LowRank, SoftImputeALS
from tests.helpers import taken
from tests.oracle.completion_cases import (
    blocks,
    fit_of,
    imputed,
    problem_of,
    scattered,
    solve,
    top,
    views,
    z_scores,
)

METHODS = ("soft_impute_als",)


def fitted(problem, **settings: object) -> LowRank:
    found = SoftImputeALS(Config(**settings)).fit(problem, np.random.default_rng(0))
    assert isinstance(found, LowRank)
    return found


# ---------------------------------------------------------------- the convex optimum


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.3, 0.1, 0.02])
@pytest.mark.parametrize("whole_views", [True, False])
def test_it_reaches_the_nuclear_norm_optimum_of_a_convex_solver(seed, share, whole_views):
    x = z_scores(blocks(20, (5, 4), seed).rows) if whole_views else scattered(16, 8, seed)
    seen, lam = ~np.isnan(x), share * top(x)
    m = cp.Variable(x.shape)
    misfit = cp.sum_squares(cp.multiply(seen, m) - np.nan_to_num(x))
    settings = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}
    found = cp.Problem(cp.Minimize(0.5 * misfit + lam * cp.normNuc(m)))
    found.solve(solver="CLARABEL", **settings)
    ours = solve(x, lam)
    assert ours.factors.objective == pytest.approx(found.value, rel=1e-7)
    np.testing.assert_allclose(fit_of(x, ours), m.value, atol=2e-4)


@pytest.mark.parametrize("share", [0.2, 0.02])
def test_it_reaches_fancyimputes_optimum(share):
    from fancyimpute import SoftImpute

    rows = blocks(200, (30, 20)).rows
    x = z_scores(rows)
    lam = share * top(x)
    library = SoftImpute(lam, convergence_threshold=1e-12, max_iters=100_000, verbose=False)
    theirs = library.fit_transform(x)
    ours = fit_of(x, solve(x, lam))
    np.testing.assert_allclose(ours[np.isnan(x)], theirs[np.isnan(x)], atol=1e-7)


@pytest.mark.parametrize("share", [0.3, 0.03])
def test_at_the_optimum_the_certificates_hold(share):
    x = z_scores(blocks(200, (30, 20)).rows)
    solved = solve(x, share * top(x))
    m, lam = fit_of(x, solved), solved.factors.lam
    u, d, v = np.linalg.svd(m)
    k = solved.factors.b.shape[1]
    g = np.nan_to_num(x - m)
    np.testing.assert_allclose(u[:, :k].T @ g @ v[:k].T, lam * np.eye(k), atol=1e-6 * lam)
    outside = np.linalg.norm(u[:, k:].T @ g @ v[k:].T, 2) / lam
    told = certificate(solved.factors)
    assert d[k:].max(initial=0) < 1e-9
    assert told["certificate"] == pytest.approx(outside, abs=1e-5)
    assert outside <= 1
    assert told["stationarity"] < 1e-8
    assert abs(told["gap"]) < 1e-8


def test_the_gap_bounds_what_the_objective_lacks_before_it_has_converged():
    x = z_scores(blocks(200, (30, 20)).rows)
    best = solve(x, 0.05 * top(x)).factors.objective
    for stop in (1e-1, 1e-2, 1e-3):
        f = solve(x, 0.05 * top(x), stop=stop).factors
        assert 0 <= f.objective - best <= certificate(f)["gap"] * f.objective


@pytest.mark.slow
def test_the_certificates_hold_at_13473_rows_of_343_columns_half_of_which_lack_33():
    made = views(13_473, (310, 33))
    present = np.ones((13_473, 2), bool)
    present[::2, 1] = False
    made = tuple(np.where(present[:, v, None], x, np.nan) for v, x in enumerate(made))
    problem = problem_of(Rows(made, present, np.arange(13_473)))
    for shrinkage in (0.3, 0.005):
        facts = fitted(problem, shrinkage=shrinkage, rank=343, threshold=1e-6).facts()
        assert facts["converged"]
        assert facts["certificate"] <= 1 + 1e-6
        assert abs(facts["gap"]) < 1e-4


# ---------------------------------------------------------------- the steps


@pytest.mark.parametrize(("lam", "rank"), [(5.0, 50), (5.0, 3), (0.0, 3)])
def test_no_step_raises_the_objective(lam, rank):
    moments = Moments.of(z_scores(blocks(100, (30, 20)).rows))
    f = svd_step(Factors.nothing(moments), lam, rank)
    values = [f.objective]
    for step in range(40):
        f = als_sweep(f) if step % 3 else svd_step(f, lam, rank)
        values.append(f.objective)
    assert np.diff(values).max() <= 1e-12 * moments.squares
    assert values[-1] < values[0]


@pytest.mark.parametrize("lam", [2.0, 0.0])
def test_objective_and_slope_are_those_of_the_matrix(lam):
    x = scattered(30, 7)
    moments, rng = Moments.of(x), np.random.default_rng(0)
    b, way = rng.normal(size=(2, 7, 2))

    def value(b: np.ndarray) -> float:
        a = np.einsum("np,npk->nk", np.nan_to_num(x), ridge_maps(b, ~np.isnan(x), lam))
        sizes = np.sum(a**2) + np.sum(b**2)
        return 0.5 * np.nansum((x - a @ b.T) ** 2) + lam / 2 * sizes

    f = Factors.of(moments, b, lam)
    assert f.objective == pytest.approx(value(b), rel=1e-12)
    rise = (value(b + 1e-5 * way) - value(b - 1e-5 * way)) / 2e-5
    assert -np.sum(f.slope * way) == pytest.approx(rise, rel=1e-6)


@pytest.mark.parametrize("share", [0.3, 0.03])
def test_a_warm_path_ends_where_a_cold_start_ends(share):
    x = z_scores(blocks(100, (30, 20)).rows)
    lam = share * top(x)
    cold = follow(Moments.of(x), [share], 50, 1e-11, 20_000)
    np.testing.assert_allclose(fit_of(x, solve(x, lam)), fit_of(x, cold), atol=1e-8)


def test_too_few_rounds_are_said_not_to_converge():
    problem = blocks(100, (30, 20))
    assert fitted(problem).facts()["converged"] is True
    assert fitted(problem, threshold=1e-12, rounds=2).facts()["converged"] is False


# ---------------------------------------------------------------- imputing rows


@pytest.mark.parametrize("rank", [3, 50])
def test_a_row_is_imputed_by_ridge_regression_of_its_present_entries_on_the_item_factors(rank):
    problem = blocks(100, (30, 20, 5))
    found = fitted(problem, rank=rank, shrinkage=0.1)
    f, x = found.solved.factors, z_scores(problem.rows)
    guess = imputed(found, problem.rows)
    for row in np.flatnonzero(np.isnan(x).any(1))[:10]:
        seen = ~np.isnan(x[row])
        ridge = Ridge(f.lam, fit_intercept=False, tol=1e-12).fit(f.b[seen], x[row, seen])
        np.testing.assert_allclose(guess[row, ~seen], (f.b @ ridge.coef_)[~seen], atol=1e-5)


def test_rows_that_it_has_not_seen_are_imputed_as_those_it_has():
    problem = blocks(100, (30, 20))
    found = fitted(problem)
    some = taken(problem.rows, np.flatnonzero(~problem.rows.present[:, 1])[:4])
    strange = Rows(some.views, some.present, some.ids + 1000)
    whole = found.impute(problem.rows)[0][1][~problem.rows.present[:, 1]][:4]
    np.testing.assert_allclose(found.impute(strange)[0][1], whole, rtol=1e-6)


def test_absent_entries_that_the_factors_explain_are_recovered():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(2, 200, 3))
    factors = (factors - factors.mean(1, keepdims=True)).reshape(400, 3)  # columns keep their means
    x = [(factors @ rng.normal(size=(3, width))).astype(np.float32) for width in (20, 10)]
    present = np.ones((400, 2), bool)
    present[:200, 1] = False
    hidden = (x[0], np.where(present[:, 1, None], x[1], np.nan))
    found = fitted(problem_of(Rows(hidden, present, np.arange(400))), shrinkage=1e-4, rank=3)
    guess = found.impute(Rows(hidden, present, np.arange(400)))[0][1]
    assert np.linalg.norm(guess[:200] - x[1][:200]) < 1e-3 * np.linalg.norm(x[1][:200])


def test_at_lambda_0_absent_entries_are_the_means_of_their_columns():
    rows = blocks(50, (6, 4)).rows
    guesses = fitted(problem_of(rows), shrinkage=1.0).impute(rows)[0]
    for view, guess in zip(rows.views, guesses, strict=True):
        means = np.broadcast_to(np.nanmean(view, 0, dtype=np.float64), view.shape)
        np.testing.assert_allclose(guess, np.where(np.isnan(view), means, view), rtol=1e-5)


def test_units_of_a_column_are_those_of_its_guesses():
    rows = blocks(60, (6, 4)).rows
    other = Rows((rows.views[0], rows.views[1] * 8 + 2), rows.present, rows.ids)
    one, two = (fitted(problem_of(r)).impute(r)[0][1] for r in (rows, other))
    np.testing.assert_allclose(two, one * 8 + 2, rtol=1e-4, atol=1e-4)


def test_columns_that_never_vary_are_imputed_by_their_value():
    rows = blocks(40, (6, 4)).rows
    flat = tuple(
        np.where(np.isnan(view), np.nan, np.float32(v + 3)) for v, view in enumerate(rows.views)
    )
    some = Rows((rows.views[0], flat[1]), rows.present, rows.ids)
    np.testing.assert_array_equal(fitted(problem_of(some)).impute(some)[0][1], 4)
    every = Rows(flat, rows.present, rows.ids)
    found = fitted(problem_of(every))
    np.testing.assert_array_equal(found.impute(every)[0][0], 3)
    assert found.facts()["rank"] == 0
