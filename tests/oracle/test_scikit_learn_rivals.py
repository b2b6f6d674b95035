"""Rivals around one scikit-learn estimator against that estimator on the same arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from harness import registry
from tests.oracle.graph_cases import blobs

METHODS = ("extra_trees", "hist_gradient_boosting", "self_training", "mean_indicator")


def fit(key: str, problem, **settings):
    method = registry.load_method(key)
    return method(method.Config(**settings)).fit(problem, np.random.default_rng(3))


def drawn() -> int:
    """The state that a fit draws first."""
    return int(np.random.default_rng(3).integers(2**31))


def case(known: int = 8):
    """Problem of two views whose classes overlap, z-scores of all its columns, and the classes."""
    problem, truth = blobs(n=200, dims=(5, 3), classes=3, known=known)
    noise = np.random.default_rng(1)
    views = tuple(v + 4 * noise.normal(size=v.shape) for v in problem.rows.views)
    problem = replace(problem, rows=replace(problem.rows, views=views))
    return problem, scores_of(problem), truth


def scores_of(problem) -> np.ndarray:
    x = np.concatenate(problem.rows.views, axis=1)
    return (x - np.nanmean(x, 0)) / np.nanstd(x, 0)


def holed(problem, share: float = 0.4):
    """The same, a share of rows without their second view."""
    lost = np.random.default_rng(2).uniform(size=problem.rows.n) < share
    present = np.stack([np.ones_like(lost), ~lost], axis=1)
    a, b = problem.rows.views
    rows = replace(problem.rows, views=(a, np.where(lost[:, None], np.nan, b)), present=present)
    return replace(problem, rows=rows), lost


@pytest.mark.parametrize(("features", "share"), [("sqrt", "sqrt"), ("half", 0.5)])
def test_extra_trees(features, share):
    problem, x, _ = case()
    known = problem.labelled
    theirs = ExtraTreesClassifier(
        300, min_samples_leaf=3, max_features=share, random_state=drawn()
    ).fit(x[known], problem.labels[known])
    found = fit("extra_trees", problem, leaf_rows=3, features=features)
    assert np.mean(found.predict(problem.rows) == theirs.predict(x)) > 0.99


def test_gradient_boosting_on_rows_with_and_without_absent_views():
    problem, _, _ = case()
    for given in (problem, holed(problem)[0]):
        x, known = scores_of(given), given.labelled
        theirs = HistGradientBoostingClassifier(
            max_iter=100, learning_rate=0.1, min_samples_leaf=3, early_stopping=False
        ).fit(x[known], given.labels[known])
        found = fit("hist_gradient_boosting", given)
        np.testing.assert_array_equal(found.predict(given.rows), theirs.predict(x))


@pytest.mark.parametrize("threshold", [0.6, 0.9])
def test_self_training(threshold):
    problem, x, _ = case(known=3)
    theirs = SelfTrainingClassifier(LogisticRegression(C=10.0, max_iter=5000), threshold=threshold)
    theirs.fit(x, problem.labels)
    found = fit("self_training", problem, C=10.0, threshold=threshold)
    assert (theirs.labeled_iter_ > 0).any(), "it labelled rows itself"
    np.testing.assert_array_equal(found.predict(problem.rows), theirs.predict(x))


def test_self_training_without_unlabelled_rows_is_its_base():
    problem, x, truth = case()
    every = replace(problem, labels=truth, labelled=np.ones(200, bool))
    theirs = LogisticRegression(max_iter=5000).fit(x, truth)
    found = fit("self_training", every)
    np.testing.assert_array_equal(found.predict(every.rows), theirs.predict(x))


def test_mean_and_indicator_are_scikit_learns_where_views_have_one_column():
    problem, _, _ = case(known=20)
    a, b = problem.rows.views
    slim = replace(problem, rows=replace(problem.rows, views=(a[:, :1], b[:, :1])))
    given, lost = holed(slim)
    assert lost[given.labelled].any()
    x, known = scores_of(given), given.labelled
    theirs = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=0.0, add_indicator=True),
        LogisticRegression(C=10.0, max_iter=5000),
    ).fit(x[known], given.labels[known])
    found = fit("mean_indicator", given, C=10.0)
    np.testing.assert_array_equal(found.predict(given.rows), theirs.predict(x))


def test_without_absent_views_mean_and_indicator_are_the_classifier_behind():
    problem, x, _ = case()
    known = problem.labelled
    theirs = LogisticRegression(max_iter=5000).fit(x[known], problem.labels[known])
    found = fit("mean_indicator", problem)
    np.testing.assert_array_equal(found.predict(problem.rows), theirs.predict(x))


def test_the_indicator_is_read():
    """The class is whether the view is there; its columns themselves say nothing."""
    problem, _, _ = case(known=20)
    given, lost = holed(problem)
    rng = np.random.default_rng(5)
    views = tuple(np.where(np.isnan(v), np.nan, rng.normal(size=v.shape)) for v in given.rows.views)
    labels = np.where(given.labelled, lost.astype(int), -1)
    given = replace(given, rows=replace(given.rows, views=views), labels=labels)
    for reader in ("logistic_regression", "extra_trees"):
        found = fit("mean_indicator", given, classifier=reader)
        assert np.mean(found.predict(given.rows) == lost) > 0.95
