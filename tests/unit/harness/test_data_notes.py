"""What a report says of its data: how rows were scaled, and what a trial re-draws."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.base import Dataset
from harness import registry
from harness.plan.lacking import digest
from harness.plan.plan import Plan, plan_cells
from harness.plan.rows import Selection
from harness.report.captions import facts
from harness.run.describe import _absent, _left_out
from protocols.base import BUDGETS, Budget, Cell, MethodCard, scaling_rule
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
    groups = {"person": np.arange(240) // 24, "day": np.arange(240) // 3}
    data = replace(tiny(n=240), groups=groups, file_group="person", scaling="per_file")
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


def test_absent_views_stand_under_every_table_and_figure_of_data_that_lack_some(
    tmp_path: Path,
) -> None:
    class Table(Sweep):
        layout = {"kind": "table"}

        def cells(self, *given: Any) -> tuple[Cell, ...]:
            return super().cells(*given)[:1]

    whole = tiny(n=120, dims=(6, 4, 3))
    first = np.hstack([np.full((120, 1), 7, np.float32), whole.views[0][:, 1:]])
    whole = replace(whole, views=(first, *whole.views[1:]))
    lost = np.where((np.arange(120) % 4 == 0)[:, None], np.float32(np.nan), whole.views[1])
    data = replace(whole, views=(whole.views[0], lost, whole.views[2]))
    for protocol, told in itertools.product((Sweep(), Table()), (data, whole)):
        cells = plan_cells({"sweep": protocol}, {"tiny": told}, {"tiny": "rows"}, BUDGET)
        plan = Plan(cells, {"tiny": told}, {"tiny": "rows"}, BUDGET)
        folder = tmp_path / protocol.layout["kind"] / str(told is whole)
        records = ended_well(plan, folder)
        reported(plan, protocol, records, folder)
        page = (folder / "run" / "sweep" / "index.html").read_text("utf-8")
        assert ("b is absent from " in (folder / "run/sweep/sweep.md").read_text()) is (
            told is data
        )
        assert (f"mask {digest(data, [data.present])}." in page) is (told is data)
        assert ("b is absent from " in page) is (told is data)
        assert ("masks of the trials" in page) is (told is data)
        for name in ("sweep.md", "sweep.tex", "index.html"):
            text = (folder / "run/sweep" / name).read_text("utf-8")
            assert "a, of 6: 1 in the data" in text  # the constant column


def test_data_sets_left_out_are_named_once_and_with_the_flag_where_it_is_short() -> None:
    assert _left_out(()) == ""
    assert _left_out(("mfeat", "watch")) == "without mfeat, watch (--dataset mfeat watch)"
    assert _left_out(("synthetic:a,b", "synthetic:o,m")) == "without synthetic"


def test_what_is_known_of_simulated_data_reaches_the_report() -> None:
    note = replace(NOTE, kind="simulated", known={"bayes_accuracy": 0.9004})
    assert ("Known", "bayes accuracy .900") in facts(note)
    assert "Known" not in dict(facts(NOTE))


def test_figures_on_the_same_trials_have_the_same_digests_of_masks() -> None:
    whole = tiny(n=120, dims=(6, 4, 3))
    lost = np.where((np.arange(120) % 4 == 0)[:, None], np.float32(np.nan), whole.views[1])
    data = replace(whole, views=(whole.views[0], lost, whole.views[2]))
    figures = {name: registry.load_protocol(name) for name in ("figure3", "figure4")}
    rows = Selection(("simvae", "full_data", "mean_impute"))
    cells = plan_cells(figures, {"tiny": data}, {"tiny": "rows"}, BUDGETS["preview"], rows)
    plan = Plan(cells, {"tiny": data}, {"tiny": "rows"}, BUDGETS["preview"])
    said = {name: _absent(plan, data, [c for c in cells if c.protocol == name]) for name in figures}
    digests = {name: re.findall(r"(\d+) % ([0-9a-f]{16})", said[name][-1]) for name in figures}
    assert digests["figure3"] == digests["figure4"]
    assert [share for share, _ in digests["figure3"]] == ["10", "50", "90"]
    assert len({mask for _, mask in digests["figure3"]}) == 3
