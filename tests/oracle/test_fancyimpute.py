"""fancyimpute's imputers against the library called by hand, scikit-learn's KNN and dense SVDs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.impute import KNNImputer

from datasets.base import Rows
from methods.base import SkipError, UnsupportedError
from methods.completion import iterative_svd, knn_impute, soft_impute
from methods.completion._fancyimpute import borrowed
from methods.completion.iterative_svd import IterativeSVD
from methods.completion.knn_impute import KNNImpute, neighbourless
from methods.completion.soft_impute import SoftImpute
from tests.helpers import taken
from tests.oracle.completion_cases import blocks, imputed, problem_of, z_scores

METHODS = ("soft_impute", "iterative_svd", "knn_impute")
ALL = {
    "SoftImpute": (SoftImpute, soft_impute.Config),
    "IterativeSVD": (IterativeSVD, iterative_svd.Config),
    "KNN": (KNNImpute, knn_impute.Config),
}
every = pytest.mark.parametrize("name", list(ALL))


def fit(name: str, problem, seed: int = 0, **settings: object):
    method, config = ALL[name]
    return method(config(**settings)).fit(problem, np.random.default_rng(seed))


def state() -> str:
    return repr(np.random.get_state())  # noqa: NPY002 - the global state is the subject


@every
def test_it_gives_what_the_library_gives_for_the_z_scored_matrix(name):
    import fancyimpute

    problem = blocks(80, (12, 8))
    with borrowed(np.random.default_rng(0)):
        theirs = getattr(fancyimpute, name)(verbose=False).fit_transform(z_scores(problem.rows))
    ours = imputed(fit(name, problem), problem.rows)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@every
def test_the_global_generator_is_left_as_it_was(name):
    before = state()
    fit(name, blocks(40, (12, 8)))
    assert state() == before


def test_the_global_generator_is_left_as_it_was_by_a_fit_that_fails():
    before = state()

    def fails() -> None:
        with borrowed(np.random.default_rng(0)):
            np.random.normal()  # noqa: NPY002 - as a library would
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert state() == before


@every
def test_it_says_nothing(name, capfd):
    fit(name, blocks(40, (12, 8)))
    assert capfd.readouterr() == ("", "")


@every
def test_rows_of_another_problem_are_refused_unless_nothing_is_absent(name):
    problem = blocks(40, (12, 8))
    found, rows = fit(name, problem), problem.rows
    holes = taken(rows, ~rows.present.all(1))
    with pytest.raises(UnsupportedError, match="its own Problem"):
        found.impute(replace(holes, ids=holes.ids + 1000))
    whole = taken(rows, rows.present.all(1))
    told = found.impute(replace(whole, ids=whole.ids + 1000))[0]
    for view, same in zip(told, whole.views, strict=True):
        np.testing.assert_array_equal(view, same)


@every
def test_entries_that_it_was_shown_are_not_guessed(name):
    problem = blocks(40, (12, 8))
    rows = taken(problem.rows, problem.rows.present.all(1))
    present = rows.present.copy()
    present[:, 1] = False
    hidden = Rows((rows.views[0], np.full_like(rows.views[1], np.nan)), present, rows.ids)
    with pytest.raises(UnsupportedError, match="did not complete"):
        fit(name, problem).impute(hidden)


@every
def test_a_row_is_found_by_its_id_wherever_it_stands(name):
    rows = blocks(40, (12, 8)).rows
    found, order = fit(name, problem_of(rows)), np.random.default_rng(3).permutation(rows.n)
    whole, part = found.impute(rows)[0], found.impute(taken(rows, order))[0]
    for view, turned in zip(whole, part, strict=True):
        np.testing.assert_array_equal(turned, view[order])


@every
def test_a_complete_problem_is_returned_as_it_is(name):
    rows = blocks(40, (12, 8)).rows
    rows = taken(rows, rows.present.all(1))
    found = fit(name, problem_of(rows))
    for view, same in zip(found.impute(rows)[0], rows.views, strict=True):
        np.testing.assert_array_equal(view, same)


# ---------------------------------------------------------------- one by one


def test_knn_is_scikit_learns_with_weights_of_one_over_the_squared_distance():
    rows = blocks(120, (12, 8)).rows
    theirs = KNNImputer(n_neighbors=5, weights=lambda d: 1 / d**2)
    expected = theirs.fit_transform(z_scores(rows))
    np.testing.assert_allclose(imputed(fit("KNN", problem_of(rows)), rows), expected, atol=1e-4)


def test_knn_declines_above_5000_rows_and_says_why():
    rows = blocks(5001, (2, 1)).rows
    with pytest.raises(SkipError, match="5000 rows at most; these are 5001"):
        fit("KNN", problem_of(rows))
    fit("KNN", problem_of(taken(rows, rows.present.all(1))))  # nothing to compare


def test_knn_counts_rows_that_share_no_view_with_one_that_could_help():
    present = np.array([[True, False], [True, False], [False, True]])
    views = tuple(
        np.where(present[:, [v]], np.arange(6.0).reshape(3, 2), np.nan).astype(np.float32)
        for v in range(2)
    )
    rows = Rows(views, present, np.arange(3))
    assert neighbourless(rows) == 3
    assert fit("KNN", problem_of(rows)).facts() == {"rows_without_neighbours": 3}
    guess = fit("KNN", problem_of(rows)).impute(rows)[0]
    np.testing.assert_allclose(guess[0][2], np.nanmean(views[0], 0))
    assert neighbourless(blocks(40, (12, 8)).rows) == 0


def test_iterative_svd_ends_where_a_truncated_svd_of_the_completed_matrix_returns_it():
    rows = blocks(80, (12, 8)).rows
    found = fit("IterativeSVD", problem_of(rows), rank=2, threshold=1e-20, rounds=5000)
    assert found.facts()["converged"]
    z = np.asarray(found.z)[np.argsort(np.argsort(rows.ids))]
    u, d, v = np.linalg.svd(z, full_matrices=False)
    absent = np.isnan(z_scores(rows))
    np.testing.assert_allclose(((u[:, :2] * d[:2]) @ v[:2])[absent], z[absent], atol=1e-7)


def test_iterative_svd_takes_a_rank_below_the_smaller_side():
    assert np.isfinite(
        imputed(fit("IterativeSVD", blocks(40, (3, 4))), blocks(40, (3, 4)).rows)
    ).all()


@pytest.mark.parametrize("name", ["SoftImpute", "IterativeSVD"])
def test_rounds_that_do_not_suffice_are_said(name):
    problem = blocks(80, (12, 8))
    facts = fit(name, problem, rounds=1000).facts()
    assert facts["converged"]
    assert 10 < facts["rounds"] < 1000
    assert fit(name, problem, rounds=1).facts() == {"rounds": 1, "converged": False}
