"""Which array holds the classes, in any of the ways they are stored, and rows without one.

One value a row (n x 1, 1 x n, a cell of n strings or numbers, a char matrix), one-hot (n x K or
K x n of 0 and 1), or the same vector once a view in a cell.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import issparse

from datasets._io import printable
from datasets._multiview.arrays import (
    HOW_TO_OPEN,
    Cell,
    Unread,
    Value,
    dense,
    has_axis,
    is_numeric,
    is_small,
    is_text,
    normal,
    size_of,
    sketch,
)
from datasets._multiview.options import LEAVE_OUT, NONE, flag
from datasets._wording import count
from datasets.base import DataError

NAMES = ("Y", "y", "gt", "gnd", "truth", "truelabel", "label", "labels", "classLabel")
KNOWN = {
    *map(normal, NAMES),
    *("truelabels", "classlabels", "groundtruth", "gtlabel", "gtlabels", "target", "targets"),
}


def find_labels(
    arrays: Mapping[str, Value], wanted: str, name: str
) -> tuple[str, np.ndarray, tuple[str, ...]]:
    """Name of the array of classes, its values ``(n,)``, and names of further arrays of labels.

    ``wanted`` is the user's choice, "" for none; without one, further arrays say the same of the
    rows. Raises DataError where there are no labels, where two arrays of them disagree, and for
    one that is of none of the forms above.
    """
    if wanted and wanted not in arrays:
        raise DataError(f"{name} has no array '{printable(wanted)}'; it holds: {_list(arrays)}")
    found, reasons = _candidates(arrays, name)
    if wanted:
        others = tuple(key for key in found if key != wanted)
        return wanted, vector(arrays[wanted], wanted, name), others
    if not found:
        raise reasons[0] if reasons else DataError(_none(arrays, name))
    first, *others = found
    for other in others:
        if not _same(found[first], found[other]):
            raise DataError(
                f"{name} holds labels in {' and '.join(map(printable, found))}, which disagree; "
                f"say which to use, as {flag('labels', printable(first))}"
            )
    return first, found[first], tuple(others)


def _candidates(
    arrays: Mapping[str, Value], name: str
) -> tuple[dict[str, np.ndarray], list[DataError]]:
    """Label vectors of arrays that are called so, and why others that are cannot be read.

    Where some are as long as an axis of another array, only these are given.
    """
    found: dict[str, np.ndarray] = {}
    reasons: list[DataError] = []
    for key, value in arrays.items():
        if normal(key) in KNOWN and not is_small(value):
            try:
                found[key] = vector(value, key, name)
            except DataError as error:
                reasons.append(error)
    beside = [value for key, value in arrays.items() if key not in found]
    fitting = {k: v for k, v in found.items() if any(has_axis(b, len(v)) for b in beside)}
    return fitting or found, reasons


def vector(value: Value, key: str, name: str) -> np.ndarray:
    """One value a row, ``(n,)``. Raises DataError for an array of no such form."""
    what = f"'{printable(key)}' of {name}"
    if isinstance(value, Cell):
        return _cell(value, key, name)
    if isinstance(value, Unread):
        raise DataError(f"{what} is {value.what}; save one whole number or string a row")
    if issparse(value):
        value = dense(value, what)
    if value.ndim == 0 or value.ndim > 2:
        raise DataError(_shape(what, value))
    if value.ndim == 2 and 1 not in value.shape:
        return _one_hot(value, what)
    return value.ravel()


def unlabelled(labels: np.ndarray, chosen: str, key: str, name: str) -> np.ndarray:
    """Rows without a label ``(n,)`` bool: NaN, "", or -1 where all other classes are 0 or more.

    ``chosen`` is the option: such rows are refused unless it is ``leave_out``; with ``none``, -1 is
    a class like any other. -1 may be a number or its text. (-1 beside one other value is the usual
    coding of two classes; beside -2 it is one of several negative codes.)
    """
    if labels.dtype.kind in "US":
        absent, shown = np.char.strip(labels) == labels.dtype.type(), "an empty text"
    elif labels.dtype.kind == "f":
        absent, shown = np.isnan(labels), "NaN"
    else:
        absent, shown = np.zeros(len(labels), bool), ""
    numbers = _numbers(labels, absent)
    if numbers is not None and chosen != NONE and _beside_codes(numbers[~absent]):
        absent, shown = absent | (numbers == -1), "-1"
    if absent.any() and chosen != LEAVE_OUT:
        also = f"; if -1 is a class, add {flag('unlabelled', NONE)}" if shown == "-1" else ""
        raise DataError(
            f"'{printable(key)}' of {name} holds {shown} in {int(absent.sum())} of {len(labels)} "
            f"rows, first in row {int(np.argmax(absent))}; if these rows have no label, leave "
            f"them out with {flag('unlabelled', LEAVE_OUT)}{also}"
        )
    return absent


def _numbers(labels: np.ndarray, absent: np.ndarray) -> np.ndarray | None:
    """``labels`` as numbers, NaN where ``absent``; None where one is no number."""
    if labels.dtype.kind in "if":
        return labels
    if labels.dtype.kind not in "US":
        return None
    try:
        return np.where(absent, "nan", labels.astype(str)).astype(np.float64)
    except (ValueError, SystemError):  # a file may have codes that are no character
        return None


def _beside_codes(labels: np.ndarray) -> bool:
    """Whether -1 is the one negative value beside two other classes or more."""
    values = np.unique(labels)
    return len(values) > 2 and values[0] == -1 and bool(values[1] >= 0)


def class_titles(key: str, names: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """``names`` as those of the classes. Raises DataError, saying why, where they cannot be."""
    if len(names) != classes:
        names_there = count(len(names), "name")
        raise DataError(f"'{printable(key)}' is not read: {names_there} for {classes} classes")
    if len(set(names)) < classes or not all(name and name.isprintable() for name in names):
        raise DataError(f"'{printable(key)}' is not read: its names do not tell the classes apart")
    return names


def texts(value: Value) -> tuple[str, ...] | None:
    """Strings of an array or of a cell of strings; None where there is anything else."""
    if isinstance(value, Cell):
        parts = [texts(item) for item in value.items]
        if any(part is None or len(part) != 1 for part in parts):
            return None
        return tuple(part[0] for part in parts if part)
    if not is_text(value):
        return None
    return tuple(_text(one) for one in value.ravel())


def _text(value: str | bytes) -> str:
    return (value.decode("latin1") if isinstance(value, bytes) else str(value)).strip()


def _cell(cell: Cell, key: str, name: str) -> np.ndarray:
    what = f"'{printable(key)}' of {name}"
    if any(isinstance(item, Cell | Unread) for item in cell.items) or not cell.items:
        raise DataError(f"{what} is a cell of neither numbers nor strings; save one value a row")
    names = texts(cell)
    if names is not None and len(names) > 1:
        return np.array(names)
    if len(cell.items) > 1 and all(is_numeric(i) and np.prod(i.shape) == 1 for i in cell.items):
        return np.array([np.asarray(i.toarray() if issparse(i) else i).item() for i in cell.items])
    copies = [vector(item, key, name) for item in cell.items]
    if any(len(copy) < 2 for copy in copies):
        raise DataError(f"{what} is a cell array; fill each cell with one string or one number")
    if any(not np.array_equal(copy, copies[0]) for copy in copies[1:]):
        raise DataError(
            f"{what} holds {len(copies)} vectors of labels that disagree; save the right one as an "
            "array of its own"
        )
    return copies[0]


def _one_hot(matrix: np.ndarray, what: str) -> np.ndarray:
    """Index of the one, ``(n,)``, of an n x K or K x n matrix of zeros and ones."""
    if matrix.dtype.kind in "biuf" and np.isin(matrix, (0, 1)).all():
        for turned in (matrix, matrix.T):
            if (turned.sum(axis=1) == 1).all() and len(turned) >= turned.shape[1]:
                return turned.argmax(axis=1)
        raise DataError(
            f"{what} gives rows no class or several, and every row needs one; save the index of "
            "one class a row"
        )
    raise DataError(_shape(what, matrix))


def _shape(what: str, array: np.ndarray) -> str:
    return (
        f"{what} is {size_of(array.shape)}, neither one value a row nor one-hot; save one whole "
        "number or string a row"
    )


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two label vectors divide the rows alike, whatever they call the classes."""
    if len(one) != len(other):
        return False
    left, right = (np.unique(each, return_inverse=True)[1].ravel() for each in (one, other))
    pairs = len(np.unique(np.stack([left, right]), axis=1).T)
    return pairs == left.max(initial=-1) + 1 == right.max(initial=-1) + 1


def _none(arrays: Mapping[str, Value], name: str) -> str:
    lines = [
        key
        for key, value in arrays.items()
        if (is_numeric(value) or is_text(value))
        and not is_small(value)
        and not key.startswith(("group_", "view_", "split"))
        and max(value.shape) == np.prod(value.shape)
    ]
    closed = [key for key, value in arrays.items() if isinstance(value, Unread)]
    if closed:
        return (
            f"{name} has no 'labels' that can be read, and '{printable(closed[0])}' is "
            f"{sketch(arrays[closed[0]])}; {HOW_TO_OPEN}"
        )
    hint = (
        f"if '{printable(lines[0])}' holds them, add {flag('labels', printable(lines[0]))}"
        if lines
        else "add one class a row under one of these"
    )
    return f"{name} has no 'labels' under any of the names {', '.join(NAMES)}; {hint}"


def _list(arrays: Mapping[str, Value]) -> str:
    return ", ".join(f"{printable(key)} ({sketch(value)})" for key, value in [*arrays.items()][:12])
