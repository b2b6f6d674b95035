"""Jobs: one fit of one stage, at one setting, on one trial. Their identity is their content.

A cell of a table times a trial becomes one job per candidate setting of the recipe's last stage; a
stage before it is a job of its own, shared by every cell that needs the same one. Which candidate
counts is decided afterwards, over records (``harness.analysis.selection``).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from datasets.base import Dataset
from harness import registry
from harness.errors import UsageError
from methods.base import ConfigError, Method, Training
from protocols.base import REPR_ROWS, Budget, Cell, Scenario, Stage


@dataclass(frozen=True)
class Job:
    """One fit.

    ``data_key``    for people; ``fingerprint`` is what counts.
    ``views``       names of the data set's views the stage reads, None for all, or for all codes of
                    the stage before it.
    ``config``      every setting of the method.   ``training`` None for methods without epochs.
    ``upstream``    per input, the candidate jobs of the stage before; empty for a first stage.
    ``imputes``     it fills in absent views for the next stage.
    ``seed``        the run's seed (``--seed``).
    """

    data_key: str
    fingerprint: str
    scenario: Scenario
    method: str
    version: int
    views: tuple[str, ...] | None
    config: Mapping[str, Any]
    training: Mapping[str, Any] | None
    trial: int
    seed: int
    upstream: tuple[tuple[Job, ...], ...] = ()
    imputes: bool = False

    def identity(self) -> dict[str, Any]:
        """What makes this job itself. No path, no date, no host, no number of trials."""
        return {
            "data": self.fingerprint,
            "scenario": self.scenario.identity(),
            "method": self.method,
            "version": self.version,
            "views": self.views,
            "config": dict(self.config),
            "training": self.training,
            "trial": self.trial,
            "seed": self.seed,
            "upstream": [[job.id for job in group] for group in self.upstream],
            "imputes": self.imputes,
        }

    @cached_property
    def id(self) -> str:
        """20 hex digits of the canonical JSON of :meth:`identity`."""
        return hashlib.sha256(canonical(self.identity()).encode()).hexdigest()[:20]

    @cached_property
    def training_key(self) -> str:
        """Equal for jobs that share one training: they differ in what is read off it alone."""
        untrained = registry.load_method(self.method).Config.marked("untrained")
        config = {name: value for name, value in self.config.items() if name not in untrained}
        return canonical(self.identity() | {"config": config})

    @property
    def depth(self) -> int:
        """How many stages come before this one."""
        return 1 + self.upstream[0][0].depth if self.upstream else 0

    def stages(self) -> Iterator[Job]:
        """Every job this one rests on, earlier stages first, itself last."""
        for group in self.upstream:
            for job in group:
                yield from job.stages()
        yield self

    @property
    def trained(self) -> bool:
        """Whether any of its stages is trained by gradient descent."""
        return any(job.training is not None for job in self.stages())

    def methods(self) -> frozenset[str]:
        """Keys of the methods of all its stages."""
        return frozenset(job.method for job in self.stages())


def canonical(value: Any) -> str:
    """JSON with one spelling: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def expand(cell: Cell, data: Dataset, budget: Budget, trial: int, seed: int) -> tuple[Job, ...]:
    """The candidate jobs of one cell on one trial, stages before them inside ``upstream``.

    Raises UsageError where a recipe names a setting that its method does not have.
    """
    upstream: tuple[tuple[Job, ...], ...] = ()
    for stage in cell.row.recipe:
        method = registry.load_method(stage.key)
        if stage.imputes and not (method.can.impute and stage.views is None):
            raise UsageError(f"row '{cell.row.key}': stage '{stage.key}' cannot impute all views")
        inputs = [(name,) for name in data.view_names] if stage.views == "each" else [stage.views]
        first = Job(
            data_key=data.key,
            fingerprint=data.fingerprint,
            scenario=_scenario(cell, stage, method),
            method=stage.key,
            version=method.version,
            views=None,
            config={},
            training=training_of(budget, stage).identity() if registry.is_stacked(method) else None,
            trial=trial,
            seed=seed,
            upstream=upstream,
            imputes=stage.imputes,
        )
        if upstream and not _codes_reach(first.scenario, upstream[0][0].scenario):
            raise UsageError(
                f"row '{cell.row.key}': stage '{stage.key}' reads unlabelled training rows, of"
                f" which '{upstream[0][0].method}' leaves no codes; give that stage rows=\"train\""
            )
        settings = candidates(method, stage, budget)
        upstream = tuple(
            tuple(replace(first, views=views, config=config) for config in settings)
            for views in inputs
        )
    if len(upstream) != 1:
        raise UsageError(f"row '{cell.row.key}' ends in one fit per view; add a stage after it")
    return upstream[0]


def _scenario(cell: Cell, stage: Stage, method: type[Method]) -> Scenario:
    """The cell's scenario, with the rows that the stage asks for.

    An imputer that uses no labels is shown none, so that one fit serves every label fraction.
    """
    scenario = cell.scenario
    if stage.rows != "paradigm":
        scenario = replace(scenario, paradigm=REPR_ROWS[stage.rows])
    if stage.imputes and not method.can.labels and scenario.paradigm == "inductive":
        scenario = replace(scenario, label_fraction=0.0, label_rule="random")
    return scenario


def _codes_reach(needs: Scenario, has: Scenario) -> bool:
    """Whether codes of a stage exist for all rows of the next: labelled and test rows always do."""
    return needs.paradigm != "inductive" or has.paradigm == "inductive"


def candidates(method: type[Method], stage: Stage, budget: Budget) -> tuple[dict[str, Any], ...]:
    """Full settings of every candidate: the budget's grid, less what the stage pins."""
    points = budget.quick_grid if method.quick else budget.grid
    own = itertools.product(*(values[:points] for values in stage.grid.values()))
    pinned = [{**stage.config, **dict(zip(stage.grid, values, strict=True))} for values in own]
    overrides = method.Config.grid(points)
    found: list[dict[str, Any]] = []
    for override, pins in itertools.product(overrides, pinned):
        if not _fits(override, pins, overrides):
            continue
        try:
            config = method.Config(**{**override, **pins})
        except (TypeError, ConfigError) as error:
            raise UsageError(f"stage '{stage.key}': {error}") from error
        if config.settings() not in found:
            found.append(config.settings())
    return tuple(found)


def _fits(
    override: Mapping[str, Any], pins: Mapping[str, Any], overrides: Sequence[Mapping[str, Any]]
) -> bool:
    """False where a pinned value is tried as well, and this override is of another one.

    Such an override may vary what has no effect under the pinned value: the width of an RBF under a
    linear kernel.
    """
    return all(
        override.get(name, value) == value or all(other.get(name) != value for other in overrides)
        for name, value in pins.items()
    )


def training_of(budget: Budget, stage: Stage) -> Training:
    """How long gradient training of a stage may take under a budget."""
    least = 0 if budget.fixed_epochs else stage.epochs or 0
    if least > budget.epochs:
        return Training(least, budget.eval_every, patience=None)
    return Training(budget.epochs, budget.eval_every, budget.patience)
