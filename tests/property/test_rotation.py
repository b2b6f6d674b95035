"""Splits whose folds take turns: a row is a test row once, groups stay whole, folds are equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Split
from protocols._splits import part_of_rows, partition_of
from protocols.base import draw
from tests.helpers import scenario, tiny
from tests.property.test_splits import FEW, data_of

TURNED = Split("turned", leaks=("person", "day"), shares=(0.8, 0.1, 0.1), folds=10)


@st.composite
def rotations(draw: st.DrawFn) -> tuple[Dataset, Split, int]:
    """Three to ten folds of rows, or of 12 to 40 groups of up to 9 rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    folds = draw(st.integers(3, 10))
    sizes = np.array(draw(st.lists(st.integers(1, 9), min_size=12, max_size=40)))
    groups = np.repeat(rng.permutation(len(sizes)), sizes)
    stratify, by = draw(st.booleans()), draw(st.sampled_from([None, "g"]))
    labels = groups % 3 if stratify and by else rng.integers(0, 3, len(groups))
    shares = (1 - 2 / folds, 1 / folds, 1 / folds)
    leaks = () if by else ("g",)
    split = Split("s", by=by, stratify=stratify, leaks=leaks, shares=shares, folds=folds)
    return data_of(labels, groups, split), split, draw(st.integers(0, 10**6))


def turns_of(case: tuple[Dataset, Split, int]) -> np.ndarray:
    """Parts of every row in every trial of one partition, (folds, n)."""
    data, split, seed = case
    try:
        return np.stack(
            [
                part_of_rows(data, split, np.random.default_rng(seed), split.folds + turn)
                for turn in range(split.folds)
            ]
        )
    except DataError:
        assume(False)
        raise


@FEW
@given(rotations())
def test_over_a_partition_every_row_tests_once_and_tunes_in_the_trial_before(case: tuple) -> None:
    turns = turns_of(case)
    assert ((turns == TEST).sum(axis=0) == 1).all()
    assert ((turns == TUNE).sum(axis=0) == 1).all()
    np.testing.assert_array_equal(turns == TUNE, np.roll(turns == TEST, -1, axis=0))


@FEW
@given(rotations())
def test_folds_are_equal_to_the_row_or_to_the_largest_group_and_tear_none(case: tuple) -> None:
    data, split, _ = case
    turns = turns_of(case)
    largest = int(np.bincount(data.groups["g"]).max()) if split.by else 1
    strata = [data.labels == k for k in range(3)] if split.stratify else []
    for rows in (*strata, np.ones(data.n, bool)):
        sizes = (turns[:, rows] == TEST).sum(axis=1)
        several = len(strata) if rows.all() and split.by else 1  # groups of each stratum add up
        assert sizes.max() - sizes.min() <= largest * max(several, 1)
    if split.by:
        for group in np.unique(data.groups["g"]):
            assert (turns[:, data.groups["g"] == group].std(axis=1) == 0).all()


def test_partitions_of_a_rotation_are_drawn_anew_and_go_on_for_ever() -> None:
    data = tiny(n=100)
    folds = TURNED
    data = replace(data, splits=(*data.splits, folds))
    parts = [draw(data, scenario(split="turned"), trial).part for trial in range(40)]
    tests = np.array([part == TEST for part in parts]).reshape(4, 10, data.n)
    assert (tests.sum(axis=1) == 1).all()
    assert len({turn.tobytes() for turn in tests.reshape(40, -1)}) == 40
    assert [partition_of(folds, trial) for trial in (0, 9, 10, 25)] == [0, 0, 1, 2]
    assert [partition_of(data.splits[0], trial) for trial in (0, 9, 10)] == [0, 9, 10]


def test_labels_are_drawn_anew_in_every_turn_of_one_partition() -> None:
    data = replace(tiny(n=100), splits=(TURNED,))
    shown = [draw(data, scenario(split="turned"), trial).labelled for trial in range(2)]
    both = np.logical_and(*(draw(data, scenario(split="turned"), t).part == TRAIN for t in (0, 1)))
    assert (shown[0][both] != shown[1][both]).any()


def test_too_few_groups_for_the_folds_are_refused_with_their_number() -> None:
    split = Split("s", by="g", shares=(0.6, 0.2, 0.2), folds=5)
    data = data_of(np.tile([0, 1, 2], 4), np.repeat([0, 1, 2, 3], 3), split)
    with pytest.raises(DataError, match="at least 5 groups"):
        part_of_rows(data, split, np.random.default_rng(0), 4)


@pytest.mark.parametrize(
    "split",
    [
        Split("s", folds=2, shares=(0.2, 0.4, 0.4)),
        Split("s", folds=10),
        Split("s", folds=5, official=True),
    ],
)
def test_a_rotation_that_does_not_fit_its_shares_is_refused(split: Split) -> None:
    official = np.tile([TRAIN, TUNE, TEST], 20)
    with pytest.raises(DataError, match="needs three folds or more"):
        replace(tiny(), splits=(split,), official=official)
