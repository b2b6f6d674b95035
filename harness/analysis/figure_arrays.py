"""Arrays that figures show, read from ``results/``: view weights and completed views.

The true values beside completed views are not in the records but in the run's arrays:
:func:`truths_of` reads what ``harness.run.describe.truths`` stored when the run started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from harness.store.record import Record

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Weights:
    """View weights of one trial's chosen fit: ``final`` (V,), at ``epoch``; ``curve`` (epochs, V).

    Row ``i`` of the curve is the mean over epoch ``i + 1``.
    """

    dataset: str
    trial: int
    epoch: int
    final: np.ndarray
    curve: np.ndarray


@dataclass(frozen=True, eq=False)
class Matrices:
    """Hidden rows of one view in one trial, z-scored, ``(n, d)``: the truth and completions of it.

    ``completed``  row key -> the same rows in the same order.
    ``hidden``   how many rows of the view were hidden in all.
    ``classes``  name of each row's class, n of them: rows come grouped by it.
    """

    dataset: str
    view: str
    trial: int
    truth: np.ndarray
    completed: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    hidden: int


@dataclass(frozen=True, eq=False)
class Shown:
    """Arrays of a figure, read by the caller.

    ``unavailable``  data set -> sentences on arrays that cannot be shown.
    """

    weights: tuple[Weights, ...] = ()
    matrices: tuple[Matrices, ...] = ()
    unavailable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Truth:
    """The first hidden rows of one view in one trial of a data set, as the data have them.

    ``view``   its number.   ``ids`` (n,) of the rows.   ``labels`` (n,) class numbers.
    ``values`` (n, d) in the data's own units, with ``mean`` and ``sd`` (d,) of the training rows
    that have the view; columns that are constant there are not in ``keep`` (d,).
    ``classes`` names of all classes.   ``hidden`` how many rows of the view were hidden in all.
    """

    view: int
    ids: np.ndarray
    labels: np.ndarray
    values: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    keep: np.ndarray
    classes: np.ndarray
    hidden: int

    def shade(self, values: np.ndarray) -> np.ndarray:
        """Z-scores of ``values``; columns that are constant in training are 0."""
        return np.where(self.keep, (values - self.mean) / self.sd, 0.0)


def packed(truths: Mapping[tuple[str, str, str], Truth]) -> dict[str, np.ndarray]:
    """True values for figures, by (protocol, data set, view), as arrays of one file."""
    arrays = {"index": np.array([*truths], dtype=str)} if truths else {}
    for number, truth in enumerate(truths.values()):
        for name, value in vars(truth).items():
            arrays[f"{number}.{name}"] = np.asarray(value)
    return arrays


def truths_of(arrays: Arrays, protocol: str) -> dict[str, dict[str, Truth]]:
    """The inverse of :func:`packed` for one protocol: by data set, then view."""
    by_dataset: dict[str, dict[str, Truth]] = {}
    for number, (name, dataset, view) in enumerate(arrays.get("index", ())):
        if name != protocol:
            continue
        own = {f.name: arrays[f"{number}.{f.name}"] for f in fields(Truth)}
        scalars = {"view": int(own["view"]), "hidden": int(own["hidden"])}
        by_dataset.setdefault(str(dataset), {})[str(view)] = Truth(**{**own, **scalars})
    return by_dataset


def weights_shown(
    trials: pd.DataFrame,
    records: Mapping[str, Record],
    arrays: Callable[[Record], Arrays],
) -> Shown:
    """View weights of every trial that is ok. ``arrays`` raises ValueError where there are none."""
    read, weights = _Reader(records, arrays), []
    for line in trials[trials["status"] == "ok"].itertuples():
        own = read(line, str(line.chosen))
        if own is not None:
            weights.append(_weights(line, records[str(line.chosen)], own))
    return Shown(weights=tuple(weights), unavailable=read.unavailable())


def matrices_shown(
    trials: pd.DataFrame,
    records: Mapping[str, Record],
    arrays: Callable[[Record], Arrays],
    truths: Mapping[str, Mapping[str, Truth]],
) -> Shown:
    """Completed views of trial 0 beside the truth; ``truths`` by data set and view."""
    read, matrices = _Reader(records, arrays), []
    ok = [line for line in trials.itertuples() if line.status == "ok"]
    for key in dict.fromkeys(str(line.dataset) for line in ok):
        lines = [o for o in ok if o.dataset == key and o.imputed_by and o.trial == 0]
        pairs = [(str(line.row_key), read(line, str(line.imputed_by))) for line in lines]
        completed = {name: own for name, own in pairs if own is not None}
        if key not in truths and completed:
            read.note(key, "the data's own values were not stored with this run")
        for view, truth in truths.get(key, {}).items():
            matrices += _matrices(key, view, truth, completed)
    return Shown(matrices=tuple(matrices), unavailable=read.unavailable())


class _Reader:
    """Reads arrays of records; unreadable ones are noted and do not stop a report."""

    def __init__(self, records: Mapping[str, Record], arrays: Callable[[Record], Arrays]) -> None:
        self.records, self.arrays = records, arrays
        self.notes: dict[str, list[str]] = {}

    def __call__(self, line: Any, name: str) -> Arrays | None:
        try:
            return self.arrays(self.records[name])
        except ValueError as error:
            what = f"{line.row}, trial {line.trial}: its arrays cannot be shown ({error})"
            self.note(line.dataset, what)
            return None

    def note(self, dataset: str, what: str) -> None:
        self.notes.setdefault(dataset, []).append(what)

    def unavailable(self) -> dict[str, tuple[str, ...]]:
        return {key: tuple(notes) for key, notes in self.notes.items()}


def _weights(line: Any, record: Record, arrays: Arrays) -> Weights:
    curve = arrays["view_weights"].astype(float)
    final = np.array([record.facts[f"weight_{v}"] for v in range(curve.shape[1])], float)
    return Weights(line.dataset, int(line.trial), record.epoch, final, curve)


def _matrices(
    dataset: str, view: str, truth: Truth, completed: Mapping[str, Arrays]
) -> list[Matrices]:
    """Hidden rows that every method has stored; none where no method has any."""
    ids, values = f"imputed_{truth.view}_ids", f"imputed_{truth.view}"
    own = {key: arrays for key, arrays in completed.items() if ids in arrays}
    if not own:
        return []
    common = np.all([np.isin(truth.ids, arrays[ids]) for arrays in own.values()], axis=0)
    rows = np.flatnonzero(common)
    rows = rows[np.argsort(truth.labels[rows], kind="stable")]

    def of(arrays: Arrays) -> np.ndarray:
        place = {int(name): row for row, name in enumerate(arrays[ids])}
        return arrays[values][[place[int(name)] for name in truth.ids[rows]]]

    return [
        Matrices(
            dataset=dataset,
            view=view,
            trial=0,
            truth=truth.shade(truth.values[rows]),
            completed={key: truth.shade(of(arrays)) for key, arrays in own.items()},
            classes=tuple(str(truth.classes[label]) for label in truth.labels[rows]),
            hidden=truth.hidden,
        )
    ]
