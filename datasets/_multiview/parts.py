"""Files that come in parts, ``x1_train``, ``x1_test``, ``gt_train``, ``gt_test``: joined into one.

The parts become the file's own division of the rows. The harness also needs tuning rows: where no
part is meant for them, every fourth training row of each class is one, as the notes say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse, vstack

from datasets._io import printable
from datasets._multiview.arrays import Cell, Value, is_matrix, is_numeric, normal
from datasets._multiview.labels import KNOWN, vector
from datasets._multiview.orientation import by_rows, settle
from datasets.base import TEST, TRAIN, TUNE, DataError

_PART = r"(train|training|tr|test|te|val|valid|validation|tune)"
_LAST = re.compile(rf"(.+?)_?{_PART}", re.IGNORECASE)
_BETWEEN = re.compile(rf"(.+?)_?{_PART}_?(\d+)", re.IGNORECASE)
_FIRST = re.compile(rf"{_PART}_?(.+)", re.IGNORECASE)
_CODES = {"tr": TRAIN, "te": TEST, "va": TUNE, "tu": TUNE}
EVERY = 4  # training rows of a class to one tuning row: a quarter of them


@dataclass(frozen=True)
class Joined:
    """The arrays with samples as rows, all parts one after another.

    ``split``   ``(n,)`` TRAIN, TUNE or TEST; None for a file that is not in parts.
    ``labels``  the name that the user gave the labels, without its part.
    ``notes``   for people.
    """

    arrays: dict[str, Value]
    labels: str
    split: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def join_parts(arrays: Mapping[str, Value], orientation: str, labels: str, name: str) -> Joined:
    """A file in parts as one in none; any other as it is.

    A file is in parts where labels are: ``gt_train`` and ``gt_test``, say (``labels`` is the name
    that the user gave them, "" for none). Raises DataError for a view that lacks a part, and for
    parts of unequal numbers of features.
    """
    found = _by_part(arrays)
    part = _split_name(labels) if labels in arrays else None
    whole = part[0] if part else labels
    keys = [key for key in found if {TRAIN, TEST} <= found[key].keys()]
    known = [key for key in keys if key == whole or (not labels and normal(key) in KNOWN)]
    if not known:
        return Joined(dict(arrays), labels)
    parts = sorted(found[known[0]])
    values = {key: {p: vector(found[key][p], key, name) for p in found[key]} for key in known}
    rows = {part: len(values[known[0]][part]) for part in parts}
    joined: dict[str, Value] = {}
    taken = set()
    pieces: dict[str, list[Value]] = {}
    for key, by_part in found.items():
        if sorted(by_part) != parts:
            lost = printable(key)
            raise DataError(
                f"'{lost}' of {name} does not come in the same parts as '{printable(known[0])}'; "
                "give it all of them, or remove it"
            )
        taken.update(_names(arrays, key))
        if key in values:
            joined[key] = np.concatenate([values[key][part] for part in parts])
        else:
            pieces[key] = [by_part[part] for part in parts]
    joined |= _stacked(pieces, [rows[part] for part in parts], orientation, name)
    beside = {key: value for key, value in arrays.items() if key not in taken}
    split = np.repeat(parts, [rows[part] for part in parts])
    split, notes = _with_tuning(split, joined[known[0]])
    return Joined(joined | beside, labels and whole, split, notes)


def _by_part(arrays: Mapping[str, Value]) -> dict[str, dict[int, Value]]:
    """Base name -> part -> array, of names that hold a part."""
    found: dict[str, dict[int, Value]] = {}
    for key, value in arrays.items():
        if (split := _split_name(key)) is not None:
            found.setdefault(split[0], {})[split[1]] = value
    return found


def _split_name(key: str) -> tuple[str, int] | None:
    if last := _LAST.fullmatch(key):
        return last[1], _CODES[last[2][:2].lower()]
    if middle := _BETWEEN.fullmatch(key):
        return f"{middle[1]}{middle[3]}", _CODES[middle[2][:2].lower()]
    if first := _FIRST.fullmatch(key):
        return first[2], _CODES[first[1][:2].lower()]
    return None


def _names(arrays: Mapping[str, Value], base: str) -> list[str]:
    return [key for key in arrays if (split := _split_name(key)) and split[0] == base]


def _stacked(
    pieces: Mapping[str, list[Value]], rows: list[int], orientation: str, name: str
) -> dict[str, Value]:
    """Every array of matrices, or cell of them, joined; vectors of one value a row too."""
    flat: dict[str, list[Value]] = {}
    cells: dict[str, int] = {}
    joined: dict[str, Value] = {}
    for key, parts in pieces.items():
        if all(isinstance(part, Cell) for part in parts):
            counts = {len(part.items) for part in parts}
            if len(counts) > 1:
                raise DataError(
                    f"the parts of '{printable(key)}' of {name} differ in number of views"
                )
            cells[key] = counts.pop()
            for i in range(cells[key]):
                flat[f"{key}{i + 1}"] = [part.items[i] for part in parts]
        elif all(is_matrix(part) for part in parts):
            flat[key] = parts
        else:
            joined[key] = np.concatenate([vector(part, key, name) for part in parts])
    bad = [key for key, parts in flat.items() if not all(is_numeric(p) for p in parts)]
    if bad:
        raise DataError(f"the parts of '{printable(bad[0])}' of {name} are no matrices of numbers")
    ways = settle({k: list(zip(p, rows, strict=True)) for k, p in flat.items()}, orientation, name)
    whole = {key: _join([by_rows(p, ways[key]) for p in parts]) for key, parts in flat.items()}
    for key, count in cells.items():
        items = tuple(whole.pop(f"{key}{i + 1}") for i in range(count))
        joined[key] = Cell(items, (1, count))
    return whole | joined


def _join(parts: list[Value]) -> Value:
    if any(issparse(part) for part in parts):
        return vstack(parts, format="csc")
    return np.concatenate(parts)


def _with_tuning(split: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    told = "train and test parts are those of the file"
    if TUNE in split:
        return split, (f"{told}, and so is the tuning part",)
    split = split.copy()
    for value in np.unique(labels):
        rows = np.flatnonzero((labels == value) & (split == TRAIN))
        split[rows[EVERY - 1 :: EVERY]] = TUNE
    return split, (f"{told}; every {EVERY}th training row of a class is used for tuning",)
