"""No method, and no builder, sees what it must not; each canary catches a cheat planted for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import pytest

from datasets.base import TEST, TRAIN, TUNE, Dataset, HeldOut, Problem, Rows
from harness import registry
from methods.base import UnsupportedError
from protocols.base import PARADIGMS, Draw, Scenario, build, draw
from tests.contract.canaries import (
    ALTERATIONS,
    Builder,
    LeakError,
    State,
    Trainer,
    canary,
    identity_canary,
)
from tests.contract.suite import every_method
from tests.helpers import FIXED, Score, fit, fresh, home, outputs, scenario, tiny, trial

MASKED = {"missing": ("b",), "missing_fraction": 0.5}


def watched(name: str, paradigm: str) -> bool:
    """Whether an alteration must leave no trace in a paradigm."""
    return not (name == "test rows" and paradigm == "transductive")  # their features are given


# ---------------------------------------------------------------- the builder


@pytest.mark.parametrize("paradigm", PARADIGMS)
@pytest.mark.parametrize("name", [n for n, a in ALTERATIONS.items() if not a.in_problem])
def test_nothing_hidden_reaches_a_problem(name: str, paradigm: Any) -> None:
    wanted = scenario(paradigm, **MASKED)
    if watched(name, paradigm):
        canary(ALTERATIONS[name], tiny(), wanted)
        return
    with pytest.raises(LeakError):
        canary(ALTERATIONS[name], tiny(), wanted)


@pytest.mark.parametrize("paradigm", PARADIGMS)
@pytest.mark.parametrize("fraction", [0.05, 0.3, 1.0])
def test_hidden_entries_and_labels_hold_nothing(paradigm: Any, fraction: float) -> None:
    _, problem, _ = trial(tiny(), scenario(paradigm, label_fraction=fraction, **MASKED))
    for v, view in enumerate(problem.rows.views):
        assert np.isnan(view[~problem.rows.present[:, v]]).all()
        assert np.isfinite(view[problem.rows.present[:, v]]).all()
    assert (problem.labels[~problem.labelled] == -1).all()
    assert (problem.labels[problem.labelled] >= 0).all()


def edited(change: Callable[[Problem, Dataset, Scenario, Draw], Problem]) -> Builder:
    """The builder, with a fault planted in it."""

    def faulty(data: Dataset, wanted: Scenario, drawn: Draw) -> tuple[Problem, HeldOut]:
        problem, held_out = build(data, wanted, drawn)
        return change(problem, data, wanted, drawn), held_out

    return faulty


def shows_labels(problem: Problem, data: Dataset, wanted: Scenario, drawn: Draw) -> Problem:
    return replace(problem, labels=data.labels[drawn.order[problem.rows.ids]])


def shows_masked(problem: Problem, data: Dataset, wanted: Scenario, drawn: Draw) -> Problem:
    index = drawn.order[problem.rows.ids]
    return replace(problem, rows=replace(problem.rows, views=tuple(v[index] for v in data.views)))


def takes_test_rows(problem: Problem, data: Dataset, wanted: Scenario, drawn: Draw) -> Problem:
    return build(data, replace(wanted, paradigm="transductive"), drawn)[0]


def scales_on_everything(problem: Problem, data: Dataset, wanted: Scenario, drawn: Draw) -> Problem:
    pairs = zip(problem.rows.views, data.views, strict=True)
    views = tuple((view - whole.mean(0)) / whole.std(0) for view, whole in pairs)
    return replace(problem, rows=replace(problem.rows, views=views))


def hands_over_tuning_labels(
    problem: Problem, data: Dataset, wanted: Scenario, drawn: Draw
) -> Problem:
    classes = data.labels[drawn.order[problem.tuning.ids]].astype(np.float32)
    views = (*problem.tuning.views[:-1], np.column_stack([problem.tuning.views[-1], classes]))
    return replace(problem, tuning=replace(problem.tuning, views=views))


@pytest.mark.parametrize(
    ("name", "fault", "paradigm"),
    [
        ("hidden labels", shows_labels, "inductive"),
        ("test labels", shows_labels, "transductive"),
        ("masked entries", shows_masked, "inductive"),
        ("test rows", takes_test_rows, "inductive"),
        ("test rows", scales_on_everything, "supervised"),
        ("tuning labels", hands_over_tuning_labels, "supervised"),
    ],
)
def test_a_faulty_builder_is_caught(name: str, fault: Any, paradigm: Any) -> None:
    wanted = scenario(paradigm, **MASKED)
    canary(ALTERATIONS[name], tiny(), wanted)
    with pytest.raises(LeakError, match=f"{name} reached the Problem"):
        canary(ALTERATIONS[name], tiny(), wanted, build=edited(fault))


# ---------------------------------------------------------------- every method


def honest(key: str, wanted: Scenario) -> Trainer:
    """Fit at a fixed epoch, then answer fixed rows (a transductive method: those it holds)."""
    can = registry.load_method(key).can

    def train(problem: Problem, score: Score, data: Dataset) -> State:
        fitted = fit(key, problem, training=FIXED, score=score if can.classify else None)
        rows = fresh(problem.dims) if can.inductive else problem.rows
        return outputs(key, fitted, rows)

    return train


@every_method
@pytest.mark.parametrize("name", list(ALTERATIONS))
def test_no_method_sees_what_is_hidden(key: str, name: str) -> None:
    method = registry.load_method(key)
    wanted = home(method)
    if name == "masked entries":
        wanted = replace(wanted, **MASKED)
    train = honest(key, wanted)
    if name == "masked entries" and not method.can.missing_views:
        canary(ALTERATIONS[name], tiny(), wanted)  # the bytes: it refuses such rows, and says so
        if not trial(tiny(), wanted)[1].rows.present.all():
            with pytest.raises(UnsupportedError):
                canary(ALTERATIONS[name], tiny(), wanted, train)
    elif watched(name, wanted.paradigm):
        canary(ALTERATIONS[name], tiny(), wanted, train)


@every_method
def test_transduction_reads_no_test_label(key: str) -> None:
    method = registry.load_method(key)
    if method.can.unlabelled:
        wanted = replace(home(method), paradigm="transductive")
        canary(ALTERATIONS["test labels"], tiny(), wanted, honest(key, wanted))


# ---------------------------------------------------------------- planted cheats


def rows_of(data: Dataset, wanted: Scenario, part: int) -> np.ndarray:
    return np.flatnonzero(draw(tiny(), wanted, 0).part == part)


def means(views: tuple[np.ndarray, ...], labels: np.ndarray, index: np.ndarray) -> State:
    """The mean of every class, over ``index``: what a nearest-mean classifier learns."""
    x = np.concatenate(views, axis=1)[index]
    return {str(k): x[labels[index] == k].mean(0) for k in np.unique(labels[index])}


def steals(part: int, problem: Problem, score: Score, data: Dataset) -> State:
    """Handed the data set behind the contract's back, it learns from labels that are hidden."""
    return means(data.views, data.labels, rows_of(data, scenario(), part))


