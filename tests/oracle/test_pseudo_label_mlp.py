"""Pseudo-labels against scikit-learn's perceptron, taken step by step on labels made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from methods.rival.pseudo_label_mlp import Config, PseudoLabelMLP, ramp
from tests.oracle.graph_cases import blobs

METHODS = ("pseudo_label_mlp",)


def net_of(batch: int) -> MLPClassifier:
    state = int(np.random.default_rng(3).integers(2**31))
    return MLPClassifier((100,), batch_size=batch, random_state=state)


def case():
    problem, truth = blobs(n=90, classes=3, known=4)
    x = np.concatenate(problem.rows.views, axis=1)
    return problem, (x - x.mean(0)) / x.std(0), truth


def fit(problem, **settings):
    return PseudoLabelMLP(Config(**settings)).fit(problem, np.random.default_rng(3))


def test_without_weight_on_unlabelled_rows_it_is_a_perceptron_on_the_labelled_ones():
    problem, x, _ = case()
    known = problem.labelled
    net = net_of(12)
    for _ in range(50):
        net.partial_fit(x[known], problem.labels[known], np.full(12, 1 / 12), np.arange(3))
    found = fit(problem, weight=0.0, steps=50)
    for mine, theirs in zip(found.model.coefs_, net.coefs_, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_every_step_has_the_classes_that_the_net_gives_at_that_step():
    """Fewer unlabelled rows than a minibatch holds, so that every step has them all."""
    problem, x, _ = case()
    known, steps = problem.labelled, 40
    net, labels = net_of(90), problem.labels.copy()
    for step in range(steps):
        labels[~known] = net.predict(x[~known]) if step else 0
        share = 3 * ramp(step / steps)
        weights = np.where(known, 1 / 12, share / 78)
        net.partial_fit(x, labels, weights, np.arange(3))
    found = fit(problem, weight=3.0, steps=steps)
    for mine, theirs in zip(found.model.coefs_, net.coefs_, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_the_weight_rises_from_nothing_to_its_last_value():
    shares = [ramp(done) for done in (0, 1 / 6, 5 / 12, 2 / 3, 1)]
    np.testing.assert_allclose(shares, [0, 0, 0.5, 1, 1], atol=1e-12)


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_it_learns(weight):
    problem, _, truth = case()
    assert np.mean(fit(problem, weight=weight, steps=300).predict(problem.rows) == truth) > 0.9
