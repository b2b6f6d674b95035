"""Label spreading and propagation against scikit-learn's on the same graph, and dense solves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.semi_supervised import LabelPropagation as TheirPropagation
from sklearn.semi_supervised import LabelSpreading as TheirSpreading

from datasets.base import Rows
from methods.graph import label_propagation, label_spreading
from methods.graph._joined import Joined
from methods.graph.poisson_learning import Config as PoissonConfig
from methods.graph.poisson_learning import PoissonLearning
from tests.oracle.graph_cases import blobs, problem_of

METHODS = ("label_spreading", "label_propagation", "poisson_learning")
SPREADING = (label_spreading.LabelSpreading, label_spreading.Config)
PROPAGATION = (label_propagation.LabelPropagation, label_propagation.Config)
POISSON = (PoissonLearning, PoissonConfig)


def fit(kind, problem, **settings):
    method, config = kind
    return method(config(**settings)).fit(problem, np.random.default_rng(0))


def case(n=120, seed=0):
    return blobs(n=n, dims=(5, 3), classes=4, known=3, seed=seed)[0]


def weights(views, k) -> np.ndarray:
    """W (n, n) of all distances, the mean over ``views``."""
    total = 0
    for view in views:
        d = cdist(view, view, "sqeuclidean")
        np.fill_diagonal(d, np.inf)
        near = d.argsort(axis=1)[:, :k]
        one = np.zeros_like(d)
        for i, js in enumerate(near):
            one[i, js] = np.exp(-4 * d[i, js] / d[i, js[-1]])
        total = total + (one + one.T) / 2
    return total / len(views)


def beside(views) -> np.ndarray:
    """Views side by side, each with a total variance of 1."""
    sizes = [float(np.sqrt(np.cov(view.T.astype(np.float64), bias=True).trace())) for view in views]
    return np.concatenate([view / size for view, size in zip(views, sizes, strict=True)], axis=1)


def scored(found: np.ndarray) -> np.ndarray:
    """Rows that add up to 1, as scikit-learn gives them."""
    return found / found.sum(1, keepdims=True)


@pytest.mark.parametrize("k", [5, 10])
@pytest.mark.parametrize("graph", ["mean", "concatenation"])
def test_the_graph_is_its_formula_on_all_distances(k, graph):
    rows = case().rows
    views = rows.views if graph == "mean" else [beside(rows.views)]
    made = Joined.of(rows, label_spreading.Config(graph=graph, neighbours=k))
    np.testing.assert_allclose(made.weights.toarray(), weights(views, k), atol=1e-12)


@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.99])
def test_spreading_is_scikit_learns_and_the_dense_solve(alpha):
    problem = case()
    w = weights(problem.rows.views, 7)
    theirs = TheirSpreading(kernel=lambda *_: w.copy(), alpha=alpha, max_iter=20_000, tol=1e-13)
    theirs.fit(np.zeros((120, 1)), problem.labels)
    found = fit(SPREADING, problem, neighbours=7, alpha=alpha)
    np.testing.assert_allclose(scored(found.scores), theirs.label_distributions_, atol=1e-8)
    np.testing.assert_array_equal(found.predict(problem.rows), theirs.transduction_)
    root = 1 / np.sqrt(w.sum(1))
    s = root[:, None] * w * root
    one_hot = np.eye(5)[problem.labels][:, :4]  # -1 is the last row, a zero in four columns
    dense = np.linalg.solve(np.eye(120) - alpha * s, one_hot)
    np.testing.assert_allclose(found.scores, dense, atol=1e-8)


def test_propagation_is_scikit_learns_and_the_dense_solve():
    problem = case()
    w = weights(problem.rows.views, 7)
    theirs = TheirPropagation(kernel=lambda *_: w.copy(), max_iter=100_000, tol=1e-13)
    theirs.fit(np.zeros((120, 1)), problem.labels)
    found = fit(PROPAGATION, problem, neighbours=7)
    np.testing.assert_allclose(found.scores, theirs.label_distributions_, atol=1e-7)
    u, one_hot = ~problem.labelled, np.eye(5)[problem.labels][:, :4]
    laplacian = np.diag(w.sum(1)) - w
    dense = -np.linalg.solve(laplacian[u][:, u], laplacian[u][:, ~u] @ one_hot[~u])
    np.testing.assert_allclose(found.scores[u], dense, atol=1e-8)


@pytest.mark.parametrize("kind", [SPREADING, PROPAGATION, POISSON])
@pytest.mark.parametrize("scaling", ["none", "zscore"])
def test_rows_outside_the_graph_have_the_mean_of_their_neighbours(kind, scaling):
    problem = case()
    new = tuple(view + 0.1 for view in case(n=30, seed=0).rows.views)
    rows = Rows(new, np.ones((30, 2), bool), np.arange(30) + 5000)
    found = fit(kind, problem, neighbours=6, scaling=scaling)
    total = np.zeros((30, 120))
    for own, other in zip(problem.rows.views, new, strict=True):
        sd = own.std(0) if scaling == "zscore" else 1.0
        d = cdist(other / sd, own / sd, "sqeuclidean")
        near = d.argsort(axis=1)[:, :6]
        for i, js in enumerate(near):
            total[i, js] += np.exp(-4 * d[i, js] / d[i, js[-1]])
    degree = found.graph.degree if kind is SPREADING else np.ones(120)
    expected = total @ (found.scores / np.sqrt(degree)[:, None])
    np.testing.assert_allclose(found.outside(rows), expected, atol=1e-8)
    np.testing.assert_array_equal(found.predict(rows), expected.argmax(1))


@pytest.mark.parametrize("kind", [SPREADING, PROPAGATION, POISSON])
def test_two_views_alike_are_one_and_a_concatenation_is_one_view(kind):
    problem = case()
    a, b = problem.rows.views
    truth = np.where(problem.labelled, problem.labels, 0)
    side = problem_of([beside((a, b))], truth, problem.labelled)
    side = replace(side, class_names=problem.class_names)
    joined = fit(kind, problem, graph="concatenation").scores
    np.testing.assert_allclose(joined, fit(kind, side).scores, atol=1e-8)
    twice = replace(problem, rows=replace(problem.rows, views=(a, a)))
    once = replace(problem, rows=replace(problem.rows, views=(a,), present=np.ones((120, 1), bool)))
    np.testing.assert_allclose(fit(kind, twice).scores, fit(kind, once).scores, atol=1e-8)


@pytest.mark.parametrize("kind", [SPREADING, PROPAGATION, POISSON])
def test_rows_that_no_path_joins_to_a_label_get_the_commonest_class(kind):
    problem, truth = blobs(n=60, classes=2)
    views = [view + 1e3 * (np.arange(60) >= 45)[:, None] for view in problem.rows.views]
    labelled = np.isin(np.arange(60), (0, 1, 3, 5))  # classes 0, 1, 1, 1; all in the first group
    apart = problem_of(views, truth, labelled)
    found = fit(kind, apart, neighbours=5)
    assert found.facts()["label_free_rows"] == 15
    np.testing.assert_array_equal(found.predict(apart.rows)[45:], 1)
    far = Rows(tuple(v[45:] + 0.01 for v in views), np.ones((15, 2), bool), np.arange(15) + 9000)
    np.testing.assert_array_equal(found.predict(far), 1)


@pytest.mark.parametrize("kind", [SPREADING, PROPAGATION, POISSON])
def test_it_answers_in_both_paradigms_on_digits(kind):
    """A tenth labelled: scikit-learn's digits, ones it has seen and others."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    problem = problem_of([x[:700, :32], x[:700, 32:]], y[:700], np.arange(700) < 70)
    found = fit(kind, problem, graph="concatenation")
    assert np.mean(found.predict(problem.rows) == y[:700]) > 0.9
    rest = Rows((x[700:, :32], x[700:, 32:]), np.ones((1097, 2), bool), np.arange(1097) + 9000)
    assert np.mean(found.predict(rest) == y[700:]) > 0.85
