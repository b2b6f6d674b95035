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


LABEL = 48
"""Characters that a ``what`` has at most, so that a printed line has room for the rest."""
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
    message of its first file, and as many names as ``LABEL`` has room for.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for name, message in faults:
        kind = re.sub(r"\d+", "#", message.replace(name, ""))
        kinds.setdefault(kind, []).append((name, message))
    findings = []
    for same in kinds.values():
        names = [name for name, _ in same]
        found = "unusable" if len(names) == 1 else f"unusable, {len(names)} files"
        findings.append(Finding(_first_of(names), found, expected, False, same[0][1]))
    return findings


def by_cause(findings: Sequence[Finding]) -> list[tuple[Finding, ...]]:
    """``findings`` in their order, those that one fix settles behind the first of them."""
    groups: dict[tuple[str, int], list[Finding]] = {}
    for number, finding in enumerate(findings):
        place = 0 if finding.fix and not finding.ok else number + 1
        groups.setdefault((finding.fix, place), []).append(finding)
    return [tuple(same) for same in groups.values()]


def only_cause(faults: Sequence[Finding], otherwise: str) -> str:
    """The fix of the ``faults`` if all have one, for what follows from them; or ``otherwise``."""
    fixes = {finding.fix for finding in faults}
    return fixes.pop() if len(fixes) == 1 else otherwise


def _first_of(names: Sequence[str]) -> str:
    """``a, b and 3 more``: as many of the names as ``LABEL`` has room for, at least one."""
    texts = [
        ", ".join(names[:shown]) + (f" and {left} more" if (left := len(names) - shown) else "")
        for shown in range(len(names), 0, -1)
    ]
    return next((text for text in texts if len(text) <= LABEL), texts[-1])


def shared_by_parts(data: Dataset) -> list[Finding]:
    """For every split: the groups with rows in several parts, and those that stay in one."""
    findings = []
    for split in data.splits:
        if reason := data.too_few_groups(split):
            findings.append(Finding(f"split {split.name}", f"cannot be drawn: {reason}"))
            continue
        whole = ", ".join(name for name in data.groups if name not in split.leaks) or "nothing"
        shared = ", ".join(split.leaks) or "nothing"
        findings.append(
            Finding(f"split {split.name}", f"in several parts: {shared}; in one part: {whole}")
        )
    return findings
