"""Rows that lack views: told by NaN or by a mask; kept, or left out if the user says so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import issparse

from datasets._io import printable
from datasets._multiview.arrays import (
    Value,
    has_axis,
    is_column,
    is_matrix,
    is_numeric,
    size_of,
    sketch,
)
from datasets._multiview.options import EMPTY, KEEP, LEAVE_OUT, flag
from datasets._wording import count
from datasets.base import DataError

MASK = "present"
PREFIX = "present_"


def absent_rows(views: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """View -> (n,) bool, the rows that lack it: all NaN."""
    return {
        view: np.asarray(np.isnan(matrix).all(axis=1) & (matrix.shape[1] > 0))
        for view, matrix in views.items()
    }


def masks_apart(
    arrays: Mapping[str, Value], n: int, wanted: str, name: str
) -> tuple[dict[str, Value], dict[str, Value]]:
    """The arrays that say which row has which view, and the other arrays.

    They are the one that the user names, or ``present`` if that is a matrix of zeros and ones with
    an axis of ``n``; and ``present_<view>`` of one value a row. Raises DataError where the user
    names one that is no such matrix.
    """
    if wanted and wanted not in arrays:
        raise DataError(f"{name} has no array '{printable(wanted)}' to say what is present")
    key = wanted or MASK
    found = {
        k: value
        for k, value in arrays.items()
        if k.startswith(PREFIX) and is_numeric(value) and is_column(value, n)
    }
    if key in arrays and _is_mask(arrays[key], n):
        found[key] = arrays[key]
    elif wanted:
        raise DataError(
            f"'{printable(wanted)}' of {name} is {sketch(arrays[wanted])}; a mask has a row "
            "for every sample and a column for every view, 1 where it is present and else 0"
        )
    return found, {other: value for other, value in arrays.items() if other not in found}


def masked(
    views: Mapping[str, np.ndarray], masks: Mapping[str, Value], labelled: np.ndarray, name: str
) -> dict[str, np.ndarray]:
    """The views with NaN where one of the ``masks`` is 0, whatever is written there.

    ``masks``     matrices (n, V) or (V, n), and vectors of n called ``present_<view>``.
    ``labelled``  (n,) bool, the rows that are used.
    Raises DataError for a mask of other axes, of which both may be meant, for a vector of anything
    but 0 and 1, and for a mask that calls a row present which is NaN.
    """
    there = {view: np.ones(len(labelled), bool) for view in views}
    for key, mask in masks.items():
        for view, column in _columns(views, mask, key, labelled, name).items():
            gone = int((np.isnan(views[view]).all(axis=1) & column & labelled).sum())
            if gone:
                raise DataError(
                    f"'{printable(key)}' of {name} calls view '{printable(view)}' present in "
                    f"{count(gone, 'row')} of nothing but NaN; make it 0 there"
                )
            there[view] &= column
    nan = np.float32(np.nan)
    return {
        view: matrix if there[view].all() else np.where(there[view][:, None], matrix, nan)
        for view, matrix in views.items()
    }


def _columns(
    views: Mapping[str, np.ndarray], mask: Value, key: str, labelled: np.ndarray, name: str
) -> dict[str, np.ndarray]:
    """View -> (n,) bool, as one array says it."""
    n, what = len(labelled), f"'{printable(key)}' of {name}"
    table = np.asarray(mask.toarray() if issparse(mask) else mask)
    if key.startswith(PREFIX) and is_column(mask, n):
        view, values = key.removeprefix(PREFIX), table.ravel()
        if view not in views:
            known = ", ".join(map(printable, views))
            raise DataError(f"{what} names no view; its views are: {known}")
        if values.dtype.kind not in "biuf" or not np.isin(values[labelled], (0, 1)).all():
            raise DataError(
                f"{what} must be 1 where a row has the view and 0 where it lacks it, in every row"
            )
        return {view: values == 1}
    ways = [way for way in (table, table.T) if way.shape == (n, len(views))]
    if not ways or n == len(views):
        raise DataError(
            f"{what} is {size_of(table.shape)}, not {n} samples by {count(len(views), 'view')} "
            f"({', '.join(map(printable, views))}); give it one column a view, in their order"
        )
    return dict(zip(views, ways[0].T != 0, strict=True))


def rows_to_keep(
    views: Mapping[str, np.ndarray], labelled: np.ndarray, chosen: str, name: str
) -> tuple[np.ndarray, list[str]]:
    """The rows to read, ``(n,)`` bool, of the ``labelled`` (n,) ones, and notes on the others.

    ``chosen``  KEEP, EMPTY or LEAVE_OUT. Raises DataError under KEEP for rows without any view.
    """
    lacks = np.stack([*absent_rows(views).values()])
    empty, some = lacks.all(axis=0) & labelled, lacks.any(axis=0) & labelled
    if chosen == KEEP:
        if empty.any():
            raise DataError(
                f"every view is absent from {int(empty.sum())} of {len(labelled)} rows of {name}; "
                f"to leave them out add {flag('incomplete', EMPTY)}"
            )
        return labelled, []
    left = some if chosen == LEAVE_OUT else empty
    why = "a view is absent" if chosen == LEAVE_OUT else "every view is absent"
    notes = [f"left out, since {why}: {int(left.sum())} of {len(labelled)} rows"]
    return labelled & ~left, notes if left.any() else []


def _is_mask(value: Value, n: int) -> bool:
    """Whether it is a matrix of zeros and ones with an axis of ``n``."""
    if not is_matrix(value) or not has_axis(value, n):
        return False
    stored = value.data if issparse(value) else value
    return bool(np.isin(stored, (0, 1)).all())
