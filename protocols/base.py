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
from protocols._rules import PerClass as PerClass
from protocols._rules import label_fractions as label_fractions
from protocols._rules import label_rule as label_rule
from protocols._rules import labelled as labelled
from protocols._rules import per_class as per_class
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

    ``views``   None: every view; names: those views; ``each``: one fit per view, whose codes are
                the views of the next stage.
    ``config``  overrides of the method's defaults; the budget adds the candidate grid.
    ``grid``    candidate values that replace the method's own grid for these settings; a budget of
                one point takes the first.
    ``rows``    which rows the stage is fitted on: those of its table row's paradigm or of another;
                so a representation may see more, or fewer, rows than the classifier after it.
    ``imputes`` the stage imputes missing views, and the next one gets the completed views.
    ``epochs``  least number of epochs: a budget with fewer trains for this number, without early
                stopping, unless its epochs are fixed.
    ``last_epoch``  the last epoch is taken, whatever its tuning score: no early stopping.
    """

    key: str
    views: tuple[str, ...] | Literal["each"] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    rows: ReprRows = "paradigm"
    imputes: bool = False
    epochs: int | None = None
    last_epoch: bool = False


Recipe = tuple[Stage, ...]


@dataclass(frozen=True)
class TableRow:
    """A line of a table: its key, printed title, paradigm block and recipe.

    ``published``  the row's name in the paper's table, None where the paper has no such row.
    ``all_labels`` an upper bound: all training labels are shown, in every column.
    ``optional``   run only if ``--method`` names it.
    ``imputer``    key of the method in front of its recipe that completes views, on data whose rows
                   lack some (``harness.plan.absent``); "" for none.
    """

    key: str
    title: str
    block: str
    paradigm: Paradigm
    recipe: Recipe
    published: str | None = None
    all_labels: bool = False
    optional: bool = False
    imputer: str = ""


@dataclass(frozen=True)
class Cell:
    """One number of a table or figure: a row under a scenario on a data set.

    ``label_fraction``  its column: a share of the training rows, or a :class:`PerClass`.
    ``at``  its place on a figure's axes, by name: ``{"missing": 0.5}``, ``{"split": "person"}``.
    ``trials``  the most trials that it is run for (None: the budget's); 1 for an illustration.
    """

    row: TableRow
    scenario: Scenario
    label_fraction: float
    at: Mapping[str, float | str] = field(default_factory=dict)
    trials: int | None = None


@dataclass(frozen=True)
class MethodCard:
    """What a protocol may know of a registered method: what it needs to give it a row."""

    key: str
    title: str
    classify: bool
    impute: bool
    unlabelled: bool
    inductive: bool
    missing_views: bool = False


@dataclass(frozen=True)
class Budget:
    """The amount of work of a run; it belongs to the run, not to a method.

    ``grid``    points an axis for methods that train long (None: the whole grid, 1: the default).
    ``quick_grid``  the same for methods that fit in well under a second.
    ``columns``  number of label fractions, lowest first (None: all).
    ``shares``, ``per_class``  what the user asked for in place of the data set's label fractions:
                 shares of the training rows, or numbers of labels of each class, ascending; all
                 are columns.
    ``fixed_epochs``  a stage that asks for more epochs (``Stage.epochs``) does not get them.
    """

    name: Literal["paper", "preview", "smoke"]
    trials: int
    epochs: int
    eval_every: int
    patience: int | None
    grid: int | None
    quick_grid: int | None
    columns: int | None = None
    shares: tuple[float, ...] = ()
    per_class: tuple[int, ...] = ()
    fixed_epochs: bool = False
    stamp: str = ""


BUDGETS: Mapping[str, Budget] = {
    "paper": Budget(
        "paper", 20, epochs=1001, eval_every=10, patience=300, grid=None, quick_grid=None
    ),
    "preview": Budget(
        "preview", 3, epochs=80, eval_every=4, patience=20, grid=1, quick_grid=None,
        stamp="preview; the paper uses 20 trials",
    ),
    "smoke": Budget(
        "smoke", 1, epochs=5, eval_every=1, patience=None, grid=2, quick_grid=2, columns=1,
        fixed_epochs=True,
        stamp="smoke run: its accuracies mean nothing",
    ),
}  # fmt: skip


def label_columns(data: Dataset, budget: Budget) -> tuple[float, ...]:
    """The label fractions of a table's columns: as asked, or the data set's under the budget."""
    asked = budget.shares or tuple(PerClass.of(data, k) for k in budget.per_class)
    return asked or label_fractions(data)[: budget.columns]


class Protocol(ABC):
    """A table or figure of the paper: its cells, and its layout in a report."""

    title: ClassVar[str]
    datasets: ClassVar[Mapping[str, tuple[str, ...]]]
    """Default data sets by budget name: the open sets used if no licensed data are found."""
    layout: ClassVar[Mapping[str, Any]] = {"kind": "table"}
    """Plain values; ``harness.layout.Layout`` defines them, and checks them on loading."""
    by_name_only: ClassVar[bool] = False
    """Whether ``--protocol all`` leaves it out: it is not the paper's, and costly."""
    takes_missing: ClassVar[bool] = False
    """Whether its samples lack views; then a run may set the next two before ``cells``."""
    may_miss: tuple[str, ...] = ()
    """Views that samples may lack; () means all but the first (the paper's Eye, PPS)."""
    missing_at_test: float = 0.0
    """Share of test samples that lack them too, [0, 1]; 0 in the paper."""

    @abstractmethod
    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        """Table rows in printed order; methods that are not in the paper come last."""

    @abstractmethod
    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        """Every cell on one data set under one budget."""

    def layout_under(self, budget: Budget) -> Mapping[str, Any]:
        """The layout of a run's numbers; :attr:`layout` unless what was asked changes an axis."""
        return self.layout

    def unfit(self, data: Dataset) -> str:
        """Why the protocol cannot be run on ``data``, in a sentence; "" if it can."""
        return ""
