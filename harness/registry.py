"""Entries by file: a module of ``methods/``, ``datasets/`` or ``protocols/``; its stem is the key.

``base.py`` and names with a leading underscore are shared code; every other module is one entry. A
package whose ``__init__.py`` has more than a docstring is one entry too; its modules are parts of
it. Names that Python cannot import (``._m2.py``, ``.ipynb_checkpoints/``, ``m2 copy.py``) are
ignored.

To add an entry, add a file. Listing reads files and imports nothing. If an entry cannot be loaded,
a command that needs it stops with file and line; other commands leave it out and report it.
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
from typing import Any, Literal, TypeGuard

from harness.errors import UsageError
from harness.errors import unknown as unknown
from harness.layout import Layout
from methods.base import Method, StackedMethod
from protocols.base import Protocol

ROOT = Path(__file__).resolve().parent.parent
Kind = Literal["methods", "datasets", "protocols"]
KINDS: tuple[Kind, ...] = ("methods", "datasets", "protocols")
NOT_ENTRIES = {"base", "file", "vendor", "published"}
"""``datasets/file.py`` reads the user's own file, whose key is a path. ``vendor`` and
``published`` contain data and the scripts that made it."""
OWN_FILE = "file"
"""Key of the user's own files in ``--data-option``."""
DECLARED = ("version", "title", "cites", "can", "Config")
"""What every method class must declare."""


class EntryError(UsageError):
    """An entry that cannot be loaded; the message names its file and line."""


@cache
def entries(kind: Kind) -> dict[str, str]:
    """Key -> dotted module name, sorted by key. Raises UsageError if two entries have one key."""
    dotted: dict[str, str] = {}
    for path in _modules(ROOT / kind):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.stem in dotted:
            known = dotted[path.stem].replace(".", "/")
            raise UsageError(
                f"two entries are called '{path.stem}': {known} and {'/'.join(parts)}; rename one"
            )
        dotted[path.stem] = ".".join(parts)
    return dict(sorted(dotted.items()))


def _modules(folder: Path) -> Iterator[Path]:
    """Module files and package folders that are entries, in or below ``folder``."""
    for path in sorted(folder.iterdir()):
        name = path.stem if path.suffix == ".py" else path.name
        if not name.isidentifier() or iskeyword(name) or name[0] == "_" or name in NOT_ENTRIES:
            continue
        if path.is_dir():
            if _has_code(path / "__init__.py"):
                yield path
            else:
                yield from _modules(path)
        elif path.suffix == ".py":
            yield path


def _has_code(init: Path) -> bool:
    """Whether a package's ``__init__.py`` has more than a docstring."""
    if not init.is_file():
        return False
    try:
        body = ast.parse(init.read_text("utf-8")).body
    except (SyntaxError, ValueError):
        return True  # loading it reports the error
    return any(
        not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)) for line in body
    )


def file_of(kind: Kind, key: str) -> Path:
    """The file of an entry; for a package, its ``__init__.py``."""
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
    """The module of an entry. Raises UsageError for an unknown key, or EntryError."""
    known = entries(kind)
    if key not in known:
        raise UsageError(unknown(kind[:-1], key, known))
    try:
        return import_module(known[key])
    except Exception as error:  # the module's top level may raise anything
        raise _broken(kind, key, error) from error


def modules(kind: Kind) -> tuple[dict[str, ModuleType], tuple[EntryError, ...]]:
    """Every module that loads, by key, and the errors of the others."""
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
    """Every method class that loads, by key, and the errors of the others."""
    return _each("methods", lambda _, key: load_method(key))


def load_protocol(key: str) -> Protocol:
    """The protocol of an entry. Raises UsageError or EntryError, also for an unusable layout."""
    protocol = _only_class("protocols", key, Protocol)
    try:
        Layout.of(protocol.layout)
    except (TypeError, ValueError) as error:
        raise _incomplete("protocols", key, f"layout of {protocol.__name__}: {error}") from error
    try:
        return protocol()
    except Exception as error:
        raise _broken("protocols", key, error) from error


def load_protocols() -> tuple[dict[str, Protocol], tuple[EntryError, ...]]:
    """Every protocol that loads, by key, and the errors of the others."""
    return _each("protocols", lambda _, key: load_protocol(key))


def own_file() -> ModuleType:
    """The module that reads the user's own files: ``load_file``, ``inspect_file``, ``OPTIONS``."""
    return import_module("datasets.file")


def is_stacked(method: type[Method]) -> TypeGuard[type[StackedMethod]]:
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
    entry = module(kind, key)
    own = (entry.__name__, f"{entry.__name__}.")
    classes = {
        value
        for value in vars(entry).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and not inspect.isabstract(value)
        and (value.__module__ == own[0] or value.__module__.startswith(own[1]))
    }
    if len(classes) != 1:
        names = ", ".join(sorted(cls.__name__ for cls in classes)) or "none"
        fault = f"must define exactly one concrete {base.__name__}; it has: {names}"
        raise _incomplete(kind, key, fault)
    return classes.pop()


def _incomplete(kind: Kind, key: str, fault: str) -> EntryError:
    return EntryError(f"{_shown(file_of(kind, key))}: {fault}")


def _broken(kind: Kind, key: str, error: Exception) -> EntryError:
    """The error of an entry, with the line of its file in the traceback."""
    path = file_of(kind, key)
    line: int | None = None
    if isinstance(error, SyntaxError) and error.filename in (None, "<unknown>", str(path)):
        line, message = error.lineno, error.msg
    else:
        message = " ".join(str(error).split())
        for frame in traceback.extract_tb(error.__traceback__):
            if Path(frame.filename) == path:
                line = frame.lineno
    where = f"{_shown(path)}, line {line}" if line else _shown(path)
    return EntryError(f"{where}: {type(error).__name__}: {message}")


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
