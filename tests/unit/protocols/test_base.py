"""The builder: who is in a Problem under each paradigm, and what the HeldOut hold."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.base import TEST, TRAIN, TUNE, DataError
from protocols.base import BUDGETS, PARADIGMS, Scenario, build, draw, label_fractions, label_rule
from tests.helpers import arrays_of, scenario, tiny, trial

every_paradigm = pytest.mark.parametrize("paradigm", PARADIGMS)


@pytest.mark.parametrize(
    ("paradigm", "unlabelled"),
    [("supervised", None), ("inductive", TRAIN), ("transductive", TEST)],
)
def test_a_problem_holds_labelled_rows_and_those_of_its_paradigm(
    paradigm: Any, unlabelled: int | None
) -> None:
    drawn, problem, held_out = trial(tiny(), scenario(paradigm))
    part = drawn.part[drawn.order]  # by public id
    shown = drawn.labelled[drawn.order]
    wanted = shown.copy()
    if unlabelled is not None:
        wanted |= part == unlabelled
    np.testing.assert_array_equal(problem.rows.ids, np.flatnonzero(wanted))
    np.testing.assert_array_equal(problem.labelled, shown[wanted])
    np.testing.assert_array_equal(problem.tuning.ids, np.flatnonzero(part == TUNE))
    np.testing.assert_array_equal(held_out.test.ids, np.flatnonzero(part == TEST))


@every_paradigm
def test_every_row_carries_its_own_numbers(paradigm: Any) -> None:
    data = tiny()
    drawn, problem, held_out = trial(data, scenario(paradigm, missing=("a",), missing_fraction=0.5))
    for rows in (problem.rows, problem.tuning, held_out.test, held_out.complete):
        for v, view in enumerate(rows.views):
            whole = data.views[v][drawn.order[rows.ids]]
            there = rows.present[:, v]
            assert view.dtype == np.float32
            np.testing.assert_array_equal(view[there], whole[there])
    np.testing.assert_array_equal(held_out.complete.ids, problem.rows.ids)
    labels = data.labels[drawn.order]
    np.testing.assert_array_equal(
        problem.labels[problem.labelled], labels[problem.rows.ids][problem.labelled]
    )
    np.testing.assert_array_equal(held_out.test_labels, labels[held_out.test.ids])
    np.testing.assert_array_equal(held_out.tuning_labels, labels[problem.tuning.ids])


@every_paradigm
def test_a_problem_cannot_be_written_to(paradigm: Any) -> None:
    _, problem, held_out = trial(tiny(), scenario(paradigm))
    for array in (*arrays_of(problem), *held_out.test.views, *held_out.complete.views):
        with pytest.raises(ValueError, match="read-only"):
            array[:1] = 0


def test_masks_reach_training_rows_of_the_inductive_problem() -> None:
    _, problem, _ = trial(tiny(n=200), scenario(missing=("b",), missing_fraction=0.25))
    assert problem.rows.present[:, 0].all()
    assert (~problem.rows.present[:, 1]).sum() == 30  # a quarter of 120
    assert set(np.unique(problem.labelled[~problem.rows.present[:, 1]])) == {False, True}


def test_test_rows_of_a_transduction_are_whole() -> None:
    _, problem, held_out = trial(
        tiny(), scenario("transductive", missing=("b",), missing_fraction=0.9)
    )
    at_test = np.isin(problem.rows.ids, held_out.test.ids)
    assert problem.rows.present[at_test].all()
    assert not problem.labelled[at_test].any()


def test_a_group_split_keeps_persons_apart_in_the_problem() -> None:
    data = tiny()
    drawn, problem, held_out = trial(data, scenario(split="person"))
    person = data.groups["person"][drawn.order]
    sides = [set(person[rows.ids]) for rows in (problem.rows, problem.tuning, held_out.test)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_trials_and_run_seeds_draw_anew() -> None:
    data, wanted = tiny(), scenario()
    orders = {
        tuple(draw(data, wanted, number, seed).order) for number in range(5) for seed in range(3)
    }
    assert len(orders) == 15
    again = draw(data, wanted, 3, 1)
    np.testing.assert_array_equal(again.part, draw(data, wanted, 3, 1).part)


def test_scenarios_share_draws_where_they_share_a_rule() -> None:
    data = tiny()
    few, more = (trial(data, scenario(label_fraction=f))[1] for f in (0.1, 0.5))
    np.testing.assert_array_equal(few.rows.ids, more.rows.ids)
    assert not (few.labelled & ~more.labelled).any()


def test_an_unknown_split_or_paradigm_is_refused() -> None:
    with pytest.raises(DataError, match="it offers: rows, stratified, person"):
        draw(tiny(), scenario(split="week"), 0)
    with pytest.raises(ValueError, match="telepathic"):
        scenario("telepathic")


def test_a_problem_is_a_function_of_its_draw() -> None:
    data, wanted = tiny(), scenario()
    drawn = draw(data, wanted, 0)
    left, right = (build(data, wanted, drawn)[0] for _ in range(2))
    for one, other in zip(arrays_of(left), arrays_of(right), strict=True):
        np.testing.assert_array_equal(one, other)


def test_open_data_gets_more_labels_and_one_of_every_class() -> None:
    data = tiny()
    assert label_fractions(data) == (0.02, 0.05, 0.10)
    assert label_rule(data) == "random_min_one"
    for kind in ("licensed", "simulated"):
        theirs = replace(data, provenance=replace(data.provenance, kind=kind))
        assert label_fractions(theirs) == (0.01, 0.02, 0.03)
        assert label_rule(theirs) == "random"


def test_only_the_paper_budget_is_without_a_stamp() -> None:
    assert [name for name, budget in BUDGETS.items() if not budget.stamp] == ["paper"]
    assert BUDGETS["paper"].trials == 20
    assert BUDGETS["paper"].grid is None
    assert {budget.name for budget in BUDGETS.values()} == set(BUDGETS)


def test_a_scenario_is_plain_data() -> None:
    wanted = scenario(missing=("a",))
    said = json.loads(json.dumps(wanted.identity()))
    assert Scenario(**said | {"missing": tuple(said["missing"])}) == wanted
    assert "missing_fraction" not in said  # its default
    assert said["version"] == wanted.version
