"""Graphs of nearest rows against all distances, and what becomes of rows at their edges."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np
from scipy.sparse.csgraph import laplacian

from methods.graph import _graphs
from methods.graph.amgl import AMGL, Config
from tests.oracle.graph_cases import blobs, problem_of

METHODS = ("amgl", "ammss")


def fitted(problem, **settings):
    return AMGL(Config(**settings)).fit(problem, np.random.default_rng(0))


def test_neighbours_are_those_of_all_distances_and_never_the_row_itself():
    rng = np.random.default_rng(0)
    points = 1e4 + rng.normal(size=(300, 7))
    points[50:60] = points[40:50]  # equal rows
    squared, near = _graphs.neighbours(points, 6)
    dense = ((points[:, None] - points[None]) ** 2).sum(-1)
    np.fill_diagonal(dense, np.inf)
    np.testing.assert_array_equal(near, dense.argsort(axis=1, kind="stable")[:, :6])
    np.testing.assert_array_equal(squared, np.sort(dense, axis=1)[:, :6])
    np.testing.assert_array_equal(near[40:60, 0], np.r_[50:60, 40:50])


def test_edge_weights_solve_the_adaptive_neighbour_problem():
    """Row i gives the w that minimises d'w + g |w|^2 on the simplex, g the largest that keeps k."""
    points, k = np.random.default_rng(1).normal(size=(12, 3)), 5
    given = np.zeros((12, 12))
    for i in range(12):
        others = np.delete(np.arange(12), i)
        d = ((points[others] - points[i]) ** 2).sum(-1)
        g = k / 2 * np.sort(d)[k] - np.sort(d)[:k].sum() / 2
        w = cp.Variable(11, nonneg=True)
        objective = cp.Minimize(d @ w + g * cp.sum_squares(w))
        cp.Problem(objective, [cp.sum(w) == 1]).solve(
            solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11
        )
        given[i, others] = w.value
    found = _graphs.pkn(*_graphs.neighbours(points, k + 1)).toarray()
    np.testing.assert_allclose(found, (given + given.T) / 2, atol=5e-6)


def test_the_normalised_laplacian_is_that_of_scipy():
    points = np.random.default_rng(2).normal(size=(80, 4))
    weights = _graphs.pkn(*_graphs.neighbours(points, 6))
    expected = laplacian(weights, normed=True).toarray()
    np.testing.assert_allclose(
        np.eye(80) - _graphs.normalised(weights).toarray(), expected, atol=1e-14
    )


def test_the_self_tuning_graph_is_its_dense_formula_on_nearest_rows():
    points = np.random.default_rng(3).normal(size=(50, 4))
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    sigma = np.sort(np.sqrt(squared), axis=1)[:, 7]  # column 0 is the row itself
    kernel = np.exp(-squared / (sigma[:, None] * sigma[None]))
    order = squared.argsort(axis=1)
    joined = np.zeros((50, 50), bool)
    np.put_along_axis(joined, order[:, 1:6], True, axis=1)
    expected = np.where(joined | joined.T, kernel, 0)
    found = _graphs.self_tuning(*_graphs.neighbours(points, 7), 5)
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-14)


def test_the_self_tuning_graph_bears_equal_rows():
    points = np.random.default_rng(4).normal(size=(50, 4))
    points[10:25] = points[10]
    found = _graphs.self_tuning(*_graphs.neighbours(points, 7), 5).toarray()
    assert np.isfinite(found).all()
    assert (found[10:25, 10:25].max(1) == 1).all()


def test_a_row_with_many_copies_shares_its_weight_alike_and_is_counted():
    problem, _ = blobs(n=60)
    views = [view.copy() for view in problem.rows.views]
    views[0][10:20] = views[0][10]
    said = fitted(replace(problem, rows=replace(problem.rows, views=tuple(views))))
    assert said.facts()["rows_with_tied_neighbours"] == 10
    assert np.isfinite(said.solved.assigned).all()


def test_rows_that_no_path_joins_to_a_label_get_the_commonest_class_and_are_counted():
    problem, truth = blobs(n=60, classes=2)
    views = [view + 1e3 * (np.arange(60) >= 45)[:, None] for view in problem.rows.views]
    labelled = np.isin(np.arange(60), (0, 1, 3, 5))  # classes 0, 1, 1, 1; all in the first group
    apart = problem_of(views, truth, labelled)
    said = fitted(apart)
    assert said.facts()["label_free_rows"] == 15
    np.testing.assert_array_equal(said.predict(apart.rows)[45:], 1)
    alone = problem_of([view[:45] for view in views], truth[:45], labelled[:45])
    np.testing.assert_array_equal(said.predict(alone.rows), fitted(alone).predict(alone.rows))


def test_two_problems_of_equal_rows_share_their_graphs(monkeypatch):
    built, make = [], _graphs._build
    monkeypatch.setattr(_graphs, "_KEPT", type(_graphs._KEPT)())
    monkeypatch.setattr(_graphs, "_build", lambda *a: built.append(a) or make(*a))
    for _ in range(3):
        fitted(blobs(seed=5)[0])
    assert len(built) == 2  # one a view
    fitted(blobs(seed=6)[0])
    assert len(built) == 4
    for seed in range(20):
        fitted(blobs(seed=seed)[0])
    assert len(_graphs._KEPT) == _graphs._MOST_KEPT
