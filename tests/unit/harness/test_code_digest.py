"""Digests of code: words change nothing, code does, also through imports; git stops nothing."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import registry
from harness.plan.expand import expand
from harness.plan.plan import Plan, PlannedCell, settle
from harness.store import code_digest, present_code
from harness.store.record import Record
from protocols.base import BUDGETS, Cell, Stage, TableRow
from tests.helpers import scenario, tiny

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
        code_digest.forget()
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
    monkeypatch.setattr(present_code, "ROOT", tmp_path)
    monkeypatch.setattr(code_digest, "ROOTS", ())
    yield Tree(tmp_path)
    code_digest.forget()
    registry.entries.cache_clear()


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


def test_a_package_counts_where_its_init_has_code(tree: Tree) -> None:
    tree.write("methods/_kit/__init__.py", '"""Words alone."""\n')
    tree.write("methods/_kit/part.py", "X = 1\n")
    tree.write("methods/_level.py", "from methods._kit.part import X\n")
    assert "methods/_kit/part.py" in tree.now()
    assert "methods/_kit/__init__.py" not in tree.now()
    name = "methods/_kit/__init__.py"
    assert tree.moved(name, "from methods._kit.part import X\nY = 2\n") == (name,)
    tree.write("methods/_level.py", "from methods._kit import X\n")
    assert {name, "methods/_kit/part.py"} <= set(tree.now())


# ---------------------------------------------------------------- the code of this checkout

MADE_NUMBERS = {
    "harness/run/worker.py",
    "harness/run/task.py",
    "harness/run/scoring.py",
    "harness/run/metrics.py",
    "harness/run/checks.py",
    "harness/run/transforms.py",
    "harness/run/imputation.py",
    "harness/analysis/selection.py",
    "protocols/_trial.py",
    "protocols/_splits.py",
    "protocols/_masks.py",
    "protocols/_scaling.py",
    "protocols/_rules.py",
    "datasets/base.py",
    "methods/base.py",
    "methods/_sklearn.py",
    "methods/reference/logistic_regression.py",
}
READ_NUMBERS = ("harness/report", "harness/store", "harness/run/driver.py", "protocols/table2.py")


class Checkout:
    """A copy of this checkout's code, to be edited, and a record of a fit made with it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.before = self.now()

    def now(self) -> dict[str, str]:
        code_digest.forget()
        return code_digest.digests(["logistic_regression"])

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        path = self.root / name
        text = path.read_text("utf-8")
        assert change(text) != text
        path.write_text(change(text), "utf-8")

    def stale(self) -> set[str]:
        """Files that a plan names as changed since the fit of the code before."""
        data = tiny()
        row = TableRow("r", "R", "b", "supervised", (Stage("logistic_regression"),))
        cell = Cell(row, scenario("supervised"), 0.3)
        (job, *_) = jobs = expand(cell, data, BUDGETS["smoke"], 0, 0)
        plan = Plan([PlannedCell("p", "tiny", cell, (jobs,))], {"tiny": data}, {}, BUDGETS["smoke"])
        record = Record(job.id, job.description(), "tiny", "ok", digests=self.before)
        code_digest.forget()
        return set(settle(plan, {job.id: record}).stale.get(job.id, ()))


@pytest.fixture
def checkout(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    for folder in code_digest.FIRST_PARTY:
        for path in (root / folder).rglob("*.py"):
            copy = tmp_path / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    monkeypatch.setattr(present_code, "ROOT", tmp_path)
    yield Checkout(tmp_path)
    code_digest.forget()


def other_constant(text: str) -> str:
    """``text`` with its last number, or else its last word, changed; nothing else."""
    tree = ast.parse(text)
    remarks = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in remarks]
    for kind, change in ((int | float, lambda x: x + 1), (str, lambda x: f"{x}_")):
        for node in reversed(found):
            if isinstance(node.value, kind) and not isinstance(node.value, bool):
                node.value = change(node.value)
                return ast.unparse(tree)
    return text + "\nADDED = 1\n"