def scales_on_test(problem: Problem, score: Score, data: Dataset) -> State:
    """Standardises on every row of the data set, which it reads from a global."""
    return {"mean": np.concatenate(data.views, axis=1).mean(0)}


def fills_from_source(problem: Problem, score: Score, data: Dataset) -> State:
    """Imputes the absent entries with the truth."""
    return {"filled": data.views[1].sum(0)}


def fits_on_tuning(problem: Problem, score: Score, data: Dataset) -> State:
    """Standardises on tuning rows as well: they ride in the Problem, but not for that."""
    return {"mean": np.concatenate([problem.rows.views[0], problem.tuning.views[0]]).mean(0)}


@pytest.mark.parametrize(
    ("name", "cheat", "wanted"),
    [
        ("hidden labels", partial(steals, TRAIN), scenario()),
        ("tuning labels", partial(steals, TUNE), scenario()),
        ("test labels", partial(steals, TEST), scenario("transductive")),
        ("test rows", scales_on_test, scenario("supervised")),
        ("masked entries", fills_from_source, scenario(**MASKED)),
        ("tuning features", fits_on_tuning, scenario("supervised")),
    ],
)
def test_each_canary_catches_its_cheat(name: str, cheat: Trainer, wanted: Scenario) -> None:
    with pytest.raises(LeakError, match=f"{name} reached the fit"):
        canary(ALTERATIONS[name], tiny(), wanted, cheat)


def test_every_canary_has_a_cheat_planted_for_it() -> None:
    marks = cast(Any, test_each_canary_catches_its_cheat).pytestmark
    assert {case[0] for case in marks[0].args[1]} == set(ALTERATIONS)


def test_one_that_fills_masked_entries_from_the_problem_gets_nothing() -> None:
    _, problem, _ = trial(tiny(), scenario(**MASKED))
    absent = ~problem.rows.present[:, 1]
    assert absent.any()
    assert np.isnan(problem.rows.views[1][absent]).all()


# ---------------------------------------------------------------- ids and positions

RAW = Scenario("stratified", "inductive", 0.1, "random_min_one")


def mfeat() -> Dataset:
    """200 rows a class, in class order: a position in the file is the class."""
    return registry.module("datasets", "mfeat").load()


@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_ids_and_positions_tell_no_class(paradigm: Any) -> None:
    data = mfeat()
    assert (np.diff(data.labels) >= 0).all()
    identity_canary(data, replace(RAW, paradigm=paradigm))


def test_ids_from_the_file_are_caught() -> None:
    def relabelled(rows: Rows, drawn: Draw) -> Rows:
        return replace(rows, ids=drawn.order[rows.ids])

    def raw_ids(data: Dataset, wanted: Scenario, drawn: Draw) -> tuple[Problem, HeldOut]:
        problem, held_out = build(data, wanted, drawn)
        return (
            replace(problem, rows=relabelled(problem.rows, drawn)),
            replace(held_out, test=relabelled(held_out.test, drawn)),
        )

    with pytest.raises(LeakError, match="id tells"):
        identity_canary(mfeat(), RAW, raw_ids)


def test_positions_of_the_file_are_caught() -> None:
    def in_file_order(data: Dataset, wanted: Scenario, drawn: Draw) -> tuple[Problem, HeldOut]:
        return build(data, wanted, replace(drawn, order=np.arange(data.n)))

    with pytest.raises(LeakError, match="tells its class"):
        identity_canary(mfeat(), RAW, in_file_order)
