"""What simulated copies share: the marker, complete files, and progress."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from datasets._simulated import (
    FORMER_MARKER,
    FORMER_NOTE,
    MARKER,
    complete_file,
    is_simulated,
    mark_folders,
    with_progress,
)
from datasets.base import DataError


def test_all_folders_are_marked_or_none(tmp_path: Path) -> None:
    free, taken = tmp_path / "free", tmp_path / "taken"
    taken.mkdir()
    (taken / "s01.dat").touch()
    with pytest.raises(DataError, match="taken"):
        mark_folders((free, taken), "--simulate x")
    assert not free.exists()
    assert not is_simulated(taken, tmp_path)
    mark_folders((free,), "--simulate x")
    mark_folders((free,), "--simulate x")  # the same command resumes
    assert is_simulated(free, tmp_path)
    assert "--simulate x" in (free / MARKER).read_text("utf-8")
    with pytest.raises(DataError, match=MARKER):
        mark_folders((free,), "--simulate y")


def test_a_file_is_complete_or_absent(tmp_path: Path) -> None:
    with complete_file(tmp_path / "a.txt") as part:
        part.write_text("all of it")
        assert not (tmp_path / "a.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    def stopped() -> None:
        with complete_file(tmp_path / "a.txt") as part:
            part.write_text("ha")
            raise KeyboardInterrupt

    (tmp_path / "a.txt").write_text("all of it")
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["all of it"]


def test_the_time_that_is_left_follows_from_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 60.0, 120.0, 180.0, 0.0, 0.0, 0.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    lines: list[str] = []
    assert list(with_progress("x: subject", range(2, 5), 5, lines.append)) == [2, 3, 4]
    assert lines[0].startswith("x: subject 2 of 5 ")
    assert lines[1:] == [
        "x: subject 3 of 5, about 2 min left",
        "x: subject 4 of 5, about 60 s left",
        "x: subject 5 of 5",
    ]
    assert list(with_progress("x", range(2), 2, None)) == [0, 1]


@pytest.mark.parametrize("marked", [FORMER_MARKER, "s01.dat"])
def test_copies_of_earlier_versions_are_recognised(tmp_path: Path, marked: str) -> None:
    path = tmp_path / "s01.dat"
    path.write_bytes(b"signals")
    assert not is_simulated(tmp_path, tmp_path, [path])
    (tmp_path / marked).write_bytes(FORMER_NOTE)
    assert is_simulated(tmp_path, tmp_path, [path])
