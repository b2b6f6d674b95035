"""The data check: what was found on the user's disk, beside what the paper's numbers need.

A data set of the user's own copy offers ``check(root, options) -> DataCheck``. It contains counts
and shapes only, no value of the data, so that it can be sent to anyone.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets._simulated import FORMER_MARKER, MARKER
from datasets.base import Dataset


@dataclass(frozen=True)
class Finding:
    """One line of a data check.

    ``what``      what was checked: "training rows", "clip 3 of 5_2.npz".
    ``found`` / ``expected``  as text; ``expected`` is "" if there is no expected value.
    ``ok``        whether they agree.
    ``fix``       one sentence: which option, or which file, causes the mismatch.
    """

    what: str
    found: str
    expected: str = ""
    ok: bool = True
    fix: str = ""


@dataclass(frozen=True)
class DataCheck:
    """All findings on one data set. ``fingerprint`` is "" if the data set could not be loaded.

    ``simulated``  the files are a simulated copy.
    """

    key: str
    folder: str
    simulated: bool
    findings: tuple[Finding, ...]
    fingerprint: str = ""

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)


_HARMLESS = {MARKER, FORMER_MARKER, ".DS_Store", "Thumbs.db", "desktop.ini"}


def compare_count(what: str, found: int, expected: int, fix: str) -> Finding:
    """A count beside the expected one; ``fix`` is kept only if they differ."""
    agrees = found == expected
    return Finding(what, str(found), str(expected), agrees, "" if agrees else fix)


def unread_files(folders: Iterable[Path], known: Container[str]) -> Finding:
    """Files of ``folders`` whose names are not ``known``: their number and the first three names.

    They are not read, so they are not a fault.
    """
    names = [
        entry.name
        for folder in folders
        for entry in folder.iterdir()
        if entry.name not in known and entry.name not in _HARMLESS and not entry.is_dir()
    ]
    shown = ", ".join(re.sub(r"[^\w .()-]", "?", name)[:40] for name in sorted(names)[:3])
    more = ", ..." if len(names) > 3 else ""
    return Finding("other files, not read", f"{len(names)}: {shown}{more}" if names else "none")


def grouped_faults(faults: Sequence[tuple[str, str]], expected: str) -> list[Finding]:
    """Unusable files, given as (name, message): one finding for each kind of fault.

    Messages that differ only in the file's name and in numbers are of one kind; the finding has the
    message of its first file.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for name, message in faults:
        kind = re.sub(r"\d+", "#", message.replace(name, ""))
        kinds.setdefault(kind, []).append((name, message))
    findings = []
    for same in kinds.values():
        names = [name for name, _ in same]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        found = "unusable" if len(names) == 1 else f"unusable, {len(names)} files"
        what = ", ".join(names[:3]) + more
        findings.append(Finding(what, found, expected, False, same[0][1]))
    return findings


def shared_by_parts(data: Dataset) -> list[Finding]:
    """For every split: the groups with rows in several parts, and those that stay in one."""
    findings = []
    for split in data.splits:
        whole = ", ".join(name for name in data.groups if name not in split.leaks) or "nothing"
        shared = ", ".join(split.leaks) or "nothing"
        findings.append(
            Finding(f"split {split.name}", f"in several parts: {shared}; in one part: {whole}")
        )
    return findings
