"""The report model: everything that a renderer prints, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.report.meta import DatasetNote, ReportMeta


@dataclass(frozen=True)
class Column:
    """A label column: ``title`` "2 % labelled", ``labels`` how many labels that is."""

    percent: float
    title: str
    short: str
    labels: str


@dataclass(frozen=True)
class Cell:
    """One number. ``mean`` (and ``sd``) are "" unless every planned trial is ok.

    ``state``  complete | incomplete (``3/5``) | absent (not planned).
    ``name``   "row key|percent", shared with the trial lines behind the number.
    """

    state: Literal["complete", "incomplete", "absent"]
    mean: str = ""
    sd: str = ""
    progress: str = ""
    failed: int = 0
    best: bool = False
    stale: bool = False
    published: str = ""
    hover: str = ""
    name: str = ""

    @property
    def number(self) -> str:
        """``.814±.031``, ``.814``, ``3/5`` or "" ."""
        if self.state == "complete":
            return f"{self.mean}±{self.sd}" if self.sd else self.mean
        return self.progress


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    key: str
    title: str
    ceiling: bool
    reference: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Block:
    """A paradigm with its rows."""

    name: str
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class DotCell:
    """Trials of one cell for the dot plot; ``mean`` None where the cell is not complete.

    ``published``  the paper's mean and SD, on the paper's own data only.
    """

    values: tuple[float, ...]
    mean: float | None
    sd: float | None
    published: tuple[float, float] | None
    note: str


@dataclass(frozen=True)
class ForestCell:
    """One paired difference; the corrected interval is None where no correction applies.

    ``note``  ``3/5`` where not every planned pair is there.
    """

    mean: float
    plain: tuple[float, float] | None
    corrected: tuple[float, float] | None
    decided: bool
    note: str


@dataclass(frozen=True)
class PlotLine:
    """A line of a plot: a block heading (no cells) or a row with one cell per column."""

    title: str
    heading: bool
    ceiling: bool
    reference: bool
    cells: tuple[DotCell | ForestCell | None, ...]


@dataclass(frozen=True)
class Plot:
    """Small multiples, one panel a column, rows shared. ``mark`` is chance level, or zero."""

    kind: Literal["dots", "forest"]
    title: str
    stamps: tuple[str, ...]
    panels: tuple[str, ...]
    lines: tuple[PlotLine, ...]
    x_label: str
    limits: tuple[float, float]
    mark: float
    mark_label: str
    caption: str
    description: str


@dataclass(frozen=True)
class TrialLine:
    """One planned trial, as printed in the list of all trials."""

    name: str
    row: str
    block: str
    column: str
    trial: int
    status: str
    accuracy: str
    tuning: str
    epoch: str
    candidates: str
    config: str
    seconds: str
    memory: str
    device: str
    stale: bool
    nmse: str = ""


@dataclass(frozen=True)
class Failure:
    """Trials of one cell without a number, for one reason."""

    row: str
    block: str
    column: str
    trials: str
    status: str
    reason: str
    trace: str


@dataclass(frozen=True)
class Cost:
    """What a row costs: seconds a trial per column, the largest memory peak, where it ran."""

    row: str
    block: str
    seconds: tuple[str, ...]
    candidates: str
    memory: str
    device: str


@dataclass(frozen=True)
class PairLine:
    """Reference minus one row in one column, as printed."""

    row: str
    block: str
    column: str
    pairs: str
    difference: str
    sd: str
    interval: str
    corrected: str
    wilcoxon: str
    t: str
    decision: str


@dataclass(frozen=True)
class NumberTable:
    """A table of a figure's numbers: headings, lines of text, and a note below it.

    ``left``  number of left-aligned text columns.
    """

    title: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    note: str = ""
    left: int = 1


@dataclass(frozen=True)
class DatasetPart:
    """The part of the report on one data set."""

    note: DatasetNote
    facts: tuple[tuple[str, str], ...]
    stamps: tuple[str, ...]
    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    lead: tuple[str, ...]
    labels_line: str
    legend: tuple[str, ...]
    selections: tuple[str, ...]
    progress: str
    failures: tuple[Failure, ...]
    trials: tuple[TrialLine, ...]
    costs: tuple[Cost, ...]
    pairs: tuple[PairLine, ...]
    reference: str
    dots: Plot
    forest: Plot | None
    further: tuple[NumberTable, ...] = ()


@dataclass(frozen=True)
class Report:
    """A whole report."""

    meta: ReportMeta
    parts: tuple[DatasetPart, ...]
