"""Power of a plan's cells before it runs: which cells have one, and what a dry run prints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from datasets.base import Provenance
from harness.plan.plan import Plan, PlannedCell
from harness.plan.power import paper_name, power_lines, power_of
from protocols.base import BUDGETS, Cell, Scenario, Stage, TableRow
from protocols.published import published_table
from tests.helpers import scenario, tiny


def whole_table(kind: str = "licensed", split: str = "rows", trials: int = 20) -> Plan:
    """A plan of all 84 cells that Table 2 prints, on small data with the names of the paper's."""
    table = published_table("table2")
    assert table is not None
    licensed = Provenance(kind, "from their owner", "signed")  # type: ignore[arg-type]
    data = {
        name: replace(tiny(), key=name, draw_key=name.lower(), provenance=licensed)
        for name in dict.fromkeys(table["dataset"])
    }
    wanted: Scenario = scenario()
    cells = []
    for line in table.to_dict("records"):
        row = TableRow(
            line["row"], line["row"], line["paradigm"], "inductive", (Stage("svm"),), line["row"]
        )
        cell = Cell(row, wanted, line["labelled_percent"] / 100)
        cells.append(PlannedCell("table2", line["dataset"], cell, ((),) * trials))
    return Plan(cells, data, dict.fromkeys(data, split), BUDGETS["paper"])


def test_all_cells_of_table_2_have_their_power_before_the_run() -> None:
    table = power_of(whole_table())
    assert len(table) == 84
    assert (table["power"] >= 0.8).sum() == 34
    assert (table["power"] < 0.2).sum() == 23
    assert (~table["possible"]).sum() == 2
    text = power_lines(table)
    assert len(text) == 86
    for count in ("84", "34", "23", "2"):
        assert f" {count} " in f" {text[-1]} "


def test_fewer_trials_have_less_power() -> None:
    plans = [whole_table(trials=n) for n in (20, 3, 1)]
    short = [replace(plan, cells=plan.cells[-12:]) for plan in plans]
    many, few, one = (power_of(plan)["power"].to_numpy() for plan in short)
    assert (few < many)[many > 0.2].all()
    assert np.isfinite(one).all()


@pytest.mark.parametrize(
    ("kind", "split"), [("open", "rows"), ("simulated", "rows"), ("licensed", "person")]
)
def test_only_the_papers_own_data_and_split_have_one(kind: str, split: str) -> None:
    plan = whole_table(kind, split)
    assert power_of(plan).empty
    assert power_lines(power_of(plan)) == []
    assert paper_name(plan.data["SEED"], split) is None


def test_a_protocol_without_published_accuracies_has_none() -> None:
    plan = whole_table()
    for name in ("figure3", "table1"):
        other = replace(plan, cells=[replace(cell, protocol=name) for cell in plan.cells])
        assert power_of(other).empty
