"""A digest of Python source that ignores formatting, equal on every Python version that parses it.

The syntax tree is written in an order of our own, since ``ast.unparse`` and ``ast.dump`` print one
tree differently in different versions. Left out: comments, positions, layout, quotes, docstrings
and other standalone strings, ``pass``; fields that are None or empty, such as the type parameters
that Python 3.12 added. Pieces of an f-string are joined as far as they are constant, because
versions cut them differently.

The standard library alone, so that a test can load this file in any Python.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator

DIGITS = 12


def digest(source: str) -> str:
    """12 hex digits for the code of ``source``. Raises SyntaxError if it is not Python."""
    parts = list[str]()
    _write(ast.parse(source), parts.append)
    return hashlib.sha256("".join(parts).encode("ascii")).hexdigest()[:DIGITS]


def _write(value: object, add: Callable[[str], None]) -> None:
    """``add`` one spelling of a tree: a node is ``Name(field=..)``, a list ``[..,..]``; ASCII."""
    if isinstance(value, ast.Constant):
        add(_constant(value.value))
    elif isinstance(value, ast.JoinedStr):
        add("JoinedStr[")
        for piece in _pieces(value):
            _write(piece, add)
            add(",")
        add("]")
    elif isinstance(value, ast.AST):
        add(f"{type(value).__name__}(")
        for name, field in _fields(value):
            add(f"{name}=")
            _write(field, add)
            add(";")
        add(")")
    elif isinstance(value, list):
        add("[")
        for item in value:
            _write(item, add)
            add(",")
        add("]")
    else:  # a name, a conversion, a level of import, None inside a list
        add(_constant(value))


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Fields with a value, sorted by name: versions may order them differently."""
    for name in sorted(node._fields):
        value = getattr(node, name, None)
        if isinstance(value, list):
            value = [item for item in value if not _is_remark(item)]
        if isinstance(value, ast.JoinedStr) and name == "format_spec" and not _pieces(value):
            continue  # f"{x:}": an empty format is no format
        if value is not None and value != []:
            yield name, value


def _is_remark(item: object) -> bool:
    """A statement without effect: a string on its own, or ``pass``."""
    if isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant):
        return isinstance(item.value.value, str)
    return isinstance(item, ast.Pass)


def _pieces(joined: ast.JoinedStr) -> list[ast.expr]:
    """The values of an f-string, nested ones opened, neighbouring constants joined."""
    pieces: list[ast.expr] = []
    for value in joined.values:
        for piece in _pieces(value) if isinstance(value, ast.JoinedStr) else [value]:
            text = piece.value if isinstance(piece, ast.Constant) else None
            if text == "":
                continue
            if isinstance(text, str) and pieces and isinstance(pieces[-1], ast.Constant):
                text = f"{pieces.pop().value}{text}"  # pyright: ignore[reportAttributeAccessIssue]
            pieces.append(piece if text is None else ast.Constant(text))
    return pieces


def _constant(value: object) -> str:
    # ascii, not repr: which characters repr escapes depends on the version's Unicode tables
    return f"{type(value).__name__}:{ascii(value)}"
