"""Table 1: it fits nothing, and the paper's own figures stand as data."""

from __future__ import annotations

from harness.plan.cards import method_cards
from protocols.base import BUDGETS
from protocols.published import published_table
from protocols.table1 import Table1
from tests.helpers import tiny


def test_table_1_has_neither_rows_nor_cells() -> None:
    assert Table1().rows(("a", "b"), method_cards()) == ()
    assert Table1().cells(tiny(), "rows", BUDGETS["paper"], method_cards()) == ()


def test_the_published_table_has_every_printed_figure() -> None:
    found = published_table("table1")
    assert found is not None
    assert found.to_numpy().tolist() == [
        ["SEED", 22734, "EEG(310), Eye(33)", 13473, 4725, 4536, 3],
        ["DEAP", 21042, "EEG(128), PPS(32)", 16834, 2104, 2104, 4],
    ]


def test_the_published_parts_sum_to_the_published_samples() -> None:
    found = published_table("table1")
    assert found is not None
    assert (found[["training", "validation", "test"]].sum(axis=1) == found["samples"]).all()
