"""The frozen structs of a figure's report; what is printed is in here as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from harness.analysis.statistics import PAIRED_COLUMNS, axes
from harness.report.layout import Layout, Shown
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Column, Cost, Failure, NumberTable, PairLine, TrialLine


@dataclass(frozen=True)
class Head:
    """The heading of every figure of a data set: its name, and the stamps."""

    figure: str
    note: DatasetNote
    stamps: tuple[str, ...]

    def title(self, text: str) -> str:
        """``Figure 3, Data: text``."""
        return f"{self.figure}, {self.note.title}: {text}"


@dataclass(frozen=True)
class Drawing:
    """A figure with the stem of its files and its numbers.

    ``plot``  a struct of its kind, with ``title``, ``caption``, ``description`` and ``draw()``.
    """

    stem: str
    plot: Any
    tables: tuple[NumberTable, ...]


@dataclass(frozen=True)
class FigurePart:
    """The part of a figure's report on one data set. ``lead``: the finding in one sentence."""

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
    """A whole report on a figure: ``files`` beside the page, ``overall`` figures of all data."""

    meta: ReportMeta
    layout: Layout
    parts: tuple[FigurePart, ...]
    files: tuple[str, ...] = ()
    overall: tuple[Drawing, ...] = ()


@dataclass(frozen=True, eq=False)
class Numbers:
    """All that a figure is drawn from.

    ``trials``    the table of trials.   ``table`` their ``points.points``.
    ``compared``  their ``statistics.paired``, or ``leaks.leaks``; no line if nothing is compared.
    ``shown``     arrays.
    """

    trials: pd.DataFrame
    table: pd.DataFrame
    compared: pd.DataFrame
    shown: Shown

    def of(self, key: str) -> Numbers:
        """Those of one data set."""
        own = (part[part["dataset"] == key] for part in (self.trials, self.table, self.compared))
        trials, table, compared = own
        shown = replace(
            self.shown,
            weights=tuple(item for item in self.shown.weights if item.dataset == key),
            matrices=tuple(item for item in self.shown.matrices if item.dataset == key),
        )
        return Numbers(trials, table, compared, shown)


def nothing_compared(trials: pd.DataFrame, layout: Layout, meta: ReportMeta) -> pd.DataFrame:
    """No line: the kind compares no rows."""
    return pd.DataFrame(columns=[PAIRED_COLUMNS[0], *axes(trials), *PAIRED_COLUMNS[1:]])


def places_and_pairs(
    meta: ReportMeta, own: Numbers, parts: Sequence[FigurePart]
) -> dict[str, pd.DataFrame]:
    """The numbers at every place, and the paired differences where there are some."""
    files = {f"{meta.protocol}.csv": own.table}
    return files | ({"paired.csv": own.compared} if len(own.compared) else {})


def no_lead(compared: pd.DataFrame, columns: Sequence[Column], note: DatasetNote) -> str:
    """No finding in one sentence."""
    return ""


def nothing_overall(own: Numbers, meta: ReportMeta, layout: Layout) -> tuple[Drawing, ...]:
    """No figure of all data sets together."""
    return ()


@dataclass(frozen=True)
class Kind:
    """What a kind of figure does; ``harness/report/figures/<kind>.py`` holds one as ``KIND``.

    ``axes``      how many axes its layout has.
    ``drawings``  the figures of one data set, their files named after the stem that is given.
    ``overall``   figures of all data sets together.
    ``compared``  the table of comparisons; ``pairs`` whether the page lists them as such.
    ``files``     CSV files by name.   ``lead`` the finding in one sentence.
    """

    axes: int
    drawings: Callable[[Head, Numbers, Sequence[Column], Layout, str], tuple[Drawing, ...]]
    overall: Callable[[Numbers, ReportMeta, Layout], tuple[Drawing, ...]] = nothing_overall
    compared: Callable[[pd.DataFrame, Layout, ReportMeta], pd.DataFrame] = nothing_compared
    files: Callable[[ReportMeta, Numbers, Sequence[FigurePart]], dict[str, pd.DataFrame]] = (
        places_and_pairs
    )
    lead: Callable[[pd.DataFrame, Sequence[Column], DatasetNote], str] = no_lead
    pairs: bool = True
