"""Entries by file: a module of ``methods/``, ``datasets/`` or ``protocols/`` is known by its stem.

``base.py`` and names with a leading underscore are shared code, every other module is one entry. So
is a package whose ``__init__.py`` holds more than a docstring: its modules are parts of it. A name
that Python could not import (``._m2.py``, ``.ipynb_checkpoints/``, ``m2 copy.py``) is none of ours.

No list is to be edited. Listing reads files and imports nothing. An entry that cannot be loaded is
an error, with file and line, to a command that needs it; others go without it and say so.
"""

from __future__ import annotations

import ast
import inspect
import traceback
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from harness.errors import UsageError
from harness.errors import unknown as unknown
from methods.base import Method, StackedMethod
from protocols.base import Protocol

ROOT = Path(__file__).resolve().parent.parent
Kind = Literal["methods", "datasets", "protocols"]
KINDS: tuple[Kind, ...] = ("methods", "datasets", "protocols")
NOT_ENTRIES = {"base", "file", "vendor", "published"}
"""``datasets/file.py`` is the user's own file: it has a path for a key, not a stem. ``vendor`` and
``published`` hold data, and the scripts that made it."""
OWN_FILE = "file"
"""What ``--data-option`` calls the user's own files."""
DECLARED = ("version", "title", "cites", "can", "Config")
"""What every method class must declare."""


class EntryError(UsageError):
    """An entry exists but cannot be loaded; the message names its file and line."""


@cache
def entries(kind: Kind) -> dict[str, str]:
    """Key -> dotted module, sorted by key. Raises UsageError where two entries have one key."""
    found: dict[str, str] = {}
    for path in _modules(ROOT / kind):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.stem in found:
            known = found[path.stem].replace(".", "/")
            raise UsageError(
                f"two entries are called '{path.stem}': {known} and {'/'.join(parts)}; rename one"
            )
        found[path.stem] = ".".join(parts)
    return dict(sorted(found.items()))


def _modules(folder: Path) -> Iterator[Path]:
    """Files of modules, and folders of packages, that are entries, in or below ``folder``."""
    for path in sorted(folder.iterdir()):
        name = path.stem if path.suffix == ".py" else path.name
        if not name.isidentifier() or iskeyword(name) or name[0] == "_" or name in NOT_ENTRIES:
            continue
        if path.is_dir():
            if _holds_code(path / "__init__.py"):
                yield path
            else:
                yield from _modules(path)
        elif path.suffix == ".py":
            yield path


def _holds_code(init: Path) -> bool:
    """Whether a package is more than a folder of modules, which has a docstring at most."""
    if not init.is_file():
        return False
    try:
        body = ast.parse(init.read_text("utf-8")).body
    except (SyntaxError, ValueError):
        return True  # so that it is named when it is loaded
    return any(
        not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)) for line in body
    )


def file_of(kind: Kind, key: str) -> Path:
    """The file of an entry; of a package, its ``__init__.py``."""
    path = ROOT.joinpath(*entries(kind)[key].split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def first_line(kind: Kind, key: str) -> str:
    """The first line of an entry's docstring, read without importing it. Raises EntryError."""
    path = file_of(kind, key)
    try:
        return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n", 1)[0]
    except (SyntaxError, ValueError, OSError) as error:
        raise _broken(kind, key, error) from error


def module(kind: Kind, key: str) -> ModuleType:
    """The module of an entry. Raises UsageError, naming near keys, or EntryError."""
    known = entries(kind)
    if key not in known:
        raise UsageError(unknown(kind[:-1], key, known))
    try:
        return import_module(known[key])
    except Exception as error:  # whatever its top level does
        raise _broken(kind, key, error) from error


def modules(kind: Kind) -> tuple[dict[str, ModuleType], tuple[EntryError, ...]]:
    """Every module that loads, by key, and why the others do not."""
    return _each(kind, module)


@cache
def load_method(key: str) -> type[Method]:
    """The one concrete method class of an entry. Raises UsageError or EntryError."""
    method = _only_class("methods", key, Method)
    for name in DECLARED:
        if not hasattr(method, name):
            raise _incomplete("methods", key, f"{method.__name__} declares no '{name}'")
    return method


def load_methods() -> tuple[dict[str, type[Method]], tuple[EntryError, ...]]:
    """Every method class that loads, by key, and why the others do not."""
    return _each("methods", lambda _, key: load_method(key))


def load_protocol(key: str) -> Protocol:
    """The protocol of an entry. Raises UsageError or EntryError.

    UsageError also for a layout of a kind that there is not.
    """
    protocol = _only_class("protocols", key, Protocol)
    figures = {path.stem for path in (ROOT / "harness/report/figures").glob("[!_]*.py")}
    if protocol.layout["kind"] not in figures | {"table", "properties"}:
        kinds = unknown("kind of figure", protocol.layout["kind"], figures)
        raise UsageError(f"protocol {key}: {kinds}")
    try:
        return protocol()
    except Exception as error:
        raise _broken("protocols", key, error) from error


def load_protocols() -> tuple[dict[str, Protocol], tuple[EntryError, ...]]:
    """Every protocol that loads, by key, and why the others do not."""
    return _each("protocols", lambda _, key: load_protocol(key))


def own_file() -> ModuleType:
    """The module that reads the user's own files: ``load_file``, ``inspect_file``, ``OPTIONS``."""
    return import_module("datasets.file")


def is_stacked(method: type[Method]) -> bool:
    """Whether the method trains many members together."""
    return issubclass(method, StackedMethod)


def _each(kind: Kind, load: Any) -> tuple[dict[str, Any], tuple[EntryError, ...]]:
    loaded, broken = {}, []
    for key in entries(kind):
        try:
            loaded[key] = load(kind, key)
        except EntryError as error:
            broken.append(error)
    return loaded, tuple(broken)


def _only_class(kind: Kind, key: str, base: Any) -> Any:
    """The one concrete subclass of ``base`` that an entry's module, or its package, defines."""
    found = module(kind, key)
    own = (found.__name__, f"{found.__name__}.")
    classes = {
        value
        for value in vars(found).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and not inspect.isabstract(value)
        and (value.__module__ == own[0] or value.__module__.startswith(own[1]))
    }
    if len(classes) != 1:
        names = ", ".join(sorted(each.__name__ for each in classes)) or "none"
        told = f"must define exactly one concrete {base.__name__}; it has: {names}"
        raise _incomplete(kind, key, told)
    return classes.pop()


def _incomplete(kind: Kind, key: str, told: str) -> EntryError:
    return EntryError(f"{_shown(file_of(kind, key))}: {told}")


def _broken(kind: Kind, key: str, error: Exception) -> EntryError:
    """What is wrong with an entry, where: the line of its file that the error came through."""
    path = file_of(kind, key)
    line: int | None = None
    if isinstance(error, SyntaxError) and error.filename in (None, "<unknown>", str(path)):
        line, told = error.lineno, error.msg
    else:
        told = " ".join(str(error).split())
        for frame in traceback.extract_tb(error.__traceback__):
            if Path(frame.filename) == path:
                line = frame.lineno
    where = f"{_shown(path)}, line {line}" if line else _shown(path)
    return EntryError(f"{where}: {type(error).__name__}: {told}")


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
