"""Whether samples are the rows or the columns of a view, told by the labels and the other views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from scipy.sparse import issparse

from datasets._io import printable
from datasets._multiview.arrays import Value, size_of
from datasets._multiview.options import ASK, COLUMNS, ROWS, flag
from datasets._wording import count
from datasets.base import DataError

Piece: TypeAlias = tuple[Value, int]
"""A matrix and the number of samples that it holds."""


def settle(pieces: Mapping[str, Sequence[Piece]], wanted: str, name: str) -> dict[str, str]:
    """ROWS or COLUMNS for every view, each of which is stored in one or more pieces.

    Pieces of a view agree in the number of features. A view that fits both ways (as many samples
    as features) goes the way of the others. ``wanted`` is the user's choice. Raises DataError for a
    view that fits neither way, and where nothing tells.
    """
    fits = {view: _fits(parts, view, name) for view, parts in pieces.items()}
    if wanted != ASK:
        for view, ways in fits.items():
            if wanted not in ways:
                raise DataError(_misfit(view, pieces[view], name, f" as {wanted}"))
        return dict.fromkeys(fits, wanted)
    told = {next(iter(ways)) for ways in fits.values() if len(ways) == 1}
    unclear = [view for view, ways in fits.items() if len(ways) > 1]
    if len(told) == 1:
        (common,) = told
        return dict.fromkeys(fits, common)
    if unclear and not all(_symmetric(pieces[view]) for view in unclear):
        first = unclear[0]
        shape = size_of(pieces[first][0][0].shape)
        raise DataError(
            f"view '{printable(first)}' of {name} is {shape}, so that its samples may be rows or "
            f"columns; say which: {flag('orientation', ROWS)} or {flag('orientation', COLUMNS)}"
        )
    return {view: ROWS if ROWS in ways else COLUMNS for view, ways in fits.items()}


def by_rows(matrix: Value, way: str) -> Value:
    """The matrix with samples as rows."""
    return matrix.T if way == COLUMNS else matrix


def _fits(parts: Sequence[Piece], view: str, name: str) -> set[str]:
    """The ways in which all pieces fit. Raises DataError for none."""
    found = set()
    for way, axis in ((ROWS, 0), (COLUMNS, 1)):
        widths = {matrix.shape[1 - axis] for matrix, _ in parts}
        if len(widths) == 1 and all(matrix.shape[axis] == n for matrix, n in parts):
            found.add(way)
    if not found:
        raise DataError(_misfit(view, parts, name))
    return found


def _misfit(view: str, parts: Sequence[Piece], name: str, way: str = "") -> str:
    shapes = " and ".join(size_of(matrix.shape) for matrix, _ in parts)
    labels = " and ".join(count(n, "label") for _, n in parts)
    return (
        f"view '{printable(view)}' of {name} is {shapes}, which does not fit {labels}{way}; "
        "give every view one row (or column) a label"
    )


def _symmetric(parts: Sequence[Piece]) -> bool:
    """Whether turning makes no difference, as for a matrix of similarities."""
    return all(_equal(matrix, matrix.T) for matrix, _ in parts if matrix.shape[0] > 0)


def _equal(one: Value, other: Value) -> bool:
    if issparse(one):
        return (one != other).nnz == 0
    return np.array_equal(one, other)
