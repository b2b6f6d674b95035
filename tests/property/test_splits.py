"""Splits: every row in one part, groups whole, shares kept, the same on every machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Provenance, Split
from protocols._splits import drawn_parts, labelled_per_class, part_of_rows, rounded, split_across

FEW = settings(max_examples=60)
SHARES = st.sampled_from([(0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.8, 0.1, 0.1)])


def data_of(labels: np.ndarray, groups: np.ndarray, split: Split) -> Dataset:
    return Dataset(
        key="drawn",
        draw_key="drawn",
        title="Drawn",
        views=(np.arange(len(labels), dtype=np.float32)[:, None],),
        view_names=("a",),
        labels=labels,
        class_names=("x", "y", "z"),
        splits=(split,),
        provenance=Provenance("open", "drawn", "none"),
        groups={"g": groups},
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Dataset, Split, int]:
    """Up to 30 groups of up to 9 rows; a stratified split of groups has one class a group."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = np.array(draw(st.lists(st.integers(1, 9), min_size=9, max_size=30)))
    groups = np.repeat(rng.permutation(len(sizes)), sizes)
    stratify, by = draw(st.booleans()), draw(st.sampled_from([None, "g"]))
    labels = groups % 3 if stratify and by else rng.integers(0, 3, len(groups))
    shuffled = rng.permutation(len(groups))
    leaks = () if by else ("g",)
    split = Split("s", by=by, stratify=stratify, leaks=leaks, shares=draw(SHARES))
    return data_of(labels[shuffled], groups[shuffled], split), split, draw(st.integers(0, 10**6))


def parts_of(case: tuple[Dataset, Split, int]) -> np.ndarray:
    data, split, seed = case
    try:
        return part_of_rows(data, split, np.random.default_rng(seed))
    except DataError:  # an empty part or a class without training rows: refused, and said so
        assume(False)
        raise


@FEW
@given(cases())
def test_every_row_is_in_exactly_one_part_and_none_is_empty(case: tuple) -> None:
    data, parts = case[0], parts_of(case)
    assert parts.shape == (data.n,)
    assert set(np.unique(parts)) == {TRAIN, TUNE, TEST}
    assert set(data.labels[parts == TRAIN]) == {0, 1, 2}


@FEW
@given(cases())
def test_groups_are_never_divided(case: tuple) -> None:
    data, split, _ = case
    parts = parts_of(case)
    if split.by:
        for group in np.unique(data.groups["g"]):
            assert len(np.unique(parts[data.groups["g"] == group])) == 1


@FEW
@given(cases())
def test_shares_are_kept_within_one_group(case: tuple) -> None:
    data, split, _ = case
    parts = parts_of(case)
    largest = int(np.bincount(data.groups["g"]).max()) if split.by else 1
    strata = [data.labels == k for k in range(3)] if split.stratify else [np.ones(data.n, bool)]
    for rows in strata:
        if largest <= min(split.shares) * rows.sum():  # else a part may hold one large group
            counts = np.bincount(parts[rows], minlength=3)
            edges = np.cumsum(counts)[:2] - np.cumsum(split.shares)[:2] * rows.sum()
            assert np.abs(edges).max() <= largest / 2 + 1e-9


@FEW
@given(st.integers(0, 2**32), st.integers(40, 300), SHARES)
def test_rows_of_a_class_are_cut_to_the_row(seed: int, n: int, shares: tuple) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0] * 12, [1] * 12, [2] * 12, rng.integers(0, 3, n)])
    split = Split("s", stratify=True, shares=shares)
    parts = part_of_rows(data_of(labels, np.arange(len(labels)), split), split, rng)
    for k in range(3):
        counts = np.bincount(parts[labels == k], minlength=3)
        assert np.abs(counts - np.array(shares) * counts.sum()).max() <= 1 + 1e-9


@FEW
@given(cases(), st.integers(1, 1000))
def test_the_draw_follows_the_generator_and_nothing_else(case: tuple, other: int) -> None:
    data, split, seed = case
    np.testing.assert_array_equal(parts_of(case), parts_of((data, split, seed)))
    renamed = data_of(data.labels, data.groups["g"] + 100, split)
    np.testing.assert_array_equal(parts_of(case), parts_of((renamed, split, seed)))
    if split.by is None and data.n > 40:
        assert (parts_of(case) != parts_of((data, split, seed + other))).any()


