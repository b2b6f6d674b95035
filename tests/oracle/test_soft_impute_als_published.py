"""SoftImputeALS against the authors' R package softImpute: its runs, vignette, algorithm."""

from __future__ import annotations

import numpy as np
import pytest

from methods.completion._als import Solution, certificate
from tests.oracle.completion_cases import (
    VIGNETTE,
    fit_of,
    formula,
    objective,
    soft_impute,
    soft_impute_als,
    solve,
)

METHODS = ("soft_impute_als",)


def values(solved: Solution) -> np.ndarray:
    return solved.factors.decomposed[1][::-1]


def absent(x: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Fitted values of absent entries, column by column, as R lists them."""
    return m.T[np.isnan(x).T]


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
