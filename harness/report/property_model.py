"""The report model of properties of data sets."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.figure_model import NumberTable
from harness.report.meta import DatasetNote, ReportMeta


@dataclass(frozen=True)
class Property:
    """A printed count.

    ``paper``    the paper's, "" where it has none on these data.
    ``verdict``  ``equal``, ours minus the paper's, or ``differs`` where nothing can be subtracted.
    """

    ours: str
    paper: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Segment:
    """A stretch of a strip: ``start`` and ``width`` in percent, ``label`` "" where it is short."""

    label: str
    title: str
    start: float
    width: float


@dataclass(frozen=True)
class Strip:
    """A bar divided into shares."""

    kind: str
    description: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class PropertiesPart:
    """The part of the report on one data set. ``cells`` are the columns of the paper's table."""

    note: DatasetNote
    stamps: tuple[str, ...]
    cells: tuple[Property, ...]
    lines: tuple[str, ...]
    strips: tuple[Strip, ...]
    tables: tuple[NumberTable, ...]
    facts: tuple[tuple[str, str], ...]
    selections: tuple[str, ...] = ()


@dataclass(frozen=True)
class PropertiesReport:
    """A whole report.

    ``heads``  columns of the paper's table.   ``more`` a line a data set for what that table lacks.
    ``trials`` how many were drawn, in words.   ``check`` the command that explains a mismatch.
    """

    meta: ReportMeta
    heads: tuple[str, ...]
    parts: tuple[PropertiesPart, ...]
    more: NumberTable
    trials: str
    check: str
