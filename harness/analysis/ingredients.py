"""What a cell's numbers are made from, what of it differs between two cells, how far they moved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analysis.cells import StoredCell
from harness.store.record import Record

Ingredients = Mapping[tuple[str, str], tuple[str, ...]]
"""(kind, name) -> its values, sorted: what a cell's numbers are made from."""
KINDS = (
    "data", "split", "labels", "seed", "method", "settings", "training", "trials", "draws", "code",
    "versions", "machine", "revision",
)  # fmt: skip
"""Kinds of ingredients, in the order in which they are printed."""
ACCIDENTAL = ("machine", "revision")
"""Kinds that need not change a number; ``versions`` may."""
TRAINING = "training"


def ingredients(cell: StoredCell) -> Ingredients:
    """What a cell's numbers are made from; of a grid, all candidate values of a setting."""
    found: dict[tuple[str, str], set[str]] = {}
    for kind, name, value in _listed(cell):
        found.setdefault((kind, name), set()).add(value)
    return {key: tuple(sorted(values)) for key, values in found.items()}


def _listed(cell: StoredCell) -> Iterator[tuple[str, str, str]]:
    run = cell.run
    yield "trials", "planned", str(len(cell.cell.trials))
    yield "machine", "machine", run.machine
    yield "revision", "revision", run.revision
    for name, version in run.versions.items():
        yield "versions", name, version
    for record in cell.used:
        yield from _of_record(record)
    for trial in range(len(cell.cell.trials)):
        for record in cell.candidates(trial)[:1]:
            yield "draws", f"trial {trial}", record.drawn or "unknown"


def _of_record(record: Record) -> Iterator[tuple[str, str, str]]:
    job = record.job
    method = str(job.get("method"))
    yield "data", "fingerprint", str(job.get("data"))
    declared = job.get("declared") or {}
    scenario = dict(job.get("scenario") or {})
    yield "split", "rule", str(scenario.pop("split", ""))
    for name, value in _flat(declared):
        yield "split", name, value
    for name in ("paradigm", "version"):
        scenario.pop(name, None)
    for name, value in _flat(scenario):
        yield "labels", name, value
    yield "seed", "seed", str(job.get("seed"))
    yield "method", method, f"version {job.get('version')}"
    for name, value in _flat(job.get("config") or {}):
        yield "settings", f"{method}.{name}", value
    for name, value in _flat(job.get("training") or {}):
        yield TRAINING, f"{method}.{name}", value
    for name, digest in record.digests.items():
        yield "code", name, str(digest)
    for name, version in record.versions.items():
        yield "versions", name, str(version)
    if record.device:
        yield "machine", "device", record.device


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", text) for inner, text in _flat(value))
        else:
            yield name, value if isinstance(value, str) else json.dumps(value)


def differences(left: Ingredients, right: Ingredients) -> dict[str, list[str]]:
    """Kind -> a phrase for each ingredient that differs: ``methods/base.py 12ab -> 34cd``."""
    found: dict[str, list[str]] = {}
    for kind, name in sorted(left.keys() | right.keys(), key=lambda key: key[1]):
        before, after = left.get((kind, name)), right.get((kind, name))
        if kind == "draws" and None in (before, after):
            continue  # a trial that only one of them has
        if before != after:
            found.setdefault(kind, []).append(f"{name} {_text(before)} -> {_text(after)}")
    return {kind: found[kind] for kind in KINDS if kind in found}


def _text(values: tuple[str, ...] | None) -> str:
    return "absent" if values is None else ", ".join(values)


def phrase(kind: str, changes: Sequence[str], most: int = 4) -> str:
    """``code: a.py 12 -> 34; b.py 56 -> 78``, of many the first, and how many more there are."""
    if kind == "draws":
        return f"draws: {len(changes)} trials drew other rows"
    more = f"; and {len(changes) - most} more" if len(changes) > most else ""
    return f"{kind}: {'; '.join(changes[:most])}{more}"


# ---------------------------------------------------------------- trials of two cells


@dataclass(frozen=True)
class Moved:
    """How the numbers of two cells differ on their identical trials.

    ``pairs``      trial -> (left, right), of identical trials that are ok in both.
    ``unlike``     trials that both have but that are not the same draw of the same data.
    ``unknown``    trials of which a side does not say which rows it drew.
    """

    pairs: Mapping[int, tuple[float, float]]
    unlike: tuple[int, ...]
    unknown: tuple[int, ...]

    @property
    def changed(self) -> tuple[int, ...]:
        """Trials whose number differs."""
        return tuple(t for t, (a, b) in self.pairs.items() if abs(a - b) > 1e-9)

    @property
    def mean(self) -> float:
        """Mean of right minus left; NaN without a pair."""
        differences = [b - a for a, b in self.pairs.values()]
        return sum(differences) / len(differences) if differences else float("nan")


def moved(left: StoredCell, right: StoredCell) -> Moved:
    """The trials of two cells side by side; only identical ones are paired."""
    ours, theirs = left.values, right.values
    pairs, unlike, unknown = {}, [], []
    for trial in sorted(ours.keys() & theirs.keys()):
        same = _same_draw(left.candidates(trial), right.candidates(trial))
        if same is None:
            unknown.append(trial)
        elif same:
            pairs[trial] = ours[trial], theirs[trial]
        else:
            unlike.append(trial)
    return Moved(pairs, tuple(unlike), tuple(unknown))


def _same_draw(left: Sequence[Record], right: Sequence[Record]) -> bool | None:
    """Whether two trials are one: the same data, split, trial number, seed, and rows drawn.

    None where a record does not say which rows it drew and nothing else tells them apart.
    """
    if not left or not right:
        return False
    ours, theirs = left[0], right[0]
    if any(ours.job.get(name) != theirs.job.get(name) for name in ("data", "trial", "seed")):
        return False
    if not ours.drawn or not theirs.drawn:
        # The same job is the same trial, whoever recorded it.
        return True if ours.id == theirs.id else None
    return ours.drawn == theirs.drawn


def in_words(left: StoredCell, right: StoredCell) -> str:
    """How the values of two cells differ on the trials that are identical."""
    found = moved(left, right)
    texts = []
    if found.pairs:
        changed = len(found.changed)
        texts.append(
            f"{changed} of {trials(len(found.pairs), 'identical ')} moved, mean {found.mean:+.4f}"
            if changed
            else f"equal on {trials(len(found.pairs), 'identical ')}"
        )
    if found.unlike:
        ours, theirs = (np.mean(list(cell.values.values())) for cell in (left, right))
        texts.append(
            f"{trials(len(found.unlike))} drew other rows and are not paired "
            f"(means {ours:.4f} -> {theirs:.4f})"
        )
    if found.unknown:
        texts.append(
            f"{trials(len(found.unknown))} cannot be paired: records do not say which rows were "
            "drawn"
        )
    return "; ".join(texts) or "no trial is ok in both"


def trials(n: int, what: str = "") -> str:
    """``3 trials``."""
    return f"{n} {what}trial{'' if n == 1 else 's'}"
