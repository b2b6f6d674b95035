"""The frozen structs of a figure's report; what is printed is in here as text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.report.layout import Layout
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Column, Cost, Failure, PairLine, Plot, TrialLine


@dataclass(frozen=True)
class Head:
    """What every figure of a data set says above itself: which one it is, and the stamps."""

    figure: str
    note: DatasetNote
    stamps: tuple[str, ...]

    def title(self, text: str) -> str:
        """``Figure 3, Data: text``."""
        return f"{self.figure}, {self.note.title}: {text}"


@dataclass(frozen=True)
class Point:
    """A place on a curve: ``mean`` (and ``sd``) None unless every planned trial is there.

    ``note``  ``3/5`` where some are.   ``beyond`` the mean where it lies above the axis.
    """

    x: float
    mean: float | None
    sd: float | None
    note: str = ""
    beyond: str = ""


@dataclass(frozen=True)
class Curve:
    """A line of a panel; ``style`` chooses colour, marker and dashes, the same in every panel."""

    title: str
    style: int
    reference: bool
    points: tuple[Point, ...]


@dataclass(frozen=True)
class CurvePlot:
    """Curves in panels that share both axes; ``marks`` are dashed levels with their names.

    ``ticks``  places on the x axis and what is printed there.
    """

    title: str
    stamps: tuple[str, ...]
    panels: tuple[tuple[str, tuple[Curve, ...]], ...]
    x_label: str
    y_label: str
    log: bool
    ticks: tuple[tuple[float, str], ...]
    limits: tuple[float, float]
    marks: tuple[tuple[float, str], ...]
    spread: str
    caption: str
    description: str


@dataclass(frozen=True)
class HeatCell:
    """One number of a heat map; ``mean`` None where it is not complete, ``text`` what is printed.

    ``tone``  place on the scale from 0, light, to 1, dark.
    """

    mean: float | None
    tone: float
    text: str


@dataclass(frozen=True)
class HeatPlot:
    """A heat map with its numbers printed; ``cells[i][j]`` at x ``columns[j]``, y ``rows[i]``."""

    title: str
    stamps: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[HeatCell, ...], ...]
    x_label: str
    y_label: str
    scale: str
    caption: str
    description: str


@dataclass(frozen=True)
class WeightLine:
    """One view: a bar with its trials, and a way over the epochs for every trial.

    ``ways``  per trial (weights by epoch, the chosen epoch).
    """

    view: str
    style: int
    values: tuple[float, ...]
    mean: float | None
    sd: float | None
    ways: tuple[tuple[tuple[float, ...], int], ...]


@dataclass(frozen=True)
class WeightPlot:
    """Bars of view weights, and beside them the same weights over the epochs."""

    title: str
    stamps: tuple[str, ...]
    lines: tuple[WeightLine, ...]
    y_label: str
    note: str
    warning: str
    caption: str
    description: str


@dataclass(frozen=True, eq=False)
class MatrixPlot:
    """Panels of the same rows and columns under one scale, ``-limit`` to ``limit``.

    ``panels``  (title, line under it, values (n, d)).   ``groups`` (class name, first row, last).
    """

    title: str
    stamps: tuple[str, ...]
    panels: tuple[tuple[str, str, np.ndarray], ...]
    groups: tuple[tuple[str, int, int], ...]
    limit: float
    x_label: str
    y_label: str
    scale: str
    caption: str
    description: str


@dataclass(frozen=True)
class Gain:
    """What one method gains, in points, under the leaky split over one other.

    ``plain``, ``corrected``  95 % intervals, None where there are none.   ``text`` what is printed.
    """

    mean: float
    plain: tuple[float, float] | None
    corrected: tuple[float, float] | None
    decided: bool
    text: str


@dataclass(frozen=True)
class GainLine:
    """A block's heading (no cells), or a method: ``cells[panel][split]``, None: not complete."""

    title: str
    cells: tuple[tuple[Gain | None, ...], ...] = ()


@dataclass(frozen=True)
class LeakPlot:
    """Gains as dots with intervals, a panel per share of labels, a marker for every other split.

    ``others``  what each marker stands for.
    """

    title: str
    stamps: tuple[str, ...]
    panels: tuple[str, ...]
    lines: tuple[GainLine, ...]
    others: tuple[str, ...]
    x_label: str
    limits: tuple[float, float]
    caption: str
    description: str


FigurePlot = CurvePlot | HeatPlot | WeightPlot | MatrixPlot | LeakPlot
AnyPlot = Plot | FigurePlot


@dataclass(frozen=True)
class NumberTable:
    """A table of a figure's numbers: heads, lines of text, and a word below it.

    ``left``  how many columns are words.
    """

    title: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    note: str = ""
    left: int = 1


@dataclass(frozen=True)
class Drawing:
    """A figure with the stem of its files and its numbers."""

    stem: str
    plot: FigurePlot
    tables: tuple[NumberTable, ...]


@dataclass(frozen=True)
class FigurePart:
    """All that a figure's report says of one data set. ``lead``: the finding in one sentence."""

    note: DatasetNote
    facts: tuple[tuple[str, str], ...]
    stamps: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    tables: tuple[NumberTable, ...]
    lines: tuple[str, ...]
    selections: tuple[str, ...]
    progress: str
    columns: tuple[Column, ...]
    failures: tuple[Failure, ...]
    trials: tuple[TrialLine, ...]
    costs: tuple[Cost, ...]
    pairs: tuple[PairLine, ...]
    reference: str
    lead: str = ""


@dataclass(frozen=True)
class FigureReport:
    """A whole report on a figure. ``files`` names what lies beside the page."""

    meta: ReportMeta
    layout: Layout
    parts: tuple[FigurePart, ...]
    files: tuple[str, ...] = ()
