"""Divide the jobs of a plan into groups that run together, a few minutes of work each."""

from __future__ import annotations

from collections.abc import Sequence

from harness import registry
from harness.plan.job import Job, canonical
from harness.plan.plan import Plan
from harness.run.worker import JobGroup

GROUP_SECONDS, UNTRAINED_SECONDS = 240.0, 20.0
"""Estimated work of a group, so that an interrupt loses little; a group has at least one fit."""
GPU_SPEED = 30.0
"""How many times as fast as one core a GPU trains a stack of twenty (benchmarks/RESULTS.md)."""
CPU_STACK = 4
"""Most trainings in one group on a CPU, where larger stacks gain nothing."""


def group_jobs(plan: Plan, device: str = "cpu", resumed: Sequence[JobGroup] = ()) -> list[JobGroup]:
    """Groups of the remaining jobs, most expensive first.

    ``device``   where networks are trained, ``cpu`` or ``cuda``: a stack has at most CPU_STACK
                 members, or as many as a GPU trains in the time. Jobs of untrained methods run one
                 after the other in a group: starting a group costs more than many of them, and
                 candidates of a trial share its Problem.
    ``resumed``  groups that resume from a checkpoint; they come first.
    """
    groups: dict[object, list[Job]] = {}
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
        seconds, most = min(GROUP_SECONDS, UNTRAINED_SECONDS), len(parts)
        if trained and device == "cpu":
            seconds, most = GROUP_SECONDS, CPU_STACK
        elif trained:
            seconds = GROUP_SECONDS * GPU_SPEED
        size = max(1, min(int(seconds / max(cost, 1e-3)), most))
        for start in range(0, len(parts), size):
            chunk = parts[start : start + size]
            group = JobGroup(tuple(job for unit in chunk for job in unit))
            costed.append((cost * len(chunk), group))
    return [*resumed, *(group for _, group in sorted(costed, key=lambda pair: -pair[0]))]


def _together(plan: Plan, job: Job) -> tuple[object, ...]:
    """Key of jobs that may share a group: same data, shapes, method, training, fixed settings."""
    method = registry.load_method(job.method)
    fixed, sizes, training = "", (), canonical(job.training)
    if registry.is_stacked(method):
        batchable = method.Config.marked("batchable")
        fixed = canonical({k: value for k, value in job.config.items() if k not in batchable})
        sizes = plan.counts(job).sizes(complete=method.drops_incomplete and not _completed(job))
    upstream = tuple(tuple(stage.method for stage in group) for group in job.upstream)
    place = job.method, job.views, job.imputes
    return job.fingerprint, job.scenario, place, training, fixed, sizes, upstream


def _completed(job: Job) -> bool:
    """Whether the stage before fills absent views, so that every row is complete."""
    return any(stage.imputes for group in job.upstream for stage in group)
