"""Metadata of a report: what was run, when and on which data, given by the caller."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.store.manifest import DatasetNote as DatasetNote
from harness.store.manifest import SplitNote as SplitNote

KINDS = ("svg", "png", "pdf")
"""Formats that every figure is written in."""


@dataclass(frozen=True)
class ReportMeta:
    """What was run, when and on which data. ``date`` is printed as given.

    ``stamp``              printed on every table and figure ("" for a run at the paper's budget).
    ``trials_expected``    trials a cell under this budget.
    ``row_notes``          row key -> (first sentence of the method's documentation, citations).
    ``reference_row_key``  row of the paired comparison; "" picks the inductive row that the paper
                           calls SMVAE, where there is one.
    ``refresh``            seconds after which the page reloads itself; 0 for never.
    """

    protocol: str
    title: str
    budget: str
    stamp: str
    trials_expected: int
    command: str
    date: str
    revision: str
    dirty: bool
    versions: Mapping[str, str]
    machine: str
    datasets: tuple[DatasetNote, ...]
    row_notes: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    footnotes: tuple[str, ...] = ()
    reference_row_key: str = ""
    refresh: int = 0


def with_distinct_titles(notes: Sequence[DatasetNote]) -> tuple[DatasetNote, ...]:
    """Notes with titles that differ: those of one data set under two splits end in the key."""
    titles = Counter(note.title for note in notes)
    return tuple(
        replace(note, title=f"{note.title} ({_short(note.key)})")
        if titles[note.title] > 1
        else note
        for note in notes
    )


def _short(key: str, most: int = 60) -> str:
    """A key shortened for a heading; a digest keeps shortened keys distinct."""
    if len(key) <= most:
        return key
    return f"{key[: most - 10]}… {hashlib.sha256(key.encode()).hexdigest()[:6]}"
