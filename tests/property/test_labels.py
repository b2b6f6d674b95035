"""Labels: nested prefixes of one order, the count the paper states, every class where promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.base import TRAIN
from protocols._splits import label_order, labelled_rows
from protocols.base import Draw, Scenario, draw
from tests.helpers import scenario, tiny

FEW = settings(max_examples=60)
RULES = ("random", "random_min_one")
LADDERS = ((0.01, 0.02, 0.03), (0.02, 0.05, 0.10), (0.1, 0.5, 1.0))

rules = pytest.mark.parametrize("rule", RULES)


@st.composite
def trials(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels of 10 to 700 training rows, rare classes among them, and an order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.dirichlet(np.full(draw(st.integers(2, 6)), 0.5))
    n = draw(st.integers(10, 700))
    return rng.choice(len(weights), n, p=weights), label_order(n, rng)


@rules
@FEW
@given(trials(), st.sampled_from(LADDERS))
def test_more_labels_hold_the_fewer(rule: str, case: tuple, ladder: tuple) -> None:
    chosen = [set(labelled_rows(*case, fraction, rule).tolist()) for fraction in ladder]
    assert chosen[0] <= chosen[1] <= chosen[2]


@rules
@FEW
@given(trials(), st.integers(1, 100))
def test_the_count_is_rounded_and_no_row_comes_twice(rule: str, case: tuple, percent: int) -> None:
    labels, _ = case
    found = labelled_rows(*case, percent / 100, rule)
    count = (2 * percent * len(labels) + 100) // 200  # halves up, in whole numbers
    least = 1 if rule == "random" else len(np.unique(labels))
    assert len(found) == max(count, least)
    assert len(set(found.tolist())) == len(found)


@FEW
@given(trials(), st.integers(1, 100))
def test_every_class_is_labelled_where_that_is_promised(case: tuple, percent: int) -> None:
    labels, _ = case
    found = labelled_rows(*case, percent / 100, "random_min_one")
    assert set(labels[found]) == set(labels)


@FEW
@given(trials(), st.integers(1, 100), st.integers(0, 2**32))
def test_the_random_rule_is_blind_to_labels(case: tuple, percent: int, seed: int) -> None:
    labels, order = case
    others = np.random.default_rng(seed).permutation(labels)
    found = [labelled_rows(values, order, percent / 100, "random") for values in (labels, others)]
    np.testing.assert_array_equal(*found)


@rules
@FEW
@given(trials())
def test_all_labels_are_all_rows(rule: str, case: tuple) -> None:
    assert len(labelled_rows(*case, 1.0, rule)) == len(case[0])


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="most"):
        labelled_rows(np.zeros(3, int), np.arange(3), 0.5, "most")


# ---------------------------------------------------------------- whole draws


def drawn(trial: int, **changes: object) -> Draw:
    return draw(tiny(n=300), scenario(**changes), trial)


@rules
@FEW
@given(st.integers(0, 500))
def test_draws_are_nested_over_fractions_and_labels_lie_in_training(rule: str, trial: int) -> None:
    few, more = (drawn(trial, label_rule=rule, label_fraction=f) for f in (0.02, 0.1))
    assert not (few.labelled & ~more.labelled).any()
    assert (more.part[more.labelled] == TRAIN).all()
    np.testing.assert_array_equal(few.part, more.part)
    np.testing.assert_array_equal(few.order, more.order)


@FEW
@given(st.integers(0, 500), st.sampled_from(["supervised", "transductive", "inductive"]))
def test_paradigms_share_their_draws(trial: int, paradigm: str) -> None:
    left, right = drawn(trial), drawn(trial, paradigm=paradigm)
    for name in ("order", "part", "labelled", "kept", "present"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@FEW
@given(st.integers(0, 500))
def test_unlabelled_rows_kept_are_nested_and_labels_stay(trial: int) -> None:
    kept = [drawn(trial, unlabelled_fraction=f) for f in (0.0, 0.25, 0.5, 1.0)]
    for less, more in zip(kept, kept[1:], strict=False):
        assert not (less.kept & ~more.kept).any()
        np.testing.assert_array_equal(less.labelled, more.labelled)
    np.testing.assert_array_equal(kept[0].kept, kept[0].labelled)
    np.testing.assert_array_equal(kept[-1].kept, kept[-1].part == TRAIN)


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_a_fraction_outside_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="label_fraction"):
        Scenario("rows", "inductive", fraction, "random")
