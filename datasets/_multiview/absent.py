"""Rows that lack views: told by NaN or by a mask; kept, or left out if the user says so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import issparse

from datasets._io import printable
from datasets._multiview.arrays import Value, has_axis, is_matrix, size_of, sketch
from datasets._multiview.options import EMPTY, KEEP, LEAVE_OUT, flag
from datasets.base import DataError

MASK = "present"


def absent_rows(views: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """View -> (n,) bool, the rows that lack it: all NaN."""
    return {
        view: np.asarray(np.isnan(matrix).all(axis=1) & (matrix.shape[1] > 0))
        for view, matrix in views.items()
    }


def mask_apart(
    arrays: Mapping[str, Value], n: int, wanted: str, name: str
) -> tuple[str | None, dict[str, Value]]:
    """The array that holds the mask, None for none, and the other arrays.

    It is the one that the user names, or ``present`` if that is a matrix of zeros and ones with an
    axis of ``n``. Raises DataError where the user names one that is no such matrix.
    """
    if wanted and wanted not in arrays:
        raise DataError(f"{name} has no array '{printable(wanted)}' to say what is present")
    key = wanted or MASK
    if key not in arrays or not _is_mask(arrays[key], n):
        if wanted:
            raise DataError(
                f"'{printable(wanted)}' of {name} is {sketch(arrays[wanted])}; a mask has a row "
                "for every sample and a column for every view, 1 where it is present and else 0"
            )
        return None, dict(arrays)
    return key, {other: value for other, value in arrays.items() if other != key}


def masked(
    views: Mapping[str, np.ndarray], mask: Value, key: str, name: str
) -> dict[str, np.ndarray]:
    """The views with NaN where the ``mask``, (n, V) or (V, n), is 0, whatever is written there.

    Raises DataError for a mask of other axes, of which both may be meant, or that calls a row
    present which is NaN.
    """
    n, what = len(next(iter(views.values()))), f"'{printable(key)}' of {name}"
    table = np.asarray(mask.toarray() if issparse(mask) else mask) != 0
    ways = [way for way in (table, table.T) if way.shape == (n, len(views))]
    if not ways or n == len(views):
        raise DataError(
            f"{what} is {size_of(table.shape)}, not {n} samples by {len(views)} views "
            f"({', '.join(map(printable, views))}); give it one column a view, in their order"
        )
    hidden = {}
    for (view, matrix), there in zip(views.items(), ways[0].T, strict=True):
        if gone := int((np.isnan(matrix).all(axis=1) & there).sum()):
            raise DataError(
                f"{what} calls view '{printable(view)}' present in {gone} rows that are all NaN; "
                "make it 0 there"
            )
        hidden[view] = np.where(there[:, None], matrix, np.float32(np.nan))
    return hidden


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
                f"{int(empty.sum())} of {len(labelled)} rows of {name} have no view at all; to "
                f"leave them out add {flag('incomplete', EMPTY)}"
            )
        return labelled, []
    left = some if chosen == LEAVE_OUT else empty
    what = "lack a view" if chosen == LEAVE_OUT else "have no view at all"
    notes = [f"{int(left.sum())} of {len(labelled)} rows {what} and are left out"]
    return labelled & ~left, notes if left.any() else []


def _is_mask(value: Value, n: int) -> bool:
    """Whether it is a matrix of zeros and ones with an axis of ``n``."""
    if not is_matrix(value) or not has_axis(value, n):
        return False
    stored = value.data if issparse(value) else value
    return bool(np.isin(stored, (0, 1)).all())
