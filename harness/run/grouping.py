"""How the work of a plan is cut into stacks: jobs that train together, a few minutes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness import registry
from harness.plan.job import Job, canonical
from harness.plan.plan import Plan
from harness.run.worker import JobGroup

GROUP_SECONDS, UNTRAINED_SECONDS = 240.0, 20.0
"""Stacks are cut to about this much work, so that little is in flight; one fit is the least."""


def group_jobs(
    plan: Plan, limit: int | None = None, resumed: Sequence[JobGroup] = ()
) -> list[JobGroup]:
    """The work that is left, grouped into stacks that may train together; dearest stacks first.

    ``limit``  the most trainings in one stack (None: as many as fit the time). Jobs of methods that
               are not trained run one by one, but together: what a stack costs to start is more
               than many of them take, and candidates of a trial share its Problem.
    ``held``   stacks that go on from a checkpoint; they come first.
    """
    groups: dict[str, list[Job]] = {}
    taken = {job.id for group in resumed for job in group.jobs}
    for job in plan.todo.values():
        if job.id in taken:
            continue
        groups.setdefault(_together(plan, job), []).append(job)
    costed: list[tuple[float, JobGroup]] = []
    for jobs in groups.values():
        units: dict[str, list[Job]] = {}
        for job in jobs:
            units.setdefault(job.training_key, []).append(job)
        parts = list(units.values())
        cost = plan.cost(jobs[0]) * len(parts[0])
        trained = registry.is_stacked(registry.load_method(jobs[0].method))
        seconds = GROUP_SECONDS if trained else min(GROUP_SECONDS, UNTRAINED_SECONDS)
        most = limit if trained and limit else len(parts)
        size = max(1, min(int(seconds / max(cost, 1e-3)), most))
        for start in range(0, len(parts), size):
            chunk = parts[start : start + size]
            group = JobGroup(tuple(job for unit in chunk for job in unit))
            costed.append((cost * len(chunk), group))
    return [*resumed, *(group for _, group in sorted(costed, key=lambda pair: -pair[0]))]


def _together(plan: Plan, job: Job) -> str:
    """Jobs with equal text here may share a stack: same data, shapes, method, fixed settings."""
    method = registry.load_method(job.method)
    config = dict(job.config)
    if registry.is_stacked(method):
        for name in method.Config.marked("batchable"):
            config.pop(name)
        drawn = plan.drawn(job)
        sizes = [int(np.sum(drawn.part == part)) for part in (0, 1, 2)]
        complete = drawn.present.all(axis=1)
        groups = (drawn.labelled, drawn.kept, drawn.kept & complete, drawn.labelled & complete)
        sizes += [int(rows.sum()) for rows in groups]
    else:
        config, sizes = {}, []
    upstream = [[stage.method for stage in group] for group in job.upstream]
    scenario = job.scenario.identity()
    place = [job.method, job.views, job.imputes]
    return canonical([job.fingerprint, scenario, place, config, sizes, upstream])
