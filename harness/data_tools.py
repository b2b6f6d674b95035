"""Tools for data: the check of the user's files, a look into one, simulated copies."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console

from datasets._check import DataCheck, Finding
from datasets.base import DataError
from harness import registry
from harness.errors import UsageError
from harness.plan import resolve


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


def inspect_file(path: str, options: Sequence[str], console: Console) -> int:
    """Print what is in a file, or folder, of the user's and how it would be read; run nothing.

    Returns 0 where it can be read as it is, 1 where it is refused or leaves something open, which
    the last line says. Raises UsageError where there is no such file, or it is damaged.
    """
    chosen = resolve.data_options(options).get(registry.OWN_FILE)
    try:
        lines, refusal = registry.own_file().inspect_file(Path(path).expanduser(), chosen)
    except DataError as error:
        raise UsageError(str(error)) from error
    for line in lines:
        console.print(line)
    if refusal is not None:
        console.print(f"not usable as it is: {refusal}")
        return 1
    given = f" --data-option {shlex.join(options)}" if options else ""
    named = shlex.quote(path)
    console.print(f"run on it: python run_all.py --protocol table2 --dataset {named}{given}")
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
    for finding in check.findings:
        console.print(_line(finding, width))
    wrong = sum(not finding.ok for finding in check.findings)
    result = "all checks passed" if check.ok else f"{wrong} of {len(check.findings)} differ"
    console.print(f"  {result}; fingerprint {check.fingerprint or 'none, it could not be loaded'}")


def _line(finding: Finding, width: int) -> str:
    text = f"  {'ok  ' if finding.ok else 'DIFF'}  {finding.what:<{width}}  {finding.found}"
    if finding.expected:
        text += f" (expected {finding.expected})"
    return f"{text}: {finding.fix}" if finding.fix and not finding.ok else text
