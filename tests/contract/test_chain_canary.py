"""Through the harness, a chain of stages sees no more than a single fit: codes, scores, choices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.base import Dataset
from harness.analysis.selection import best
from harness.plan.cards import method_cards
from harness.plan.expand import expand
from harness.plan.job import Job
from harness.run import worker as harness_execute
from harness.run.worker import JobGroup, execute
from harness.store.record import Outcome
from protocols.base import BUDGETS, Cell, draw
from protocols.table2 import Table2
from tests.contract.canaries import ALTERATIONS
from tests.helpers import scenario, tiny

DATA = tiny()
BUDGET = replace(BUDGETS["smoke"], epochs=2)
ROWS = {row.key: row for row in Table2().rows(DATA.view_names, method_cards())}
UNSEEN = ("hidden labels", "test labels")


@pytest.fixture(autouse=True)
def _the_same_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Altered data is cut as the honest data was: the label rule reads labels."""
    monkeypatch.setattr(
        harness_execute, "draw", lambda _, wanted, trial, seed: draw(DATA, wanted, trial, seed)
    )


def outcomes(jobs: tuple[Job, ...], data: Dataset, **stack: Any) -> list[Outcome]:
    events = execute(JobGroup(jobs, **stack), data)
    return [event for event in events if isinstance(event, Outcome)]


def run(key: str, data: Dataset) -> dict[str, Any]:
    """Everything that a row's stages leave behind, test accuracies aside."""
    row = ROWS[key]
    top = expand(Cell(row, scenario(row.paradigm), 0.3), DATA, BUDGET, 0, 0)
    (group,) = top[0].upstream
    first = outcomes(group, data)
    winner = best([one.record for one in first])
    assert winner is not None
    codes = {one.record.id: one.arrays for one in first}
    second = outcomes(top, data, chosen=((winner.id,),) * len(top), codes=codes)
    chosen = best([one.record for one in second])
    assert chosen is not None
    left: dict[str, Any] = {"code chosen": winner.id, "classifier chosen": chosen.id}
    for one in (*first, *second):
        left[f"{one.record.id} score"] = one.record.score
        left |= {f"{one.record.id} {name}": value for name, value in one.arrays.items()}
    return left


@pytest.mark.parametrize("key", ["mae_svm", "mae_tsvm", "dcca_svm_train"])
def test_labels_that_must_not_be_seen_leave_no_trace_in_a_chain(key: str) -> None:
    drawn = draw(DATA, scenario(ROWS[key].paradigm), 0)
    honest = run(key, DATA)
    for name in UNSEEN:
        other = run(key, ALTERATIONS[name].alter(DATA, drawn))
        assert other.keys() == honest.keys()
        for what, value in honest.items():
            np.testing.assert_array_equal(other[what], value, err_msg=f"{name}: {what}")


def test_the_canary_sings_where_labels_do_reach_a_chain() -> None:
    drawn = draw(DATA, scenario("supervised"), 0)
    honest, other = (
        run("mae_svm", data) for data in (DATA, ALTERATIONS["tuning labels"].alter(DATA, drawn))
    )
    assert any(not np.array_equal(other[what], value) for what, value in honest.items())
