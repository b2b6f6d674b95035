"""Digests of source: words change nothing, code does, also through imports of imports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import registry
from harness.store import code_digest

METHOD = '''"""A method.

Departs from the paper: none.
"""
from methods._shared import helper

LIMIT = 3
"""How much."""


class Mine:
    """One."""

    def fit(self):
        """Fit."""
        return helper(LIMIT)
'''


class Tree:
    """A small tree of methods in place of the checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("methods/mine.py", METHOD)
        self.write("methods/_shared.py", "from methods import _deep\ndef helper(x): return x\n")
        self.write("methods/_deep.py", "from . import _level\n")
        self.write("methods/_level.py", "import datasets.base\nDEPTH = 1\n")
        self.write("methods/_other.py", "X = 1\n")
        self.write("datasets/base.py", "import numpy\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def now(self) -> dict[str, str]:
        code_digest._digest.cache_clear()
        code_digest._closure.cache_clear()
        registry.entries.cache_clear()
        return code_digest.digests(["mine"])

    def moved(self, name: str, text: str) -> tuple[str, ...]:
        before = self.now()
        self.write(name, text)
        return code_digest.changed(before, self.now())


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    made = Tree(tmp_path)
    yield made
    for cached in (code_digest._digest, code_digest._closure, registry.entries):
        cached.cache_clear()


def test_a_method_rests_on_all_it_imports_and_on_nothing_else(tree: Tree) -> None:
    assert set(tree.now()) == {
        "datasets/base.py",
        "methods/_deep.py",
        "methods/_level.py",
        "methods/_shared.py",
        "methods/mine.py",
    }


@pytest.mark.parametrize(
    "reword",
    [
        lambda text: "# a comment\n" + text + "\n\n# another\n",
        lambda text: text.replace("A method.", "Another wording of it."),
        lambda text: text.replace('"""One."""', '"""One, and final."""'),
        lambda text: text.replace('        """Fit."""\n', ""),
        lambda text: text.replace("How much.", "How much at most."),
        lambda text: text.replace("LIMIT = 3", "LIMIT   =   (3)"),
    ],
)
def test_words_and_spaces_make_nothing_stale(tree: Tree, reword: Callable[[str], str]) -> None:
    assert reword(METHOD) != METHOD
    assert tree.moved("methods/mine.py", reword(METHOD)) == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("LIMIT = 3", "LIMIT = 4"),
        lambda text: text.replace("LIMIT = 3", 'LIMIT = "3"'),
        lambda text: text.replace("return helper(LIMIT)", "return helper(-LIMIT)"),
        lambda text: text + "\nMine.fit = None\n",
    ],
)
def test_code_does(tree: Tree, change: Callable[[str], str]) -> None:
    assert tree.moved("methods/mine.py", change(METHOD)) == ("methods/mine.py",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("methods/_level.py", "import datasets.base\nDEPTH = 2\n"),
        ("datasets/base.py", "import numpy as np\n"),
    ],
)
def test_so_does_code_behind_an_import_of_an_import(tree: Tree, name: str, text: str) -> None:
    assert tree.moved(name, text) == (name,)


def test_what_is_not_imported_does_not(tree: Tree) -> None:
    assert tree.moved("methods/_other.py", "X = 2\n") == ()


def test_files_that_come_and_go_are_changes(tree: Tree) -> None:
    assert tree.moved("methods/_level.py", "DEPTH = 1\n") == (
        "datasets/base.py",
        "methods/_level.py",
    )
    assert code_digest.changed({"a": "1"}, {"b": "1"}) == ("a", "b")


def test_real_methods_rest_on_the_shared_trainer_and_not_on_each_other() -> None:
    files = set(code_digest.digests(["smvae"]))
    assert {"methods/generative/smvae.py", "methods/_nn/trainer.py", "methods/base.py"} <= files
    assert not {name for name in files if name.startswith(("harness/", "protocols/"))}
    assert "methods/generative/m2.py" not in files


def test_the_revision_is_a_word() -> None:
    assert code_digest.revision()
    assert " " not in code_digest.revision()
