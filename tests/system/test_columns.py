"""Columns of a table as they are asked for, and rows that one view is too few for."""

from __future__ import annotations

from pathlib import Path

import pytest

import run_all
from harness.store.manifest import known
from tests.system.command_line import SERIAL, SMOKE, places


@pytest.mark.parametrize(
    ("asked", "heads"),
    [
        (
            ("--labels-per-class", "4", "2"),
            ("2 per class labelled (20 labels)", "4 per class labelled (40 labels)"),
        ),
        (
            ("--label-percent", "1.5", "50"),
            ("1.5 % labelled (16 labels)", "50 % labelled (539 labels)"),
        ),
    ],
)
def test_columns_are_those_asked_for(
    asked: tuple[str, ...], heads: tuple[str, str], tmp_path: Path
) -> None:
    assert run_all.main([*SMOKE, "--method", "majority", *asked, *SERIAL, *places(tmp_path)]) == 0
    (table,) = tmp_path.glob("reports/*/table2/table2.md")
    text = table.read_text("utf-8").replace("\u00a0", " ")
    assert all(head in text for head in heads)
    csv = (table.parent / "table2.csv").read_text("utf-8")
    assert ("labels_per_class" in csv) == (asked[0] == "--labels-per-class")


def test_one_view_leaves_out_rows_that_need_two_and_says_so(tmp_path: Path) -> None:
    chosen = ("--dataset", "digits:left", "--method", "majority", "dcca*")
    assert run_all.main([*SMOKE, *chosen, *SERIAL, *places(tmp_path)]) == 0
    ((run,), bad) = known(tmp_path / "results")
    assert bad == []
    assert {cell.key for cell in run.protocols[0].cells} == {"majority"}
    (note,) = run.protocols[0].datasets
    left = [text for text in note.remarks if text.startswith("not applicable")]
    assert any("DCCA+SVM (" in text for text in left)
    assert any("DCCAE+TSVM (" in text for text in left)
    (page,) = tmp_path.glob("reports/*/table2/index.html")
    assert "not applicable to these data: DCCA+SVM" in page.read_text("utf-8")
