"""How work is cut into stacks: what may train together, what shares a training, how much it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness import registry
from harness.plan.expand import training_of
from harness.plan.plan import Plan, plan_cells, settle
from harness.run import grouping
from harness.run.grouping import group_jobs
from harness.run.worker import JobGroup
from protocols._missing import imputer
from protocols.base import BUDGETS, Stage, TableRow, build
from tests.helpers import tiny
from tests.unit.harness.test_plan import BUDGET, Toy, made


def ids(found: Sequence[JobGroup]) -> list[str]:
    return sorted(job.id for stack in found for job in stack.jobs)


def todo(*only: str, **changes: Any) -> Plan:
    return settle(made(*only, **changes), {})


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_stacks_hold_every_job_once(device: str) -> None:
    plan = todo(budget=replace(BUDGET, trials=6))
    found = group_jobs(plan, device)
    assert ids(found) == sorted(plan.todo)
    assert all(len({job.method for job in stack.jobs}) == 1 for stack in found)
    trained = [stack for stack in found if stack.jobs[0].training]
    most = max(len({job.training_key for job in stack.jobs}) for stack in trained)
    assert most <= grouping.CPU_STACK if device == "cpu" else most > grouping.CPU_STACK


def test_trials_and_candidates_that_stack_train_together() -> None:
    plan = todo("trained", budget=replace(BUDGET, trials=4))
    (stack,) = group_jobs(plan, "cuda")
    assert {job.trial for job in stack.jobs} == {0, 1, 2, 3}
    assert len({job.config["c"] for job in stack.jobs}) == 2


def test_members_of_a_stack_agree_in_what_does_not_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    person = np.sort(np.arange(60) ** 2 // 290)
    grouped = replace(tiny(), groups={"person": person, "day": np.arange(60)})
    plan = todo("trained", data=grouped, split="person", budget=replace(BUDGET, trials=8))
    found = group_jobs(plan, "cuda")
    assert len(found) > 1
    for stack in found:
        drawn = [plan.drawn(job) for job in stack.jobs]
        problems = [
            build(grouped, job.scenario, d)[0] for job, d in zip(stack.jobs, drawn, strict=True)
        ]
        assert len({(p.rows.n, int(p.labelled.sum()), p.tuning.n) for p in problems}) == 1
    free = registry.load_method("m2").Config.marked("batchable")
    for stack in found:
        fixed = [{k: v for k, v in j.config.items() if k not in free} for j in stack.jobs]
        assert all(config == fixed[0] for config in fixed)


class Views(Toy):
    """A method that reads rows without a view, one behind an imputer, one that drops them."""

    wanted = (
        TableRow("read", "Read", "b", "inductive", (Stage("simvae"),)),
        TableRow("fill", "Fill", "b", "inductive", (imputer("ridge_impute"), Stage("smvae"))),
        TableRow("drop", "Drop", "b", "inductive", (imputer("dccae"),)),
    )


def test_trials_whose_numbers_of_complete_rows_differ_train_together_where_that_can_be() -> None:
    data = tiny(n=120)
    views = [view.copy() for view in data.views]
    views[1][np.random.default_rng(3).random(120) < 0.3] = np.nan
    data = replace(data, views=tuple(views))
    budget = replace(BUDGET, trials=6, grid=None)
    cells = plan_cells({"views": Views()}, {data.key: data}, {data.key: "rows"}, budget)
    plan = settle(Plan(cells, {data.key: data}, {data.key: "rows"}, budget), {})
    stacks = {method: [] for method in ("simvae", "smvae", "dccae")}
    for stack in group_jobs(plan, "cuda"):
        if stack.jobs[0].method in stacks:
            stacks[stack.jobs[0].method].append(stack)
    assert [len(stacks[method]) for method in ("simvae", "smvae")] == [1, 1]
    complete = {
        job.trial: int((plan.drawn(job).present.all(axis=1) & plan.drawn(job).kept).sum())
        for job in stacks["simvae"][0].jobs
    }
    assert len(set(complete.values())) > 1
    for stack in stacks["dccae"]:
        assert len({complete[job.trial] for job in stack.jobs}) == 1


def test_dear_work_is_cut_small_and_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = todo("plain", "trained", budget=replace(BUDGET, trials=6))
    cost = plan.cost(next(job for job in plan.todo.values() if job.method == "m2"))
    monkeypatch.setattr(grouping, "GROUP_SECONDS", 3.5 * cost)
    found = group_jobs(plan)
    trained = [stack for stack in found if stack.jobs[0].method == "m2"]
    assert [len(stack.jobs) for stack in trained] == [3] * 8
    on_gpu = [len(s.jobs) for s in group_jobs(plan, "cuda") if s.jobs[0].method == "m2"]
    assert on_gpu == [24]
    costs = [sum(plan.cost(job) for job in stack.jobs) for stack in found]
    assert costs == sorted(costs, reverse=True)
    monkeypatch.setattr(grouping, "GROUP_SECONDS", 0.0)
    assert {len(stack.jobs) for stack in group_jobs(plan)} == {1}


def test_work_that_a_checkpoint_holds_is_not_planned_twice() -> None:
    plan = todo("trained")
    held = JobGroup(tuple(plan.todo.values())[:2])
    found = group_jobs(plan, resumed=[held])
    assert found[0] is held
    assert ids(found) == sorted(plan.todo)


def test_stacks_are_cut_the_same_way_every_time() -> None:
    assert [stack.id for stack in group_jobs(todo())] == [stack.id for stack in group_jobs(todo())]


class Trainings(Toy):
    """Rows that differ in nothing but how long the network is trained and which epoch is taken."""

    wanted = (
        TableRow("best", "Best epoch", "b", "inductive", (Stage("m2"),)),
        TableRow("last", "Last epoch", "b", "inductive", (Stage("m2", last_epoch=True),)),
        TableRow("long", "Longer", "b", "inductive", (Stage("m2", epochs=300),)),
    )


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_members_of_a_stack_are_trained_alike(device: str) -> None:
    data = tiny()
    budget = replace(BUDGETS["preview"], trials=1)
    cells = plan_cells({"trainings": Trainings()}, {data.key: data}, {data.key: "rows"}, budget)
    plan = settle(Plan(cells, {data.key: data}, {data.key: "rows"}, budget), {})
    found = group_jobs(plan, device)
    assert len(found) == 3
    for stack in found:
        assert all(job.training == stack.jobs[0].training for job in stack.jobs)


class Codes(Toy):
    """A representation with settings that need no training of their own."""

    wanted = (TableRow("codes", "Codes", "b", "inductive", (Stage("dcca"), Stage("svm"))),)


def codes_plan() -> Plan:
    data = tiny()
    budget = replace(BUDGET, trials=3, grid=None)
    cells = plan_cells({"codes": Codes()}, {data.key: data}, {data.key: "rows"}, budget)
    return settle(Plan(cells, {data.key: data}, {data.key: "rows"}, budget), {})


def test_candidates_that_share_a_training_share_a_stack_and_its_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = codes_plan()
    method = registry.load_method("dcca")
    trained = [job for job in plan.todo.values() if job.method == "dcca"]
    directions = {job.config["directions"] for job in trained}
    trainings = {job.training_key for job in trained}
    assert len(directions) > 1
    assert len(trained) == len(trainings) * len(directions)
    for limit in (1, 2):
        monkeypatch.setattr(grouping, "CPU_STACK", limit)
        found = [stack for stack in group_jobs(plan) if stack.jobs[0].method == "dcca"]
        for stack in found:
            assert {job.config["directions"] for job in stack.jobs} == directions
            assert len(stack.jobs) <= limit * len(directions)
    whole = method.cost(plan.shape(trained[0]), method.Config(), training_of(BUDGET, Stage("dcca")))
    assert sum(plan.cost(job) for job in trained) == pytest.approx(len(trainings) * whole)
