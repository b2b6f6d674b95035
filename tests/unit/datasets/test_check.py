"""The findings of a data check: counts side by side, and files that are not read."""

from __future__ import annotations

from pathlib import Path

from datasets._check import DataCheck, Finding, compare_count, unread_files
from datasets._simulated import MARKER


def test_a_count_that_agrees_needs_no_fix() -> None:
    assert compare_count("rows", 3, 3, "never said") == Finding("rows", "3", "3")
    assert compare_count("rows", 2, 3, "one is lost") == Finding(
        "rows", "2", "3", False, "one is lost"
    )


def test_a_data_check_is_right_if_all_its_lines_are() -> None:
    right, wrong = compare_count("rows", 3, 3, ""), compare_count("rows", 2, 3, "why")
    assert DataCheck("x", "folder", False, (right,)).ok
    assert not DataCheck("x", "folder", False, (right, wrong)).ok


def test_unread_files_are_counted_and_named_but_not_folders_and_markers(tmp_path: Path) -> None:
    assert unread_files([tmp_path], set()).found == "none"
    for name in ("s01.mat", "d.txt", "\x1b[31mc.txt", "b.txt", "a.txt", MARKER, ".DS_Store"):
        (tmp_path / name).touch()
    (tmp_path / "inner").mkdir()
    line = unread_files([tmp_path], {"s01.mat"})
    assert line.found == "4: ??31mc.txt, a.txt, b.txt, ..."
    assert line.ok
