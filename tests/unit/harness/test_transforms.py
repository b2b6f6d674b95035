"""Changes to one trial: fewer views, codes for views, a second transduction."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.base import Rows
from harness.run.transforms import second_transduction, with_codes, with_views
from tests.helpers import scenario, tiny, trial


def test_views_are_cut_in_the_order_named_and_nothing_else_changes() -> None:
    _, problem, held_out = trial(
        tiny(dims=(5, 4, 3)), scenario(missing=("c",), missing_fraction=0.5)
    )
    cut, kept = with_views(problem, held_out, ("c", "a"))
    assert cut.view_names == ("c", "a")
    assert cut.dims == (3, 5)
    for before, after in (
        (problem.rows, cut.rows),
        (problem.tuning, cut.tuning),
        (held_out.test, kept.test),
        (held_out.complete, kept.complete),
    ):
        np.testing.assert_array_equal(after.views[1], before.views[0])
        np.testing.assert_array_equal(after.present, before.present[:, [2, 0]])
        np.testing.assert_array_equal(after.ids, before.ids)
    assert cut.labels is problem.labels
    assert kept.test_labels is held_out.test_labels
    with pytest.raises(ValueError, match="not in"):
        with_views(problem, held_out, ("d",))


def test_codes_become_views_row_for_row() -> None:
    _, problem, held_out = trial(tiny(), scenario(missing=("b",), missing_fraction=0.5))
    sizes = {"rows": problem.rows.n, "tuning": problem.tuning.n, "test": held_out.test.n}
    codes = [
        {f"codes_{name}": np.full((n, width), width, np.float64) for name, n in sizes.items()}
        for width in (2, 3)
    ]
    coded, kept = with_codes(problem, held_out, codes, problem.rows.ids)
    assert coded.dims == (2, 3)
    assert coded.view_names == ("codes0", "codes1")
    for rows in (coded.rows, coded.tuning, kept.test, kept.complete):
        assert [float(view.mean()) for view in rows.views] == [2.0, 3.0]
        assert rows.views[0].dtype == np.float32
        assert rows.present.all()
    np.testing.assert_array_equal(coded.rows.ids, problem.rows.ids)
    np.testing.assert_array_equal(coded.labels, problem.labels)


def test_codes_are_found_by_row_whatever_rows_the_stage_before_was_given() -> None:
    _, few, _ = trial(tiny(), scenario("supervised"))
    _, problem, held_out = trial(tiny(), scenario("transductive"))
    _, many, _ = trial(tiny(), scenario("inductive"))

    def named(rows: Rows) -> np.ndarray:
        return rows.ids[:, None].astype(np.float32)  # a code that says whose it is

    for seen in (few, many):
        codes = {
            "codes_rows": named(seen.rows),
            "codes_tuning": named(problem.tuning),
            "codes_test": named(held_out.test),
        }
        coded, kept = with_codes(problem, held_out, [codes], seen.rows.ids)
        for rows in (coded.rows, coded.tuning, kept.test, kept.complete):
            np.testing.assert_array_equal(rows.views[0][:, 0], rows.ids)


def test_the_second_transduction_holds_labelled_and_tuning_rows() -> None:
    _, problem, held_out = trial(tiny(), scenario("transductive"))
    second = second_transduction(problem)
    shown = problem.labelled
    np.testing.assert_array_equal(
        second.rows.ids, np.concatenate([problem.rows.ids[shown], problem.tuning.ids])
    )
    np.testing.assert_array_equal(second.labels[second.labelled], problem.labels[shown])
    assert (second.labels[~second.labelled] == -1).all()
    assert (~second.labelled).sum() == problem.tuning.n
    assert not set(second.rows.ids) & set(held_out.test.ids)
    for v, view in enumerate(second.rows.views):
        np.testing.assert_array_equal(view[: shown.sum()], problem.rows.views[v][shown])
        np.testing.assert_array_equal(view[shown.sum() :], problem.tuning.views[v])
    assert second.rows.present.shape == (second.rows.n, 2)
