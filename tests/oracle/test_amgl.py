"""AMGL against its authors' published code, a joint convex solve, dense algebra and closed forms.

Reference values: the authors' MATLAB code (AMGL_Semi, constructW_PKN) run unmodified under Octave
7.3 on views fou and kar of UCI mfeat, rows in class order, the first m of each digit labelled: the
accuracies of the authors' variant and the graph of fou. Weights, and all of the exact variant, are
of an independent dense port of that code. The vendored rows keep the order of the original.
"""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from datasets import mfeat
from datasets.base import HIDDEN, Problem, Rows
from methods.base import FitError, Training, UnsupportedError
from methods.graph import _graphs, _propagate
from methods.graph.amgl import AMGL, Config, reweighted
from tests.oracle.graph_cases import blobs, laplacians, matrices, problem_of

METHODS = ("amgl",)


def fitted(problem, **settings):
    return AMGL(Config(**settings)).fit(problem, np.random.default_rng(0))


def digits(known) -> tuple[Problem, np.ndarray]:
    """Labelled rows first, as the authors' code orders its nodes."""
    data, labelled = mfeat.load(("fou", "kar")), np.arange(2000) % 200 < known
    order = np.argsort(~labelled, kind="stable")
    views = [view[order] for view in data.views]
    return problem_of(views, data.labels[order], labelled[order]), data.labels[order]


def drop_first_column(points, k):
    """The authors' rule: the nearest in sorted order is taken for the row itself."""
    squared = cdist(points, points, "sqeuclidean")
    near = squared.argsort(axis=1, kind="stable")[:, 1 : k + 1]
    return np.take_along_axis(squared, near, 1), near


@pytest.fixture
def authors_self_rule(monkeypatch):
    monkeypatch.setattr(_graphs, "neighbours", drop_first_column)
    monkeypatch.setattr(_graphs, "_KEPT", type(_graphs._KEPT)())


def accuracy(problem, truth, said) -> float:
    hidden = ~problem.labelled
    return float((said.predict(problem.rows) == truth)[hidden].mean())


# ---------------------------------------------------------------- the authors' own numbers


@pytest.mark.usefixtures("authors_self_rule")
@pytest.mark.parametrize(
    ("variant", "known", "right", "weight"),
    [
        ("authors", 20, 0.8905555556, 0.49680498),
        ("authors", 2, 0.8515151515, None),
        ("exact", 20, 0.8916666667, 0.48564255),
        ("exact", 2, 0.8515151515, None),
    ],
)
def test_with_the_authors_self_rule_the_authors_code_is_met_to_all_digits(
    variant, known, right, weight
):
    problem, truth = digits(known)
    said = fitted(problem, variant=variant)
    assert accuracy(problem, truth, said) == pytest.approx(right, abs=1e-10)
    assert said.facts()["converged"]
    if weight:
        assert said.facts()["weight_0"] == pytest.approx(weight, abs=1e-6)


@pytest.mark.parametrize(
    ("variant", "right", "weight"),
    [("authors", 0.8911111111, 0.49679224), ("exact", 0.8916666667, 0.48567358)],
)
def test_excluding_a_row_by_its_number_moves_the_authors_figures_a_little(variant, right, weight):
    problem, truth = digits(20)
    said = fitted(problem, variant=variant)
    assert accuracy(problem, truth, said) == pytest.approx(right, abs=1e-10)
    assert said.facts()["weight_0"] == pytest.approx(weight, abs=1e-6)


def test_the_graph_of_fou_is_the_authors_graph():
    points = mfeat.load(("fou",)).views[0].astype(np.float64)
    graph = _graphs.pkn(*drop_first_column(points, 6))
    row = graph[[0]].toarray()[0]
    expected = {
        8: 0.090589, 39: 0.210137, 45: 0.017905, 69: 0.274118, 106: 0.026748, 111: 0.060924,
        138: 0.045585, 150: 0.014584, 152: 0.281085, 170: 0.430304, 198: 0.088651,
    }  # fmt: skip
    assert {i + 1: pytest.approx(row[i], abs=1e-6) for i in np.flatnonzero(row)} == expected
    assert graph.nnz == 14284
    assert graph.sum() == pytest.approx(2000)
    assert _graphs.pkn(*_graphs.neighbours(points, 6)).nnz == 14278  # six pairs of equal rows


# ---------------------------------------------------------------- the problem it solves


@pytest.mark.parametrize("seed", range(3))
def test_the_exact_variant_reaches_the_optimum_of_the_joint_convex_problem(seed):
    problem, _ = blobs(seed=seed)
    targets = _propagate.one_hot(problem)
    found = _propagate.alternate(matrices(problem), targets, problem.labelled, reweighted)
    F = cp.Variable(targets.shape)
    roots = [np.real(sqrtm(L)) for L in laplacians(problem)]
    joint = cp.Problem(
        cp.Minimize(sum(cp.norm(root @ F, "fro") for root in roots)),
        [F[problem.labelled] == targets[problem.labelled]],
    )
    joint.solve(solver=cp.CLARABEL)
    assert np.exp(found.log_objectives[-1]) == pytest.approx(joint.value, rel=1e-6)
    np.testing.assert_allclose(found.assigned, F.value, atol=2e-3)


def test_the_exact_variants_objective_never_rises():
    problem, _ = blobs(n=120, dims=(5, 3, 8), classes=4)
    values = fitted(problem, variant="exact").arrays()["log_objectives"]
    assert len(values) >= 4
    assert (np.diff(values) < 1e-12).all()


