"""Arrays behind figures: fetched by the chosen record, lined up by row id, their gaps said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datasets.base import Dataset
from harness.analysis.figure_arrays import Shown, matrices_shown, truths_of, weights_shown
from harness.plan.job import Job
from harness.plan.plan import Plan, plan_cells, settle
from harness.run.describe import truths
from harness.run.imputation import arrays_to_store
from harness.store.manifest import load_arrays, save_arrays
from harness.store.record import Outcome, Record
from harness.store.store import Store
from protocols.base import BUDGETS, Budget, Cell, MethodCard, Protocol, Stage, TableRow, build, draw
from tests.helpers import manifest_of, record_of, scenario, table_of, tiny

BUDGET = replace(BUDGETS["smoke"], trials=2)
ROWS = tuple(
    TableRow(key, key.upper(), "b", "inductive", (Stage("majority"),)) for key in ("x", "y")
)
MISSING = scenario(missing=("b",), missing_fraction=0.5)


class Two(Protocol):
    """Two rows with one cell each."""

    title, datasets = "Two", {}
    layout = {"kind": "matrices", "values": ({"column": "nmse", "label": "NMSE"},)}

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        return ROWS

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        # Fits of their own: the second row sees other labels.
        return tuple(
            Cell(row, replace(MISSING, label_fraction=0.3 + 0.1 * i), 0.3, {"missing": 0.5})
            for i, row in enumerate(ROWS)
        )


@pytest.fixture
def plan() -> Plan:
    data = tiny()
    cells = plan_cells({"two": Two()}, {"tiny": data}, {"tiny": "rows"}, BUDGET)
    return Plan(cells, {"tiny": data}, {"tiny": "rows"}, BUDGET)


def stored(
    plan: Plan, folder: Path, arrays: Mapping[str, np.ndarray] | None = None, **changes: object
) -> tuple[Store, dict[str, Record]]:
    """A store where every job has ended well and left ``arrays``, or its own completions."""
    store = Store(folder)
    metrics = {"test_accuracy": 0.5, "nmse": 0.7, "n_labelled": 9, "n_unlabelled": 1}
    for number, job in enumerate(plan.jobs.values()):
        record = record_of(job, metrics=metrics, epoch=2, **changes)
        mine = completions(plan.data["tiny"], job, number) if arrays is None else arrays
        store.append(Outcome(record, mine))
    store.close()
    return store, store.records()


def matrices(
    plan: Plan, trials: pd.DataFrame, records: Mapping[str, Record], store: Store
) -> Shown:
    """By way of the file that a run leaves: the data are opened before, never after."""
    run = manifest_of(plan, "two")
    run = replace(run, arrays=save_arrays(store.folder, run.id, truths(plan, {"two": Two()})))
    found = truths_of(load_arrays(store.folder, run), "two")
    return matrices_shown(trials, records, store.arrays, found)


def completions(data: Dataset, job: Job, number: int) -> dict[str, np.ndarray]:
    """The truth plus the job's number, of the first rows that lack view b, latest first."""
    problem, held_out = build(data, job.scenario, draw(data, job.scenario, job.trial, job.seed))
    made = arrays_to_store(
        [problem.rows], [tuple(v + number for v in held_out.complete.views)], 12 - number
    )
    return {name: values[::-1] for name, values in made.items()}


def test_completed_rows_of_all_methods_are_lined_up_and_grouped_by_class(
    plan: Plan, tmp_path: Path
) -> None:
    store, records = stored(plan, tmp_path)
    settle(plan, records)
    trials = table_of(plan, records, "two")
    trials = trials[trials["trial"] == 0]
    shown = matrices(plan, trials, records, store)
    (made,) = shown.matrices
    assert (made.view, made.trial, shown.unavailable) == ("b", 0, {})
    assert set(made.completed) == {"x", "y"}
    first = {line.row_key: line.imputed_by for line in trials.itertuples()}
    number = {name: i for i, name in enumerate(plan.jobs)}
    data = plan.data["tiny"]
    job = plan.jobs[first["x"]]
    problem, _ = build(data, job.scenario, draw(data, job.scenario, 0))
    sd = problem.rows.views[1][problem.rows.present[:, 1]].astype(float).std(0)
    for key, values in made.completed.items():
        np.testing.assert_allclose((values - made.truth) * sd, number[first[key]], atol=1e-5)
    assert len(made.truth) == 12 - max(number[name] for name in first.values())
    assert list(made.classes) == sorted(made.classes)
    labels = [data.class_names[k] for k in data.labels]
    for row, name in zip(made.truth, made.classes, strict=True):
        seen = problem.rows.views[1][problem.rows.present[:, 1]].astype(float)
        z = (data.views[1] - seen.mean(0)) / seen.std(0)
        (found,) = np.flatnonzero(np.isclose(z, row, atol=1e-4).all(1))
        assert labels[found] == name


