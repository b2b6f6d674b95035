"""The report model: tables, figures, texts and the sections that hold them.

Every kind of report is made of these, one template prints them as a page, and one exporter prints
them as Markdown and LaTeX.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar, Literal

from harness.report.marks import Mark
from harness.report.meta import ReportMeta


@dataclass(frozen=True, slots=True)  # a long report has a million of them
class Cell:
    """One cell of a table, as printed: ``.814±.031``, ``3/5``, a word, or "".

    ``paper``  the paper's value, printed beside it.   ``note`` printed after it (``1 failed``).
    ``bold``, ``stale``  highest of its column; made by an earlier version of the source.
    ``hover``  shown where the mouse rests.   ``more`` folded behind it (a trace).
    ``link``   a place on the page, such as the trials behind the number (``places.link``).
    ``file``   the data file with these trials, where its row names none (``Row.file``).
    ``dots``   the trials, each between 0 and 1 on the axis of its column.
    ``gap``    difference from the reference row, printed small.
    ``badge``  a word set off from the rest: ``decided``, ``undecided``.
    ``swatch`` the mark of a row in figures (``marks.Mark``), drawn before its name.
    ``css``    classes of the page.
    """

    text: str
    paper: str = ""
    note: str = ""
    bold: bool = False
    stale: bool = False
    hover: str = ""
    more: str = ""
    link: str = ""
    file: str = ""
    dots: tuple[float, ...] = ()
    gap: str = ""
    badge: str = ""
    swatch: Mark | None = None
    css: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table. ``group`` is the heading over it and the others of that group.

    ``key``   of the row of the protocol that it prints; "" for other rows.
    ``file``  the data file with its trials, which the page loads when a cell is opened.
    """

    cells: tuple[Cell, ...]
    group: str = ""
    key: str = ""
    file: str = ""
    css: str = ""


@dataclass(frozen=True)
class Table:
    """A table: heads, rows of as many cells, and a note below.

    ``heads``  of columns of numbers have the class ``n``; their ``note`` is printed small.
    ``fold``   on the page: always there, or behind its title, ``open`` or ``closed``.
    ``export`` where else it is printed: in Markdown, also in LaTeX, or nowhere.
    ``css``    classes of the page: ``main``, or ``list`` with ``sortable``, ``filter``, ``cards``.
    ``later``  the data file with its rows, which the page loads when it is unfolded; "" for none.
    """

    title: str
    heads: tuple[Cell, ...]
    rows: tuple[Row, ...]
    note: str = ""
    fold: Literal["", "open", "closed"] = "open"
    export: Literal["", "markdown", "latex"] = "markdown"
    css: str = "list"
    anchor: str = ""
    later: str = ""

    @classmethod
    def of(
        cls,
        title: str,
        heads: Iterable[str],
        lines: Iterable[Sequence[str] | Row],
        left: int = 1,
        **more: Any,
    ) -> Table:
        """A table of texts or rows: the first ``left`` columns are words, the others numbers."""
        first = tuple(Cell(head, css="n" if i >= left else "") for i, head in enumerate(heads))
        rows = (line if isinstance(line, Row) else Row(tuple(map(Cell, line))) for line in lines)
        return cls(title, first, tuple(rows), **more)

    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        return ["n" in head.css.split() for head in self.heads]

    def groups(self) -> list[tuple[str, tuple[Row, ...]]]:
        """The rows under each heading, in order."""
        parts = groupby(self.rows, key=lambda row: row.group)
        return [(group, tuple(rows)) for group, rows in parts]

    def without_empty_columns(self) -> Table:
        """Only the columns in which some row prints something."""
        keep = [i for i in range(len(self.heads)) if any(row.cells[i].text for row in self.rows)]
        rows = (replace(row, cells=tuple(row.cells[i] for i in keep)) for row in self.rows)
        return replace(self, heads=tuple(self.heads[i] for i in keep), rows=tuple(rows))


@dataclass(frozen=True, eq=False)
class Figure(ABC):
    """A figure: a subclass holds what it shows and draws it.

    ``stem``  of its files, ``figures/<stem>.svg``.   ``stamps`` are printed on it.
    ``description``  for readers who do not see it.
    ``source``  the CSV file with what it shows; "" where it is that of the protocol.
    """

    stem: str
    title: str
    stamps: tuple[str, ...]
    caption: str
    description: str
    source: ClassVar[str] = ""

    @abstractmethod
    def draw(self) -> Any:
        """The figure as a ``matplotlib.figure.Figure``."""

    def explore(self) -> dict[str, Any] | None:
        """What an interactive plot of it shows, as plain values (``page/charts.js``)."""
        return None


@dataclass(frozen=True)
class Text:
    """Sentences: one paragraph each, or a list.

    ``kind``  ``list`` of points, ``legend`` under a table, ``labels``, ``quiet`` or ``warning``.
    ``export``  whether Markdown and LaTeX print them too.
    """

    lines: tuple[str, ...]
    kind: Literal["list", "legend", "labels", "quiet", "warning"] = "legend"
    export: bool = True


@dataclass(frozen=True)
class Facts:
    """Names with their texts."""

    title: str
    pairs: tuple[tuple[str, str], ...]


Block = Table | Figure | Text | Facts


@dataclass(frozen=True)
class Section:
    """A part of a report. ``anchor`` is that of a data set; "" for any other part.

    ``name``  its title in LaTeX, which uses the paper's own name of the data.
    ``aside`` printed small beside the title.   ``summary`` its line on the terminal.
    """

    title: str
    blocks: tuple[Block, ...]
    anchor: str = ""
    stamps: tuple[str, ...] = ()
    name: str = ""
    aside: str = ""
    summary: str = ""

    def exported(self) -> list[Table | Text]:
        """What Markdown prints, in order."""
        return [b for b in self.blocks if isinstance(b, Table | Text) and b.export]

    def main_tables(self) -> list[Table]:
        """The tables that LaTeX and a terminal print."""
        return [b for b in self.blocks if isinstance(b, Table) and b.export == "latex"]

    def notes(self) -> list[str]:
        """The sentences that are exported."""
        return [line for b in self.exported() if isinstance(b, Text) for line in b.lines]


@dataclass(frozen=True)
class Report:
    """A whole report. ``spent`` says what it cost: ``Budget paper, 20 trials a cell``."""

    meta: ReportMeta
    spent: str
    sections: tuple[Section, ...]
    files: tuple[str, ...] = ()

    def figures(self) -> dict[str, Figure]:
        """Every figure by its stem."""
        blocks = (block for section in self.sections for block in section.blocks)
        return {block.stem: block for block in blocks if isinstance(block, Figure)}
