"""A receipt's lines: counts side by side, and files that nobody asked for."""

from __future__ import annotations

from pathlib import Path

from datasets._receipt import Finding, Receipt, beside, counted
from datasets._twin import MARKER


def test_a_count_that_agrees_needs_no_mend() -> None:
    assert counted("rows", 3, 3, "never said") == Finding("rows", "3", "3")
    assert counted("rows", 2, 3, "one is lost") == Finding("rows", "2", "3", False, "one is lost")


def test_a_receipt_is_right_if_all_its_lines_are() -> None:
    right, wrong = counted("rows", 3, 3, ""), counted("rows", 2, 3, "one is lost")
    assert Receipt("x", "folder", False, (right,)).ok
    assert not Receipt("x", "folder", False, (right, wrong)).ok


def test_files_beside_are_counted_and_named_but_not_folders_and_markers(tmp_path: Path) -> None:
    assert beside([tmp_path], set()).found == "none"
    for name in ("s01.mat", "d.txt", "\x1b[31mc.txt", "b.txt", "a.txt", MARKER, ".DS_Store"):
        (tmp_path / name).touch()
    (tmp_path / "inner").mkdir()
    line = beside([tmp_path], {"s01.mat"})
    assert line.found == "4: ??31mc.txt, a.txt, b.txt, ..."
    assert line.ok