def test_no_more_rows_are_shown_than_a_fit_chosen_by_accuracy_leaves(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, records = stored(plan, tmp_path)
    trials = table_of(settle(plan, records), records, "two")
    trials = trials[trials["trial"] == 0]
    monkeypatch.setattr("harness.run.describe.SHOWN_ROWS", 5)
    (made,) = matrices(plan, trials, records, store).matrices
    assert len(made.truth) == len(made.classes) == 5
    assert {len(values) for values in made.completed.values()} == {5}
    assert made.hidden > 5


def test_view_weights_come_with_their_way_over_the_epochs(plan: Plan, tmp_path: Path) -> None:
    curve = np.array([[0.5, 0.5], [0.7, 0.3], [0.9, 0.1]], np.float32)
    facts = {"weight_0": 0.8, "weight_1": 0.2}
    store, records = stored(plan, tmp_path, {"view_weights": curve}, facts=facts)
    trials = table_of(settle(plan, records), records, "two")
    shown = weights_shown(trials, records, store.arrays)
    assert [one.trial for one in shown.weights] == [0, 1, 0, 1]
    for one in shown.weights:
        assert one.epoch == 2
        np.testing.assert_allclose(one.final, [0.8, 0.2])
        np.testing.assert_allclose(one.curve, curve)


def test_arrays_that_are_gone_are_said_and_stop_nothing(plan: Plan, tmp_path: Path) -> None:
    store, records = stored(plan, tmp_path)
    trials = table_of(settle(plan, records), records, "two")
    trials = trials[trials["trial"] == 0]
    lost = trials[trials["row_key"] == "y"]["imputed_by"].item()
    (tmp_path / "arrays" / f"{records[lost].arrays}.npz").unlink()
    shown = matrices(plan, trials, records, store)
    assert set(shown.matrices[0].completed) == {"x"}
    (said,) = shown.unavailable["tiny"]
    assert said.startswith("Y, trial 0: its arrays cannot be shown (")


def test_without_the_runs_own_arrays_a_figure_says_so(plan: Plan, tmp_path: Path) -> None:
    store, records = stored(plan, tmp_path)
    trials = table_of(settle(plan, records), records, "two")
    shown = matrices_shown(trials, records, store.arrays, {})
    assert shown.matrices == ()
    assert len(shown.unavailable["tiny"]) == 1


def test_a_cell_may_ask_for_fewer_trials_than_the_budget(plan: Plan) -> None:
    class One(Two):
        def cells(self, *given):
            return tuple(replace(cell, trials=1) for cell in super().cells(*given))

    cells = plan_cells({"one": One()}, plan.data, plan.splits, BUDGET)
    assert {len(cell.trials) for cell in cells} == {1}
    ids = {job.id for cell in cells for trial in cell.trials for job in trial}
    assert ids <= plan.jobs.keys()


def test_the_table_of_trials_says_the_place_and_the_classes_that_have_labels(
    plan: Plan, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    for number, job in enumerate(plan.jobs.values()):
        counts = [3, 0, 1] if number else None
        metrics = {"test_accuracy": 0.5, "n_labelled": 4, "n_unlabelled": 1}
        metrics |= {"labelled_per_class": counts} if counts else {}
        store.append(Outcome(record_of(job, metrics=metrics), {}))
    store.close()
    records = store.records()
    trials = table_of(settle(plan, records), records, "two")
    assert trials["at_missing"].tolist() == [0.5] * 4
    assert sorted(trials["n_classes_labelled"].fillna(0)) == [0, 2, 2, 2]
