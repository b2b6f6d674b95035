"""Properties of data sets, for protocols without fits: counts over the draws of a run's trials.

Every count comes from ``protocols.base.draw``, as the trials of methods do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset
from harness.errors import UsageError
from harness.plan import draws
from harness.plan.lacking import digest, lacking
from harness.store.manifest import ClassCount, GroupCount, Properties, Span
from protocols.base import (
    Draw,
    Protocol,
    Scenario,
    draw,
    label_fractions,
    label_rule,
    scaling_rule,
)

PARTS = (TRAIN, TUNE, TEST)


def fits_nothing(protocol: Protocol) -> bool:
    """Whether a protocol has neither rows nor cells, and shows properties of data sets."""
    return protocol.layout["kind"] == "properties"


def check_rows_named(
    protocols: Mapping[str, Protocol],
    rows: Mapping[str, Iterable[str]],
    amounts: Mapping[str, Iterable[float]],
) -> None:
    """Raise UsageError if rows or columns are named, but no protocol of the run has any.

    ``rows``  names of rows or methods, and ``amounts`` of labels, by the flag that gave them.
    """
    if not all(map(fits_nothing, protocols.values())):
        return
    for flag, named, what in (
        *((flag, named, "fits no method") for flag, named in rows.items()),
        *((flag, asked, "shows every share of labels") for flag, asked in amounts.items()),
    ):
        if tuple(named):
            raise UsageError(f"{', '.join(protocols)} {what}; leave {flag} out")


def properties_of_all(
    opened: Mapping[str, Dataset], splits: Mapping[str, str], trials: int, seed: int
) -> tuple[Properties, ...]:
    """Properties of all data sets of a protocol, by key, under their splits."""
    return tuple(properties_of(data, splits[key], trials, seed) for key, data in opened.items())


def properties_of(data: Dataset, split: str, trials: int, seed: int = 0) -> Properties:
    """Counts over the draws of trials 0 .. ``trials - 1``. UsageError if one cannot be drawn."""
    fractions = label_fractions(data)
    drawn = {fraction: _draws(data, split, fraction, trials, seed) for fraction in fractions}
    parts = [trial.part for trial in drawn[fractions[0]]]  # the same under every share of labels
    simulated = data.provenance.kind == "simulated"
    return Properties(
        dataset=data.key,
        imitates=data.draw_key.upper() if simulated else "",
        trials=trials,
        parts=_in_parts(parts, np.ones(data.n, bool)),
        classes=tuple(
            ClassCount(name, int((data.labels == k).sum()), _in_parts(parts, data.labels == k))
            for k, name in enumerate(data.class_names)
        ),
        groups=tuple(_group(name, column, parts) for name, column in data.groups.items()),
        labels=tuple(
            (100 * fraction, _span(trial.labelled.sum() for trial in drawn[fraction]))
            for fraction in fractions
        ),
        splits=tuple((rule.name, rule.leaks) for rule in data.offered),
        lacking=lacking(data, [trial for fraction in fractions for trial in drawn[fraction]]),
        mask=digest(data, [data.present]) if data.absent_views else "",
        notes=draws.told(data, split, drawn[fractions[0]]),
    )


def _draws(data: Dataset, split: str, fraction: float, trials: int, seed: int) -> list[Draw]:
    rule = scaling_rule(data, split)
    scenario = Scenario(split, "inductive", fraction, label_rule(data), scaling=rule)
    try:
        return [draw(data, scenario, trial, seed) for trial in range(trials)]
    except DataError as error:
        raise UsageError(draws.refusal(data, scenario, trials, seed)) from error


def _in_parts(parts: list[np.ndarray], chosen: np.ndarray) -> tuple[Span, Span, Span]:
    """How many of the chosen rows lie in the training, tuning and test part."""
    train, tune, test = (_span((part[chosen] == p).sum() for part in parts) for p in PARTS)
    return train, tune, test


def _group(name: str, column: np.ndarray, parts: list[np.ndarray]) -> GroupCount:
    _, member, size = np.unique(column, return_inverse=True, return_counts=True)
    split_groups = []
    for part in parts:
        seen = np.zeros((len(size), len(PARTS)), bool)
        seen[member, part] = True
        split_groups.append((seen.sum(axis=1) > 1).sum())
    return GroupCount(name, len(size), _span(size), _span(split_groups))


def _span(counts: Iterable[int]) -> Span:
    numbers = [int(count) for count in counts]
    return min(numbers), max(numbers)
