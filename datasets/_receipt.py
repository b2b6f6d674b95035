"""The data receipt: what was found on the user's disk, against what the paper's numbers need.

A licensed data set offers ``check(root, options) -> Receipt``. Counts and shapes only: no value of
the data is in a receipt, so that it can be sent to anyone.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from datasets._twin import MARKER


@dataclass(frozen=True)
class Finding:
    """One line of a receipt.

    ``what``      what was looked at: "training rows", "clip 3 of 5_2.npz".
    ``found`` / ``expected``  as text; ``expected`` "" where nothing is.
    ``ok``        whether they agree.
    ``mend``      one sentence: which choice, or which file, causes the mismatch.
    """

    what: str
    found: str
    expected: str = ""
    ok: bool = True
    mend: str = ""


@dataclass(frozen=True)
class Receipt:
    """All findings on one data set. ``fingerprint`` "" where it could not be loaded."""

    key: str
    folder: str
    twin: bool
    findings: tuple[Finding, ...]
    fingerprint: str = ""

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)


_HARMLESS = {MARKER, ".DS_Store", "Thumbs.db", "desktop.ini"}


def counted(what: str, found: int, expected: int, mend: str) -> Finding:
    """A count beside the one that it should be; ``mend`` is said only where they differ."""
    agrees = found == expected
    return Finding(what, str(found), str(expected), agrees, "" if agrees else mend)


def beside(folders: Iterable[Path], known: Container[str]) -> Finding:
    """How many files of ``folders`` are not ``known`` by name. They are not read, so no fault."""
    names = [
        entry.name
        for folder in folders
        for entry in folder.iterdir()
        if entry.name not in known and entry.name not in _HARMLESS and not entry.is_dir()
    ]
    shown = ", ".join(re.sub(r"[^\w .()-]", "?", name)[:40] for name in sorted(names)[:3])
    told = f"{len(names)}: {shown}" + (", ..." if len(names) > 3 else "") if names else "none"
    return Finding("other files beside them, which are not read", told)
