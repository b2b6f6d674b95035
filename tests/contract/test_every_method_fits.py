"""Every registered method solves a small Problem and keeps the manners of the contract."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from datasets.base import HIDDEN, HeldOut, Problem, Rows
from harness import registry
from harness.run import checks
from methods.base import Fitted, Shape, Training, UnsupportedError
from protocols.base import Scenario
from tests.contract.suite import METHODS, every_method
from tests.helpers import (
    FIXED,
    arrays_of,
    config_of,
    digest,
    fit,
    fit_all,
    home,
    members,
    outputs,
    same,
    taken,
    tiny,
    trial,
)

NO_FEATURES = {"majority"}
"""Reads no feature, so it cannot beat itself."""


@cache
def solved(key: str) -> tuple[Problem, HeldOut, Fitted]:
    method = registry.load_method(key)
    _, problem, held_out = trial(tiny(), home(method))
    return problem, held_out, fit(key, problem)


def can(key: str) -> Any:
    return registry.load_method(key).can


def asked(key: str, problem: Problem, held_out: HeldOut) -> Rows:
    """Rows that a fit can be asked about: new ones, or those that a transductive imputer holds."""
    return problem.rows if can(key).impute and not can(key).inductive else held_out.test


@every_method
def test_answers_have_the_right_shape_type_and_range(key: str) -> None:
    problem, held_out, fitted = solved(key)
    rows = held_out.test
    if can(key).classify:
        classes = fitted.predict(rows)
        assert classes.shape == (rows.n,)
        assert classes.dtype == np.int64
        assert classes.min() >= 0
        assert classes.max() < problem.n_classes
        chances = fitted.predict_proba(rows)
        if chances is not None:
            checked = checks.probabilities(chances, rows.n, problem.n_classes)
            np.testing.assert_array_equal(checked.argmax(1), classes)
    if can(key).represent:
        codes = fitted.transform(rows)
        assert codes.ndim == 2
        assert len(codes) == rows.n
        assert codes.dtype == np.float32
        assert np.isfinite(codes).all()
        shape = Shape(int(problem.labelled.sum()), 0, problem.dims, problem.n_classes)
        assert codes.shape[1] == registry.load_method(key).code_width(shape, config_of(key))
        if not can(key).classify and can(key).inductive:
            assert np.isfinite(fitted.loss(problem.tuning))  # chooses its epoch
    if can(key).impute:
        views, spreads = fitted.impute(problem.rows)
        for v, (view, true) in enumerate(zip(views, problem.rows.views, strict=True)):
            present = problem.rows.present[:, v]
            assert view.shape == true.shape
            assert np.isfinite(view).all()
            np.testing.assert_array_equal(view[present], true[present])
        for v, spread in enumerate(spreads or ()):
            assert spread.shape == views[v].shape
            assert np.isfinite(spread).all()
            assert (spread >= 0).all()
            assert (spread[problem.rows.present[:, v]] == 0).all()


@every_method
def test_the_same_seed_gives_the_same_fit(key: str) -> None:
    problem, held_out, fitted = solved(key)
    rows = asked(key, problem, held_out)
    said, again = (outputs(key, f, rows) for f in (fitted, fit(key, problem)))
    assert same(said, again, within=1e-10)


@every_method
def test_one_that_says_it_uses_no_labels_does_as_well_without(key: str) -> None:
    if can(key).labels:
        return
    problem, held_out, fitted = solved(key)
    hidden = replace(
        problem,
        labels=np.full_like(problem.labels, HIDDEN),
        labelled=np.zeros_like(problem.labelled),
    )
    rows = asked(key, problem, held_out)
    said, again = (outputs(key, f, rows) for f in (fitted, fit(key, hidden)))
    assert same(said, again, within=1e-10)


@pytest.mark.parametrize("known", [(0, 1), (1,)])
@every_method
def test_a_class_without_a_label_is_never_predicted(key: str, known: tuple[int, ...]) -> None:
    """One class alone may be labelled where few labels are drawn at random, as in the paper."""
    if not can(key).classify:
        return
    problem, held_out, _ = solved(key)
    lost = problem.labelled & ~np.isin(problem.labels, known)
    assert lost.any()
    fewer = replace(
        problem,
        labels=np.where(lost, HIDDEN, problem.labels),
        labelled=problem.labelled & ~lost,
    )
    if not can(key).unlabelled:
        kept = np.flatnonzero(~lost)
        fewer = replace(
            fewer,
            rows=taken(problem.rows, kept),
            labels=problem.labels[kept],
            labelled=problem.labelled[kept],
        )
    predicted = fit(key, fewer).predict(held_out.test)
    assert set(predicted.tolist()) <= set(known)


@every_method
def test_what_is_given_is_left_alone(key: str) -> None:
    _, problem, held_out = trial(tiny(), home(registry.load_method(key)))
    assert not [array for array in arrays_of(problem) if array.flags.writeable]
    before = digest(problem)
    outputs(key, fit(key, problem), held_out.test)  # a write to a read-only array raises
    assert digest(problem) == before


@every_method
def test_no_global_generator_is_touched(key: str) -> None:
    import torch

    problem, held_out, _ = solved(key)

    def states() -> list[Any]:
        name, *rest = np.random.get_state()  # noqa: NPY002 - the global state is the subject
        return [name, np.asarray(rest[0]).tolist(), rest[1:], random.getstate()]

    before, torch_before = states(), torch.get_rng_state()
    outputs(key, fit(key, problem), held_out.test)
    assert states() == before
    assert torch.equal(torch.get_rng_state(), torch_before)


@every_method
def test_a_row_is_answered_by_itself(key: str) -> None:
    problem, held_out, fitted = solved(key)
    rows = asked(key, problem, held_out)
    order = np.random.default_rng(1).permutation(rows.n)
    whole, turned = outputs(key, fitted, rows), outputs(key, fitted, taken(rows, order))
    part = outputs(key, fitted, taken(rows, np.arange(3)))
    for name, value in whole.items():
        if not name.startswith("parameter"):
            np.testing.assert_allclose(turned[name], value[order], rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(part[name], value[:3], rtol=1e-5, atol=1e-5)


@every_method
def test_the_order_of_tuning_rows_means_nothing(key: str) -> None:
    problem, held_out, _ = solved(key)
    order = np.random.default_rng(2).permutation(problem.tuning.n)
    turned = replace(problem, tuning=taken(problem.tuning, order))
    rows = asked(key, problem, held_out)
    said = [outputs(key, fit(key, p, training=FIXED), rows) for p in (problem, turned)]
    assert same(*said, within=1e-10)


@every_method
def test_what_is_not_declared_is_refused(key: str) -> None:
    _, held_out, fitted = solved(key)
    declared = can(key)
    calls: dict[str, tuple[bool, Callable[[Rows], Any]]] = {
        "classify": (declared.classify, fitted.predict),
        "represent": (declared.represent, fitted.transform),
        "impute": (declared.impute, fitted.impute),
    }
    for name, (may, call) in calls.items():
        if not may:
            with pytest.raises(UnsupportedError, match=name):
                call(held_out.test)


def absent(key: str) -> Scenario:
    return replace(home(registry.load_method(key)), missing=("b",), missing_fraction=0.4)


@every_method
def test_absent_views_are_read_or_refused_by_name(key: str) -> None:
    _, problem, held_out = trial(tiny(), absent(key))
    _, _, fitted = solved(key)
    holes = trial(tiny(), replace(absent(key), paradigm="inductive"))[1].rows
    assert not holes.present.all()
    if not problem.rows.present.all() and not can(key).missing_views:
        with pytest.raises(UnsupportedError, match="absent"):
            fit(key, problem)
    if not can(key).inductive:
        return
    if not can(key).missing_views:
        with pytest.raises(UnsupportedError, match="absent"):
            outputs(key, fitted, holes)
        return
    taught = fit(key, problem)
    for value in [
        *outputs(key, taught, holes).values(),
        *outputs(key, taught, held_out.test).values(),
    ]:
        assert np.isfinite(value).all()


@every_method
def test_facts_and_arrays_can_be_stored(key: str) -> None:
    _, _, fitted = solved(key)
    facts = fitted.facts()
    assert all(isinstance(value, float | int | str | bool) for value in facts.values())
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    for name, value in fitted.arrays().items():
        assert name.isidentifier()
        assert isinstance(value, np.ndarray)
        assert value.dtype != object
        assert np.isfinite(value).all()


@every_method
def test_quick_methods_are_quick(key: str) -> None:
    if not registry.load_method(key).quick:
        return
    problem, _, _ = solved(key)
    start = time.process_time()
    fit(key, problem)
    assert time.process_time() - start < 2


@every_method
def test_members_of_a_stack_do_not_affect_each_other(key: str) -> None:
    method = registry.load_method(key)
    if not registry.is_stacked(method):
        return
    # Sizes of which no product is a whole number of vector registers.
    data = tiny(n=67, dims=(7, 5))
    trials = [trial(data, home(method), number) for number in range(3)]
    grid = [
        config_of(key, learning_rate=rate, c=c) for rate, c in ((3e-4, 0.1), (1e-3, 1), (2e-3, 2))
    ]
    stack = members([problem for _, problem, _ in trials], grid)
    together, alone = fit_all(key, stack), fit_all(key, stack, alone=True)
    turned = fit_all(key, stack[::-1])[::-1]
    # Without MKL, products may round differently with their place in memory.
    within = 0.0 if torch.backends.mkl.is_available() else 1e-4
    for (_, _, held_out), one, *others in zip(trials, together, alone, turned, strict=True):
        expected = outputs(key, one, held_out.test)
        for other in others:
            found = outputs(key, other, held_out.test)
            assert same(expected, found, within=within)
            if can(key).classify:
                np.testing.assert_array_equal(expected["classes"], found["classes"])


@every_method
def test_classifiers_beat_the_majority_where_classes_are_far_apart(key: str) -> None:
    if not can(key).classify or key in NO_FEATURES:
        return
    _, problem, held_out = trial(tiny(gap=8.0), home(registry.load_method(key)))
    training = Training(epochs=20, eval_every=20, patience=None)
    # c = 1 is in the paper's grid; at its least value three labels a class do not always suffice.
    fitted = fit(key, problem, config_of(key, learning_rate=1e-2, c=1.0), training)
    right = np.mean(fitted.predict(held_out.test) == held_out.test_labels)
    trivial = fit("majority", problem).predict(held_out.test)
    assert right >= np.mean(trivial == held_out.test_labels) + 0.3


def test_those_that_read_no_feature_are_named() -> None:
    assert set(METHODS) >= NO_FEATURES
