"""Split rules and label rules: pure functions of a data set's columns and a generator.

Every rule takes a prefix of one permutation per trial, so that the rows labelled at 1 % are also
labelled at 2 %, and two methods on the same trial see the same rows.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Split, split_across

DRAWS = 100
"""Most draws of one trial's split before the trial is refused."""


def part_of_rows(
    data: Dataset, split: Split, rng: np.random.Generator, trial: int = 0
) -> np.ndarray:
    """Part of every row, ``(n,)`` int8 of TRAIN / TUNE / TEST: the first of :func:`drawn_parts`."""
    return drawn_parts(data, split, rng, trial)[0]


def drawn_parts(
    data: Dataset, split: Split, rng: np.random.Generator, trial: int = 0
) -> tuple[np.ndarray, int]:
    """Part of every row, ``(n,)`` int8 of TRAIN / TUNE / TEST, and how often it was drawn again.

    Groups named by ``split.by`` are never divided; with ``split.stratify`` class shares are kept.
    ``trial`` says which of its folds a split with ``folds`` tests on; those that share a partition
    (:func:`partition_of`) must be given the same generator.
    A draw that leaves a part empty, or a class without a training row, is drawn again from the same
    generator, with folds if one of their rotations does so; the first draw that does not is taken.
    Raises DataError if none of ``DRAWS`` draws would do, or if a group is split across parts that
    ``split.leaks`` does not name.
    """
    if split.official:
        assert data.official is not None  # validated by Dataset
        _check_leaks(data, split, data.official)
        return data.official.astype(np.int8), 0
    fault = ""
    for number in range(DRAWS):
        rotations = _drawn(data, split, rng)
        fault = next(filter(None, (_fault(data, split, parts) for parts in rotations)), "")
        if not fault:
            parts = rotations[trial % len(rotations)]
            _check_leaks(data, split, parts)
            return parts, number
    raise DataError(f"{fault} in the last of {DRAWS} draws of a trial")


def _drawn(data: Dataset, split: Split, rng: np.random.Generator) -> list[np.ndarray]:
    """One draw of the parts ``(n,)``, of which a split with folds has one a rotation."""
    units = np.arange(data.n) if split.by is None else data.groups[split.by]
    _, first, unit_of_row = np.unique(units, return_index=True, return_inverse=True)
    size = np.bincount(unit_of_row)
    stratum = data.labels[first] if split.stratify else np.zeros(len(first), np.int64)
    part_of_unit = np.empty((max(split.folds, 1), len(first)), np.int8)
    filled = np.zeros(split.folds, np.int64)
    for value in np.unique(stratum):
        chosen = rng.permutation(np.flatnonzero(stratum == value))
        if split.folds:
            fold = _assign_folds(size[chosen], filled)
            for turn, parts in enumerate(part_of_unit):
                parts[chosen] = _rotate(fold, split.folds, turn)
        else:
            part_of_unit[0, chosen] = _cut(size[chosen], split.shares)
    return [parts[unit_of_row] for parts in part_of_unit]


def partition_of(split: Split, trial: int) -> int:
    """The number that seeds a trial's split: the trial, or the partition whose folds rotate."""
    return trial // split.folds if split.folds else trial


def sizes_of_cut(data: Dataset, split: Split) -> tuple[int, ...]:
    """Rows in train, tune and test of a split that draws rows, not groups: equal in all trials."""
    strata = np.bincount(data.labels) if split.stratify else np.array([data.n])
    cuts = [_cut(np.ones(size), split.shares) for size in strata if size]
    return tuple(np.bincount(np.concatenate(cuts), minlength=3).tolist())


def label_order(n_train: int, rng: np.random.Generator) -> np.ndarray:
    """The permutation of training rows whose prefixes are labelled."""
    return rng.permutation(n_train)


def rounded(fraction: float, n: int) -> int:
    """``fraction * n`` to the nearest integer, halves up.

    The slack keeps 0.7 of 45 at 32, though 0.7 * 45 falls short of 31.5 in binary.
    """
    return int(np.floor(fraction * n + 0.5 + 1e-9))


def labelled_per_class(
    labels: np.ndarray, order: np.ndarray, count: int, names: Sequence[str]
) -> np.ndarray:
    """Positions of the labelled rows among the training rows: ``count`` of each class.

    ``labels``  ``(n,)`` classes of the training rows; ``order`` from :func:`label_order`, of which
    each class has its first rows, so that sets are nested over counts.
    Raises DataError if a class, called by its ``names``, has fewer rows.
    """
    rows = np.bincount(labels, minlength=len(names))
    if rows.min() < count:
        few = names[int(rows.argmin())]
        raise DataError(f"class {few} has {rows.min()} training rows, too few to label {count}")
    firsts = [np.flatnonzero(labels[order] == k)[:count] for k in range(len(names))]
    return order[np.sort(np.concatenate(firsts))]


