"""Masks: nested over fractions, blind to labels, on training rows alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.base import TEST, TRAIN
from protocols._masks import losses, mask_order, present_rows
from protocols._splits import rounded
from protocols.base import draw
from tests.helpers import scenario, tiny, trial

FEW = settings(max_examples=60)
FRACTIONS = tuple(step / 10 for step in range(1, 10))


@FEW
@given(st.integers(1, 400), st.integers(0, 2**32), st.integers(0, 2), st.integers(0, 100))
def test_the_stated_share_of_rows_loses_the_stated_view(
    n: int, seed: int, view: int, percent: int
) -> None:
    rng = np.random.default_rng(seed)
    present = present_rows(mask_order(n, rng), percent / 100, losses(n, [view], 3, rng))
    assert present.shape == (n, 3)
    assert (~present[:, view]).sum() == (2 * percent * n + 100) // 200
    assert np.delete(present, view, axis=1).all()


@FEW
@given(st.integers(1, 400), st.integers(0, 2**32))
def test_masks_are_nested_over_fractions(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    order, lost = mask_order(n, rng), losses(n, [0, 1, 2], 3, rng)
    masks = [present_rows(order, fraction, lost) for fraction in FRACTIONS]
    for less, more in zip(masks, masks[1:], strict=False):
        assert not (~less & more).any()


@FEW
@given(st.integers(0, 500), st.sampled_from(FRACTIONS))
def test_masks_are_blind_to_labels_and_to_their_number(number: int, fraction: float) -> None:
    data = tiny(n=120)
    other = replace(data, labels=np.random.default_rng(number).permutation(data.labels))
    wanted = scenario(missing=("b",), missing_fraction=fraction)
    masks = draw(data, wanted, number).present
    np.testing.assert_array_equal(draw(other, wanted, number).present, masks)
    for changes in ({"label_fraction": 0.9}, {"label_rule": "random"}, {"paradigm": "supervised"}):
        np.testing.assert_array_equal(draw(data, replace(wanted, **changes), number).present, masks)


@FEW
@given(st.integers(0, 500))
def test_labels_are_blind_to_masks(number: int) -> None:
    data = tiny(n=120)
    plain = draw(data, scenario(), number)
    masked = draw(data, scenario(missing=("a",), missing_fraction=0.5), number)
    for name in ("order", "part", "labelled", "kept"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(masked, name))


@FEW
@given(st.integers(0, 500), st.sampled_from(FRACTIONS))
def test_tuning_and_test_rows_are_complete(number: int, fraction: float) -> None:
    wanted = scenario(missing=("b",), missing_fraction=fraction)
    drawn, problem, held_out = trial(tiny(n=120), wanted, number)
    assert drawn.present[drawn.part != TRAIN].all()
    assert (~drawn.present[:, 1]).sum() == rounded(fraction, (drawn.part == TRAIN).sum())
    for rows in (problem.tuning, held_out.test, held_out.complete):
        assert rows.present.all()
        assert all(np.isfinite(view).all() for view in rows.views)


@FEW
@given(st.integers(0, 500), st.sampled_from(FRACTIONS))
def test_test_rows_lose_views_only_where_that_is_asked_for(number: int, fraction: float) -> None:
    wanted = scenario(missing=("a", "b"), missing_at_test=fraction)
    drawn, _, held_out = trial(tiny(n=120), wanted, number)
    assert drawn.present[drawn.part != TEST].all()
    lacking = ~held_out.test.present.all(axis=1)
    assert lacking.sum() == rounded(fraction, held_out.test.n)
    for v, view in enumerate(held_out.test.views):
        np.testing.assert_array_equal(np.isnan(view).all(axis=1), ~held_out.test.present[:, v])


@FEW
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_a_row_that_loses_views_loses_any_set_of_them_but_never_all(seed: int, width: int) -> None:
    # So many rows that the bound on the counts is far from chance.
    lost = losses(16000, list(range(width)), 3, np.random.default_rng(seed))
    assert lost.any(axis=1).all()
    assert not lost.all(axis=1).any()
    assert not lost[:, width:].any()
    _, counts = np.unique(lost, axis=0, return_counts=True)
    assert len(counts) == 2**width - 1 - (width == 3)
    assert counts.min() > 0.8 * counts.max()


@FEW
@given(st.integers(0, 500), st.sampled_from(FRACTIONS))
def test_dropping_incomplete_rows_leaves_the_complete_ones(number: int, fraction: float) -> None:
    wanted = scenario(missing=("b",), missing_fraction=fraction)
    drawn, problem, _ = trial(tiny(n=120), wanted, number)
    _, fewer, _ = trial(tiny(n=120), replace(wanted, incomplete="drop"), number)
    whole = problem.rows.present.all(axis=1)
    np.testing.assert_array_equal(fewer.rows.ids, problem.rows.ids[whole])
    np.testing.assert_array_equal(fewer.labels, problem.labels[whole])
    assert fewer.rows.present.all()
    assert fewer.may_miss == problem.may_miss == ("b",)


def test_labelled_rows_lose_views_as_often_as_the_others() -> None:
    data, wanted = tiny(n=300), scenario(missing=("b",), missing_fraction=0.5)
    lost = [draw(data, wanted, number) for number in range(200)]
    share = np.mean([(~d.present[d.labelled, 1]).mean() for d in lost])
    assert share == pytest.approx(0.5, abs=0.02)  # six standard errors: independence, not luck
