"""The protocol contract: scenarios, recipes, budgets, and the builder of Problems.

A :class:`Scenario` plus (data set, trial) gives a :class:`Draw` (who is where, who is labelled,
what is hidden) and the draw gives Problem + HeldOut. The two steps are apart so that a test can
alter what a method must not see and rebuild with the same draw. Seeds come from the data set, the
split rule, the trial and the purpose; no method and no protocol enters.

A :class:`Protocol` only lists cells (scenario x recipe) and names its layout.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from datasets.base import HIDDEN, TEST, TRAIN, TUNE, Dataset, HeldOut, Problem, Rows, Scaling
from protocols._budgets import BUDGETS as BUDGETS
from protocols._budgets import Budget
from protocols._figure_spec import check_layout
from protocols._masks import losses, mask_order, present_rows
from protocols._rules import label_fractions as label_fractions
from protocols._rules import label_rule as label_rule
from protocols._rules import scaling_note as scaling_note
from protocols._rules import scaling_rule as scaling_rule
from protocols._scaling import check_scaling, scaled
from protocols._splits import kept_rows, label_order, labelled_rows, part_of_rows, partition_of
from protocols._varies import varies as varies
from protocols._varies import what_varies as what_varies

Paradigm = Literal["supervised", "transductive", "inductive"]
PARADIGMS: tuple[Paradigm, ...] = ("supervised", "transductive", "inductive")
ReprRows = Literal["paradigm", "labelled", "labelled+test", "train"]
REPR_ROWS: Mapping[ReprRows, Paradigm] = {
    "labelled": "supervised",
    "labelled+test": "transductive",
    "train": "inductive",
}
"""Rows that a stage may be fitted on, and the paradigm that has these rows."""


@dataclass(frozen=True)
class Scenario:
    """What a trial hides and shows. ``version`` rises when the builder's numbers may change.

    ``split``           name of one of the data set's split rules.
    ``paradigm``        supervised: labelled rows only; transductive: labelled + test rows without
                        their labels; inductive: labelled + unlabelled training rows (paper, 4.2.1).
    ``label_fraction``  share of training rows with a label, [0, 1]; 0 shows no label at all, to
                        methods that use none.
    ``label_rule``      ``random`` (as the paper) or ``random_min_one`` (at least one per class).
    ``unlabelled_fraction``  share of the unlabelled training rows that is kept (Figure 2a).
    ``missing``         names of the views that a row may lack (4.3.1); the others are always there.
    ``missing_fraction``  share of training rows that lose some of them (one, if there is but one).
    ``missing_at_test`` the same for test rows, which are complete in the paper.
    ``incomplete``      ``drop`` leaves training rows with an absent view out ("PartialData").
    ``scaling``         rows are z-scored ``global``, ``per_file`` or not at all (``none``) before a
                        method sees them; methods z-score on the Problem's rows in any case.
    """

    split: str
    paradigm: Paradigm
    label_fraction: float
    label_rule: Literal["random", "random_min_one"]
    unlabelled_fraction: float = 1.0
    missing: tuple[str, ...] = ()
    missing_fraction: float = 0.0
    missing_at_test: float = 0.0
    incomplete: Literal["keep", "drop"] = "keep"
    scaling: Scaling = "none"
    version: int = 1

    def __post_init__(self) -> None:
        if self.paradigm not in PARADIGMS:
            raise ValueError(f"unknown paradigm '{self.paradigm}'")
        if not 0 <= self.label_fraction <= 1:
            raise ValueError("label_fraction must lie in [0, 1]")
        if not (0 <= self.missing_fraction <= 1 and 0 <= self.missing_at_test <= 1):
            raise ValueError("missing_fraction and missing_at_test must lie in [0, 1]")
        if max(self.missing_fraction, self.missing_at_test) > 0 and not self.missing:
            raise ValueError("a missing fraction needs the names of the views that may be missing")

    def identity(self) -> dict[str, Any]:
        return asdict(self) | {"missing": list(self.missing)}


@dataclass(frozen=True)
class Draw:
    """The random part of one trial, in rows of the data set.

    ``order``     permutation of all rows; a row's public id is its position here.
    ``part``      ``(n,)`` TRAIN / TUNE / TEST.  ``kept`` ``(n,)`` training rows that take part,
    ``labelled`` ``(n,)`` those of them with a label.  ``present`` ``(n, V)``.
    """

    order: np.ndarray
    part: np.ndarray
    labelled: np.ndarray
    kept: np.ndarray
    present: np.ndarray


def seed_of(data: Dataset, split: str, trial: int, purpose: str, seed: int = 0) -> int:
    """64-bit seed from what should matter and from nothing else; ``seed`` is the run's own."""
    name = json.dumps([data.draw_key, split, trial, purpose, seed])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def draw(data: Dataset, scenario: Scenario, trial: int, seed: int = 0) -> Draw:
    """Draw split, labels and masks of one trial. Same arguments, same draw, on any machine.

    Raises DataError where a part, a class or a scale would have no rows to be made of.
    """

    def rng(purpose: str, number: int = trial) -> np.random.Generator:
        return np.random.default_rng(seed_of(data, scenario.split, number, purpose, seed))

    split = data.split(scenario.split)
    part = part_of_rows(data, split, rng("split", partition_of(split, trial)), trial)
    train = np.flatnonzero(part == TRAIN)
    chosen = labelled_rows(
        data.labels[train],
        label_order(len(train), rng("labels")),
        scenario.label_fraction,
        scenario.label_rule,
    )
    labelled = np.zeros(data.n, bool)
    labelled[train[chosen]] = True
    kept = kept_rows(train, labelled, scenario.unlabelled_fraction, rng("unlabelled"))
    present = np.ones((data.n, len(data.views)), bool)
    may_miss = [data.view_names.index(name) for name in scenario.missing]
    for index, name, fraction in (
        (train, "masks", scenario.missing_fraction),
        (np.flatnonzero(part == TEST), "test masks", scenario.missing_at_test),
    ):
        if fraction > 0:
            order = mask_order(len(index), rng(name))
            lost = losses(data.n, may_miss, len(data.views), rng("patterns"))
            present[index] = present_rows(order, fraction, lost[index])
    if scenario.incomplete == "drop":
        kept, labelled = kept & present.all(axis=1), labelled & present.all(axis=1)
    check_scaling(data, scenario.scaling, part, present)
    order = rng("order").permutation(data.n)
    return Draw(order, part, labelled, kept, present)


