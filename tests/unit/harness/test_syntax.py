"""Digests of syntax: equal on every supported Python, blind to words and layout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.store import syntax

CODE = ("datasets", "methods", "protocols", "harness")
SUPPORTED = ("3.11", "3.12", "3.13")
SNIPPETS: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("syntax_snippets.json").read_text("utf-8")
)
"""What it tries -> ``source``, and the ``digest`` that 3.11, 3.12 and 3.13 gave it."""
PROGRAM = """
import importlib.util, json, pathlib, sys
spec = importlib.util.spec_from_file_location("syntax", sys.argv[1])
syntax = importlib.util.module_from_spec(spec)
spec.loader.exec_module(syntax)
texts = json.load(sys.stdin)
print(json.dumps({name: syntax.digest(text) for name, text in texts.items()}))
"""


def interpreters() -> Iterator[tuple[str, str]]:
    """Version and path of every supported Python that starts, other than this one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in SUPPORTED:
        found = [shutil.which(f"python{version}"), *pyenv.glob(f"{version}.*/bin/python")]
        for path in filter(None, found):
            ask = "import sys; print('%d.%d' % sys.version_info[:2])"
            said = subprocess.run([path, "-c", ask], capture_output=True, text=True, check=False)
            if said.stdout.strip() == version != f"{sys.version_info[0]}.{sys.version_info[1]}":
                yield version, str(path)
                break


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_has_its_recorded_digest(name: str) -> None:
    assert syntax.digest(SNIPPETS[name]["source"]) == SNIPPETS[name]["digest"]


def agree(texts: dict[str, str]) -> None:
    """Every other Python gives the digests that this one gives."""
    others = dict(interpreters())
    if not others:
        pytest.skip("there is no second supported Python here")
    here = {name: syntax.digest(text) for name, text in texts.items()}
    for version, path in others.items():
        said = subprocess.run(
            [path, "-I", "-c", PROGRAM, syntax.__file__],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
        )
        there = json.loads(said.stdout)
        assert {name for name in here if here[name] != there[name]} == set(), version


def test_every_python_agrees_on_the_snippets() -> None:
    agree({name: snippet["source"] for name, snippet in SNIPPETS.items()})


@pytest.mark.slow
def test_every_python_agrees_on_all_code(root: Path) -> None:
    files = [path for folder in CODE for path in sorted((root / folder).rglob("*.py"))]
    assert len(files) > 100
    agree({str(path.relative_to(root)): path.read_text("utf-8") for path in files})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = None", "x = ..."),
        ("f(a, b)", "f(b, a)"),
        ("f(**a)", "f(*a)"),
        ("{**a, 'b': c}", "{'b': c, **a}"),
        ("def f(*, a, b=1): return a", "def f(*, a=1, b): return a"),
        ("x = f'{a}b'", "x = f'{a}' + 'b'"),
        ("x = f'{a!r}'", "x = f'{a!s}'"),
        ("x = f'{a:2}'", "x = f'{a:3}'"),
        ("x = f'{a}{b}'", "x = f'{b}{a}'"),
        ("if a:\n  b()\nc()", "if a:\n  b()\n  c()"),
        ("try:\n  a()\nfinally:\n  b()", "try:\n  a()\nexcept E:\n  b()"),
        ("x = 'a' 'b'", "x = 'a', 'b'"),
    ],
)
def test_code_that_does_something_else_has_another_digest(left: str, right: str) -> None:
    assert syntax.digest(left) != syntax.digest(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x = 1  # a comment", "x=(1)"),
        ('"""A."""\nx = 1\n"""B."""', "x = 1"),
        ('def f():\n  """A."""', "def f():\n  pass"),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("x = f'a' f'{b}' 'c'", "x = f'a{b}c'"),
        ("x = f'{a:}'", "x = f'{a}'"),
        ("x = 1_000", "x = 1000"),
        ("f(a,\n  b,\n)", "f(a, b)"),
    ],
)
def test_words_and_layout_do_not_count(left: str, right: str) -> None:
    assert syntax.digest(left) == syntax.digest(right)


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        syntax.digest("x =")
