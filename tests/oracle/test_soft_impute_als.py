"""Soft-impute ALS against the authors' R package, a convex solver, fancyimpute and certificates."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from datasets.base import Rows
from methods.completion._als import (
    Factors,
    Moments,
    Solution,
    als_sweep,
    certificate,
    follow,
    ridge_maps,
    svd_step,
)
from methods.completion.soft_impute_als import Config, LowRank, SoftImputeALS
from tests.oracle.completion_cases import (
    VIGNETTE,
    blocks,
    formula,
    imputed,
    objective,
    problem_of,
    scattered,
    soft_impute,
    soft_impute_als,
    taken,
    views,
    z_scores,
)

METHODS = ("soft_impute_als",)


def top(x: np.ndarray) -> float:
    return float(np.linalg.norm(np.nan_to_num(x), 2))


def solve(x: np.ndarray, lam: float, rank: int = 99, stop: float = 1e-11) -> Solution:
    """The production solver along a path from lambda_0 / 2, or at ``lam`` alone."""
    share = lam / top(x)
    path = [*(s for s in 0.5 * 0.6 ** np.arange(11) if s > share), share]
    return follow(Moments.of(x), path, rank, stop, 20_000)


def fit_of(x: np.ndarray, solved: Solution) -> np.ndarray:
    """M = A B' row by row."""
    f = solved.factors
    maps = ridge_maps(f.b, ~np.isnan(x), f.lam)
    return np.einsum("np,npk,qk->nq", np.nan_to_num(x), maps, f.b)


def values(solved: Solution) -> np.ndarray:
    return solved.factors.decomposed[1][::-1]


def absent(x: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Fitted values of absent entries, column by column, as R lists them."""
    return m.T[np.isnan(x).T]


def fitted(problem, **settings: object) -> LowRank:
    found = SoftImputeALS(Config(**settings)).fit(problem, np.random.default_rng(0))
    assert isinstance(found, LowRank)
    return found


# ---------------------------------------------------------------- the authors' program


@pytest.mark.parametrize(
    ("lam", "d", "value", "guesses"),
    [
        (
            1.0,
            [12.166937, 1.983636, 0.729715, 0.504376],
            17.7856801455,
            [1.351045, -0.507623, 3.659215, 1.078815, -0.003737, 1.210816],
        ),
        (
            2.0,
            [11.105131, 0.926749],
            31.2889357256,
            [1.522690, -0.251607, 3.405212, 1.071919, 0.055474, 1.186001],
        ),
    ],
)
def test_it_ends_where_the_authors_r_package_ends(lam, d, value, guesses):
    # softImpute 1.4-3 under R 4.2.2, type als, rank.max 4, thresh 1e-14, on the formula's matrix
    x = formula()
    solved = solve(x, lam, rank=4)
    assert solved.converged
    assert solved.factors.objective == pytest.approx(value, abs=5e-10)
    np.testing.assert_allclose(values(solved), d, atol=5e-6)
    np.testing.assert_allclose(absent(x, fit_of(x, solved)), guesses, atol=1e-5)


def test_lambda_0_is_that_of_the_authors_r_package():
    assert solve(formula(), 1.0).top == pytest.approx(11.7509510445, abs=1e-9)
    assert solve(VIGNETTE, 1.0).top == pytest.approx(2.554681, abs=1e-6)


@pytest.mark.parametrize(
    ("lam", "d", "within"),
    [(1.0, [12.320678, 2.012275], 5e-3), (0.0, [13.659750, 3.267622], 4e-2)],
)
def test_a_limited_rank_ends_near_the_default_run_of_the_authors_package(lam, d, within):
    # Theirs ends at thresh 1e-5 from a random start; lambda = 0 and rank 2 are its defaults.
    np.testing.assert_allclose(values(solve(formula(), lam, rank=2)), d, rtol=within)


@pytest.mark.parametrize("lam", [1.0, 0.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_limited_rank_does_no_worse_than_the_published_algorithm_run_to_its_end(lam, seed):
    x = formula()
    ours = solve(x, lam, rank=2)
    theirs, d = soft_impute_als(x, lam, 2, 1e-15, seed)
    assert ours.factors.objective <= objective(x, theirs, lam) + 1e-9
    if lam:
        np.testing.assert_allclose(values(ours), d, atol=1e-5)


def test_a_limit_on_the_rank_that_binds_shows_in_the_certificate():
    # R at rank.max 4 reaches 9.57703, the convex optimum has rank 5
    bound, free = (solve(formula(), 0.5, rank) for rank in (4, 5))
    assert bound.factors.objective == pytest.approx(9.57703, abs=5e-6)
    assert free.factors.objective == pytest.approx(9.51482, abs=5e-6)
    assert certificate(bound.factors)["certificate"] == pytest.approx(1.64, abs=0.005)
    assert certificate(free.factors)["certificate"] <= 1


def test_dense_completion_gives_the_numbers_of_the_authors_vignette():
    # what the tests below lean on: type svd, rank 3, lambda 1.9; then rank 2, lambda 0
    m, d, rounds = soft_impute(VIGNETTE, 1.9, 3, 1e-5)
    assert rounds == 4
    np.testing.assert_allclose(d, [0.7058351, 0.1224937, 0], atol=2e-7)
    printed = [
        *(0.04108268, -0.02061187, -0.09395368, 0.01072968, -0.10903638),
        *(0.06964884, 0.03611551, 0.06793878, -0.00983379, 0.10913740),
    ]
    np.testing.assert_allclose(absent(VIGNETTE, m), printed, atol=1e-7)
    assert objective(VIGNETTE, m, 1.9) / 20 == pytest.approx(0.34085, abs=5e-6)
    _, d, rounds = soft_impute(VIGNETTE, 0.0, 2, 1e-5)
    assert rounds == 69
    np.testing.assert_allclose(d, [5.106126, 3.762716], atol=1e-6)


@pytest.mark.parametrize(("lam", "rank", "within"), [(1.9, 3, 1e-7), (1.0, 5, 1e-7)])
def test_it_ends_where_dense_completion_of_the_vignettes_matrix_ends(lam, rank, within):
    m, d, _ = soft_impute(VIGNETTE, lam, rank, 1e-22)
    ours = solve(VIGNETTE, lam, rank)
    np.testing.assert_allclose(fit_of(VIGNETTE, ours), m, atol=within)
    np.testing.assert_allclose(values(ours), d[d > 1e-9], atol=within)


def test_without_shrinkage_it_fits_no_worse_than_dense_completion_of_the_vignettes_matrix():
    # Minima at lambda = 0 are not unique: row 3 has one present entry for its two factors.
    m, _, _ = soft_impute(VIGNETTE, 0.0, 2, 1e-9)
    assert solve(VIGNETTE, 0.0, 2).factors.objective <= objective(VIGNETTE, m, 0.0)


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


@pytest.mark.parametrize("lam", [5.0, 0.0])
@pytest.mark.parametrize("rank", [3, 50])
def test_no_step_raises_the_objective(lam, rank):
    moments = Moments.of(z_scores(blocks(100, (30, 20)).rows))
    f = svd_step(Factors.nothing(moments), lam, rank)
    values = [f.objective]
    for step in range(40):
        f = als_sweep(f) if step % 3 else svd_step(f, lam, rank)
        values.append(f.objective)
    assert np.diff(values).max() <= 1e-12 * moments.squares
    assert values[-1] <= values[0]


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
