"""The protocol contract: recipes, rows, cells, and the protocol that lists them.

A :class:`Protocol` only lists cells (scenario x recipe) and names its layout. What a scenario draws
and builds is in ``protocols._trial``; both are imported from here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from datasets.base import Dataset
from protocols._budgets import BUDGETS as BUDGETS
from protocols._budgets import Budget
from protocols._rules import label_fractions as label_fractions
from protocols._rules import label_rule as label_rule
from protocols._rules import scaling_note as scaling_note
from protocols._rules import scaling_rule as scaling_rule
from protocols._trial import PARADIGMS as PARADIGMS
from protocols._trial import Draw as Draw
from protocols._trial import Paradigm, Scenario
from protocols._trial import build as build
from protocols._trial import draw as draw
from protocols._trial import seed_of as seed_of
from protocols._varies import varies as varies
from protocols._varies import what_varies as what_varies

ReprRows = Literal["paradigm", "labelled", "labelled+test", "train"]
REPR_ROWS: Mapping[ReprRows, Paradigm] = {
    "labelled": "supervised",
    "labelled+test": "transductive",
    "train": "inductive",
}
"""Rows that a stage may be fitted on, and the paradigm that has these rows."""


@dataclass(frozen=True)
class Stage:
    """One step of a recipe: a method by key, on some views, with settings.

    ``views``   None: every view; names: those views; ``each``: one fit per view, whose codes become
                the views of the next stage.
    ``config``  overrides of the method's defaults; the budget adds the candidate grid.
    ``grid``    candidate values that stand in for the method's own grid on these settings; a budget
                of one point takes the first.
    ``rows``    which rows the stage is fitted on: those of its row's paradigm, or another's; so a
                representation may see more, or fewer, rows than the classifier behind it.
    ``imputes`` the stage fills in absent views, and the next one reads the completed views.
    ``epochs``  least number of epochs: a budget that has fewer trains for these, without patience,
                unless its epochs are fixed.
    """

    key: str
    views: tuple[str, ...] | Literal["each"] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    rows: ReprRows = "paradigm"
    imputes: bool = False
    epochs: int | None = None


Recipe = tuple[Stage, ...]


@dataclass(frozen=True)
class TableRow:
    """A line of a table: its key, printed title, paradigm block and recipe.

    ``published``  the row's name in the paper's table, None where the paper has no such row.
    ``all_labels`` the row is a ceiling: every training label is shown, whatever the column says.
    ``optional``   run only when ``--method`` names it.
    """

    key: str
    title: str
    block: str
    paradigm: Paradigm
    recipe: Recipe
    published: str | None = None
    all_labels: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Cell:
    """One number of a table or figure: a row under a scenario on a data set.

    ``at``  its place on a figure's axes, by name: ``{"missing": 0.5}``, ``{"split": "person"}``.
    ``trials``  the most trials it is run for (None: the budget's), where one is enough to look at.
    """

    row: TableRow
    scenario: Scenario
    label_fraction: float
    at: Mapping[str, float | str] = field(default_factory=dict)
    trials: int | None = None


@dataclass(frozen=True)
class MethodCard:
    """What a protocol may know of a registered method: enough to give it a row."""

    key: str
    title: str
    classify: bool
    impute: bool
    unlabelled: bool
    inductive: bool


class Protocol(ABC):
    """A table or figure of the paper: which cells it needs, and how they are laid out."""

    title: ClassVar[str]
    datasets: ClassVar[Mapping[str, tuple[str, ...]]]
    """Default data sets by budget name: the open sets it shows when nothing licensed is found."""
    layout: ClassVar[Mapping[str, Any]] = {"kind": "table"}
    """Plain values; ``harness.report.layout.Layout`` says what they mean."""
    takes_missing: ClassVar[bool] = False
    """Whether its rows lack views; then a run may choose the two that follow, before ``cells``."""
    may_miss: tuple[str, ...] = ()
    """Views that rows may lack; () stands for all but the first (the paper's Eye, PPS)."""
    missing_at_test: float = 0.0
    """Share of test rows that lack them too; the paper's are complete."""

    @abstractmethod
    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """Lines in printed order; methods that the paper lacks come last."""

    @abstractmethod
    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """Every cell on one data set under one budget."""

    def unfit(self, data: Dataset) -> str:
        """Why it has nothing to show on ``data``, in a sentence; "" where it has."""
        return ""
