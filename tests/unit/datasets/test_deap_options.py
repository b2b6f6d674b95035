"""DEAP's choices of scaling and folds: features stay raw, and folds are splits of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets import deap
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset
from harness.errors import UsageError
from harness.plan.expand import expand
from harness.plan.resolve import open_dataset
from protocols._splits import part_of_rows
from protocols.base import BUDGETS, Cell, Scenario, Stage, TableRow, draw, scaling_rule, seed_of
from tests.unit.datasets.small_deap import small_form, write_small

ROTATE = {"folds": "rotate"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_form(tmp_path_factory.mktemp("root")) as folder:
        write_small(folder, ("mat",))
        yield folder


@pytest.fixture(scope="module")
def data(root: Path) -> Dataset:
    return deap.load(root=root, options=ROTATE)


def test_features_are_raw_and_scaling_is_the_builders_affair(root: Path, data: Dataset) -> None:
    assert (data.scaling, data.file_group) == ("none", "subject")
    other = deap.load(root=root, options={"scaling": "per_file"})
    np.testing.assert_array_equal(other.views[0], data.views[0])
    rules = {split.name: scaling_rule(other, split.name) for split in other.splits}
    others = dict.fromkeys(("segment", "trial", "stimulus"), "per_file")
    assert rules == {**others, "subject": "global"}


def test_over_ten_trials_every_segment_is_a_test_row_once(data: Dataset) -> None:
    wanted = Scenario("segment_rotated", "inductive", 0.1, "random")
    tests = np.stack([draw(data, wanted, trial).part == TEST for trial in range(20)])
    assert (tests[:10].sum(axis=0) == 1).all()
    assert (tests[10:].sum(axis=0) == 1).all()
    assert (tests[0] != tests[10]).any()
    assert set(tests.sum(axis=1).tolist()) <= {data.n // 10, data.n // 10 + 1}


def test_rotated_trials_are_never_torn_apart(data: Dataset) -> None:
    split = data.split("trial_rotated")
    for turn in range(10):
        parts = part_of_rows(data, split, np.random.default_rng(4), turn)
        assert set(parts) == {TRAIN, TUNE, TEST}
        pairs = np.unique(np.stack([data.groups["trial"], parts]), axis=1)
        assert pairs.shape[1] == len(np.unique(data.groups["trial"]))


def test_the_papers_rows_make_folds_of_its_sizes(data: Dataset) -> None:
    n = 21042
    whole = replace(
        data,
        views=(np.arange(n, dtype=np.float32)[:, None],),
        view_names=("eeg",),
        labels=np.arange(n) % 4,
        groups={name: np.arange(n) // 63 for name in data.groups},
    )
    parts = part_of_rows(whole, whole.split(), np.random.default_rng(0), 3)
    assert np.bincount(parts).tolist() == [16834, 2104, 2104]


def test_a_rotated_split_shares_no_name_seed_or_job_with_the_random_one(
    root: Path, data: Dataset
) -> None:
    plain = deap.load(root=root)
    assert plain.splits == deap.SPLITS
    assert plain.fingerprint == data.fingerprint
    row = TableRow("row", "Row", "block", "inductive", (Stage("majority"),))
    for rotated, random in zip(data.splits, plain.splits, strict=True):
        assert replace(rotated, name=random.name, folds=0) == random
        assert rotated.name != random.name
        assert seed_of(data, rotated.name, 0, "split") != seed_of(plain, random.name, 0, "split")
        if rotated not in data.offered:  # four subjects are too few for ten folds
            continue
        ids = {
            expand(
                Cell(row, Scenario(split.name, "inductive", 0.1, "random"), 0.1),
                one,
                BUDGETS["smoke"],
                0,
                0,
            )[0].id
            for one, split in ((data, rotated), (plain, random))
        }
        assert len(ids) == 2


def test_the_data_check_and_run_all_know_rotating_folds(root: Path) -> None:
    assert "parts of the split segment" in {f.what for f in deap.check(root, ROTATE).findings}
    opened, split = open_dataset("deap", root, {"deap": ROTATE})
    assert (split, opened.key) == ("segment_rotated", "deap:eeg,pps+folds=rotate")
    with pytest.raises(UsageError, match="segment_rotated, trial_rotated, stimulus_rotated"):
        open_dataset("deap@trial", root, {"deap": ROTATE})
    with pytest.raises(UsageError, match="10 .* 4;.*deap@segment_rotated"):
        open_dataset("deap@subject_rotated", root, {"deap": ROTATE})
    with pytest.raises(DataError, match="one of random, rotate"):
        deap.load(root=root, options={"folds": "ten"})
