"""What is told of a run's draws, and how a run that cannot be drawn is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.base import TEST, TRAIN, Dataset, Split
from harness.plan.draws import copies, refusal, told
from protocols.base import Draw, draw
from tests.helpers import scenario, tiny


def drawn(data: Dataset, split: str = "rows", trials: int = 4) -> list[Draw]:
    return [draw(data, scenario(split=split), trial) for trial in range(trials)]


def with_views(data: Dataset, **changes: Any) -> Dataset:
    """``data`` with changes (rows, columns) -> value in its first view."""
    first = data.views[0].copy()
    for value, place in changes.values():
        first[place] = value
    return replace(data, views=(first, *data.views[1:]))


def test_draws_without_anything_unusual_need_no_word() -> None:
    assert told(tiny(), "rows", drawn(tiny())) == ()
    assert told(tiny(), "stratified", drawn(tiny(), "stratified")) == ()


def test_copies_of_a_training_row_are_counted() -> None:
    data = tiny()
    views = [view.copy() for view in data.views]
    for view in views:
        view[30:] = view[:30]
    data = replace(data, views=tuple(views))
    assert np.array_equal(copies(data), np.tile(np.arange(30), 2))
    trials = drawn(data)
    other = (np.arange(60) + 30) % 60
    counts = [int(((d.part == TEST) & (d.part[other] == TRAIN)).sum()) for d in trials]
    (text,) = told(data, "rows", trials)
    assert f"{min(counts)}–{max(counts)} test rows" in text
    other = views[0].copy()
    other[30:] += 1  # equal in one view alone: no copies
    assert told(replace(data, views=(other, views[1])), "rows", trials) == ()


def test_a_part_far_from_its_share_is_told_with_what_the_split_asks_for() -> None:
    person = np.where(np.arange(60) < 48, 0, np.arange(60))
    data = replace(tiny(), groups={"person": person, "day": person})
    texts = told(data, "person", drawn(data, "person", 6))
    assert any("60 %" in text and "training part" in text for text in texts)
    official = np.repeat([0, 1, 2], [54, 3, 3])
    fixed = replace(
        tiny(), official=official, splits=(Split("own", official=True, leaks=("person", "day")),)
    )
    assert told(fixed, "own", drawn(fixed, "own")) == ()


def test_splits_drawn_again_are_counted() -> None:
    group = np.arange(60) // 10
    rare = np.where(group == 0, 2, np.arange(60) % 2)
    data = replace(tiny(), labels=rare, groups={"person": group, "day": group})
    trials = drawn(data, "person", 12)
    again = sum(d.redrawn > 0 for d in trials)
    assert again
    assert all((rare[d.part == TRAIN] == 2).any() for d in trials)
    assert any(f"{again} of 12 trials was drawn again" in t for t in told(data, "person", trials))


def test_constant_columns_are_counted_by_view() -> None:
    data = with_views(tiny(), constant=(7.0, np.s_[:, 2]))
    (text,) = told(data, "rows", drawn(data))
    assert "a, of 6: 1 in the data, 1 in the training rows of a trial, 1 in its labelled" in text
    lone = tiny()
    trials = drawn(lone)
    for d in trials:  # alone in the test part of every trial: constant for every method
        d.part[0] = TEST
        d.labelled[0] = False
    lone = with_views(lone, constant=(0.0, np.s_[1:, :]), other=(1.0, np.s_[0, :]))
    texts = told(lone, "rows", trials)
    assert any("view a is constant in the training rows of 4 of 4 trials" in t for t in texts)


@pytest.mark.parametrize("count", [1, 10])
def test_labels_that_every_draw_has_are_not_refused(count: int) -> None:
    wanted = scenario(label_fraction=0.0, label_rule="per_class", labels_per_class=count)
    if count == 1:
        assert refusal(tiny(), wanted, 3, 0) == ""
    for trial in range(3):
        labelled = draw(tiny(n=120), wanted, trial).labelled
        assert np.bincount(tiny(n=120).labels[labelled]).tolist() == [count] * 3


def test_too_many_labels_of_a_class_are_refused_with_how_many_there_can_be() -> None:
    wanted = scenario(label_fraction=0.0, label_rule="per_class", labels_per_class=15)
    text = refusal(tiny(), wanted, 4, 0)
    parts = [draw(tiny(), scenario(), trial).part for trial in range(4)]
    rows = [np.bincount(tiny().labels[part == TRAIN]) for part in parts]
    failing = sum(int(counts.min() < 15) for counts in rows)
    assert text.startswith(f"{failing} of 4 planned draws")
    assert f"at most {min(int(counts.min()) for counts in rows)} here" in text
