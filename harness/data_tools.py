"""Tools for data: the check of the user's files, a look into one, simulated copies."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from textwrap import wrap

from rich.console import Console

from datasets._check import DataCheck, Finding, by_cause
from datasets._inspect import describe
from datasets.base import DataError
from harness import registry
from harness.errors import UsageError
from harness.plan import resolve

WIDTH, INDENT = 100, " " * 10


def check_data(root: str | None, options: Sequence[str], console: Console) -> int:
    """Check the files of every data set found under the data root; print the findings.

    Returns 0 if all checks pass, 1 otherwise. Raises UsageError if no file is found.
    """
    folder = resolve.data_root(root, searched=False)
    if folder is None:
        raise UsageError("--check-data needs --data-root DIR, the folder with your copies")
    chosen = resolve.data_options(options)
    modules = {key: registry.module("datasets", key) for key in registry.entries("datasets")}
    checkable = {key: module for key, module in modules.items() if hasattr(module, "check")}
    found = {key: m for key, m in checkable.items() if resolve.is_found(m, folder)}
    if not found:
        raise UsageError(resolve.nothing_found(folder))
    try:
        checks = [module.check(folder, chosen.get(key)) for key, module in found.items()]
    except DataError as error:  # a wrong option; faults in files are findings
        raise UsageError(str(error)) from error
    for check in checks:
        _print(check, console)
    for key in sorted(checkable.keys() - found.keys()):
        for clause in resolve.near_misses(checkable[key], folder):
            console.print(f"{key} was not found: {clause}")
    return 0 if all(check.ok for check in checks) else 1


def inspect(spec: str, root: str | None, options: Sequence[str], console: Console) -> int:
    """Print what is in a data set, named as for ``--dataset``, and how it is read; run nothing.

    Of a file or folder of the user's also what is in it. Returns 0 where it can be read as it is, 1
    where it is refused or leaves something open, which the last line says. Raises UsageError where
    there is no such data set or file, or it is damaged.
    """
    chosen = resolve.data_options(options)
    resolve.check_options_used(chosen, [resolve.key_of(spec)], "--inspect")
    folder = resolve.data_root(root, searched=False)
    try:
        if resolve.is_own_file(spec):
            path, views, split = resolve.own_file_parts(spec)
            own = chosen.get(registry.OWN_FILE)
            lines, refusal = registry.own_file().inspect_file(path, own, views, split)
        else:
            data, split = resolve.open_dataset(spec, folder, chosen)
            lines, refusal = describe(data, data.split(split)), None
    except DataError as error:
        raise UsageError(str(error)) from error
    for line in lines:
        console.print(line)
    if refusal is not None:
        console.print(f"not usable as it is: {refusal}")
        return 1
    flags = ["--dataset", spec, *(["--data-root", root] if root else [])]
    flags += ["--data-option", *options] if options else []
    console.print(f"run on it: python run_all.py --protocol table2 {shlex.join(flags)}")
    return 0


def simulate(key: str, out: Path | None, scale: float, seed: int, console: Console) -> int:
    """Write a simulated copy of the data set ``key`` below ``out``.

    ``scale``  share of its subjects, in (0, 1].

    Raises UsageError if ``out`` is missing or cannot be written, or ``scale`` is out of range.
    """
    if out is None:
        raise UsageError(f"--simulate {key} needs --out DIR, the folder to write to")
    writer = import_module(f"datasets.{key}.simulate")
    try:
        folder = writer.write(out, scale, seed, progress=console.print)
    except DataError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})") from error
    console.print(f"wrote the simulated copy {folder}; run on it with --data-root {out}")
    return 0


def _print(check: DataCheck, console: Console) -> None:
    kind = " (SIMULATED)" if check.simulated else ""
    console.print(f"{check.key}{kind} in {check.folder}")
    width = max((len(finding.what) for finding in check.findings), default=0)
    for finding, *others in by_cause(check.findings):
        for line in _lines(finding, others, width):
            console.print(line)
    wrong = sum(not finding.ok for finding in check.findings)
    result = "all checks passed" if check.ok else f"{wrong} of {len(check.findings)} differ"
    console.print(f"  {result}; fingerprint {check.fingerprint or 'none, it could not be loaded'}")


def _lines(finding: Finding, others: Sequence[Finding], width: int) -> list[str]:
    """A finding, how to fix it, and the ``others`` that are differences for the same reason."""
    mark = "ok  " if finding.ok else "DIFF"
    lines = _wrapped(
        f"  {mark}  {finding.what:<{width}}  {_counts(finding)}", " " * (width + len(INDENT))
    )
    if finding.fix and not finding.ok:
        lines += _wrapped(f"{INDENT}{finding.fix}", INDENT)
    if others:
        also = ", ".join(f"{other.what} {_counts(other)}" for other in others)
        lines += _wrapped(f"{INDENT}so also: {also}", INDENT)
    return lines


def _wrapped(text: str, indent: str) -> list[str]:
    return wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _counts(finding: Finding) -> str:
    return finding.found + (f" (expected {finding.expected})" if finding.expected else "")
