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

from datasets._io import printable
from datasets._multiview.arrays import (
    HOW_TO_OPEN,
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
        found = {k.removeprefix(PREFIX): _matrix(arrays[k], k, n, name) for k in documented}
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
            known = ", ".join(map(printable, list(arrays)[:12]))
            raise DataError(
                f"{name} has no array '{printable(key)}' to be a view; it holds: {known}"
            )
        value = arrays[key]
        if isinstance(value, Cell):
            found |= _of_cell(key, value, n, name)
        elif _is_cube(value) and value.shape[0] != n:
            found |= _of_cube(key, value, n, chosen.axes, name)
        else:
            found[view_name(key.removeprefix(PREFIX))] = _matrix(value, key, n, name)
            free = False
    return Views(found, chosen.views, free=free)


def _several(arrays: Mapping[str, Value], n: int, chosen: Choices, name: str) -> list[Views]:
    """Every numbered series, cell and array of three axes that may hold the views."""
    found = _series(arrays, n, name)
    numbered = {key for views in found for key in views.used}
    for key, value in arrays.items():
        known = normal(key) in KNOWN
        if isinstance(value, Cell) and value.items and all(map(is_numeric, value.items)):
            if known or all(_broad(item) for item in value.items) and has_axis(value, n):
                cut = _of_cell(key, value, n, name)
                found.append(Views(cut, (key,), free=True, known=known))
        elif key not in numbered and _is_cube(value) and n in value.shape:
            cut = _of_cube(key, value, n, chosen.axes, name)
            found.append(Views(cut, (key,), free=True, known=known))
    return found


def _series(arrays: Mapping[str, Value], n: int, name: str) -> list[Views]:
    """Arrays whose names differ in the last number; one alone if it has a usual name."""
    numbered: dict[str, dict[int, str]] = {}
    for key, value in arrays.items():
        parts = re.fullmatch(r"(.*?)(\d{1,4})(\D*)", key)
        if (
            parts
            and is_numeric(value)
            and not is_small(value)
            and (_is_image(value, n) or is_matrix(value))
        ):
            numbered.setdefault(f"{parts[1]}#{parts[3]}", {})[int(parts[2])] = key
    found = []
    for stem, numbers in numbered.items():
        keys = [numbers[number] for number in sorted(numbers)]
        known = normal(stem.replace("#", "")) in KNOWN
        if any(has_axis(arrays[k], n) for k in keys) and (len(keys) > 1 or known):
            matrices = {view_name(key): _matrix(arrays[key], key, n, name) for key in keys}
            found.append(Views(matrices, tuple(keys), known=known))
    return found


def _of_cell(key: str, cell: Cell, n: int, name: str) -> dict[str, Value]:
    named = {f"{view_name(key)}{i + 1}": item for i, item in enumerate(cell.items)}
    return {view: _matrix(item, view, n, name) for view, item in named.items()}


def _of_cube(key: str, cube: Value, n: int, axes: str, name: str) -> dict[str, Value]:
    """The views in an array of three axes: (V, n, d) if it can only be that, else as ``axes``."""
    if axes == ASK:
        v, rows, d = cube.shape
        if rows != n or n in (v, d) or v >= d:
            whole = f", or that it is one view: {flag('views', printable(key))}" if v == n else ""
            raise DataError(
                f"'{printable(key)}' of {name} is {size_of(cube.shape)}, and which of its axes are "
                f"views (v), samples (n) and features (d) is not clear; say so in their order, as "
                f"{flag('axes', 'ndv')}{whole}"
            )
        axes = "vnd"
    whole = cube.transpose([axes.index(axis) for axis in "vnd"])
    if whole.shape[1] != n:
        raise DataError(
            f"'{printable(key)}' of {name} is {size_of(cube.shape)}, which does not fit {n} labels "
            f"with its axes as {axes}; give every view one row a label"
        )
    stem = view_name(key)
    return {f"{stem}{i + 1}": matrix for i, matrix in enumerate(whole)}


def _matrix(value: Value, view: str, n: int, name: str) -> Value:
    """A view as a matrix: n numbers are one feature, n images or windows are laid out in rows.

    Raises DataError for anything but real numbers, and for further axes without n samples first.
    """
    what = f"view '{printable(view.removeprefix(PREFIX))}' of {name}"
    if isinstance(value, Cell | Unread):
        raise DataError(f"{what} is {sketch(value)}; save its matrix as an array of its own")
    if not is_numeric(value):
        kind = printable(str(value.dtype))
        raise DataError(f"{what} must hold real numbers, not {kind}; convert it first")
    if len(value.shape) == 1:
        return value[:, None]
    if _is_image(value, n):
        return value.reshape(n, -1)
    if len(value.shape) != 2:
        axes = len(value.shape)
        raise DataError(f"{what} has {axes} axes; reshape it to a matrix of rows by features")
    return value


def _is_cube(value: Value) -> bool:
    return is_numeric(value) and len(value.shape) == 3


def _is_image(value: Value, n: int) -> bool:
    """Whether it holds n arrays of two axes or more, one after another."""
    return is_numeric(value) and len(value.shape) > 2 and value.shape[0] == n > 0


def _broad(value: Value) -> bool:
    """Whether it is more than one value a row."""
    return len(value.shape) > 1 and min(value.shape) > 1


def _which(several: list[Views], name: str) -> str:
    ways = [f"{', '.join(map(printable, v.used))} ({len(v.matrices)})" for v in several]
    first = flag("views", ",".join(map(printable, several[0].used)))
    return (
        f"{name} holds matrices in {' and '.join(ways)}; say which are the views, as {first}, and "
        "leave the others out with --data-option file.ignore=NAME"
    )


def _none(arrays: Mapping[str, Value], n: int, name: str) -> str:
    held = ", ".join(f"{printable(key)} ({sketch(value)})" for key, value in [*arrays.items()][:8])
    closed = [key for key, value in arrays.items() if isinstance(value, Unread)]
    if closed:
        return (
            f"{name} has no view that can be read, and '{printable(closed[0])}' is not; "
            f"{HOW_TO_OPEN}"
        )
    return (
        f"{name} has no view: of what it holds ({held or 'nothing besides labels'}) nothing is a "
        f"matrix of numbers with {n} rows or columns; save its views with numpy.savez, as (rows, "
        "features) arrays named view_<name>"
    )
