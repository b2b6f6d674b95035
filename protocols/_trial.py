"""From a scenario to a trial: its split, labels and masks, and its Problem.

A :class:`Scenario`, a data set and a trial number give a :class:`Draw` (split, labels, masks), and
the draw gives Problem and HeldOut. The two steps are separate so that a test can change what a
method must not see and rebuild with the same draw. Seeds depend on the data set, the split rule,
the trial and the purpose, not on the method or the protocol.

Record digests cover this module (``harness.store.code_digest``) but not ``protocols.base``, which
defines what a table shows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from datasets.base import (
    HIDDEN,
    TEST,
    TRAIN,
    TUNE,
    DataError,
    Dataset,
    HeldOut,
    Problem,
    Rows,
    Scaling,
)
from protocols._masks import losses, mask_order, present_rows, without
from protocols._scaling import check_scaling, scaled
from protocols._splits import (
    drawn_parts,
    kept_rows,
    label_order,
    labelled_per_class,
    labelled_rows,
    partition_of,
)

Paradigm = Literal["supervised", "transductive", "inductive"]
LEFT_OUT = -1
"""The part of rows that take no part in a trial."""
PARADIGMS: tuple[Paradigm, ...] = ("supervised", "transductive", "inductive")


@dataclass(frozen=True)
class Scenario:
    """What a trial hides and shows. ``version`` rises when the builder's numbers may change.

    ``split``           name of one of the data set's split rules.
    ``paradigm``        supervised: labelled rows only; transductive: labelled + test rows without
                        their labels; inductive: labelled + unlabelled training rows (paper, 4.2.1).
    ``label_fraction``  share of training rows with a label, [0, 1]; 0 shows no label at all, to
                        methods that use none.
    ``label_rule``      ``random`` (as the paper), ``random_min_one`` (at least one per class) or
                        ``per_class``: exactly ``labels_per_class`` of each, >= 1, and
                        ``label_fraction`` is 0 and not read.
    ``unlabelled_fraction``  share of the unlabelled training rows that is kept (Figure 2a).
    ``missing``         names of views that may be missing (4.3.1); the others are always present.
    ``missing_fraction``  share of training rows that lose some of them (one, if there is but one).
    ``missing_at_test`` the same for test rows, which are complete in the paper.
    ``incomplete``      ``drop`` leaves training rows with an absent view out ("PartialData");
                        ``leave_out`` does so with the rows of every part that lack a view.
    ``scaling``         rows are z-scored ``global``, ``per_file`` or not at all (``none``) before a
                        method sees them; methods z-score on the Problem's rows in any case.
    """

    split: str
    paradigm: Paradigm
    label_fraction: float
    label_rule: Literal["random", "random_min_one", "per_class"]
    unlabelled_fraction: float = 1.0
    missing: tuple[str, ...] = ()
    missing_fraction: float = 0.0
    missing_at_test: float = 0.0
    incomplete: Literal["keep", "drop", "leave_out"] = "keep"
    scaling: Scaling = "none"
    labels_per_class: int = 0
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
        if (self.label_rule == "per_class") != (self.labels_per_class > 0):
            raise ValueError("labels_per_class is at least 1 under the rule per_class, or else 0")

    def identity(self) -> dict[str, Any]:
        """The fields that differ from their defaults, and the version; JSON-serialisable.

        So a new field with a default changes no id. If a default changes, raise ``version``.
        """
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        defaults = {field.name: field.default for field in fields(self)}
        changed = {name: value for name, value in given.items() if value != defaults[name]}
        return changed | {"version": self.version}


@dataclass(frozen=True)
class Draw:
    """The random part of one trial, in rows of the data set.

    ``order``     permutation of all rows; a row's public id is its position here.
    ``part``      ``(n,)`` TRAIN / TUNE / TEST, LEFT_OUT for rows that take no part.  ``kept``
    ``(n,)`` training rows that take part, ``labelled`` ``(n,)`` those of them with a label.
    ``present``   ``(n, V)``, False where the data set lacks a view and where the trial hides one.
    ``redrawn``   how many draws of the split came before this one and would not do.
    """

    order: np.ndarray
    part: np.ndarray
    labelled: np.ndarray
    kept: np.ndarray
    present: np.ndarray
    redrawn: int = 0

    @property
    def digest(self) -> str:
        """16 hex digits of parts, kept and labelled rows and hidden views: equal, same trial.

        ``order`` is left out, which names rows and chooses none.
        """
        seen = hashlib.sha256(repr(self.present.shape).encode())
        for array in (self.part, self.labelled, self.kept, self.present):
            seen.update(np.ascontiguousarray(array, np.int8).tobytes())
        return seen.hexdigest()[:16]


def declared(data: Dataset, scenario: Scenario) -> dict[str, Any]:
    """What a draw takes from a data set besides its values; part of a job's identity.

    The key that seeds it, the split rule (fields that differ from their defaults; ``leaks`` refuses
    a draw and changes none), and which group names the files, where rows are scaled by file.
    """
    split = data.split(scenario.split)
    given = {field.name: (getattr(split, field.name), field.default) for field in fields(split)}
    rule = {name: value for name, (value, plain) in given.items() if value != plain}
    contents = {"draw_key": data.draw_key, "split": rule}
    for name in ("name", "leaks"):
        rule.pop(name, None)
    return contents | ({"files": data.file_group} if scenario.scaling == "per_file" else {})


def seed_of(data: Dataset, split: str, trial: int, purpose: str, seed: int = 0) -> int:
    """64-bit seed of a data set, split, trial and purpose; ``seed`` is the run's own."""
    name = json.dumps([data.draw_key, split, trial, purpose, seed])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def draw(data: Dataset, scenario: Scenario, trial: int, seed: int = 0) -> Draw:
    """Draw split, labels and masks of one trial. Same arguments, same draw, on any machine.

    Raises DataError if a part, a class or a scale would have too few rows.
    """

    def rng(purpose: str, number: int = trial) -> np.random.Generator:
        return np.random.default_rng(seed_of(data, scenario.split, number, purpose, seed))

    split = data.split(scenario.split)
    part, redrawn = drawn_parts(data, split, rng("split", partition_of(split, trial)), trial)
    train = np.flatnonzero(part == TRAIN)
    chosen = _chosen(data, train, scenario, rng("labels"))
    labelled = np.zeros(data.n, bool)
    labelled[train[chosen]] = True
    kept = kept_rows(train, labelled, scenario.unlabelled_fraction, rng("unlabelled"))
    present = data.present.copy()
    may_miss = [data.view_names.index(name) for name in scenario.missing]
    for index, name, fraction in (
        (train, "masks", scenario.missing_fraction),
        (np.flatnonzero(part == TEST), "test masks", scenario.missing_at_test),
    ):
        if fraction > 0:
            order = mask_order(len(index), rng(name))
            lost = losses(data.n, may_miss, len(data.views), rng("patterns"))
            hidden = ~present_rows(order, fraction, lost[index])
            present[index] = without(present[index], hidden)
    if scenario.incomplete != "keep":
        whole = np.all(present, axis=1)
        kept, labelled = kept & whole, labelled & whole
        if scenario.incomplete == "leave_out":
            part = complete_parts(data, part, whole)
    check_scaling(data, scenario.scaling, part, present)
    order = rng("order").permutation(data.n)
    return Draw(order, part, labelled, kept, present, redrawn)


