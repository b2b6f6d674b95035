"""Split leakage: which splits are compared, and that its fits are Table 2's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from datasets import deap, digits, mfeat, watch
from datasets.base import Dataset, Split
from harness.plan.cards import method_cards
from harness.plan.expand import expand
from protocols.base import BUDGETS, Cell
from protocols.split_leakage import SHOWN, SplitLeakage, compared
from protocols.table2 import Table2
from tests.helpers import tiny


def cells(data: Dataset, budget: str = "preview") -> list[Cell]:
    return list(SplitLeakage().cells(data, "ignored", BUDGETS[budget], method_cards()))


def with_splits(*splits: Split) -> Dataset:
    return replace(tiny(), splits=splits)


def names(data: Dataset) -> list[str]:
    return [split.name for split in compared(data)]


@pytest.mark.parametrize("split", ["person", "recording", "window"])
def test_its_fits_are_table_2s_under_the_same_split(split: str) -> None:
    data, budget = watch.load(), BUDGETS["preview"]
    table = {
        (cell.row.key, cell.label_fraction): cell
        for cell in Table2().cells(data, split, budget, method_cards())
    }
    mine = [cell for cell in cells(data) if cell.at == {"split": split}]
    assert {cell.scenario.split for cell in mine} == {split}
    for cell in [cell for cell in mine if not cell.row.optional]:
        theirs = table[cell.row.key, cell.label_fraction]
        assert [job.id for job in expand(cell, data, budget, 1, 0)] == [
            job.id for job in expand(theirs, data, budget, 1, 0)
        ]


def test_the_leakiest_split_comes_first_and_is_compared_with_all_that_leak_less() -> None:
    assert names(watch.load()) == ["window", "recording", "person"]
    assert names(tiny()) == ["rows", "person"]
    order = [cell.at["split"] for cell in cells(watch.load()) if cell.row.key == "svm"]
    assert list(dict.fromkeys(order)) == ["window", "recording", "person"]


def test_deaps_published_split_is_the_leaky_one() -> None:
    groups = {name: tiny().groups["person"] for name in ("subject", "trial", "stimulus")}
    data = replace(tiny(), splits=deap.SPLITS, groups=groups)
    assert names(data) == ["segment", "trial", "subject", "stimulus"]
    assert data.split().name == "segment"


def test_splits_that_leak_different_groups_are_no_measure_of_a_leak() -> None:
    data = with_splits(
        Split("films", by="day", leaks=("person",)), Split("people", by="person", leaks=("day",))
    )
    assert compared(data) == ()
    assert "tiny" in SplitLeakage().unfit(data)


@pytest.mark.parametrize("data", [mfeat.load(), digits.load()], ids=["mfeat", "digits"])
def test_data_without_a_leaky_split_are_refused_with_the_names_of_some_that_have_one(
    data: Dataset,
) -> None:
    reason = SplitLeakage().unfit(data)
    assert all(name in reason for name in ("watch", "eegmat", "deap", "group_<name>"))


def test_a_chosen_split_is_refused_for_all_of_them_run() -> None:
    data = replace(watch.load(), key="watch:acc,gyr@window")
    assert "without @window" in SplitLeakage().unfit(data)
    assert SplitLeakage().unfit(watch.load()) == ""


def test_eight_rows_run_by_default_and_the_others_of_table_2_by_name() -> None:
    rows = SplitLeakage().rows(("acc", "gyr"), method_cards())
    assert {row.key for row in rows if not row.optional} == set(SHOWN)
    table = {row.key for row in Table2().rows(("acc", "gyr"), method_cards())}
    assert {row.key for row in rows} == table - {"svm_all_labels"}
    assert {row.published for row in rows} == {None}
    assert [row.block for row in rows] == sorted(
        (row.block for row in rows), key=["supervised", "transductive", "inductive"].index
    )


def test_a_preview_shows_the_two_ends_of_the_shares_of_labels() -> None:
    for budget, shares in (
        ("smoke", {0.02}),
        ("preview", {0.02, 0.1}),
        ("paper", {0.02, 0.05, 0.1}),
    ):
        assert {cell.label_fraction for cell in cells(watch.load(), budget)} == shares


def test_splits_that_are_compared_are_scaled_alike() -> None:
    data = replace(tiny(), file_group="person", scaling="per_file")
    assert {cell.scenario.scaling for cell in cells(data)} == {"global"}
