"""Kernel ridge and ExtraTrees imputation against scikit-learn's regressors on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.kernel_ridge import KernelRidge

from datasets.base import Rows
from methods.base import SkipError
from methods.completion import kernel_ridge_impute
from methods.completion.extra_trees_impute import Config as TreesConfig
from methods.completion.extra_trees_impute import ExtraTreesImpute
from methods.completion.kernel_ridge_impute import Config, KernelRidgeImpute
from tests.oracle.completion_cases import blocks, problem_of, views, z_scores

METHODS = ("kernel_ridge_impute", "extra_trees_impute")
DIMS = (6, 4, 3)
ENDS = np.cumsum((0, *DIMS))


def kernel(problem, penalty: float = 0.3, gamma: float = 0.3):
    return KernelRidgeImpute(Config(penalty=penalty, gamma=gamma)).fit(
        problem, np.random.default_rng(0)
    )


def trees(problem, leaf: int = 2):
    return ExtraTreesImpute(TreesConfig(leaf_rows=leaf)).fit(problem, np.random.default_rng(0))


def part(x: np.ndarray, *wanted: int) -> np.ndarray:
    """The columns of some views."""
    return np.concatenate([x[:, ENDS[v] : ENDS[v + 1]] for v in wanted], axis=1)


def lacking(problem, v: int) -> np.ndarray:
    """Rows that lack view ``v`` and no other."""
    return np.flatnonzero((problem.rows.present == (np.arange(3) != v)).all(1))


def guessed(problem, fitted) -> np.ndarray:
    """All views as filled, z-scored by present entries."""
    own = np.concatenate(problem.rows.views, axis=1).astype(np.float64)
    filled = np.concatenate(fitted.impute(problem.rows)[0], axis=1).astype(np.float64)
    return (filled - np.nanmean(own, 0)) / np.nanstd(own, 0)


@pytest.mark.parametrize("v", [0, 1, 2])
@pytest.mark.parametrize(("penalty", "gamma"), [(0.03, 0.1), (0.3, 0.3), (1.0, 1.0)])
def test_kernel_ridge_is_scikit_learns(v, penalty, gamma):
    problem = blocks(100, DIMS)
    given, z = tuple(u for u in range(3) if u != v), z_scores(problem.rows)
    whole = problem.rows.present.all(axis=1)
    x, y = part(z[whole], *given), part(z[whole], v)
    theirs = KernelRidge(alpha=penalty, kernel="rbf", gamma=gamma / x.shape[1])
    theirs.fit(x, y - y.mean(0))
    where = lacking(problem, v)
    expected = y.mean(0) + theirs.predict(part(z[where], *given))
    found = part(guessed(problem, kernel(problem, penalty, gamma))[where], v)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_variance_of_kernel_ridge_is_that_of_errors_on_rows_left_out():
    problem = blocks(60, DIMS)
    z, whole = z_scores(problem.rows), problem.rows.present.all(axis=1)
    x, y = part(z[whole], 0, 2), part(z[whole], 1)
    n, mean = len(x), y.mean(0)
    errors = np.empty_like(y)
    for i in range(n):
        rest = np.arange(n) != i
        left = KernelRidge(alpha=0.3, kernel="rbf", gamma=0.3 / 9).fit(x[rest], y[rest] - mean)
        errors[i] = y[i] - mean - left.predict(x[[i]])[0]
    sd = np.nanstd(problem.rows.views[1].astype(np.float64), 0)
    where = lacking(problem, 1)
    found = kernel(problem).impute(problem.rows)[1][1][where]
    expected = (1 + (errors**2).sum(0)) / (1 + n) * sd**2
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-4)


def test_kernel_ridge_declines_more_rows_than_it_can_compare(monkeypatch):
    monkeypatch.setattr(kernel_ridge_impute, "MOST_ROWS", 50)
    with pytest.raises(SkipError):
        kernel(blocks(60, DIMS))


@pytest.mark.parametrize("v", [0, 1, 2])
def test_trees_are_scikit_learns(v):
    problem = blocks(80, DIMS)
    given, z = tuple(u for u in range(3) if u != v), z_scores(problem.rows)
    whole = problem.rows.present.all(axis=1)
    seed = int(np.random.default_rng(0).integers(2**31))
    number = sum(1 << u for u in given) + (v << 3)
    state = int(np.random.default_rng([seed, number]).integers(2**31))
    theirs = ExtraTreesRegressor(300, min_samples_leaf=2, max_features=0.5, random_state=state)
    theirs.fit(part(z[whole], *given), part(z[whole], v))
    where = lacking(problem, v)
    found = part(guessed(problem, trees(problem))[where], v)
    np.testing.assert_allclose(found, theirs.predict(part(z[where], *given)), atol=1e-5)


def test_trees_do_not_depend_on_which_pattern_is_asked_first():
    problem = blocks(60, DIMS)
    one, two = trees(problem), trees(problem)
    for v in (2, 0):
        two.regression(tuple(u for u in range(3) if u != v), v)
    np.testing.assert_array_equal(guessed(problem, one), guessed(problem, two))


def test_trees_impute_a_view_of_one_column_and_state_no_variance():
    whole = views(60, (4, 1))
    present = np.stack([np.ones(60, bool), np.arange(60) < 40], 1)
    shown = (whole[0], np.where(present[:, 1, None], whole[1], np.nan))
    problem = problem_of(Rows(shown, present, np.arange(60)))
    filled, spread = trees(problem).impute(problem.rows)
    assert spread is None
    gap = filled[1][40:] - whole[1][40:]
    assert np.linalg.norm(gap) < np.linalg.norm(whole[1][40:] - whole[1][:40].mean(0))


@pytest.mark.parametrize("make", [kernel, trees])
def test_a_curve_is_followed_where_a_line_has_nothing_to_say(make):
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, size=(300, 2)).astype(np.float32)
    y = (x**2 + 0.1 * rng.normal(size=x.shape)).astype(np.float32)
    present = np.stack([np.ones(300, bool), np.arange(300) < 200], 1)
    problem = problem_of(
        Rows((x, np.where(present[:, 1, None], y, np.nan)), present, np.arange(300))
    )
    gap = make(problem).impute(problem.rows)[0][1][200:] - y[200:]
    assert np.linalg.norm(gap) / np.linalg.norm(y[200:] - y[:200].mean(0)) < 0.5