def _chosen(
    data: Dataset, train: np.ndarray, scenario: Scenario, rng: np.random.Generator
) -> np.ndarray:
    """Positions of the labelled rows among the training rows ``train``."""
    labels, order = data.labels[train], label_order(len(train), rng)
    if scenario.label_rule == "per_class":
        return labelled_per_class(labels, order, scenario.labels_per_class, data.class_names)
    return labelled_rows(labels, order, scenario.label_fraction, scenario.label_rule)


def build(data: Dataset, scenario: Scenario, drawn: Draw) -> tuple[Problem, HeldOut]:
    """Problem and HeldOut of one draw. Rows have the draw's random order."""
    member = drawn.labelled.copy()
    if scenario.paradigm == "inductive":
        member |= (drawn.part == TRAIN) & drawn.kept
    if scenario.paradigm == "transductive":
        member |= drawn.part == TEST
    values = scaled(data, scenario.scaling, drawn.part, drawn.present)
    rank = np.argsort(drawn.order)

    def rows(keep: np.ndarray, hide: bool) -> Rows:
        index = drawn.order[keep[drawn.order]]
        present = (drawn.present if hide else data.present)[index]
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
        may_miss=tuple(dict.fromkeys((*scenario.missing, *data.absent_views))),
    )
    test = rows(drawn.part == TEST, hide=True)
    held_out = HeldOut(
        test=test,
        test_labels=labels(drawn.part == TEST),
        tuning_labels=labels(drawn.part == TUNE),
        complete=rows(member, hide=False),
        test_complete=np.asarray(test.present.all(axis=1)),
    )
    for array in (problem.labels, problem.labelled, held_out.test_complete):
        array.setflags(write=False)
    return problem, held_out


def complete_parts(data: Dataset, part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Parts ``(n,)`` with rows that are not ``whole`` (n,) left out.

    Raises DataError if a part, or a class of the training part, would have no row.
    """
    left = np.where(whole, part, LEFT_OUT).astype(part.dtype)
    parts_gone = {TRAIN, TUNE, TEST} - set(left.tolist())
    classes_gone = set(range(data.n_classes)) - set(data.labels[left == TRAIN].tolist())
    if parts_gone or classes_gone:
        what = "a part" if parts_gone else f"class {data.class_names[min(classes_gone)]}"
        raise DataError(
            f"no row of {what} of {data.key} has every view, so that its complete rows are too "
            "few; impute the absent views (--absent-views), or name fewer views"
        )
    return left


def _frozen(rows: Rows) -> Rows:
    for array in (*rows.views, rows.present, rows.ids):
        array.setflags(write=False)
    return rows