def other_words(text: str) -> str:
    """``text`` with other docstrings, comments and layout, and the same code."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = "Other words."
    return "# another comment\n\n" + ast.unparse(tree)


def test_a_record_rests_on_all_code_that_made_its_numbers(checkout: Checkout) -> None:
    assert set(checkout.before) >= MADE_NUMBERS
    covered = [name for name in checkout.before if name.startswith(READ_NUMBERS)]
    assert covered == ["harness/store/plain.py"]  # how values of a record are spelled


def test_a_constant_changed_in_any_of_them_makes_records_stale(checkout: Checkout) -> None:
    for name in checkout.before:
        checkout.edit(name, other_constant)
    assert checkout.stale() == set(checkout.before)


def test_words_changed_everywhere_make_nothing_stale(checkout: Checkout) -> None:
    for name in checkout.before:
        checkout.edit(name, other_words)
    assert checkout.stale() == set()


def test_what_reads_records_makes_nothing_stale(checkout: Checkout) -> None:
    edited = [
        path.relative_to(checkout.root).as_posix()
        for path in checkout.root.rglob("*.py")
        if path.relative_to(checkout.root).as_posix() not in checkout.before
    ]
    assert any(name.startswith("harness/report/") for name in edited)
    for name in edited:
        checkout.edit(name, lambda text: text + "\nADDED = 1\n")
    came = set(checkout.now()) - set(checkout.before)
    assert all(name.endswith("__init__.py") for name in came), "packages whose __init__ now acts"
    assert checkout.stale() <= came


def test_a_new_module_is_covered_without_being_listed(checkout: Checkout) -> None:
    new = "harness/run/_penalty.py"
    checkout.root.joinpath(new).write_text("PENALTY = 1.0\n", "utf-8")
    checkout.edit(
        "harness/run/scoring.py", lambda text: f"{text}\nfrom harness.run import _penalty\n"
    )
    assert checkout.stale() == {new, "harness/run/scoring.py"}
    checkout.before = checkout.now()
    checkout.edit(new, lambda text: "PENALTY = 2.0\n")
    assert checkout.stale() == {new}


def test_methods_rest_on_the_shared_trainer_and_not_on_each_other() -> None:
    files = set(code_digest.digests(["smvae"]))
    assert {"methods/generative/smvae.py", "methods/_nn/trainer.py", "methods/base.py"} <= files
    assert "methods/generative/m2.py" not in files
    entries = set(registry.entries("methods").values())
    own = {name.removesuffix(".py").replace("/", ".") for name in files}
    assert own & entries == {"methods.generative.smvae"}


# ---------------------------------------------------------------- the commit


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("methods/mine.py", "results/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("x = 1\n", "utf-8")
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "all")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    monkeypatch.setattr(present_code, "ROOT", tmp_path)
    code_digest.forget()
    yield tmp_path
    code_digest.forget()


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("methods/mine.py", True),
        ("methods/new.py", True),
        ("methods/deep/new.py", True),
        ("run_all.py", True),
        ("methods/notes.txt", False),
        ("results/notes.txt", False),
        ("reports/new.py", False),
    ],
)
def test_edited_and_untracked_code_is_a_change(repository: Path, name: str, counts: bool) -> None:
    assert re.fullmatch("[0-9a-f]{12}", code_digest.revision())
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x = 2\n", "utf-8")
    code_digest.forget()
    assert code_digest.revision().endswith("+changes") == counts


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sleep 5", "unknown"),
        ("exit 128", "unknown"),
        ('test "$1" = rev-parse && echo abc || sleep 5', r"abc\+unknown"),
        ('test "$1" = rev-parse && printf "\\377\\n"', ".*"),
        (None, "unknown"),
    ],
)
def test_a_git_that_fails_or_hangs_stops_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str
) -> None:
    folder = repository / "bin"
    folder.mkdir()
    if script:
        (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if script else str(folder))
    monkeypatch.setattr(code_digest, "GIT_SECONDS", 0.3)
    assert re.fullmatch(said, code_digest.revision())
