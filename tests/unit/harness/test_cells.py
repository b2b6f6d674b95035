"""Addresses of stored cells, also those of figures, and how near ones are found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.analysis.cells import StoredCell, cells_of, find
from harness.analysis.ingredients import differences, ingredients, moved, phrase
from harness.store.manifest import Manifest
from harness.store.record import Record
from tests.helpers import manifest_of, record_of
from tests.unit.harness.test_reporting import Sweep, planned

PLACES = ["sweep/tiny/majority/inductive/30/missing=0.1"]
PLACES.append(PLACES[0].replace("0.1", "0.5"))


@pytest.fixture(scope="module")
def run() -> Manifest:
    made = manifest_of(planned(Sweep()), "sweep")
    (entry,) = made.protocols
    return replace(made, protocols=(replace(entry, layout=dict(Sweep.layout)),))


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    metrics = {"test_accuracy": 0.5, "n_labelled": 9, "n_unlabelled": 1, "n_test": 5}
    jobs = planned(Sweep()).jobs
    made = {name: record_of(job, metrics=metrics, drawn="ab" * 8) for name, job in jobs.items()}
    # As a ledger gives them back.
    return {name: Record.parse(record.line()) for name, record in made.items()}


@pytest.fixture
def cells(run: Manifest, records: dict[str, Record]) -> list[StoredCell]:
    return cells_of([run], records)


def test_a_figures_cells_have_their_places_in_the_address(cells: list[StoredCell]) -> None:
    assert [cell.address for cell in cells] == PLACES
    for place in PLACES:
        (found,), trial = find(cells, place)
        assert (found.address, trial) == (place, None)
        assert find(cells, f"{place}/1") == ([found], 1)


def test_without_its_place_a_cell_of_several_is_not_named(cells: list[StoredCell]) -> None:
    with pytest.raises(LookupError) as refused:
        find(cells, "sweep/tiny/majority/inductive/30")
    assert all(place in str(refused.value) for place in PLACES)
    assert find(cells[:1], "sweep/tiny/Majority/inductive/30 %")[0] == cells[:1]


def test_the_number_is_the_first_value_of_the_layout(cells: list[StoredCell]) -> None:
    assert cells[0].column == "accuracy"
    assert cells[0].values == {0: 0.5, 1: 0.5}


def changed(cell: StoredCell, **changes: Any) -> StoredCell:
    records = {name: replace(record, **changes) for name, record in cell.records.items()}
    return replace(cell, records=records)


def test_cells_of_equal_ingredients_differ_in_nothing(cells: list[StoredCell]) -> None:
    again = changed(cells[0], seconds=99.0, ended="2030")  # no ingredient
    assert differences(ingredients(cells[0]), ingredients(again)) == {}


def test_values_are_paired_where_both_say_that_the_rows_are_the_same(
    cells: list[StoredCell],
) -> None:
    cell = cells[0]
    metrics = dict(next(iter(cell.records.values())).metrics)
    found = moved(cell, changed(cell, metrics=metrics | {"test_accuracy": 0.75}))
    assert (set(found.changed), found.mean) == ({0, 1}, 0.25)
    assert moved(cell, changed(cell, drawn="0" * 16)).unlike == (0, 1)
    # Without the digest the same fit is the same trial, and another fit is not known to be.
    silent = changed(cell, drawn="")
    assert set(moved(cell, silent).pairs) == {0, 1}
    others = {n: replace(r, id=f"{n}x", drawn="") for n, r in cell.records.items()}
    assert moved(cell, replace(cell, records=others)).unknown == (0, 1)


def test_many_changes_are_cut_and_counted() -> None:
    text = phrase("code", [f"file{i}.py a -> b" for i in range(9)])
    assert "file3.py" in text
    assert "file4.py" not in text
    assert "5 more" in text
