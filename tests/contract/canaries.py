"""Canaries: alter what a method must not see, rebuild with the same draw, look for a trace.

A canary raises :class:`LeakError` where the Problem's bytes differ, or the state of a fit
does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from datasets.base import TEST, TRAIN, TUNE, Dataset, HeldOut, Problem
from harness.run.scoring import accuracy
from methods.base import Fitted
from protocols.base import Draw, Scenario, build, draw
from tests.helpers import Score, digest, same

State = Mapping[str, np.ndarray]
Builder = Callable[[Dataset, Scenario, Draw], tuple[Problem, HeldOut]]
Trainer = Callable[[Problem, Score, Dataset], State]
"""Fit and say what came out. An honest trainer does not touch the data set."""


class LeakError(AssertionError):
    """Something hidden left a trace."""


@dataclass(frozen=True)
class Alteration:
    """A change to what must not be seen. ``in_problem``: the Problem itself may hold it."""

    name: str
    alter: Callable[[Dataset, Draw], Dataset]
    in_problem: bool = False


def hidden_labels(data: Dataset, drawn: Draw) -> Dataset:
    return other_labels(data, (drawn.part == TRAIN) & ~drawn.labelled)


def tuning_labels(data: Dataset, drawn: Draw) -> Dataset:
    return other_labels(data, drawn.part == TUNE)


def test_labels(data: Dataset, drawn: Draw) -> Dataset:
    return other_labels(data, drawn.part == TEST)


def test_rows(data: Dataset, drawn: Draw) -> Dataset:
    return other_features(test_labels(data, drawn), (drawn.part == TEST)[:, None])


def tuning_features(data: Dataset, drawn: Draw) -> Dataset:
    return other_features(data, (drawn.part == TUNE)[:, None])


def masked_entries(data: Dataset, drawn: Draw) -> Dataset:
    return other_features(data, ~drawn.present)


ALTERATIONS = {
    one.name: one
    for one in (
        Alteration("hidden labels", hidden_labels),
        Alteration("tuning labels", tuning_labels),
        Alteration("test labels", test_labels),
        Alteration("test rows", test_rows),
        Alteration("masked entries", masked_entries),
        Alteration("tuning features", tuning_features, in_problem=True),
    )
}


def other_labels(data: Dataset, rows: np.ndarray) -> Dataset:
    """Another class for each of ``rows``."""
    assert rows.any()
    return replace(data, labels=np.where(rows, (data.labels + 1) % data.n_classes, data.labels))


def other_features(data: Dataset, entries: np.ndarray) -> Dataset:
    """Other numbers at ``entries``, (n, 1) or (n, V)."""
    assert entries.any()
    entries = np.broadcast_to(entries, (data.n, len(data.views)))
    views = (
        np.where(entries[:, v, None], 1000 - 3 * view, view) for v, view in enumerate(data.views)
    )
    return replace(data, views=tuple(view.astype(np.float32) for view in views))


def canary(
    alteration: Alteration,
    data: Dataset,
    scenario: Scenario,
    train: Trainer | None = None,
    build: Builder = build,
) -> None:
    """Raise LeakError if ``alteration`` shows in the Problem or, with ``train``, in a fit."""
    drawn = draw(data, scenario, 0)
    other = alteration.alter(data, drawn)
    (before, held_out), (after, answers_after) = (build(d, scenario, drawn) for d in (data, other))
    if not alteration.in_problem and digest(before) != digest(after):
        raise LeakError(f"{alteration.name} reached the Problem")
    if train is None:
        return
    states = (
        train(before, scorer(before, held_out), data),
        train(after, scorer(after, answers_after), other),
    )
    if not same(*states, within=1e-10):
        raise LeakError(f"{alteration.name} reached the fit")


def scorer(problem: Problem, held_out: HeldOut) -> Score:
    """The harness's score on tuning rows, whose labels stay in here."""

    def score(fitted: Fitted) -> float:
        return accuracy(fitted.predict(problem.tuning), held_out.tuning_labels)

    return score


def identity_canary(data: Dataset, scenario: Scenario, build: Builder = build) -> None:
    """Raise LeakError if ids or positions of rows tell more of the class than chance does."""
    from sklearn.neighbors import KNeighborsClassifier

    problem, held_out = build(data, scenario, draw(data, scenario, 0))
    shown = problem.labelled
    places = {"id": (problem.rows.ids, held_out.test.ids)}
    places["position"] = (np.arange(problem.rows.n), np.arange(held_out.test.n))
    chance = float(np.bincount(held_out.test_labels).max() / held_out.test.n)
    for name, (known, asked) in places.items():
        spread = [np.asarray(p, float)[:, None] / max(1, int(p.max())) for p in (known, asked)]
        peek: Any = KNeighborsClassifier(3).fit(spread[0][shown], problem.labels[shown])
        right = accuracy(peek.predict(spread[1]), held_out.test_labels)
        if right > chance + 4 * np.sqrt(chance * (1 - chance) / held_out.test.n):
            raise LeakError(
                f"a row's {name} tells its class: {right:.2f} right, chance {chance:.2f}"
            )
