"""Counts of a data set's properties against enumeration of the same draws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from datasets.base import TEST, TRAIN, TUNE, Dataset
from harness import registry
from harness.errors import UsageError
from harness.plan.properties import check_rows_named, fits_nothing, properties_of, properties_of_all
from protocols.base import Scenario, draw
from tests.helpers import tiny

PARTS = (TRAIN, TUNE, TEST)
TRIALS = 6


def uneven() -> Dataset:
    """Four persons of very different lengths, so that parts and labels differ between trials."""
    person = np.repeat([0, 1, 2, 3], [40, 10, 25, 15])
    return replace(tiny(n=90), groups={"person": person, "day": np.arange(90)})


def parts_of(data: Dataset, split: str, fraction: float = 0.02) -> list[list[int]]:
    scenario = Scenario(split, "inductive", fraction, "random_min_one")
    return [draw(data, scenario, trial).part.tolist() for trial in range(TRIALS)]


@pytest.mark.parametrize("split", ["rows", "stratified", "person"])
def test_parts_are_the_least_and_the_most_over_the_trials_draws(split: str) -> None:
    data = uneven()
    counts = [Counter(parts) for parts in parts_of(data, split)]
    found = properties_of(data, split, TRIALS)
    expected = tuple((min(c[p] for c in counts), max(c[p] for c in counts)) for p in PARTS)
    assert found.parts == expected
    assert found.trials == TRIALS
    assert (len(set(found.parts[0])) > 1) is (split == "person")


def test_classes_are_counted_in_all_and_in_every_part() -> None:
    data = uneven()
    parts = parts_of(data, "person")
    for k, one in enumerate(properties_of(data, "person", TRIALS).classes):
        mine = [row for row in range(data.n) if data.labels[row] == k]
        assert (one.name, one.rows) == (data.class_names[k], len(mine))
        for part, span in zip(PARTS, one.parts, strict=True):
            counts = [sum(parts[t][row] == part for row in mine) for t in range(TRIALS)]
            assert span == (min(counts), max(counts))


@pytest.mark.parametrize("split", ["rows", "person"])
def test_a_group_is_torn_where_its_rows_lie_in_several_parts(split: str) -> None:
    data = uneven()
    for one in properties_of(data, split, TRIALS).groups:
        column = data.groups[one.name].tolist()
        torn = [
            sum(len({p for p, g in zip(parts, column, strict=True) if g == group}) > 1
                for group in set(column))
            for parts in parts_of(data, split)
        ]  # fmt: skip
        assert one.torn == (min(torn), max(torn))
        sizes = Counter(column).values()
        assert (one.groups, one.rows) == (len(sizes), (min(sizes), max(sizes)))
        if (one.name, split) == ("person", "person"):
            assert one.torn == (0, 0)


def test_labels_are_those_that_a_trial_shows() -> None:
    data = uneven()
    found = dict(properties_of(data, "person", TRIALS).labels)
    assert list(found) == [2, 5, 10]
    for percent, span in found.items():
        scenario = Scenario("person", "inductive", percent / 100, "random_min_one")
        counts = [int(draw(data, scenario, t).labelled.sum()) for t in range(TRIALS)]
        assert span == (min(counts), max(counts))


def test_another_seed_draws_other_trials() -> None:
    data = uneven()
    assert properties_of(data, "person", 2, 0) != properties_of(data, "person", 2, 1)


@pytest.mark.parametrize(
    ("kind", "imitates"), [("open", ""), ("licensed", ""), ("simulated", "TINY")]
)
def test_only_simulated_data_imitate(kind: str, imitates: str) -> None:
    data = tiny()
    data = replace(data, provenance=replace(data.provenance, kind=kind))
    assert properties_of(data, "rows", 1).imitates == imitates


def test_every_split_on_offer_is_named_with_what_it_tears() -> None:
    assert properties_of(tiny(), "rows", 1).splits == (
        ("rows", ("person", "day")),
        ("stratified", ("person", "day")),
        ("person", ()),
    )


def test_a_split_that_cannot_be_drawn_is_refused_in_one_sentence() -> None:
    day = np.zeros(60, np.int64)
    for person, start in (
        (np.repeat([0, 1], 30), "split 'person' .*at least 3 .* 2"),
        (tiny().labels, "3 of 3 planned draws .*trial 0: split 'person'"),  # one class each
    ):
        data = replace(tiny(), groups={"person": person, "day": day})
        with pytest.raises(UsageError, match=f"^{start}") as caught:
            properties_of_all({"tiny": data}, {"tiny": "person"}, 3, 0)
        assert str(caught.value).count("--dataset tiny@rows") == 1


def test_rows_and_columns_may_be_named_where_another_protocol_has_them() -> None:
    both = {name: registry.load_protocol(name) for name in ("table1", "table2")}
    assert [fits_nothing(one) for one in both.values()] == [True, False]
    check_rows_named(both, {"--method": ("svm",)}, {"--label-percent": (5.0,)})
    alone = {"table1": both["table1"]}
    check_rows_named(alone, {"--method": ()}, {"--labels-per-class": ()})
    with pytest.raises(UsageError, match="table1 fits no method; leave --method out"):
        check_rows_named(alone, {"--method": ("svm",)}, {})
    with pytest.raises(UsageError, match="table1 shows every share of labels; leave --label-perc"):
        check_rows_named(alone, {}, {"--label-percent": (5.0,)})
