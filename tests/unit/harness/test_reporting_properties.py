"""A protocol that fits nothing: its report needs no trial, and says what is not the paper's."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from datasets.base import Dataset
from harness import registry
from harness.plan import properties
from harness.plan.plan import Plan, settle
from harness.report.publish import publish
from harness.run.describe import describe
from harness.store.manifest import write_manifest
from harness.store.store import Store
from protocols.base import BUDGETS
from tests.helpers import tiny


def of_kind(kind: Any) -> Dataset:
    data = tiny()
    return replace(data, draw_key="seed", provenance=replace(data.provenance, kind=kind))


def reported(data: Sequence[Dataset], folder: Path, budget: str = "smoke") -> tuple[int, str]:
    """What is counted as bad, and what is said."""
    said = io.StringIO()
    opened, splits = {one.key: one for one in data}, {one.key: one.splits[0].name for one in data}
    counted = properties.properties_of_all(opened, splits, BUDGETS[budget].trials, 0)
    plan = settle(Plan([], opened, splits, BUDGETS[budget], {"table1": counted}), {})
    console = Console(file=said, width=200, soft_wrap=True)
    protocols = {"table1": registry.load_protocol("table1")}
    store = Store(folder / "results")
    run = describe(plan, protocols, "run", "command")
    write_manifest(store.folder, run)
    return publish(run, {}, store, folder, console), said.getvalue()


def test_the_folder_is_whole_without_any_trial(tmp_path: Path) -> None:
    bad, said = reported([tiny()], tmp_path)
    names = {path.name for path in (tmp_path / "run" / "table1").rglob("*") if path.is_file()}
    figures = {f"table1_tiny.{kind}" for kind in ("svg", "png", "pdf")}
    tables = {"index.html", "table1.csv", "table1.md", "table1.tex", "counts.csv"}
    tables |= {"summary.json"}
    assert names == tables | figures
    assert bad == 0
    assert f"wrote {len(names)} files under " in said


def test_a_budgets_word_on_accuracies_is_not_printed_on_counts(tmp_path: Path) -> None:
    for budget in BUDGETS.values():
        reported([tiny()], tmp_path, budget.name)
        text = (tmp_path / "run" / "table1" / "index.html").read_text("utf-8")
        assert not budget.stamp or budget.stamp not in text
        assert f"Counts over the draws of {budget.trials} trial" in text


def test_a_count_unlike_the_papers_is_said_with_the_command_that_explains_it(
    tmp_path: Path,
) -> None:
    bad, said = reported([of_kind("licensed")], tmp_path)
    assert bad == 0
    assert "tiny: #sample, #modality (#dim.), #training, #validation, #test differ" in said
    assert "--check-data" in said
    table = pd.read_csv(tmp_path / "run" / "table1" / "table1.csv")
    assert table["published_samples"].tolist() == [22734]
    assert table["published_samples_is"].tolist() == ["−22674"]
    assert table["published_classes_is"].tolist() == ["equal"]


@pytest.mark.parametrize("kind", ["simulated", "open"])
def test_neither_simulated_nor_open_data_are_compared(kind: str, tmp_path: Path) -> None:
    _, said = reported([of_kind(kind)], tmp_path)
    assert "differ" not in said
    table = pd.read_csv(tmp_path / "run" / "table1" / "table1.csv")
    assert table.filter(like="published").isna().all(axis=None)
    text = (tmp_path / "run" / "table1" / "index.html").read_text("utf-8")
    assert ("SIMULATED in the format of SEED" in text) is (kind == "simulated")
    assert ("22734" in text) is (kind == "simulated")
