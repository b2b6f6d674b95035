"""From a cell to jobs: one job for each candidate setting, on one trial.

An upstream stage is a separate job, shared by every cell that needs the same one. Record digests
leave this module out: all its decisions are part of the identity of the jobs that it makes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from datasets.base import Dataset
from harness import registry
from harness.errors import UsageError
from harness.plan.job import Job, on_trial
from harness.store.plain import plain
from methods.base import Config, Method, Training
from protocols._trial import Scenario, declared
from protocols.base import REPR_ROWS, Budget, Cell, Stage


def expand_all(
    cell: Cell, data: Dataset, budget: Budget, trials: int, seed: int
) -> tuple[tuple[Job, ...], ...]:
    """The candidate jobs of one cell on each of the first ``trials`` trials, as :func:`expand`."""
    if not trials:
        return ()
    first = expand(cell, data, budget, 0, seed)
    return first, *(on_trial(first, trial) for trial in range(1, trials))


def expand(cell: Cell, data: Dataset, budget: Budget, trial: int, seed: int) -> tuple[Job, ...]:
    """The candidate jobs of one cell on one trial, with earlier stages in ``upstream``.

    Raises UsageError if a recipe names a setting that its method does not have.
    """
    upstream: tuple[tuple[Job, ...], ...] = ()
    for stage in cell.row.recipe:
        method = registry.load_method(stage.key)
        if stage.imputes and not (method.can.impute and stage.views is None):
            raise UsageError(f"row '{cell.row.key}': stage '{stage.key}' cannot impute all views")
        inputs = [(name,) for name in data.view_names] if stage.views == "each" else [stage.views]
        scenario = _scenario(cell, stage, method)
        first = Job(
            data_key=data.key,
            fingerprint=data.fingerprint,
            scenario=scenario,
            method=stage.key,
            version=method.version,
            views=None,
            config={},
            training=training_of(budget, stage).identity() if registry.is_stacked(method) else None,
            trial=trial,
            seed=seed,
            upstream=upstream,
            imputes=stage.imputes,
            declared=declared(data, scenario),
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
    """The cell's scenario, with the rows that the stage needs.

    An imputer that uses no labels gets none, so that one fit serves every label fraction, unless
    the share of unlabelled rows that is kept depends on them.
    """
    scenario = cell.scenario
    if stage.rows != "paradigm":
        scenario = replace(scenario, paradigm=REPR_ROWS[stage.rows])
    whole = scenario.unlabelled_fraction == 1 and scenario.paradigm == "inductive"
    if stage.imputes and not method.can.labels and whole:
        scenario = replace(scenario, label_fraction=0.0, label_rule="random", labels_per_class=0)
    return scenario


def _codes_reach(needs: Scenario, has: Scenario) -> bool:
    """Whether a stage has codes for all rows of the next; labelled and test rows always have."""
    return needs.paradigm != "inductive" or has.paradigm == "inductive"


def candidates(method: type[Method], stage: Stage, budget: Budget) -> tuple[dict[str, Any], ...]:
    """Full settings of every candidate: the budget's grid, with the values that the stage fixes."""
    points = budget.quick_grid if method.quick else budget.grid
    own = itertools.product(*(values[:points] for values in stage.grid.values()))
    pinned = [{**stage.config, **dict(zip(stage.grid, values, strict=True))} for values in own]
    overrides = method.Config.grid(points)
    full_settings: list[dict[str, Any]] = []
    seen: list[Config] = []
    for override, pins in itertools.product(overrides, pinned):
        if not _fits(override, pins, overrides):
            continue
        try:
            config = method.Config(**{**override, **pins})
            settings = {name: _of_python(v, name) for name, v in config.settings().items()}
        except (TypeError, ValueError) as error:  # ConfigError is a ValueError
            raise UsageError(f"stage '{stage.key}': {error}") from error
        resolved = config.resolved()
        if resolved not in seen:
            seen.append(resolved)
            full_settings.append(settings)
    return tuple(full_settings)


def _fits(
    override: Mapping[str, Any], pins: Mapping[str, Any], overrides: Sequence[Mapping[str, Any]]
) -> bool:
    """False if the grid has a fixed value, but this override is for another value.

    Such an override may vary a setting without effect under the fixed value, for example the width
    of an RBF under a linear kernel.
    """
    return all(
        override.get(name, value) == value or all(other.get(name) != value for other in overrides)
        for name, value in pins.items()
    )


def _of_python(value: Any, name: str) -> Any:
    """A setting, with NumPy numbers as Python's. Raises ValueError for what JSON cannot store."""
    plain(value, name)
    return value.item() if isinstance(value, np.generic) else value


def training_of(budget: Budget, stage: Stage) -> Training:
    """How long gradient training of a stage may take under a budget."""
    least = 0 if budget.fixed_epochs else stage.epochs or 0
    if stage.last_epoch:
        epochs = max(least, budget.epochs)
        return Training(epochs, eval_every=epochs, patience=None)
    if least > budget.epochs:
        return Training(least, budget.eval_every, patience=None)
    return Training(budget.epochs, budget.eval_every, budget.patience)
