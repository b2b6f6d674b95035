"""The data receipt: what was found on the user's disk, against what the paper's numbers need.

A licensed data set offers ``check(root, options) -> Receipt``. Counts and shapes only: no value of
the data is in a receipt, so that it can be sent to anyone.
"""

from __future__ import annotations

from dataclasses import dataclass


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
