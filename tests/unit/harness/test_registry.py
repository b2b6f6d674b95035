"""The registry: entries by file, lazily; unknown names suggest near ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import listing, registry
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
    for name in ("kernel/mine.py", "base.py", "_shared.py", "_nn/trainer.py", "__init__.py"):
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
    assert registry.entries("datasets") == {"mine": "datasets.mine"}
    assert registry.first_line("datasets", "mine") == "What it is."


def test_a_family_of_methods_is_no_entry(tree: Callable) -> None:
    tree("methods/kernel/__init__.py")
    tree("methods/kernel/mine.py")
    assert registry.entries("methods") == {"mine": "methods.kernel.mine"}


def test_two_files_of_one_name_are_refused(tree: Callable) -> None:
    tree("methods/kernel/mine.py")
    tree("methods/graph/mine.py")
    with pytest.raises(UsageError, match="'mine'.*methods/graph/mine.*methods/kernel/mine"):
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


# ---------------------------------------------------------------- stray and broken files


def test_what_python_could_not_import_is_no_entry(tree: Callable) -> None:
    for name in (
        "._m2.py",
        ".ipynb_checkpoints/m2-checkpoint.py",
        ".ipynb_checkpoints/m2.py",
        "m2 copy.py",
        "m2-old.py",
        "2m.py",
        "class.py",
        "a b/m3.py",
        "notes.txt",
    ):
        tree(f"methods/generative/{name}")
    tree("methods/generative/m2.py")
    assert registry.entries("methods") == {"m2": "methods.generative.m2"}


def test_a_package_with_code_is_one_entry_and_a_folder_is_none(tree: Callable) -> None:
    tree("methods/family/__init__.py", '"""A family."""\n')
    tree("methods/family/alone.py")
    tree("methods/family/big/__init__.py", '"""A big one."""\nfrom .part import Big\n')
    tree("methods/family/big/part.py")
    assert registry.entries("methods") == {
        "alone": "methods.family.alone",
        "big": "methods.family.big",
    }
    assert registry.first_line("methods", "big") == "A big one."


METHOD = '''"""Mine."""
from methods.base import Can, Config, Method

class {name}(Method):
    version, title, cites, Config = 1, "Mine", (), Config
    {can}

    def fit(self, problem, rng):
        raise NotImplementedError
'''
BROKEN = {
    "broken_syntax": ('"""X."""\n\ndef f(:\n', "broken_syntax.py, line 3: SyntaxError"),
    "broken_import": (
        '"""X."""\n\nimport no_such_module\n',
        "broken_import.py, line 3: ModuleNotFoundError",
    ),
    "broken_class": (METHOD.format(name="A", can=""), "broken_class.py: A declares no 'can'"),
    "broken_none": ('"""X."""\n', "broken_none.py: .*one concrete Method.* none"),
    "broken_two": (
        METHOD.format(name="A", can="can = Can()") + METHOD.format(name="B", can="can = Can()"),
        "broken_two.py: .*one concrete Method.* A, B",
    ),
}


@pytest.fixture
def broken(tree: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tree of methods of which one loads."""
    import methods

    for key, (text, _) in BROKEN.items():
        tree(f"methods/{key}.py", text)
    tree("methods/whole_one.py", METHOD.format(name="Whole", can="can = Can()"))
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path / "methods")])
    registry.load_method.cache_clear()
    yield
    registry.load_method.cache_clear()
    for name in (*BROKEN, "whole_one"):
        sys.modules.pop(f"methods.{name}", None)


@pytest.mark.parametrize("key", BROKEN)
def test_a_broken_entry_is_named_with_its_line_where_it_is_needed(broken: None, key: str) -> None:
    with pytest.raises(UsageError, match=rf"^methods/{BROKEN[key][1]}") as caught:
        registry.load_method(key)
    assert "\n" not in str(caught.value)


def test_the_others_load_and_are_listed(broken: None) -> None:
    loaded, errors = registry.load_methods()
    assert list(loaded) == ["whole_one"]
    assert len(errors) == len(BROKEN)
    listed = dict(line.split(maxsplit=1) for line in listing.entries("methods"))
    assert listed.keys() == {"whole_one", *BROKEN}
    assert "line 3" in listed["broken_syntax"]
