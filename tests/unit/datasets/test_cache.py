"""The cache of features: named by content, complete or absent, safe under two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets._io import FOLDER, Arrays, cache, cached_features
from datasets._io.cache import folder
from datasets.base import DataError
from harness.registry import ROOT
from tests.unit.datasets.test_npz import Bomb

SETTINGS = {"features": "toy", "bands": ((1.0, 2.0),)}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "kept"))
    (tmp_path / "raw.bin").write_bytes(b"signals")
    return tmp_path / "raw.bin"


class Maker:
    """Counts how often features were computed."""

    def __init__(self, value: float = 1.0) -> None:
        self.calls, self.value = 0, value

    def __call__(self) -> Arrays:
        self.calls += 1
        return {"x": np.full((2, 3), self.value, np.float32)}


def entries() -> list[Path]:
    return sorted(folder().iterdir()) if folder().exists() else []


def test_what_was_computed_once_is_not_computed_again(source: Path) -> None:
    make = Maker()
    first, again = (cached_features(source, SETTINGS, make) for _ in range(2))
    assert make.calls == 1
    assert list(again) == list(first) == ["x"]
    np.testing.assert_array_equal(again["x"], first["x"])
    assert again["x"].dtype == np.float32


def test_other_bytes_or_settings_are_another_entry(source: Path) -> None:
    make = Maker()
    cached_features(source, SETTINGS, make)
    cached_features(source, {**SETTINGS, "bands": ((1.0, 3.0),)}, make)
    source.write_bytes(b"Signals")
    cached_features(source, SETTINGS, make)
    assert make.calls == len(entries()) == 3


def test_a_moved_file_is_the_same_entry(source: Path) -> None:
    make = Maker()
    cached_features(source, SETTINGS, make)
    cached_features(source.rename(source.with_name("moved.bin")), SETTINGS, make)
    assert make.calls == 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-100:-60] = bytes(40)
    path.write_bytes(raw)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def objects(path: Path) -> None:
    np.savez(path, x=np.array([Bomb()], dtype=object))


def misname(path: Path) -> None:
    cached_features(path.parents[1] / "raw.bin", {"features": "other"}, Maker(9.0))
    (other,) = [each for each in entries() if each != path]
    other.replace(path)


@pytest.mark.parametrize("harm", [cut, flip, empty, pipe, objects, misname])
def test_a_damaged_entry_is_computed_again_and_reported(
    source: Path, harm: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    make = Maker()
    cached_features(source, SETTINGS, make)
    harm(entries()[0])
    assert cached_features(source, SETTINGS, make)["x"][0, 0] == 1
    assert make.calls == 2
    printed = capsys.readouterr()
    assert entries()[0].name in printed.err
    assert "boom" not in printed.out
    cached_features(source, SETTINGS, make)
    assert make.calls == 2


def test_what_fails_leaves_nothing(source: Path) -> None:
    def fail() -> Arrays:
        raise DataError("s01.mat is damaged")

    with pytest.raises(DataError):
        cached_features(source, SETTINGS, fail)
    assert entries() == []


def test_an_interrupted_write_leaves_nothing(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, arrays: Arrays) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "write_npz", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached_features(source, SETTINGS, Maker())
    assert entries() == []


def test_a_folder_that_cannot_be_written_costs_time_only(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FOLDER, str(source / "below-a-file"))
    assert cached_features(source, SETTINGS, Maker())["x"].shape == (2, 3)
    assert FOLDER in capsys.readouterr().err


def test_a_source_that_cannot_be_read_is_named(source: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.bin"):
        cached_features(source.with_name("gone.bin"), SETTINGS, Maker())


def test_the_default_folder_is_ignored_by_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    assert folder() == ROOT / "cache"
    assert "/cache/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


TWO = """
import time
from pathlib import Path
import numpy as np
from datasets._io.cache import cached_features

def make():
    time.sleep(0.2)
    return {"x": np.arange(20_000.0)}

for turn in range(3):
    found = cached_features(Path("%s"), {"turn": turn}, make)
    assert found["x"].sum() == 199990000
"""


def test_two_processes_share_one_cache(source: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", TWO % source]
    pair = [
        subprocess.Popen(command, cwd=ROOT, env=os.environ, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[1] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], said
    assert said == ["", ""]
    assert len(entries()) == 3
    assert {path.suffix for path in entries()} == {".npz"}


def test_a_folder_in_place_of_an_entry_costs_time_only(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cached_features(source, SETTINGS, Maker())
    (path,) = entries()
    path.unlink()
    path.mkdir()
    assert cached_features(source, SETTINGS, Maker())["x"].shape == (2, 3)
    assert FOLDER in capsys.readouterr().err
    assert entries() == [path]
