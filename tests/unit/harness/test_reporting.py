"""From a plan with records to reports: the layout chooses the page, and every gap is reported."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from datasets.base import TRAIN, Dataset
from harness.analysis.trials_table import trials_table
from harness.plan.plan import Plan, plan_cells, settle
from harness.plan.resolve import with_trials
from harness.plan.rows import Selection
from harness.report.publish import publish
from harness.run.describe import describe
from harness.store.manifest import write_manifest
from harness.store.record import Outcome, Record
from harness.store.store import Store
from protocols.base import BUDGETS, Budget, Cell, MethodCard, Protocol, Stage, TableRow
from tests.helpers import record_of, scenario, tiny

BUDGET = replace(BUDGETS["smoke"], trials=2)
ROW = TableRow("majority", "Majority", "inductive", "inductive", (Stage("majority"),))


class Sweep(Protocol):
    """One row over two missing fractions."""

    title, datasets = "Figure 0: a sweep", {}
    layout = {
        "kind": "curves",
        "axes": ({"name": "missing", "label": "rows that lack a view"},),
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "shows": "A sweep.",
        "claim": "it sweeps",
    }

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        return (ROW,)

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        return tuple(
            Cell(ROW, scenario(missing=("b",), missing_fraction=at), 0.3, {"missing": at})
            for at in (0.1, 0.5)
        )


def planned(protocol: Protocol, *only: str) -> Plan:
    data = tiny()
    selection = Selection(only)
    cells = plan_cells({"sweep": protocol}, {"tiny": data}, {"tiny": "rows"}, BUDGET, selection)
    return Plan(cells, {"tiny": data}, {"tiny": "rows"}, BUDGET)


def reported(
    plan: Plan, protocol: Protocol, records: dict[str, Record], folder: Path
) -> tuple[int, str]:
    """What is counted as bad, and what is said."""
    said = io.StringIO()
    settle(plan, records)
    console = Console(file=said, width=200, soft_wrap=True)
    store = Store(folder / "results")
    run = describe(plan, {"sweep": protocol}, "run", "command")
    write_manifest(store.folder, run)
    bad = publish(run, records, store, folder, console)
    return bad, said.getvalue()


def ended_well(plan: Plan, folder: Path, but: int = 0) -> dict[str, Record]:
    """Records of every job but the last ``but``, which are failures."""
    store, jobs = Store(folder / "results"), list(plan.jobs.values())
    for number, job in enumerate(jobs):
        lost = number >= len(jobs) - but
        metrics = {"n_labelled": 9, "n_unlabelled": 1, "n_test": 5, "n_tuning_labels": 7}
        metrics |= {} if lost else {"test_accuracy": 0.5}
        changes = {"status": "failed", "reason": "lost", "score": None} if lost else {}
        store.append(Outcome(record_of(job, metrics=metrics, **changes), {}))
    store.close()
    return store.records()


def test_a_layout_of_curves_gives_a_figures_report(tmp_path: Path) -> None:
    plan = planned(Sweep())
    bad, said = reported(plan, Sweep(), ended_well(plan, tmp_path), tmp_path)
    assert bad == 0
    names = {p.relative_to(tmp_path / "run" / "sweep").as_posix()
             for p in (tmp_path / "run" / "sweep").rglob("*") if p.is_file()}  # fmt: skip
    figures = {f"figures/sweep_tiny.{kind}" for kind in ("svg", "png", "pdf")}
    texts = {"sweep.csv", "sweep.md", "sweep.tex", "summary.json", "trials.csv"}
    data = {"data/chart.js", "data/figure-sweep_tiny.js", "data/tiny-1.js"}
    assert names == {"index.html", *texts, *figures, *data}
    assert f"wrote {len(names)} files under " in said
    text = (tmp_path / "run" / "sweep" / "index.html").read_text("utf-8")
    assert "rows may lack b; no test row and no tuning row lacks a view" in text
    assert "which rows lack a view" in text
    assert "Figure 0, Tiny: test accuracy" in text


def test_a_failure_is_said_with_its_place_on_the_axis(tmp_path: Path) -> None:
    plan = planned(Sweep())
    bad, said = reported(plan, Sweep(), ended_well(plan, tmp_path, but=1), tmp_path)
    assert bad == 1
    assert "failed: Majority on tiny, 30 %, 50 % missing, trial 1: lost" in said
    assert "1/2" in (tmp_path / "run" / "sweep" / "index.html").read_text("utf-8")


def test_a_fit_that_declined_is_said_and_is_no_failure(tmp_path: Path) -> None:
    plan = planned(Sweep())
    records = ended_well(plan, tmp_path)
    last = list(plan.jobs)[-1]
    records[last] = replace(records[last], status="skipped", reason="too many rows", score=None)
    bad, said = reported(plan, Sweep(), records, tmp_path)
    assert bad == 0
    assert "skipped: Majority on tiny, 30 %, 50 % missing, trial 1: too many rows" in said
    text = (tmp_path / "run" / "sweep" / "index.html").read_text("utf-8")
    assert "1/2" in text
    assert "too many rows" in text
    assert "1 (1 skipped)" in text


def test_nothing_chosen_is_said_and_is_no_report(tmp_path: Path) -> None:
    plan = planned(Sweep(), "svm")
    bad, said = reported(plan, Sweep(), {}, tmp_path)
    assert bad == 0
    assert said.startswith("sweep: no cell was chosen")
    assert not (tmp_path / "run" / "sweep").exists()


def test_a_cell_of_one_trial_is_not_called_a_cell_of_two(tmp_path: Path) -> None:
    class Once(Sweep):
        def cells(self, *given) -> tuple[Cell, ...]:
            return tuple(replace(cell, trials=1) for cell in super().cells(*given))

    plan = planned(Once())
    reported(plan, Once(), ended_well(plan, tmp_path), tmp_path)
    text = (tmp_path / "run" / "sweep" / "index.html").read_text("utf-8")
    assert "1 trial a cell" in text
    assert "one trial, so no SD" in text


def test_a_stamp_tells_the_trials_that_a_protocol_runs_not_those_asked_for() -> None:
    class Few(Sweep):
        def cells(self, *given) -> tuple[Cell, ...]:
            return tuple(replace(cell, trials=2) for cell in super().cells(*given))

    budget = with_trials(BUDGETS["preview"], 6)
    cells = plan_cells({"sweep": Few()}, {"tiny": tiny()}, {"tiny": "rows"}, budget)
    plan = Plan(cells, {"tiny": tiny()}, {"tiny": "rows"}, budget)
    (entry,) = describe(plan, {"sweep": Few()}, "run", "command").protocols
    assert "2 trials" in entry.stamp
    assert "6 trials" in budget.stamp


def test_a_stamp_names_the_paper_s_trials_only_where_a_run_has_fewer() -> None:
    preview = BUDGETS["preview"]
    assert "the paper uses 20" in with_trials(preview, 19).stamp
    assert "the paper uses 20" not in with_trials(preview, 20).stamp
    assert "preview" in with_trials(preview, 20).stamp


@pytest.mark.parametrize("at_test", [0.0, 0.25])
def test_what_test_rows_lack_is_said(at_test: float, tmp_path: Path) -> None:
    class Lacking(Sweep):
        def cells(self, *given) -> tuple[Cell, ...]:
            return tuple(
                replace(cell, scenario=replace(cell.scenario, missing_at_test=at_test))
                for cell in super().cells(*given)
            )

    plan = planned(Lacking())
    reported(plan, Lacking(), ended_well(plan, tmp_path), tmp_path)
    text = (tmp_path / "run" / "sweep" / "index.html").read_text("utf-8")
    assert ("25 % of the test rows" in text) is (at_test > 0)


def test_a_report_on_several_splits_says_each_of_them_and_what_it_leaks(tmp_path: Path) -> None:
    class Splits(Sweep):
        layout = {
            "kind": "leak",
            "axes": ({"name": "split", "label": "split"},),
            "values": ({"column": "accuracy", "label": "test accuracy"},),
            "shows": "Splits.",
        }

        def cells(self, *given) -> tuple[Cell, ...]:
            return tuple(
                Cell(ROW, scenario(split=name), 0.3, {"split": name}) for name in ("rows", "person")
            )

    plan = planned(Splits())
    bad, said = reported(plan, Splits(), ended_well(plan, tmp_path, but=1), tmp_path)
    assert bad == 1
    assert "failed: Majority on tiny, 30 %, split person, trial 1: lost" in said
    text = (tmp_path / "run" / "sweep" / "index.html").read_text("utf-8")
    assert "rows: person, day; person: none<" in text
    assert "<dd>rows, person</dd>" in text
    assert "re-draws the split (rows: a fresh permutation, cut 36/12/12; person: 60/20/20 %" in text


def test_intervals_count_all_training_rows_though_every_method_sees_labelled_ones_alone(
    tmp_path: Path,
) -> None:
    plan = planned(Sweep())
    records = ended_well(plan, tmp_path)  # 9 labelled and 1 unlabelled row were seen
    run = describe(plan, {"sweep": Sweep()}, "run", "command")
    (entry,) = run.protocols
    drawn = [plan.drawn(job) for job in plan.jobs.values()]
    pool = max(int((one.part == TRAIN).sum()) for one in drawn)
    assert entry.datasets[0].n_train == pool > 10
    assert (trials_table(run, entry, records)["n_train"] == pool).all()