def test_the_authors_variant_ends_where_its_objective_rises_and_says_so():
    problem, _ = blobs(n=120, dims=(5, 3, 8), classes=4)
    said = fitted(problem, variant="authors")
    values = said.arrays()["log_objectives"]
    assert values[-1] > values[-2]
    assert not said.facts()["converged"]


def test_its_objective_is_that_of_inverse_weights_on_the_simplex():
    t = np.array([0.3, 2.0, 0.9, 11.0])
    alpha = cp.Variable(4)
    inverse = sum(cp.quad_over_lin(np.sqrt(t[v]), alpha[v]) for v in range(4))
    value = cp.Problem(cp.Minimize(inverse), [cp.sum(alpha) == 1]).solve(solver=cp.CLARABEL)
    _, log_objective = reweighted(t)
    assert np.exp(2 * log_objective) == pytest.approx(value, rel=1e-6)


def test_the_weights_are_the_derivative_of_the_objective():
    t, step = np.array([0.3, 2.0, 0.9]), 1e-6
    weights = np.exp(reweighted(t)[0])
    slopes = [
        (np.exp(reweighted(t + step * e)[1]) - np.exp(reweighted(t - step * e)[1])) / (2 * step)
        for e in np.eye(3)
    ]
    np.testing.assert_allclose(weights, slopes, rtol=1e-8)


@pytest.mark.parametrize(("variant", "kappa"), [("exact", 1.0), ("authors", 0.5)])
def test_one_view_is_the_harmonic_solution_of_its_normalised_laplacian(variant, kappa):
    problem, _ = blobs(dims=(5,))
    (L,), u = laplacians(problem), ~problem.labelled
    targets = _propagate.one_hot(problem)
    dense = -np.linalg.solve(L[u][:, u], L[u] @ targets)
    said = fitted(problem, variant=variant)
    np.testing.assert_allclose(said.solved.assigned[u], kappa * dense, atol=1e-9)
    np.testing.assert_array_equal(said.solved.assigned[~u], targets[~u])


def test_equal_views_have_equal_weights_and_the_solution_of_one():
    problem, _ = blobs(dims=(5,))
    view = problem.rows.views[0]
    rows = replace(problem.rows, views=(view, view), present=np.ones((len(view), 2), bool))
    twice = fitted(replace(problem, rows=rows, view_names=("a", "b")))
    assert twice.facts()["weight_0"] == pytest.approx(0.5, abs=1e-12)
    np.testing.assert_allclose(twice.solved.assigned, fitted(problem).solved.assigned, atol=1e-9)


def test_the_order_of_rows_means_nothing():
    problem, _ = blobs(n=90)
    order = np.random.default_rng(3).permutation(90)
    rows = problem.rows
    turned = Rows(tuple(view[order] for view in rows.views), rows.present, rows.ids[order])
    other = replace(
        problem, rows=turned, labels=problem.labels[order], labelled=problem.labelled[order]
    )
    one, two = fitted(problem), fitted(other)
    np.testing.assert_allclose(one.solved.assigned[order], two.solved.assigned, atol=1e-8)
    np.testing.assert_array_equal(one.predict(rows), two.predict(rows))


def test_zscored_features_are_those_scaled_by_hand():
    problem, _ = blobs()
    stretched = [view * np.array([100.0, *[1.0] * (view.shape[1] - 1)]) + 7
                 for view in problem.rows.views]  # fmt: skip
    by_hand = [(view - view.mean(0)) / view.std(0) for view in stretched]
    found, wanted, raw = (
        fitted(replace(problem, rows=replace(problem.rows, views=tuple(views))), scaling=scaling)
        for views, scaling in ((stretched, "zscore"), (by_hand, "none"), (stretched, "none"))
    )
    np.testing.assert_allclose(found.solved.assigned, wanted.solved.assigned, atol=1e-8)
    assert abs(found.solved.assigned - raw.solved.assigned).max() > 1e-3


# ---------------------------------------------------------------- what it refuses


def test_a_solve_that_does_not_converge_fails_the_fit(monkeypatch):
    monkeypatch.setattr(_propagate, "CG_STEPS", 2)
    with pytest.raises(FitError, match="did not converge"):
        fitted(blobs()[0])


def test_an_objective_that_does_not_settle_does_not_count_as_converged():
    problem, _ = blobs(n=120, dims=(5, 3, 8), classes=4)
    targets = _propagate.one_hot(problem)
    cut = _propagate.alternate(matrices(problem), targets, problem.labelled, reweighted, rounds=3)
    assert len(cut.log_objectives) == 3
    assert not cut.converged


def test_a_row_outside_the_problem_is_refused_by_its_number():
    problem, _ = blobs()
    strange = replace(problem.rows, ids=problem.rows.ids + 1)
    with pytest.raises(UnsupportedError, match="row 140 was not among the rows of the fit"):
        fitted(problem).predict(strange)


def test_no_label_and_no_neighbour_are_named_as_reasons():
    problem, _ = blobs()
    bare = replace(problem, labelled=np.zeros(40, bool), labels=np.full(40, HIDDEN))
    with pytest.raises(FitError, match="no row is labelled"):
        fitted(bare)
    small = problem_of([np.eye(2)], np.arange(2), np.ones(2, bool))
    with pytest.raises(FitError, match="at least three rows"):
        fitted(small)


def test_a_problem_of_labelled_rows_alone_gives_their_labels_back():
    problem, truth = blobs(n=9, known=3)
    said = fitted(problem)
    np.testing.assert_array_equal(said.predict(problem.rows), truth)
    assert AMGL.cost(_propagate.Shape(9, 0, (5, 3), 3), Config(), Training()) > 0
