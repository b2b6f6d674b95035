"""What a report says besides its numbers: plain values, handed over by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

KINDS = ("svg", "png", "pdf")
"""Formats that every figure is written in."""


@dataclass(frozen=True)
class SplitNote:
    """One of several splits: the groups it leaks, and its n_test / n_train, None if it is fixed."""

    name: str
    leaks: tuple[str, ...]
    ratio: float | None


@dataclass(frozen=True)
class DatasetNote:
    """Where one data set of the report comes from and how its trials were drawn.

    ``published_name``  its name in the paper's table (SEED, DEAP); None for any other data.
    ``kind``            ``simulated`` data is stamped on every table and figure
                        and never stands beside published numbers.
    ``leaks``           group columns that the split knowingly puts on both sides.
    ``split_fixed``     every trial has the same training and test rows: no correction for overlap.
    ``splits``          the splits of a report that compares them, the leakiest first.
    ``what_varies``     a sentence on what a trial re-draws, printed under every table and figure.
    """

    key: str
    title: str
    kind: Literal["licensed", "open", "simulated"]
    is_paper_data: bool
    published_name: str | None
    source: str
    licence: str
    citation: str
    n: int
    dims: tuple[int, ...]
    view_names: tuple[str, ...]
    n_classes: int
    split: str
    leaks: tuple[str, ...]
    fingerprint: str
    what_varies: str
    split_fixed: bool = False
    notes: tuple[str, ...] = ()
    splits: tuple[SplitNote, ...] = ()

    @property
    def anchor(self) -> str:
        """Its key as file names and links can have it."""
        return "".join(c if c.isalnum() else "-" for c in self.key)

    @property
    def paper_name(self) -> str | None:
        """The name to look published numbers up under; None unless this is the paper's data."""
        return self.published_name if self.kind == "licensed" and self.is_paper_data else None


@dataclass(frozen=True)
class ReportMeta:
    """What was run, when and on what. ``date`` is printed as given: nothing here asks the clock.

    ``stamp``              printed on every table and figure ("" for a run at the paper's budget).
    ``trials_expected``    trials a cell under this budget.
    ``row_notes``          row key -> (first sentence of the method's documentation, citations).
    ``reference_row_key``  row of the paired comparison; "" picks the inductive row that the paper
                           calls SMVAE, where there is one.
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
