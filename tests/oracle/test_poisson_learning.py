"""Poisson learning against sparse direct solves, and where clamped propagation degenerates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import spsolve
from sklearn.datasets import load_digits

from methods.graph.label_propagation import Config as PropagationConfig
from methods.graph.label_propagation import LabelPropagation
from methods.graph.poisson_learning import Config, PoissonLearning
from tests.oracle.graph_cases import blobs, problem_of

METHODS = ("poisson_learning",)


def fit(problem, **settings):
    return PoissonLearning(Config(**settings)).fit(problem, np.random.default_rng(0))


def direct(found, targets: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """U by SuperLU, its first row held at 0, then moved to a weighted mean of 0."""
    w = found.graph.weights
    degree = np.asarray(w.sum(1)).ravel()
    laplacian = csc_array(diags_array(degree) - w)
    sources = np.where(labelled[:, None], targets - targets[labelled].mean(0), 0.0)
    u = np.zeros_like(targets)
    u[1:] = spsolve(laplacian[1:, 1:], sources[1:])
    return u - degree @ u / degree.sum()


def connected():
    """Classes that overlap, so that the graph is of one piece."""
    _, truth = blobs(n=300, classes=4, known=2)
    rng = np.random.default_rng(0)
    views = [np.eye(4)[truth] @ rng.normal(size=(4, d)) + rng.normal(size=(300, d)) for d in (5, 3)]
    return problem_of(views, truth, np.arange(300) < 8)


@pytest.mark.parametrize("graph", ["mean", "concatenation"])
def test_it_is_the_direct_solve(graph):
    problem = connected()
    found = fit(problem, graph=graph)
    targets = np.eye(5)[problem.labels][:, :4]  # -1 is the last row, a zero in four columns
    expected = direct(found, targets, problem.labelled)
    np.testing.assert_allclose(found.scores, expected, atol=1e-8)
    np.testing.assert_array_equal(found.predict(problem.rows), expected.argmax(1))


def test_the_weighted_mean_of_every_column_is_zero():
    found = fit(connected())
    np.testing.assert_allclose(found.graph.degree @ found.scores, 0, atol=1e-8)


def digits_with(known: int, seed: int):
    """All digits, ``known`` labels a class drawn at random; and the classes."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    shown = [rng.choice(np.flatnonzero(y == k), known, replace=False) for k in range(10)]
    labelled = np.isin(np.arange(len(y)), np.concatenate(shown))
    return problem_of([x], y, labelled), y


def test_at_one_label_a_class_clamped_propagation_degenerates_and_this_does_not():
    """The source's Table 1, in kind: Laplace learning fails at one label a class, Poisson holds."""
    ours, clamped, largest = [], [], []
    for seed in range(5):
        problem, y = digits_with(1, seed)
        settings = {"neighbours": 20, "scaling": "zscore"}
        other = LabelPropagation(PropagationConfig(**settings)).fit(
            problem, np.random.default_rng(0)
        )
        unseen = ~problem.labelled
        ours.append(np.mean((fit(problem, **settings).predict(problem.rows) == y)[unseen]))
        said = other.predict(problem.rows)
        clamped.append(np.mean((said == y)[unseen]))
        largest.append(np.bincount(said).max() / len(y))
    assert np.mean(largest) > 0.25, "one class takes much more than its tenth"
    assert np.mean(ours) > np.mean(clamped) + 0.1


def test_components_are_solved_each_by_itself_and_keep_to_their_own_classes():
    problem, truth = blobs(n=120, classes=4)
    side = (np.arange(120) % 4 >= 2)[:, None]  # classes 2 and 3 far away from 0 and 1
    views = [view + 1e4 * side for view in problem.rows.views]
    apart = problem_of(views, truth, problem.labelled)
    found = fit(apart, neighbours=5)
    said = found.predict(apart.rows)
    assert set(said[~side[:, 0]]) <= {0, 1}
    assert set(said[side[:, 0]]) <= {2, 3}
    keep = ~side[:, 0]
    alone = problem_of([view[keep] for view in views], truth[keep], problem.labelled[keep])
    mine = fit(alone, neighbours=5)
    np.testing.assert_allclose(mine.scores, found.scores[keep][:, :2], atol=1e-7)
