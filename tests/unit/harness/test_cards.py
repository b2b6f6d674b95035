"""Cards of methods kept between runs: used as long as they are right, made again otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import registry
from harness.plan import cards

LIST = ("--list", "rows", "--protocol", "table2")
HEAVY = ("torch", "sklearn", "scipy.stats", "ray", "matplotlib")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SIMVAE_CACHE", str(tmp_path))
    cards.forget()
    yield tmp_path
    cards.forget()


def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows whenever all methods are loaded."""
    real, calls = registry.load_methods, list[int]()
    monkeypatch.setattr(registry, "load_methods", lambda: calls.append(1) or real())
    return calls


def test_cards_say_what_the_methods_declare() -> None:
    made = cards.method_cards()
    cards.forget()
    kept = cards.method_cards()
    assert kept == made
    assert [card.key for card in kept] == list(registry.entries("methods"))
    for card in kept:
        can = registry.load_method(card.key).can
        assert card.title == registry.load_method(card.key).title
        assert (card.classify, card.impute, card.unlabelled) == (
            can.classify,
            can.impute,
            can.unlabelled,
        )
        assert (card.inductive, card.missing_views) == (can.inductive, can.missing_views)


def test_kept_cards_load_no_method(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = loads(monkeypatch)
    cards.method_cards()
    assert (folder / cards.NAME).is_file()
    cards.forget()
    assert cards.broken_methods() == ()
    assert len(calls) == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "not json", "no seal", "other key", "gone"])
def test_a_damaged_file_is_ignored_and_written_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    calls, path = loads(monkeypatch), folder / cards.NAME
    made = cards.method_cards()
    good = path.read_bytes()
    bad = {
        "cut": good[: len(good) // 2],
        "flipped": good.replace(b"Majority", b"Minority"),
        "not json": b"\xff\n",
        "no seal": good[: good.index(b', "crc32"')] + b"}\n",
        "other key": cards.sealed('{"cards": [], "key": "another"}'),
        "gone": None,
    }[damage]
    path.unlink() if bad is None else path.write_bytes(bad)
    cards.forget()
    assert cards.method_cards() == made
    assert len(calls) == 2
    assert path.read_bytes() == good


def test_a_folder_that_cannot_be_written_costs_no_more_than_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").write_text("no folder")
    monkeypatch.setenv("SIMVAE_CACHE", str(folder / "file"))
    assert cards.method_cards()


def test_a_broken_method_is_reported_each_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = registry.EntryError("methods/mine.py, line 1: ImportError")
    some = {"svm": registry.load_method("svm")}
    monkeypatch.setattr(registry, "load_methods", lambda: (some, (broken,)))
    for _ in range(2):
        assert cards.broken_methods() == (broken,)
        assert [card.key for card in cards.method_cards()] == ["svm"]
        cards.forget()
    assert not (folder / cards.NAME).exists()


def test_code_and_libraries_are_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, library = tmp_path / "methods" / "mine.py", tmp_path / "library"
    code.parent.mkdir()
    library.mkdir()
    code.write_text("A = 1")
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(library)])
    keys = [cards._key(), cards._key()]
    (tmp_path / "notes.txt").write_text("no code")
    keys.append(cards._key())
    assert len(set(keys)) == 1
    code.write_text("A = 2")
    keys.append(cards._key())
    os.utime(library, (0, 0))
    keys.append(cards._key())
    code.rename(code.with_name("other.py"))
    keys.append(cards._key())
    assert len(set(keys)) == 4


def imported(folder: Path, *words: str) -> set[str]:
    """Which of HEAVY a command has imported when it ends, in a process of its own."""
    code = (
        "import sys; from harness.cli import main; status = main(sys.argv[1:]);"
        f"print(*({HEAVY!r} & sys.modules.keys()), file=sys.stderr); sys.exit(status)"
    ).replace(repr(HEAVY), repr(set(HEAVY)))
    run = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=registry.ROOT,
        env=os.environ | {"SIMVAE_CACHE": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stderr.split())


def test_rows_are_listed_without_the_libraries_of_methods(folder: Path) -> None:
    imported(folder, *LIST)  # keeps the cards: those of this process have another key
    assert imported(folder, *LIST) == set()


def test_a_run_with_nothing_to_do_imports_only_what_its_rows_and_its_report_need(
    folder: Path,
) -> None:
    imported(folder, *LIST)
    where = ["--results", str(folder / "a"), "--reports", str(folder / "b")]
    words = ["--protocol", "table2", "--dataset", "digits", "--method", "majority"]
    words += ["--budget", "smoke", "--executor", "serial", *where]
    assert "sklearn" in imported(folder, *words)  # the fit is scored
    assert imported(folder, *words) <= {"matplotlib", "scipy.stats"}
