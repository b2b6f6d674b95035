"""The plan: what is stored, stale, failed or to do; what is shared; how work is cut into stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from datasets.base import Dataset
from harness import registry
from harness.errors import UsageError
from harness.plan.cards import method_cards
from harness.plan.plan import Plan, plan_cells, settle
from harness.plan.rows import Selection, leave_out, matches
from harness.run.grouping import group_jobs
from harness.store.record import Record
from protocols.base import BUDGETS, Budget, Cell, MethodCard, Protocol, Stage, TableRow, build
from tests.helpers import record_of, scenario, tiny

BUDGET = replace(BUDGETS["smoke"], trials=2, columns=None)


class Toy(Protocol):
    """Three rows and an optional one."""

    title, datasets = "Toy", {}
    wanted: ClassVar[tuple[TableRow, ...]] = (
        TableRow("plain", "Plain", "b", "supervised", (Stage("svm"),)),
        TableRow("trained", "Trained", "b", "inductive", (Stage("m2"),)),
        TableRow(
            "chain", "Chain", "b", "inductive", (Stage("logistic_regression", "each"), Stage("svm"))
        ),
        TableRow("svm_extra", "Extra", "b", "supervised", (Stage("majority"),), optional=True),
    )

    def rows(
        self, view_names: Sequence[str], methods: Sequence[MethodCard]
    ) -> tuple[TableRow, ...]:
        return self.wanted

    def cells(
        self, data: Dataset, split: str, budget: Budget, methods: Sequence[MethodCard]
    ) -> tuple[Cell, ...]:
        return tuple(Cell(row, scenario(row.paradigm, split=split), 0.3) for row in self.wanted)


def made(
    *only: str, names: Sequence[str] = ("toy",), budget: Budget = BUDGET, **changes: Any
) -> Plan:
    """A plan of Toy under one or more names."""
    data = changes.pop("data", None) or tiny()
    split = changes.pop("split", "rows")
    every = {data.key: data}
    protocols = {name: Toy() for name in names}
    seed = changes.pop("seed", 0)
    selection = Selection(only, **changes)
    cells = plan_cells(protocols, every, {data.key: split}, budget, selection, seed)
    return Plan(cells, every, {data.key: split}, budget)


def planned_rows() -> list[TableRow]:
    return [planned.cell.row for planned in made().cells]


def kept(plan: Plan, **changes: Any) -> dict[str, Record]:
    """A record that stands for every job of a plan."""
    return {name: record_of(job, **changes) for name, job in plan.jobs.items()}


def state(plan: Plan) -> dict[str, int]:
    return {name: count for name, count in plan.tally().items() if count}


# ---------------------------------------------------------------- which cells


@pytest.mark.parametrize(
    ("only", "rows"),
    [
        ((), {"plain", "trained", "chain"}),
        (("plain",), {"plain"}),
        (("svm",), {"plain"}),  # a method's key names the rows that begin with it
        (("logistic*",), {"chain"}),
        (("svm_extra",), {"svm_extra"}),
        (("svm*",), {"plain", "svm_extra"}),
        (("majority",), set()),  # an optional row is run by its own name alone
    ],
)
def test_globs_name_rows_and_methods(only: tuple[str, ...], rows: set[str]) -> None:
    assert {planned.cell.row.key for planned in made(*only).cells} == rows


@pytest.mark.parametrize(
    ("without", "rows"),
    [
        ((), {"plain", "trained", "chain"}),
        (("plain",), {"trained", "chain"}),
        (("*lain",), {"trained", "chain"}),
    ],
)
def test_rows_are_left_out_by_globs(without: tuple[str, ...], rows: set[str]) -> None:
    keys = {row.key for row in planned_rows()}
    assert keys - leave_out(planned_rows(), without) == rows


def test_leaving_out_every_row_is_refused() -> None:
    with pytest.raises(UsageError, match="^--without leaves no row of: plain, trained, chain$"):
        leave_out(planned_rows(), ("*ain", "tr*"))


@pytest.mark.parametrize("pattern", ["zzz", "svm", "svm_*", ""])
def test_a_glob_that_leaves_nothing_out_is_refused_with_the_rows(pattern: str) -> None:
    with pytest.raises(UsageError, match="matches no row; there are: plain, trained, chain$"):
        leave_out(planned_rows(), ("plain", pattern))


def test_matching_is_by_row_and_by_the_first_method_of_the_recipe() -> None:
    row = Toy.wanted[2]
    assert all(matches(row, name) for name in ("chain", "log*n"))
    assert not any(matches(row, name) for name in ("svm", "lr"))


def test_a_row_whose_key_looks_like_a_glob_is_named_by_its_key() -> None:
    row = replace(Toy.wanted[0], key="m2_[a]*")
    assert matches(row, "m2_[a]*")
    assert leave_out([row, Toy.wanted[1]], ("m2_[a]*",)) == {"m2_[a]*"}


def test_shared_stages_and_shared_tables_are_one_job() -> None:
    one, two = made(), made(names=("toy", "else"))
    assert len(two.cells) == 2 * len(one.cells)
    assert two.jobs.keys() == one.jobs.keys()
    assert {c.protocol for c in two.cells} == {"toy", "else"}


def test_a_protocol_by_another_name_finds_its_work_done() -> None:
    records = kept(made(names=("figure3",)))
    later = settle(made(names=("figure4",)), records)
    assert not later.todo
    assert len(later.stored) == len(records)


def test_another_seed_is_other_work() -> None:
    assert not made().jobs.keys() & made(seed=1).jobs.keys()


def test_a_split_that_cannot_be_drawn_is_refused_in_a_sentence() -> None:
    data = tiny()
    group = np.arange(data.n) * 3 // data.n  # a group each part, a class each group
    lone = replace(data, labels=group, groups={"person": group, "day": group})
    budget = replace(BUDGET, trials=20)
    plan = settle(made("plain", data=lone, split="person", budget=budget), {})
    with pytest.raises(UsageError, match=r"^20 of 20 .*no training row of class [xyz]") as caught:
        plan.core_hours()
    assert "@rows" in str(caught.value)


# ---------------------------------------------------------------- what is left


def test_with_an_empty_ledger_all_is_to_do() -> None:
    plan = settle(made(), {})
    assert state(plan) == {"total": len(plan.jobs), "todo": len(plan.jobs)}
    assert 0 < plan.core_hours()[0] <= plan.core_hours()[1]


def test_the_least_cost_counts_the_warm_up_that_a_profile_leaves(monkeypatch) -> None:
    # The profile has no warm-up, whatever the setting beside it says.
    budget, least = replace(BUDGETS["paper"], trials=1, columns=None), []
    for warmup in (0, 40):
        config = {"profile": "authors2017_head", "warmup_epochs": warmup}
        stage = Stage("smvae", config=config)
        row = TableRow("profile", "Profile", "b", "inductive", (stage,))
        monkeypatch.setattr(Toy, "wanted", (row,))
        least.append(settle(made(budget=budget), {}).core_hours()[0])
    assert least[0] == least[1] > 0


def test_what_is_stored_is_not_run_again() -> None:
    plan = settle(made(), kept(made()))
    assert state(plan) == {"total": len(plan.jobs), "stored": len(plan.jobs)}
    assert plan.core_hours() == (0, 0)
    assert group_jobs(plan) == []


def test_what_no_row_of_the_paper_needs_is_told_apart() -> None:
    plan = settle(made(), {})
    assert plan.beyond_paper() == list(plan.todo.values())  # the toy prints nothing
    printed = [
        replace(one, cell=replace(one.cell, row=replace(one.cell.row, published="Chain")))
        if one.cell.row.key == "chain"
        else one
        for one in plan.cells
    ]
    plan = settle(replace(plan, cells=printed, todo={}), {})
    rest = {job.method for job in plan.beyond_paper()}
    assert rest == {"svm", "m2"}
    assert not any(job.upstream for job in plan.beyond_paper())
    stored = settle(replace(plan, todo={}, stored=set()), kept(plan))
    assert stored.beyond_paper() == []


def test_five_trials_made_twenty_add_fifteen() -> None:
    few, many = (made(budget=replace(BUDGET, trials=n)) for n in (5, 20))
    settle(many, kept(few))
    assert many.stored == set(few.jobs)
    assert {job.trial for job in many.todo.values()} == set(range(5, 20))
    assert len(many.todo) == 3 * len(few.jobs)


def test_twenty_trials_serve_five() -> None:
    plan = settle(
        made(budget=replace(BUDGET, trials=5)), kept(made(budget=replace(BUDGET, trials=20)))
    )
    assert not plan.todo


def test_records_of_other_code_are_stale_and_name_the_file() -> None:
    records = kept(made())
    touched = {
        name: replace(record, digests=dict(record.digests) | {"methods/kernel/svm.py": "old"})
        for name, record in records.items()
        if "methods/kernel/svm.py" in record.digests
    }
    plan = settle(made(), records | touched)
    assert plan.stale == dict.fromkeys(touched, ("methods/kernel/svm.py",))
    assert plan.todo.keys() == touched.keys()
    assert {job.method for job in plan.todo.values()} == {"svm"}
    kept_anyway = settle(made(), records | touched, accept_stale=True)
    assert kept_anyway.stale.keys() == touched.keys()
    assert not kept_anyway.todo
    assert kept_anyway.stored == set(records)


def test_a_chain_is_stale_when_its_first_stage_is() -> None:
    records = kept(made("chain"))
    top = {name for name, job in made("chain").jobs.items() if job.method == "svm"}
    for name in top:
        digests = dict(records[name].digests)
        assert "methods/reference/logistic_regression.py" in digests
        digests["methods/reference/logistic_regression.py"] = "old"
        records[name] = replace(records[name], digests=digests)
    assert settle(made("chain"), records).todo.keys() == top


@pytest.mark.parametrize(
    ("status", "flags", "where"),
    [
        ("ok", {}, "stored"),
        ("failed", {}, "failed"),
        ("failed", {"retry_failed": True}, "todo"),
        ("skipped", {}, "failed"),  # it declined, and would again
        ("ok", {"force": True}, "todo"),
        ("failed", {"force": True}, "todo"),
        ("failed", {"accept_stale": True}, "failed"),
    ],
)
def test_each_status_has_its_place(status: Any, flags: Mapping[str, bool], where: str) -> None:
    plan = settle(made("plain"), kept(made("plain"), status=status), **flags)
    assert state(plan) == {"total": len(plan.jobs), where: len(plan.jobs)}


# ---------------------------------------------------------------- shapes and cards


@pytest.mark.parametrize("paradigm", ["supervised", "inductive", "transductive"])
@pytest.mark.parametrize("kept_share", [1.0, 0.5])
def test_the_expected_shape_is_that_of_the_problem(paradigm: Any, kept_share: float) -> None:
    plan = made("trained")
    job = next(iter(plan.jobs.values()))
    wanted = scenario(paradigm, unlabelled_fraction=kept_share)
    job = replace(job, scenario=wanted, views=("b",))
    problem, _ = build(plan.data[job.data_key], wanted, plan.drawn(job))
    shape = plan.shape(job)
    assert (shape.n_labelled, shape.n_unlabelled) == (
        int(problem.labelled.sum()),
        int((~problem.labelled).sum()),
    )
    assert shape.dims == (4,)
    assert shape.n_classes == 3


def test_cards_say_what_methods_can() -> None:
    cards = {card.key: card for card in method_cards()}
    assert cards.keys() == registry.entries("methods").keys()
    assert cards["smvae"].unlabelled
    assert not cards["svm"].unlabelled
    assert not cards["mvae"].classify
