"""What a report says of its data: how rows were scaled, and what a trial re-draws."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.base import Dataset
from harness.plan.plan import Plan, plan_cells
from harness.report.captions import facts
from harness.run.describe import _left_out
from protocols.base import Budget, Cell, MethodCard, scaling_rule
from tests.helpers import tiny
from tests.unit.harness.fake_figures import NOTE
from tests.unit.harness.test_reporting import BUDGET, Sweep, ended_well, planned, reported


class Filed(Sweep):
    """The sweep under the scaling that its data set asks for."""

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        scaling = scaling_rule(data, split)
        return tuple(
            replace(cell, scenario=replace(cell.scenario, split=split, scaling=scaling))
            for cell in super().cells(data, split, budget, methods)
        )


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("rows", "scaling: per person, fitted on training rows"),
        ("person", "scaling: global, fitted on training rows, not per person"),
    ],
)
def test_the_scaling_that_was_applied_is_said(tmp_path: Path, split: str, said: str) -> None:
    data = replace(tiny(n=120), file_group="person", scaling="per_file")
    cells = plan_cells({"sweep": Filed()}, {"tiny": data}, {"tiny": split}, BUDGET)
    plan = Plan(cells, {"tiny": data}, {"tiny": split}, BUDGET)
    reported(plan, Filed(), ended_well(plan, tmp_path), tmp_path)
    assert said in (tmp_path / "run" / "sweep" / "index.html").read_text("utf-8")


def test_what_a_trial_re_draws_stands_under_every_table_and_figure(tmp_path: Path) -> None:
    class Table(Sweep):
        layout = {"kind": "table"}

    for protocol in (Sweep(), Table()):
        plan = planned(protocol)
        folder = tmp_path / protocol.layout["kind"]
        reported(plan, protocol, ended_well(plan, folder), folder)
        page = (folder / "run" / "sweep" / "index.html").read_text("utf-8")
        said = "Each trial re-draws the split (rows: a fresh permutation, cut 36/12/12)"
        captions = re.findall(r"<figcaption>.*?</figcaption>", page, re.DOTALL)
        assert captions
        assert all(said in caption for caption in captions)
        if protocol.layout["kind"] == "table":
            under = page.split("</table>", 2)[2].split("<h3>")[0]
            assert said in under
            for name in ("sweep.md", "sweep.tex"):
                assert said in (folder / "run" / "sweep" / name).read_text("utf-8")
        else:
            assert "which rows lack a view" in page


def test_data_sets_left_out_are_named_once_and_with_the_flag_where_it_is_short() -> None:
    assert _left_out(()) == ""
    assert _left_out(("mfeat", "watch")) == "without mfeat, watch (--dataset mfeat watch)"
    assert _left_out(("synthetic:a,b", "synthetic:o,m")) == "without synthetic"


def test_what_is_known_of_simulated_data_reaches_the_report() -> None:
    note = replace(NOTE, kind="simulated", known={"bayes_accuracy": 0.9004})
    assert ("Known", "bayes accuracy .900") in facts(note)
    assert "Known" not in dict(facts(NOTE))
