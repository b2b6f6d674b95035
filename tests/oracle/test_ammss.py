"""AMMSS, a reconstruction, against convex solvers, dense algebra, and the limits of its power r."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest

from methods.graph import _propagate
from methods.graph.ammss import AMMSS, LOG10_R, Config, reweighted
from tests.oracle.graph_cases import blobs, laplacians, matrices

METHODS = ("ammss",)
ENERGIES = np.array([0.3, 2.0, 0.9, 11.0])


def fitted(problem, **settings):
    return AMMSS(Config(**settings)).fit(problem, np.random.default_rng(0))


def weights(t, r) -> np.ndarray:
    """The alpha of energies."""
    return np.exp(reweighted(t, r)[0] / r)


def of(said) -> np.ndarray:
    """The alpha of a fit of three views."""
    return np.array([said.facts()[f"weight_{v}"] for v in range(3)])


def three_views(n=120, seed=0):
    return blobs(n=n, dims=(5, 3, 8), classes=4, known=3, seed=seed)[0]


def dense_solution(problem, alpha, r, lam=np.inf) -> np.ndarray:
    L = sum(a**r * one for a, one in zip(alpha, laplacians(problem), strict=True))
    targets, known = _propagate.one_hot(problem), problem.labelled
    if np.isfinite(lam):
        U = np.diag(known.astype(float))
        return np.linalg.solve(L + lam * U, lam * U @ targets)
    u, G = ~known, targets.copy()
    G[u] = -np.linalg.solve(L[u][:, u], L[u][:, known] @ targets[known])
    return G


def traces(problem, G) -> np.ndarray:
    return np.array([np.trace(G.T @ L @ G) for L in laplacians(problem)])


# ---------------------------------------------------------------- weights


@pytest.mark.parametrize("r", [1.05, 1.26, 2.0, 5.0])
def test_the_weights_solve_their_convex_problem(r):
    alpha = cp.Variable(4, nonneg=True)
    t = ENERGIES / ENERGIES.min()
    powers = cp.power(alpha, r, approx=False)
    problem = cp.Problem(cp.Minimize(t @ powers), [cp.sum(alpha) == 1])
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    log_powers, log_objective = reweighted(t, r)
    # A minimiser is known to the root of what the solver leaves of its objective.
    np.testing.assert_allclose(np.exp(log_powers / r), alpha.value, atol=1e-5)
    assert np.exp(log_objective) == pytest.approx(problem.value, rel=1e-8)


@pytest.mark.parametrize("r", [1.05, 1.26, 2.0, 5.0, 80.0])
def test_the_weights_lie_on_the_simplex_and_reach_the_stated_objective(r):
    alpha = weights(ENERGIES, r)
    assert alpha.sum() == pytest.approx(1, abs=1e-12)
    reached = np.log(alpha**r @ ENERGIES)
    assert reweighted(ENERGIES, r)[1] == pytest.approx(reached, abs=1e-10)


def test_a_large_power_makes_weights_equal_and_those_of_graphs_inverse_to_energies():
    r = 1e6
    np.testing.assert_allclose(weights(ENERGIES, r), 0.25, atol=1e-5)
    powers = reweighted(ENERGIES, r)[0] + np.log(ENERGIES)
    np.testing.assert_allclose(powers, powers[0], atol=1e-4)


def test_at_power_two_weights_are_inverse_to_energies():
    expected = (1 / ENERGIES) / (1 / ENERGIES).sum()
    np.testing.assert_allclose(weights(ENERGIES, 2.0), expected, rtol=1e-12)


@pytest.mark.parametrize("r", [1.1, 1.26, 2.0, 80.0])
def test_a_common_scale_of_energies_leaves_weights_alone_and_one_views_scale_does_not(r):
    np.testing.assert_allclose(weights(1e-7 * ENERGIES, r), weights(ENERGIES, r), rtol=1e-8)
    moved = weights(ENERGIES * np.array([2.0, 1, 1, 1]), r)
    assert moved[0] < weights(ENERGIES, r)[0]


# ---------------------------------------------------------------- fits


@pytest.mark.parametrize("log10_r", [0.05, *LOG10_R])
def test_the_objective_never_rises_and_settles(log10_r):
    said = fitted(three_views(), log10_r=log10_r)
    values = said.arrays()["log_objectives"]
    assert (np.diff(values) < 1e-9).all()
    assert said.facts()["converged"]


@pytest.mark.parametrize("log10_r", [0.1, 0.3, 0.9, 1.9])
def test_a_fit_is_a_fixed_point_of_dense_solves_and_the_rule(log10_r):
    problem, r = three_views(), 10**log10_r
    said = fitted(problem, log10_r=log10_r)
    G = dense_solution(problem, of(said), r)
    np.testing.assert_allclose(said.solved.assigned, G, atol=2e-4)
    np.testing.assert_allclose(weights(traces(problem, G), r), of(said), atol=2e-4)


def test_one_solve_is_the_dense_solve():
    problem, log_weights = three_views(), np.log([0.2, 1.0, 3.0])
    start = np.zeros((120, 4))
    change, _ = _propagate.propagate(
        _propagate.combine(matrices(problem), log_weights),
        targets := _propagate.one_hot(problem),
        problem.labelled,
        start,
    )
    wanted = dense_solution(problem, np.exp(log_weights), 1.0)
    np.testing.assert_allclose(targets + change, wanted, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_no_weights_near_those_of_a_fit_have_a_lower_objective(seed):
    problem, _ = blobs(n=60, seed=seed)

    def objective(first: float) -> float:
        alpha = np.array([first, 1 - first])
        return float(alpha**2 @ traces(problem, dense_solution(problem, alpha, 2.0)))

    said = fitted(problem, log10_r=float(np.log10(2)))
    best = said.facts()["weight_0"]
    assert np.log(objective(best)) == pytest.approx(said.facts()["log_objective"], abs=1e-7)
    nearby = best + np.array([-0.05, -0.02, 0.02, 0.05])
    assert all(objective(first) > objective(best) for first in nearby)


def test_a_power_near_one_leaves_the_view_of_least_energy_alone():
    problem = three_views()
    said = fitted(problem, log10_r=0.01)
    best = int(of(said).argmax())
    assert of(said)[best] > 1 - 1e-6
    assert best == said.solved.energies.argmin()
    rows = replace(
        problem.rows, views=(problem.rows.views[best],), present=problem.rows.present[:, :1]
    )
    alone = fitted(replace(problem, rows=rows, view_names=("a",)))
    np.testing.assert_allclose(said.solved.assigned, alone.solved.assigned, atol=1e-5)


def test_the_largest_power_has_equal_weights():
    np.testing.assert_allclose(of(fitted(three_views(), log10_r=2.0)), 1 / 3, atol=0.01)


def test_equal_views_have_equal_weights():
    problem, _ = blobs(n=60, dims=(5,))
    view = problem.rows.views[0]
    rows = replace(problem.rows, views=(view,) * 2, present=np.ones((60, 2), bool))
    twice = fitted(replace(problem, rows=rows, view_names=("a", "b")))
    assert twice.facts()["weight_0"] == pytest.approx(0.5, abs=1e-12)


def test_the_unit_of_a_views_features_means_nothing():
    problem = three_views()
    a, b, c = problem.rows.views
    other = replace(problem, rows=replace(problem.rows, views=(a, 1e3 * b - 5, 0.01 * c)))
    one, two = fitted(problem), fitted(other)
    np.testing.assert_allclose(one.solved.assigned, two.solved.assigned, atol=1e-7)


# ---------------------------------------------------------------- soft labels


@pytest.mark.parametrize("lam", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("log10_r", [0.3, 0.9])
def test_a_soft_fit_solves_the_penalised_problem_in_the_models_own_units(lam, log10_r):
    problem, r = three_views(), 10**log10_r
    said = fitted(problem, fit="soft", lam=lam, log10_r=log10_r)
    G = dense_solution(problem, of(said), r, lam)
    np.testing.assert_allclose(said.solved.assigned, G, atol=2e-4)
    misfit = lam * ((G - _propagate.one_hot(problem))[problem.labelled] ** 2).sum()
    value = np.log(of(said) ** r @ traces(problem, G) + misfit)
    assert said.facts()["log_objective"] == pytest.approx(value, abs=1e-5)
    assert (np.diff(said.arrays()["log_objectives"]) < 1e-9).all()


def test_a_heavy_penalty_is_the_hard_fit():
    problem = three_views()
    hard = fitted(problem)
    gaps = [
        abs(fitted(problem, fit="soft", lam=lam).solved.assigned - hard.solved.assigned).max()
        for lam in (1.0, 1e3, 1e6, 1e9)
    ]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-7


def test_other_graphs_fit_too():
    said = fitted(three_views(), graph="self_tuning")
    assert said.facts()["converged"]
    assert of(said).sum() == pytest.approx(1)
