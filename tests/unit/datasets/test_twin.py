"""What twins share: the marker, whole files, and how long it takes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from datasets._twin import MARKER, claim, is_twin, paced, whole
from datasets.base import DataError


def test_all_folders_are_marked_or_none(tmp_path: Path) -> None:
    free, taken = tmp_path / "free", tmp_path / "taken"
    taken.mkdir()
    (taken / "s01.dat").touch()
    with pytest.raises(DataError, match="taken holds files that are no twin"):
        claim((free, taken), "--make-twin x")
    assert not free.exists()
    assert not is_twin(taken, tmp_path)
    claim((free,), "--make-twin x")
    claim((free,), "--make-twin x")  # the same command goes on
    assert is_twin(free, tmp_path)
    assert "--make-twin x" in (free / MARKER).read_text("utf-8")
    with pytest.raises(DataError, match="the twin of another command"):
        claim((free,), "--make-twin y")


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    with whole(tmp_path / "a.txt") as part:
        part.write_text("all of it")
        assert not (tmp_path / "a.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_was_stopped_leaves_the_old_one(tmp_path: Path) -> None:
    def stopped() -> None:
        with whole(tmp_path / "a.txt") as part:
            part.write_text("ha")
            raise KeyboardInterrupt

    (tmp_path / "a.txt").write_text("all of it")
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["all of it"]


def test_the_time_that_is_left_follows_from_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 60.0, 120.0, 180.0, 0.0, 0.0, 0.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    said: list[str] = []
    assert list(paced("x twin: subject", range(2, 5), 5, said.append)) == [2, 3, 4]
    assert said == [
        "x twin: subject 2 of 5 and those before it are there already",
        "x twin: subject 3 of 5, about 2 min left",
        "x twin: subject 4 of 5, about 60 s left",
        "x twin: subject 5 of 5",
    ]
    assert list(paced("x", range(2), 2, None)) == [0, 1]
