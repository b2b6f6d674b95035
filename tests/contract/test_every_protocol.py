"""Every registered protocol lists cells that make sense on its data sets, under every budget."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from datasets.base import Dataset, Split
from harness import registry
from harness.layout import Layout
from harness.plan.cards import method_cards
from harness.plan.expand import expand
from harness.plan.properties import fits_nothing
from harness.plan.resolve import open_dataset
from protocols.base import (
    BUDGETS,
    PARADIGMS,
    Budget,
    Cell,
    Protocol,
    label_fractions,
    label_rule,
    scaling_rule,
)
from tests.contract.suite import PROTOCOLS, every_protocol
from tests.helpers import tiny, trial

every_budget = pytest.mark.parametrize("budget", sorted(BUDGETS))


@cache
def opened(spec: str) -> tuple[Dataset, str]:
    return open_dataset(spec)


def cells_of(protocol: Protocol, spec: str, budget: Budget) -> tuple[Cell, ...]:
    data, split = opened(spec)
    return protocol.cells(data, split, budget, method_cards())


def test_every_protocol_is_in_this_suite() -> None:
    assert "table2" in PROTOCOLS
    assert set(PROTOCOLS) == set(registry.entries("protocols"))


@every_protocol
def test_the_file_says_what_it_is(key: str) -> None:
    assert len(registry.first_line("protocols", key)) > 20
    assert registry.load_protocol(key).title


@every_protocol
def test_the_layout_is_one_that_the_renderer_knows(key: str) -> None:
    protocol = registry.load_protocol(key)
    layout = Layout.of(protocol.layout)
    axes = [axis.name for axis in layout.axes]
    for spec in protocol.datasets["smoke"]:
        for cell in cells_of(protocol, spec, BUDGETS["smoke"]):
            assert list(cell.at) == axes
    if layout.kind not in ("table", "properties"):
        assert layout.values
        assert layout.shows
        assert layout.claim or not key.startswith("figure")


@every_protocol
@every_budget
def test_default_data_sets_need_no_licence_and_are_registered(key: str, budget: str) -> None:
    specs = registry.load_protocol(key).datasets[budget]
    assert specs
    for spec in specs:
        assert opened(spec)[0].provenance.kind == ("simulated" if key == "controls" else "open")


@every_protocol
@every_budget
def test_cells_are_there_for_every_data_set(key: str, budget: str) -> None:
    protocol = registry.load_protocol(key)
    for spec in protocol.datasets[budget]:
        data, split = opened(spec)
        cells = cells_of(protocol, spec, BUDGETS[budget])
        if fits_nothing(protocol):
            assert cells == ()
            continue
        assert cells
        places = {(c.row.key, c.label_fraction, *c.at.items()) for c in cells}
        assert len(places) == len(cells)
        assert len({tuple(cell.at) for cell in cells}) == 1  # all on the same axes
        for cell in cells:
            assert cell.scenario.split == cell.at.get("split", split)
            assert cell.scenario.paradigm in PARADIGMS
            assert cell.row.paradigm == cell.scenario.paradigm
            assert 0 < cell.label_fraction <= 1
            assert cell.scenario.label_fraction in {cell.label_fraction, 1.0}
            assert set(cell.scenario.missing) <= set(data.view_names)
        if budget == "paper":
            assert not BUDGETS[budget].stamp
        else:
            assert BUDGETS[budget].stamp


@every_protocol
def test_every_cell_labels_and_scales_as_its_data_set_asks(key: str) -> None:
    data = tiny(n=120, classes=4)
    data = replace(
        data,
        groups={**data.groups, "tape": np.arange(data.n) % 3},
        splits=(*data.splits, Split("tape", by="tape")),
        file_group="tape",
        scaling="per_file",
    )
    assert [scaling_rule(data, split) for split in ("rows", "tape")] == ["per_file", "global"]
    protocol = registry.load_protocol(key)
    for kind, label in (
        ("open", "random_min_one"),
        ("licensed", "random"),
        ("simulated", "random"),
    ):
        theirs = replace(data, provenance=replace(data.provenance, kind=kind))
        for split in ("rows", "tape"):
            cells = protocol.cells(theirs, split, BUDGETS["paper"], method_cards())
            rules = {scaling_rule(theirs, cell.scenario.split) for cell in cells}
            # Splits that are compared are scaled alike.
            assert {cell.scenario.scaling for cell in cells} == (
                {"global"} if len(rules) > 1 else rules
            )
            assert {cell.scenario.label_rule for cell in cells} <= {label}


@every_protocol
def test_row_keys_are_unique_and_their_stages_exist(key: str) -> None:
    protocol = registry.load_protocol(key)
    rows = protocol.rows(("one", "two"), method_cards())
    assert not [name for name, count in Counter(row.key for row in rows).items() if count > 1]
    for row in rows:
        assert row.title
        assert row.block
        for stage in row.recipe:
            method = registry.load_method(stage.key)
            if row.paradigm == "transductive":
                assert method.can.unlabelled
            method.Config(**stage.config)
        assert registry.load_method(row.recipe[-1].key).can.classify or key != "table2"


HOSTILE = ("concat", "view:concat", "view:view:concat", "a*", "[a]", "глаз", "m2", "", "all", "Ä")


@every_protocol
def test_row_keys_are_unique_for_any_names_of_views(key: str) -> None:
    protocol, cards = registry.load_protocol(key), method_cards()
    ordinary = {row.key: row for row in protocol.rows(("one", "two"), cards)}
    for names in (HOSTILE, HOSTILE[::-1], *((name, "other") for name in HOSTILE)):
        rows = protocol.rows(names, cards)
        keys = [row.key for row in rows]
        assert len(set(keys)) == len(keys)
        fixed = {row.key: row for row in rows if row.recipe[0].views is None}
        # A view's name moves no row that reads all views.
        assert all(ordinary[name] == row for name, row in fixed.items())


@every_protocol
def test_every_cell_becomes_jobs_with_ids_of_their_own(key: str) -> None:
    protocol = registry.load_protocol(key)
    by_id: dict[str, object] = {}
    for budget in BUDGETS.values():
        (spec, *_) = protocol.datasets["smoke"]
        data, _ = opened(spec)
        for cell in cells_of(protocol, spec, budget):
            for number in range(2):
                jobs = expand(cell, data, budget, number, 0)
                assert len({job.id for job in jobs}) == len(jobs) >= 1
                for job in (stage for top in jobs for stage in top.stages()):
                    assert by_id.setdefault(job.id, job.identity()) == job.identity()


# ---------------------------------------------------------------- table 2


@every_budget
def test_table2_columns_are_label_fractions(budget: str) -> None:
    protocol, chosen = registry.load_protocol("table2"), BUDGETS[budget]
    for spec in protocol.datasets[budget]:
        data, _ = opened(spec)
        columns = label_fractions(data)[: chosen.columns]
        cells = cells_of(protocol, spec, chosen)
        for row in {cell.row.key for cell in cells}:
            assert tuple(c.label_fraction for c in cells if c.row.key == row) == columns
        assert {cell.scenario.label_rule for cell in cells} == {label_rule(data)}


def test_every_registered_classifier_has_a_row_in_table2() -> None:
    rows = registry.load_protocol("table2").rows(("one", "two"), method_cards())
    used = {stage.key for row in rows for stage in row.recipe}
    assert {card.key for card in method_cards() if card.classify} <= used


def test_a_supervised_row_is_given_labelled_rows_alone() -> None:
    data = tiny()
    protocol = registry.load_protocol("table2")
    for cell in protocol.cells(data, "rows", BUDGETS["paper"], method_cards()):
        _, problem, held_out = trial(data, cell.scenario)
        if cell.row.paradigm == "supervised":
            assert problem.labelled.all()
        if cell.row.paradigm == "transductive":
            assert set(held_out.test.ids) <= set(problem.rows.ids)
        else:
            assert not set(held_out.test.ids) & set(problem.rows.ids)
        assert not set(problem.tuning.ids) & (set(problem.rows.ids) | set(held_out.test.ids))