def build(data: Dataset, scenario: Scenario, drawn: Draw) -> tuple[Problem, HeldOut]:
    """Problem and HeldOut of one draw. Rows come in the draw's order, so position tells nothing."""
    member = drawn.labelled.copy()
    if scenario.paradigm == "inductive":
        member |= (drawn.part == TRAIN) & drawn.kept
    if scenario.paradigm == "transductive":
        member |= drawn.part == TEST
    values = scaled(data, scenario.scaling, drawn.part, drawn.present)
    rank = np.argsort(drawn.order)

    def rows(keep: np.ndarray, hide: bool) -> Rows:
        index = drawn.order[keep[drawn.order]]
        present = drawn.present[index] if hide else np.ones((len(index), len(data.views)), bool)
        views = tuple(
            np.where(present[:, v, None], view[index], np.float32(np.nan))
            for v, view in enumerate(values)
        )
        return _frozen(Rows(views, present, rank[index]))

    def labels(keep: np.ndarray) -> np.ndarray:
        return data.labels[drawn.order[keep[drawn.order]]].astype(np.int64)

    labelled = drawn.labelled[drawn.order[member[drawn.order]]]
    problem = Problem(
        rows=rows(member, hide=True),
        labels=np.where(labelled, labels(member), HIDDEN),
        labelled=labelled,
        view_names=data.view_names,
        class_names=data.class_names,
        tuning=rows(drawn.part == TUNE, hide=False),
        may_miss=scenario.missing,
    )
    held_out = HeldOut(
        test=rows(drawn.part == TEST, hide=True),
        test_labels=labels(drawn.part == TEST),
        tuning_labels=labels(drawn.part == TUNE),
        complete=rows(member, hide=False),
    )
    problem.labels.setflags(write=False)
    problem.labelled.setflags(write=False)
    return problem, held_out


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
    """Plain values; ``protocols._figure_spec.Layout`` says what they mean and checks them."""
    by_name_only: ClassVar[bool] = False
    """Whether ``--protocol all`` leaves it out: it is not the paper's, and costly."""
    takes_missing: ClassVar[bool] = False
    """Whether its rows lack views; then a run may choose the two that follow, before ``cells``."""
    may_miss: tuple[str, ...] = ()
    """Views that rows may lack; () stands for all but the first (the paper's Eye, PPS)."""
    missing_at_test: float = 0.0
    """Share of test rows that lack them too; the paper's are complete."""

    def __init_subclass__(cls) -> None:
        """Raise TypeError, naming the class, for a layout that no report could use."""
        super().__init_subclass__()
        try:
            check_layout(cls.layout)
        except (TypeError, ValueError) as error:
            raise TypeError(f"layout of {cls.__name__}: {error}") from None

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


def _frozen(rows: Rows) -> Rows:
    for array in (*rows.views, rows.present, rows.ids):
        array.setflags(write=False)
    return rows
