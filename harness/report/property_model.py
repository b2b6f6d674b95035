"""Properties of data sets: the counts as they come in, and the structs that are printed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.figure_model import NumberTable
from harness.report.meta import DatasetNote, ReportMeta

Span = tuple[int, int]
"""The least and the most that was counted."""


@dataclass(frozen=True)
class ClassCount:
    """Rows of a class: in all, and in the training, tuning and test part."""

    name: str
    rows: int
    parts: tuple[Span, Span, Span]


@dataclass(frozen=True)
class GroupCount:
    """How many groups a column has, rows in one of them, and how many lie in several parts."""

    name: str
    groups: int
    rows: Span
    torn: Span


@dataclass(frozen=True)
class Properties:
    """Counts of one data set; a span is the least and the most over ``trials`` draws.

    ``imitates``  paper's name of the data whose format simulated data have; "" for other data.
    ``parts``     rows of the training, tuning and test part.
    ``labels``    (percent of the training rows that is labelled, how many rows that is).
    ``splits``    every split on offer, with the groups that it knowingly tears apart.
    """

    dataset: str
    imitates: str
    trials: int
    parts: tuple[Span, Span, Span]
    classes: tuple[ClassCount, ...]
    groups: tuple[GroupCount, ...]
    labels: tuple[tuple[float, Span], ...]
    splits: tuple[tuple[str, tuple[str, ...]], ...]


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
    """A bar that is cut into shares."""

    kind: str
    description: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class PropertiesPart:
    """All that the report says of one data set. ``cells`` are the columns of the paper's table."""

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