def test_too_few_groups_are_refused_in_a_sentence() -> None:
    split = Split("s", by="g")
    data = data_of(np.tile([0, 1, 2], 4), np.repeat([0, 1], 6), split)
    with pytest.raises(DataError, match="leaves no test rows"):
        part_of_rows(data, split, np.random.default_rng(0))


@FEW
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 8), st.integers(1, 4))
def test_split_groups_are_those_with_rows_in_two_units(seed: int, n: int, few: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    groups = {name: rng.integers(-few, few, n) for name in ("g", "h")}
    units = rng.integers(0, k, n)
    there = {
        name
        for name, group in groups.items()
        if any(len(set(units[group == value])) > 1 for value in group)
    }
    assert set(split_across(groups, units)) == there


@pytest.mark.parametrize("official", [False, True])
def test_a_group_split_across_parts_must_be_declared(official: bool) -> None:
    split = Split("s", official=official)
    data = data_of(np.tile([0, 1, 2], 20), np.arange(60) // 6, replace(split, official=False))
    data = replace(data, official=np.repeat([0, 1, 2], [31, 14, 15]), splits=(split,))
    message = "'s' of drawn .* name 'g' in its leaks"
    with pytest.raises(DataError, match=message):
        part_of_rows(data, split, np.random.default_rng(0))
    declared = replace(split, leaks=("g",))
    assert part_of_rows(data, declared, np.random.default_rng(0)).shape == (60,)


def test_a_class_that_misses_the_training_part_in_every_draw_is_named() -> None:
    split = Split("s", by="g")
    groups = np.repeat(np.arange(3), 4)  # one group each part, one class each group
    with pytest.raises(DataError, match="no training row of class .*100 draws"):
        part_of_rows(data_of(groups, groups, split), split, np.random.default_rng(0))


def test_a_split_is_drawn_again_from_the_same_stream_until_every_class_trains() -> None:
    split = Split("s", by="g")
    groups = np.repeat(np.arange(6), 2)
    data = data_of(np.where(groups == 0, 2, groups % 2), groups, split)
    again = []
    for seed in range(12):
        parts, number = drawn_parts(data, split, np.random.default_rng(seed))
        assert set(data.labels[parts == TRAIN]) == {0, 1, 2}
        again.append(number)
        other = np.random.default_rng(seed)  # the draws before it, from the same generator
        for _ in range(number):
            other.permutation(6)
        np.testing.assert_array_equal(parts, drawn_parts(data, split, other)[0])
    assert max(again) > 0
    assert min(again) == 0


def test_folds_are_drawn_again_together() -> None:
    split = Split("s", by="g", shares=(1 / 3, 1 / 3, 1 / 3), folds=3)
    groups = np.repeat(np.arange(9), 2)
    data = data_of(groups % 3, groups, split)
    redrawn = 0
    for seed in range(20):
        turns = [drawn_parts(data, split, np.random.default_rng(seed), turn) for turn in range(3)]
        assert len({number for _, number in turns}) == 1
        assert (np.stack([parts for parts, _ in turns]) == TEST).sum(axis=0).tolist() == [1] * 18
        assert all(set(data.labels[parts == TRAIN]) == {0, 1, 2} for parts, _ in turns)
        redrawn += turns[0][1] > 0
    assert redrawn


@FEW
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 5))
def test_each_class_has_exactly_as_many_labels_as_asked(seed: int, few: int, more: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat([0, 1, 2], [few, few + 3, few + 40]))
    order = rng.permutation(len(labels))
    chosen = labelled_per_class(labels, order, few, "xyz")
    assert np.bincount(labels[chosen]).tolist() == [few] * 3
    fewer = labelled_per_class(labels, order, max(few - 1, 1), "xyz")
    assert set(fewer) <= set(chosen)
    with pytest.raises(DataError, match=f"class x has {few} training rows"):
        labelled_per_class(labels, order, few + more, "xyz")


@given(st.integers(0, 100), st.integers(0, 5000))
def test_counts_are_rounded_halves_up(percent: int, n: int) -> None:
    assert rounded(percent / 100, n) == (2 * percent * n + 100) // 200
