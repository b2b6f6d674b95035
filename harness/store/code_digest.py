"""Digests of source: which code made a record, and whether it has changed since.

A digest covers a module's syntax tree without docstrings and other strings that are not used, so
that rewording makes nothing stale.
``digests`` covers a method's module and every first-party module that it imports, directly or
through others.
"""

from __future__ import annotations

import ast
import hashlib
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from harness.registry import ROOT, entries

FIRST_PARTY = ("methods", "datasets", "protocols", "harness")


def digests(keys: Iterable[str]) -> dict[str, str]:
    """Relative path -> 12 hex digits, for the modules behind the methods called ``keys``."""
    files: set[Path] = set()
    for key in keys:
        files |= _closure(_file_of(entries("methods")[key]))
    return {path.relative_to(ROOT).as_posix(): _digest(path) for path in sorted(files)}


def changed(old: dict[str, str], now: dict[str, str]) -> tuple[str, ...]:
    """Files whose digest differs, came or went."""
    return tuple(sorted(name for name in old.keys() | now.keys() if old.get(name) != now.get(name)))


@cache
def revision() -> str:
    """The commit of the checkout, with ``+changes`` if files differ; ``unknown`` outside git."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+changes" if _git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@cache
def _digest(path: Path) -> str:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        block = getattr(node, "body", None)
        if isinstance(block, list):
            block[:] = [line for line in block if not _is_remark(line)] or [ast.Pass()]
    # unparse, not dump: dump's spelling of the same tree differs between Python versions
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:12]


def _is_remark(line: ast.stmt) -> bool:
    """A string on its own: a docstring, or the words below a constant."""
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


@cache
def _closure(path: Path) -> frozenset[Path]:
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(_imports(current))
    return frozenset(found)


def _imports(path: Path) -> list[Path]:
    names: list[str] = []
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    files = [_file_of(name) for name in names if name.split(".")[0] in FIRST_PARTY]
    return [file for file in files if file.is_file()]


def _file_of(name: str) -> Path:
    return ROOT.joinpath(*name.split(".")).with_suffix(".py")


def _git(*arguments: str) -> str:
    run = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
    )
    return run.stdout.strip()
