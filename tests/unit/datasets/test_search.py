"""Files below the data root: how deep, in which case, and what two copies that differ lead to."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from datasets._io import search
from tests.helpers import refusal


def number(name: str) -> int | None:
    match = re.fullmatch(r"f(\d)\.dat", name, re.IGNORECASE)
    return int(match[1]) if match else None


def put(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_six_folders_down_and_no_further(tmp_path: Path) -> None:
    put(tmp_path / "1/2/3/4/5/6/f1.dat")
    put(tmp_path / "a/2/3/4/5/6/7/f2.dat")
    (copy,) = search.copies(search.walk(tmp_path), number)
    assert list(copy.files) == [1]
    assert copy.depth == search.DEPTH == 6


def test_hidden_folders_circles_and_what_is_not_there(tmp_path: Path) -> None:
    put(tmp_path / ".trash/f1.dat")
    put(tmp_path / "__MACOSX/f1.dat")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert search.copies(search.walk(tmp_path), number) == []
    assert search.walk(tmp_path / "nowhere") == ()


def test_files_behind_a_link_are_found_once(tmp_path: Path) -> None:
    put(tmp_path / "far/f1.dat")
    (tmp_path / "root").mkdir()
    for name in ("a", "b"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "far")
    assert len(search.copies(search.walk(tmp_path / "root"), number)) == 1


def test_a_root_with_too_many_folders_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_FOLDERS", 2)
    for name in "abc":
        (tmp_path / name).mkdir()
    assert "--data-root" in refusal(lambda: search.walk(tmp_path))


def test_two_copies_are_compared_and_asked_about(tmp_path: Path) -> None:
    for place in ("a", "b/c"):
        put(tmp_path / place / "f1.dat", "same")
    found = search.copies(search.walk(tmp_path), number)
    assert search.settled("toy", found, tmp_path) is found[0]
    put(tmp_path / "b/c/f1.dat", "other")
    message = refusal(lambda: search.settled("toy", found, tmp_path))
    assert all(part in message for part in ("f1.dat", "a", "b/c", "toy.folder="))
    for folder in ("b", "b/c", str(tmp_path / "b")):
        assert search.inside("toy", found, tmp_path, folder) == [found[1]]
    assert "a, b/c" in refusal(lambda: search.inside("toy", found, tmp_path, "d"))


def test_a_copy_in_the_root_itself_can_be_chosen(tmp_path: Path) -> None:
    put(tmp_path / "f1.dat", "one")
    put(tmp_path / "a/f1.dat", "two")
    found = search.copies(search.walk(tmp_path), number)
    assert [c.folder for c in search.inside("toy", found, tmp_path, ".")] == [tmp_path]


def test_one_file_under_two_names(tmp_path: Path) -> None:
    put(tmp_path / "F1.DAT", "same")
    put(tmp_path / "f1.dat", "same")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("names differ in more than case here")
    found = search.copies(search.walk(tmp_path), number)
    assert search.settled("toy", found, tmp_path).files[1].name == "F1.DAT"
    put(tmp_path / "f1.dat", "other")
    assert "F1.DAT and f1.dat" in refusal(lambda: search.settled("toy", found, tmp_path))


def test_archives_by_name_or_by_what_is_in_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("folder/f1.dat", b"")
    for name in ("toy.rar", "toy.txt", "other.rar", "broken.zip"):
        put(tmp_path / name, "no archive")
    clauses = search.archives(search.walk(tmp_path), re.compile("toy"), number)
    assert [clause.split()[0] for clause in clauses] == ["toy.rar", "x.zip"]


def test_a_few_near_misses_are_shown_each_once() -> None:
    assert search.resembling([]) == ""
    assert search.resembling(["a", "b", "a"]) == "; a; b"
    assert search.resembling(map(str, range(9))).endswith("; 5; and 3 more")
