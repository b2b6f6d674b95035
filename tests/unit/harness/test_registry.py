"""The registry: entries by file, lazily; unknown names suggest near ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness import registry
from harness.errors import UsageError
from methods.base import Method, StackedMethod


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """An empty tree in place of the checkout; call it to add a file."""

    def add(name: str, text: str = '"""One line.\n\nMore."""\n') -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    monkeypatch.setattr(registry, "ROOT", tmp_path)
    registry.entries.cache_clear()
    yield add
    registry.entries.cache_clear()


def test_a_new_file_is_an_entry_and_machinery_is_not(tree: Callable) -> None:
    for name in ("kernel/mine.py", "base.py", "_shared.py", "_training/loop.py", "__init__.py"):
        tree(f"methods/{name}")
    tree("datasets/mine2.py")
    tree("datasets/file.py")
    tree("datasets/vendor/make.py")
    tree("protocols/published/numbers.py")
    assert registry.entries("methods") == {"mine": "methods.kernel.mine"}
    assert registry.entries("datasets") == {"mine2": "datasets.mine2"}
    assert registry.entries("protocols") == {}


def test_a_package_below_datasets_is_one_entry(tree: Callable) -> None:
    tree("datasets/mine/__init__.py", '"""What it is.\n\nMore."""\nraise ImportError\n')
    for name in (
        "mine/files.py",
        "mine/inner/__init__.py",
        "_io/__init__.py",
        "vendor/__init__.py",
    ):
        tree(f"datasets/{name}")
    tree("datasets/loose/files.py")
    assert registry.entries("datasets") == {"mine": "datasets.mine"}
    assert registry.first_line("datasets", "mine") == "What it is."


def test_a_family_of_methods_is_no_entry(tree: Callable) -> None:
    tree("methods/kernel/__init__.py")
    tree("methods/kernel/mine.py")
    assert registry.entries("methods") == {"mine": "methods.kernel.mine"}


def test_two_files_of_one_name_are_refused(tree: Callable) -> None:
    tree("methods/kernel/mine.py")
    tree("methods/graph/mine.py")
    with pytest.raises(RuntimeError, match="two entries are called 'mine'"):
        registry.entries("methods")


def test_the_first_line_is_read_without_import(tree: Callable) -> None:
    tree("methods/mine.py", '"""What it is.\n\nMore."""\nraise ImportError\n')
    assert registry.first_line("methods", "mine") == "What it is."


def test_listing_imports_no_entry() -> None:
    code = (
        "import sys; from harness import registry;"
        "[registry.entries(kind) for kind in ('methods', 'datasets', 'protocols')];"
        "assert not {'torch', 'ray', 'methods.kernel.svm', 'datasets.mfeat'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=registry.ROOT, check=True)


def test_entries_load() -> None:
    svm, m2 = registry.load_method("svm"), registry.load_method("m2")
    assert issubclass(svm, Method)
    assert issubclass(m2, StackedMethod)
    assert not registry.is_stacked(svm)
    assert registry.is_stacked(m2)
    assert registry.load_protocol("table2").title.startswith("Table 2")


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("methods", "smave", "did you mean smvae"),
        ("datasets", "mfaet", "unknown dataset 'mfaet'; did you mean mfeat"),
        ("protocols", "table_2", "did you mean table2"),
        ("datasets", "qqq", r"known: .*digits, "),
    ],
)
def test_an_unknown_name_suggests_near_ones(kind: registry.Kind, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        registry.module(kind, name)


def test_a_module_must_hold_exactly_one_class() -> None:
    empty = ModuleType("empty")
    with pytest.raises(RuntimeError, match="empty must define exactly one Method"):
        registry._only_class(empty, Method)
