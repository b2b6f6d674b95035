"""Which arrays of a file are its views.

Looked for, with ``n`` the number of labels: arrays called ``view_<name>``; one cell of matrices;
one array of three axes; arrays whose names differ in a number (``X1``, ``X2``); one matrix under a
name that views have; all matrices there are. Where more than one of these fit, the usual names
decide (``X``, ``data``, ``fea``, ``Z``), and else the user is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from datasets._io import plain
from datasets._multiview.arrays import (
    Cell,
    Unread,
    Value,
    has_axis,
    is_matrix,
    is_numeric,
    is_small,
    normal,
    size_of,
    sketch,
    view_name,
)
from datasets._multiview.options import ASK, Choices, flag
from datasets.base import DataError

KNOWN = frozenset(
    {"x", "data", "fea", "z", "view", "views", "feature", "features", "fts", "msr", "datav"}
)
PREFIX = "view_"


@dataclass(frozen=True)
class Views:
    """Matrices by view, in order; ``used`` the arrays of the file that they come from.

    ``free``        the names were made up here (cells and slices have none).
    ``documented``  the arrays are called ``view_<name>``, which says that samples are rows.
    ``known``       the arrays have a name that views usually have.
    """

    matrices: dict[str, Value]
    used: tuple[str, ...]
    free: bool = False
    documented: bool = False
    known: bool = False
    notes: tuple[str, ...] = ()


def find_views(arrays: Mapping[str, Value], n: int, chosen: Choices, name: str) -> Views:
    """The views among ``arrays``, which hold no labels. Raises DataError where it is not clear."""
    if chosen.views:
        return _as_told(arrays, n, chosen, name)
    documented = [key for key in arrays if view_name(key) == key and _is_documented(key)]
    if documented:
        for key in documented:
            _check(arrays[key], key.removeprefix(PREFIX), name)
        found = {key.removeprefix(PREFIX): _matrix(arrays[key]) for key in documented}
        return Views(found, tuple(documented), documented=True)
    several = _several(arrays, n, chosen, name)
    likely = several if len(several) == 1 else [views for views in several if views.known]
    if len(likely) == 1:
        return likely[0]
    if several:
        raise DataError(_which(several, name))
    matrices = {k: v for k, v in arrays.items() if is_matrix(v) and _broad(v) and has_axis(v, n)}
    usual = {key: value for key, value in matrices.items() if normal(key) in KNOWN}
    if len(usual) == 1:
        return Views(usual, tuple(usual), known=True)
    if usual:
        raise DataError(_which([Views({key: usual[key]}, (key,)) for key in usual], name))
    if not matrices:
        raise DataError(_none(arrays, n, name))
    names = {view_name(key): value for key, value in matrices.items()}
    if len(names) < len(matrices):
        raise DataError(f"views of {name} have names alike but for signs; rename one of them")
    note = f"every matrix with one row a label is a view: {', '.join(names)}"
    return Views(names, tuple(matrices), notes=(note,))


def _is_documented(key: str) -> bool:
    return key.startswith(PREFIX) and len(key) > len(PREFIX)


def _as_told(arrays: Mapping[str, Value], n: int, chosen: Choices, name: str) -> Views:
    """The arrays that the user lists; a cell or an array of three axes gives all its views."""
    found: dict[str, Value] = {}
    free = True
    for key in chosen.views:
        if key not in arrays:
            known = ", ".join(map(plain, list(arrays)[:12]))
            raise DataError(f"{name} has no array '{plain(key)}' to be a view; it holds: {known}")
        value = arrays[key]
        if isinstance(value, Cell):
            found |= _of_cell(key, value, name)
        elif is_numeric(value) and len(value.shape) == 3:
            found |= _of_cube(key, value, n, chosen.axes, name)
        else:
            _check(value, key, name)
            found[view_name(key.removeprefix(PREFIX))] = _matrix(value)
            free = False
    return Views(found, chosen.views, free=free)


def _several(arrays: Mapping[str, Value], n: int, chosen: Choices, name: str) -> list[Views]:
    """Every cell, array of three axes and numbered series that may hold the views."""
    found = []
    for key, value in arrays.items():
        known = normal(key) in KNOWN
        if isinstance(value, Cell) and value.items and (known or has_axis(value, n)):
            if known or all(is_matrix(item) and _broad(item) for item in value.items):
                found.append(Views(_of_cell(key, value, name), (key,), free=True, known=known))
        elif is_numeric(value) and len(value.shape) == 3 and n in value.shape:
            cut = _of_cube(key, value, n, chosen.axes, name)
            found.append(Views(cut, (key,), free=True, known=known))
    series: dict[str, dict[int, str]] = {}
    for key, value in arrays.items():
        numbered = re.fullmatch(r"(.*?)(\d{1,4})(\D*)", key)
        if numbered and is_matrix(value) and not is_small(value):
            stem = f"{numbered[1]}#{numbered[3]}"
            series.setdefault(stem, {})[int(numbered[2])] = key
    for stem, numbers in series.items():
        keys = [numbers[number] for number in sorted(numbers)]
        known = normal(stem.replace("#", "")) in KNOWN
        if any(has_axis(arrays[k], n) for k in keys) and (len(keys) > 1 or known):
            matrices = {view_name(key): arrays[key] for key in keys}
            found.append(Views(matrices, tuple(keys), known=known))
    return found


def _of_cell(key: str, cell: Cell, name: str) -> dict[str, Value]:
    stem = view_name(key)
    for i, item in enumerate(cell.items):
        _check(item, f"{key}{i + 1}", name)
    return {f"{stem}{i + 1}": _matrix(item) for i, item in enumerate(cell.items)}


def _of_cube(key: str, cube: Value, n: int, axes: str, name: str) -> dict[str, Value]:
    """The views in an array of three axes: (V, n, d) if it can only be that, else as ``axes``."""
    if axes == ASK:
        v, rows, d = cube.shape
        if rows != n or n in (v, d) or v >= d:
            raise DataError(
                f"'{plain(key)}' of {name} is {size_of(cube.shape)}, and which of its axes are "
                f"views, samples and features is not clear; say so in order, as "
                f"{flag('axes', 'vnd')}"
            )
        axes = "vnd"
    whole = cube.transpose([axes.index(axis) for axis in "vnd"])
    if whole.shape[1] != n:
        raise DataError(
            f"'{plain(key)}' of {name} is {size_of(cube.shape)}, which does not fit {n} labels "
            f"with its axes as {axes}; give every view one row a label"
        )
    stem = view_name(key)
    return {f"{stem}{i + 1}": matrix for i, matrix in enumerate(whole)}


def _check(value: Value, view: str, name: str) -> None:
    """Raise DataError unless ``value`` can be a view: a matrix or vector of real numbers."""
    what = f"view '{plain(view)}' of {name}"
    if isinstance(value, Cell | Unread):
        raise DataError(f"{what} is {sketch(value)}; save its matrix as an array of its own")
    if not is_numeric(value):
        kind = plain(str(value.dtype))
        raise DataError(f"{what} must hold real numbers, not {kind}; convert it first")
    if len(value.shape) not in (1, 2):
        axes = len(value.shape)
        raise DataError(f"{what} has {axes} axes; reshape it to a matrix of rows by features")


def _matrix(value: Value) -> Value:
    """A vector of n values is one feature."""
    return value[:, None] if len(value.shape) == 1 else value


def _broad(value: Value) -> bool:
    return min(value.shape) > 1


def _which(several: list[Views], name: str) -> str:
    ways = [f"{', '.join(map(plain, v.used))} ({len(v.matrices)})" for v in several]
    first = flag("views", ",".join(map(plain, several[0].used)))
    return (
        f"{name} holds matrices in {' and '.join(ways)}; say which are the views, as {first}, and "
        "leave the others out with --data-option file.ignore=NAME"
    )


def _none(arrays: Mapping[str, Value], n: int, name: str) -> str:
    held = ", ".join(f"{plain(key)} ({sketch(value)})" for key, value in [*arrays.items()][:8])
    return (
        f"{name} has no view: of what it holds ({held or 'nothing besides labels'}) nothing is a "
        f"matrix of numbers with {n} rows or columns; add (rows, features) arrays named view_<name>"
    )
