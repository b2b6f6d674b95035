"""Column means against scikit-learn's, and the NMSE of 1 that they have by definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.impute import SimpleImputer

from methods.completion.mean_impute import Config, MeanImpute
from tests.helpers import taken
from tests.oracle.completion_cases import blocks, views, z_scores

METHODS = ("mean_impute",)


def fit(problem):
    return MeanImpute(Config()).fit(problem, np.random.default_rng(0))


def test_absent_entries_are_scikit_learns_column_means():
    rows = blocks(50, (6, 4)).rows
    x = np.concatenate(rows.views, axis=1)
    expected = SimpleImputer(keep_empty_features=True).fit_transform(x)
    found = np.concatenate(fit(blocks(50, (6, 4))).impute(rows)[0], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_its_nmse_on_z_scored_columns_is_exactly_1():
    rows = blocks(50, (6, 4)).rows
    whole = np.concatenate(views(50, (6, 4)), axis=1).astype(np.float64)
    seen = np.concatenate(rows.views, axis=1).astype(np.float64)
    guess = np.concatenate(fit(blocks(50, (6, 4))).impute(rows)[0], axis=1)
    absent = np.isnan(z_scores(rows))
    truth, told = (((x - np.nanmean(seen, 0)) / np.nanstd(seen, 0))[absent] for x in (whole, guess))
    assert np.linalg.norm(truth - told) / np.linalg.norm(truth) == pytest.approx(1, abs=1e-6)


def test_rows_that_it_has_not_seen_get_the_same_means():
    problem = blocks(50, (6, 4))
    half = taken(problem.rows, problem.rows.present[:, 1])
    assert np.isfinite(np.concatenate(fit(problem).impute(half)[0], axis=1)).all()
