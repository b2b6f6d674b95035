"""What is done with data besides running on it: receipts, a look into a file, simulated copies."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console

from datasets._receipt import Finding, Receipt
from datasets.base import DataError
from harness import registry
from harness.errors import UsageError
from harness.plan import resolve


def check_data(root: str | None, options: Sequence[str], console: Console) -> int:
    """Print the receipt of every data set whose files lie under the data root.

    Returns 0 where all is as it should be, 1 otherwise. Raises UsageError where nothing is found.
    """
    folder = resolve.data_root(root)
    if folder is None:
        raise UsageError("--check-data needs --data-root DIR, the folder that holds your copies")
    chosen = resolve.data_options(options)
    modules = {key: registry.module("datasets", key) for key in registry.entries("datasets")}
    checked = {key: one for key, one in modules.items() if hasattr(one, "check")}
    try:
        receipts = [
            one.check(folder, chosen.get(key)) for key, one in checked.items() if one.found(folder)
        ]
    except DataError as error:  # of an option; what is amiss with files is in the receipt
        raise UsageError(str(error)) from error
    if not receipts:
        known = ", ".join(checked)
        raise UsageError(f"no file of {known} lies under {folder}; docs/data.md says where they go")
    for receipt in receipts:
        _print(receipt, console)
    return 0 if all(receipt.ok for receipt in receipts) else 1


def inspect_file(path: str, options: Sequence[str], console: Console) -> int:
    """Print what is in a file, or folder, of the user's and how it would be read; run nothing.

    Returns 0 where it can be read as it is, 1 where it is refused or leaves something open, which
    the last line says. Raises UsageError where there is no such file, or it is damaged.
    """
    chosen = resolve.data_options(options).get(resolve.OWN_FILE)
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


def make_twin(key: str, out: Path | None, scale: float, seed: int, console: Console) -> int:
    """Write the twin of a licensed data set below ``out``. Raises UsageError in one sentence."""
    if out is None:
        raise UsageError(f"--make-twin {key} needs --out DIR, the folder to write it into")
    writer = import_module(f"datasets._twin_{key}")
    try:
        made = writer.write(out, scale, seed, progress=console.print)
    except DataError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})") from error
    console.print(f"wrote the twin {made}; run on it with --data-root {out}")
    return 0


def _print(receipt: Receipt, console: Console) -> None:
    kind = " (TWIN: simulated)" if receipt.twin else ""
    console.print(f"{receipt.key}{kind} in {receipt.folder}")
    width = max((len(finding.what) for finding in receipt.findings), default=0)
    for finding in receipt.findings:
        console.print(_line(finding, width))
    wrong = sum(not finding.ok for finding in receipt.findings)
    told = "all as it should be" if receipt.ok else f"{wrong} of {len(receipt.findings)} differ"
    console.print(f"  {told}; fingerprint {receipt.fingerprint or 'none, it could not be loaded'}")


def _line(finding: Finding, width: int) -> str:
    text = f"  {'ok  ' if finding.ok else 'DIFF'}  {finding.what:<{width}}  {finding.found}"
    if finding.expected:
        text += f" (expected {finding.expected})"
    return f"{text}: {finding.mend}" if finding.mend and not finding.ok else text