def labelled_rows(labels: np.ndarray, order: np.ndarray, fraction: float, rule: str) -> np.ndarray:
    """Positions of the labelled rows among the training rows, ``round(fraction * n)`` of them.

    ``labels``  ``(n,)`` classes of the training rows; ``order`` from :func:`label_order`.
    ``rule``    ``random``: the first rows of the order. ``random_min_one``: the first row of each
                class in that order comes first, then the order; never fewer rows than classes.
    Prefixes of one sequence, so nested over fractions under both rules. No row at fraction 0.
    """
    count = rounded(fraction, len(labels))
    if fraction == 0:
        return order[:0]
    if rule == "random":
        return order[: max(count, 1)]
    if rule != "random_min_one":
        raise ValueError(f"unknown label rule '{rule}'")
    classes, first = np.unique(labels[order], return_index=True)
    leaders = np.zeros(len(order), bool)
    leaders[first] = True
    sequence = np.concatenate([order[leaders], order[~leaders]])
    return sequence[: max(count, len(classes))]


def _cut(sizes: np.ndarray, shares: tuple[float, float, float]) -> np.ndarray:
    """Part of each unit, in order: the part in whose share the middle of its rows falls."""
    middle = (np.cumsum(sizes) - sizes / 2) / sizes.sum()
    parts = np.searchsorted(np.cumsum(shares)[:2], middle, side="right").astype(np.int8)
    if len(sizes) >= 3:  # every part gets a unit, also with a few large groups
        parts[0], parts[-1] = TRAIN, TEST
        if not (parts == TUNE).any():
            parts[-2] = TUNE
    return parts


def _assign_folds(sizes: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Fold of each unit: in order, the one with the fewest rows of this stratum, then of all.

    ``filled``  rows of every fold from earlier strata; updated in place.
    """
    folds = [(0, int(rows), fold) for fold, rows in enumerate(filled)]
    assigned = np.empty(len(sizes), np.int64)
    heapq.heapify(folds)
    for unit, size in enumerate(sizes.tolist()):
        own, rows, fold = folds[0]
        heapq.heapreplace(folds, (own + size, rows + size, fold))
        assigned[unit] = fold
    filled += np.bincount(assigned, sizes, len(filled)).astype(np.int64)
    return assigned


def _rotate(fold: np.ndarray, folds: int, trial: int) -> np.ndarray:
    """Parts of one rotation of the folds: one tests, the next one tunes, the others train."""
    place = (fold - trial) % folds
    return np.select([place == 0, place == 1], [TEST, TUNE], TRAIN).astype(np.int8)


def _fault(data: Dataset, split: Split, parts: np.ndarray) -> str:
    """Why no trial can have these ``parts``, as the start of a sentence; "" if one can."""
    for part, name in ((TRAIN, "training"), (TUNE, "tuning"), (TEST, "test")):
        if not (parts == part).any():
            return (
                f"split '{split.name}' of {data.key}, which needs at least "
                f"{split.folds or 'three'} groups or rows of every class, leaves no {name} rows"
            )
    missing = set(range(data.n_classes)) - set(np.unique(data.labels[parts == TRAIN]).tolist())
    if missing:
        names = ", ".join(data.class_names[k] for k in sorted(missing))
        return f"split '{split.name}' of {data.key} has no training row of class {names}"
    return ""


def _check_leaks(data: Dataset, split: Split, parts: np.ndarray) -> None:
    kept_whole = {n: group for n, group in data.groups.items() if n not in split.leaks}
    leaked = split_across(kept_whole, parts)
    if leaked:
        raise DataError(
            f"split '{split.name}' of {data.key} has rows of one {leaked[0]} in several parts and "
            f"does not declare it; name '{leaked[0]}' in its leaks, or cut by it"
        )


def kept_rows(
    train: np.ndarray, labelled: np.ndarray, fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """``(n,)`` training rows that take part: the labelled ones and a share of the others."""
    rows = labelled.copy()
    unlabelled = rng.permutation(train[~labelled[train]])
    rows[unlabelled[: rounded(fraction, len(unlabelled))]] = True
    return rows
