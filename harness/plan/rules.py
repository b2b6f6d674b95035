"""The selection rule of a job's fits, from its method and its place in the recipe."""

from __future__ import annotations

from collections.abc import Sequence

from harness import registry
from harness.analysis.selection import Measure, Rule
from harness.plan.job import Job


def rule_of(job: Job, *, several: bool = True) -> Rule:
    """The rule that selects a job's epoch, and its candidate if there are ``several``."""
    can = registry.load_method(job.method).can
    candidate: Measure = "nmse" if job.imputes else "accuracy" if can.classify else "probe"
    epoch: Measure = "loss" if candidate == "probe" else candidate
    trained = job.training is not None
    return Rule(epoch if trained else None, candidate, several, second=not can.inductive)


def rules(jobs: Sequence[Job]) -> tuple[Rule, ...]:
    """The rule of every stage of a recipe, first stage first, given its candidate ``jobs``."""
    (first, *_) = jobs
    own = rule_of(first, several=len(jobs) > 1)
    return (*(rules(first.upstream[0]) if first.upstream else ()), own)
