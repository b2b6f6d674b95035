"""Entries by file: a module of ``methods/``, ``datasets/`` or ``protocols/`` is known by its stem.

``base.py`` and names with a leading underscore are machinery, every other module is one entry. No
list is to be edited. Listing reads files and imports nothing.
"""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from datasets.base import Dataset
from harness.errors import UsageError
from methods.base import Method, StackedMethod
from protocols.base import Protocol

ROOT = Path(__file__).resolve().parent.parent
Kind = Literal["methods", "datasets", "protocols"]
NOT_ENTRIES = {"base", "file"}
"""``datasets/file.py`` is the user's own file: it has a path for a key, not a stem."""


@cache
def entries(kind: Kind) -> dict[str, str]:
    """Key -> dotted module, sorted by key. Raises RuntimeError where two files share a stem."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / kind).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.stem in NOT_ENTRIES or any(part.startswith("_") for part in parts):
            continue
        if "vendor" in parts or "published" in parts:  # data and the scripts that made it
            continue
        if path.stem in found:
            raise RuntimeError(f"two entries are called '{path.stem}': {found[path.stem]}, {path}")
        found[path.stem] = ".".join(parts)
    return dict(sorted(found.items()))


def first_line(kind: Kind, key: str) -> str:
    """The first line of an entry's docstring, read without importing it."""
    source = ROOT.joinpath(*entries(kind)[key].split(".")).with_suffix(".py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").split("\n", 1)[0]


def module(kind: Kind, key: str) -> ModuleType:
    """The module of an entry. Raises UsageError, naming near keys, if there is none."""
    known = entries(kind)
    if key not in known:
        raise UsageError(unknown(kind[:-1], key, known))
    return import_module(known[key])


def load_method(key: str) -> type[Method]:
    """The one concrete method class of an entry."""
    return _only_class(module("methods", key), Method)


def load_protocol(key: str) -> Protocol:
    """The protocol of an entry. Raises UsageError for a layout of a kind that there is not."""
    found = _only_class(module("protocols", key), Protocol)()
    figures = {path.stem for path in (ROOT / "harness/report/figures").glob("[!_]*.py")}
    if found.layout["kind"] not in figures | {"table", "properties"}:
        kinds = unknown("kind of figure", found.layout["kind"], figures)
        raise UsageError(f"protocol {key}: {kinds}")
    return found


def load_file(path: Path) -> Dataset:
    """The user's own .npz or .mat file. Raises DataError in one sentence if it is unusable."""
    return import_module("datasets.file").load_file(path)


def is_stacked(method: type[Method]) -> bool:
    """Whether the method trains many members together."""
    return issubclass(method, StackedMethod)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One sentence for an unknown name: near ones if any, else all."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return f"unknown {what} '{name}'; {hint}"


def _only_class(found: ModuleType, base: Any) -> Any:
    classes = [
        value
        for value in vars(found).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and not inspect.isabstract(value)
        and value.__module__ == found.__name__
    ]
    if len(classes) != 1:
        raise RuntimeError(f"{found.__name__} must define exactly one {base.__name__}")
    return classes[0]
