"""What a trial re-draws, by key and in a sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from datasets.base import TEST, TRAIN, TUNE, Dataset, Split
from protocols.base import draw, varies, what_varies
from tests.helpers import scenario, tiny

ALWAYS = ("initial weights", "minibatches")


def fixed(group: str = "subject") -> Dataset:
    data = tiny()
    return replace(
        data,
        groups={group: data.groups["person"]},
        splits=(Split("official", official=True, leaks=(group,)), Split("apart", by=group)),
        official=np.resize([TRAIN, TRAIN, TRAIN, TUNE, TEST], data.n),
    )


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, ("split", "labels")),
        ({"label_fraction": 1.0}, ("split",)),
        ({"label_fraction": 0.0}, ("split",)),
        ({"missing": ("b",)}, ("split", "labels")),
        ({"missing": ("b",), "missing_fraction": 0.1}, ("split", "labels", "masks")),
        ({"missing": ("b",), "missing_at_test": 0.1}, ("split", "labels", "masks")),
        ({"unlabelled_fraction": 0.5}, ("split", "labels", "unlabelled rows")),
        ({"unlabelled_fraction": 0.0}, ("split", "labels")),
    ],
)
def test_what_a_trial_re_draws_follows_its_scenario(changes: dict, found: tuple[str, ...]) -> None:
    assert varies(tiny(), scenario(**changes)) == (*found, *ALWAYS)
    assert varies(tiny(), scenario(**changes), trained=False) == found


def test_a_fixed_split_does_not_vary() -> None:
    wanted = scenario(split="official")
    assert varies(fixed(), wanted) == ("labels", *ALWAYS)
    assert varies(fixed(), replace(wanted, label_fraction=1.0), trained=False) == ()


def test_under_a_fixed_split_the_sd_is_said_to_be_over_label_draws_and_not_over_subjects() -> None:
    said = what_varies(fixed(), [scenario(split="official")])
    assert said == (
        "Each trial re-draws the labelled rows, the initial weights and the minibatches; training, "
        "tuning and test rows never change, so that SD is over label draws on one test set, not "
        "over subjects."
    )
    assert what_varies(fixed("reel"), [scenario(split="official")]).endswith("not over test sets.")


@pytest.mark.parametrize("name", ["rows", "stratified"])
def test_a_permutation_of_rows_is_told_with_the_sizes_that_it_has_in_every_trial(name: str) -> None:
    data = tiny(n=63)
    part = draw(data, scenario(split=name), 3).part
    sizes = "/".join(map(str, np.bincount(part).tolist()))
    said = what_varies(data, [scenario(split=name)])
    within = " within classes" if name == "stratified" else ""
    assert f"the split ({name}: a fresh permutation{within}, cut {sizes})" in said
    assert said.endswith("SD is over such re-draws of one data set.")


def test_a_split_by_groups_and_one_of_folds_are_described() -> None:
    assert "(person: 60/20/20 %, each person " in what_varies(tiny(), [scenario(split="person")])
    turned = Split("turned", by="person", shares=(0.8, 0.1, 0.1), folds=10)
    said = what_varies(replace(tiny(), splits=(turned,)), [scenario(split="turned")])
    assert "(turned: 10 folds " in said
    assert "every 10 trials, each person " in said


def test_a_report_tells_all_that_some_cell_re_draws() -> None:
    both = [scenario(), scenario(missing=("b",), missing_fraction=0.1)]
    assert "which rows lack a view" in what_varies(tiny(), both)
    assert what_varies(tiny(), []) == ""


def test_splits_that_are_compared_are_described_one_by_one() -> None:
    said = what_varies(tiny(), [scenario(split=name) for name in ("rows", "person", "rows")])
    assert "the split (rows: a fresh permutation, cut 36/12/12; person: 60/20/20 %" in said
    mixed = what_varies(fixed(), [scenario(split=name) for name in ("official", "apart")])
    assert "(apart: 60/20/20 %, each subject " in mixed
    assert "; under the official split, training, tuning and test rows never change" in mixed


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        ({"label_fraction": 1.0}, "SD is over fits on one test set"),
        ({"missing": ("b",), "missing_fraction": 0.1}, "SD is over label and mask draws on one"),
    ],
)
def test_an_sd_is_over_what_is_drawn_of_a_fixed_split(changes: dict, over: str) -> None:
    assert over in what_varies(fixed(), [scenario(split="official", **changes)])


def test_fits_without_epochs_re_draw_neither_weights_nor_minibatches() -> None:
    said = what_varies(fixed(), [scenario(split="official")], trained=False)
    assert said.startswith("Each trial re-draws the labelled rows; training, tuning")
    whole = scenario(split="official", label_fraction=1.0)
    assert what_varies(fixed(), [whole], trained=False) == "No trial re-draws anything."
