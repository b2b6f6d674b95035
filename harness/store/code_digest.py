"""Digests of the code that made a record, and whether it has changed since.

A record depends on two groups of first-party modules:

* its methods' modules and all that these import, directly or indirectly;
* ``ROOTS``, the code that draws, builds, fits and scores, and all that it imports.

The groups are found by following imports, so a new module is covered as soon as one of them uses
it. Modules that cannot change a number are excluded by name (``NO_NUMBERS``). Protocols, budgets
and the expansion of cells into jobs are covered by the job's identity instead. Reports and figures
only read records.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import accumulate
from pathlib import Path

from harness.registry import ROOT, entries
from harness.store import syntax
from harness.store.present_code import digest_of

FIRST_PARTY = ("methods", "datasets", "protocols", "harness")
ROOTS = ("harness/run/worker.py", "protocols/_trial.py", "protocols/_rules.py")
"""The worker, the builder of trials, and the rules by which a data set shapes a scenario."""
NO_NUMBERS = {
    "harness/registry.py": "finds the modules, which are covered themselves",
    "harness/run/resources.py": "measures memory and names versions",
    "harness/store/record.py": "defines the fields of a record",
    "protocols/_varies.py": "describes in words what a trial draws",
}
"""Modules that records do not depend on, and why; their imports are not followed either."""
GIT_SECONDS = 20


def digests(keys: Iterable[str]) -> dict[str, str]:
    """Relative path -> 12 hex digits, for all code behind a record of the methods ``keys``.

    Files are read once per process, so a driver's records name the code that it started with.
    """
    return dict(_digests(frozenset(keys)))


def changed(old: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Files whose digest differs, and files that were added or removed."""
    if old == now:
        return ()
    return tuple(sorted(name for name in old.keys() | now.keys() if old.get(name) != now.get(name)))


@cache
def revision() -> str:
    """The commit of the checkout; a git that fails or hangs does not stop a run.

    ``+changes`` is appended if a code file differs from the commit or is not in it, ``+unknown`` if
    git gave no answer. Returns ``unknown`` outside a repository or without git.
    """
    failures = (OSError, subprocess.SubprocessError)
    try:
        commit = _git("rev-parse", "--short=12", "HEAD").strip()
    except failures:
        return "unknown"
    try:
        return commit + ("+changes" if _code_differs() else "")
    except failures:
        return f"{commit}+unknown"


def forget() -> None:
    """Clear the caches; for tests that edit code."""
    for cached in (_digests, digest_of, _closure, _imports, revision):
        cached.cache_clear()


@cache
def _digests(keys: frozenset[str]) -> Mapping[str, str]:
    modules = [entries("methods")[key] for key in keys]
    starts = [*ROOTS, *(f"{module.replace('.', '/')}.py" for module in modules)]
    files = frozenset[str]().union(*map(_closure, starts))
    return {name: digest_of(name) for name in sorted(files)}


@cache
def _closure(name: str) -> frozenset[str]:
    """``name`` and all that it imports, directly or through others."""
    closure = set[str]()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in closure and current not in NO_NUMBERS:
            closure.add(current)
            waiting.extend(_imports(current))
    return frozenset(closure)


@cache
def _imports(name: str) -> frozenset[str]:
    """First-party files that run when the file ``name`` is imported."""
    modules = set[str]()
    package = Path(name).parent.parts
    for node in ast.walk(ast.parse(ROOT.joinpath(name).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            modules |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(file for module in modules for file in _files_of(module))


def _files_of(module: str) -> Iterator[str]:
    """The file of a first-party module, and the packages around it whose ``__init__`` has code.

    Nothing for a name that is not a module, such as the class in ``from a.b import C``.
    """
    parts = module.split(".")
    if parts[0] not in FIRST_PARTY:
        return
    for path in accumulate(parts, lambda above, part: f"{above}/{part}"):
        package = f"{path}/__init__.py"
        if ROOT.joinpath(package).is_file() and digest_of(package) != syntax.digest(""):
            yield package
    if ROOT.joinpath(f"{'/'.join(parts)}.py").is_file():
        yield f"{'/'.join(parts)}.py"


def _code_differs() -> bool:
    """Whether code was edited, added or removed since the commit; untracked Python files count."""
    where = (*FIRST_PARTY, "run_all.py")
    status = _git("status", "--porcelain", "-z", "--untracked-files=all", "--", *where)
    lines = filter(None, status.split("\0"))
    return any(not line.startswith("??") or line.endswith(".py") for line in lines)


def _git(*arguments: str) -> str:
    run = subprocess.run(
        ["git", *arguments],
        cwd=ROOT,
        env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
        timeout=GIT_SECONDS,
    )
    return run.stdout
