"""The few kinds of value that a file may hold, whatever its format, and how they are named."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import issparse

from datasets._io import MAX_BYTES, printable, too_large
from datasets.base import DataError


@dataclass(frozen=True)
class Cell:
    """A MATLAB cell array: its ``items`` in column order, and its ``shape``."""

    items: tuple[Any, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Unread:
    """What a reader leaves alone; ``what`` follows "it is": "a struct"."""

    what: str


@dataclass(frozen=True)
class Pickled(Unread):
    """An array of Python objects of an ``.npz``, which may be anything, so that the user is asked.

    ``code``  Python that saves the archive without it, for who trusts the file.
    """

    code: str = ""


Value: TypeAlias = Any
"""An array of numbers or of strings (no objects), a sparse matrix of scipy (which has no types), a
Cell of these, or Unread."""


@dataclass(frozen=True)
class Contents:
    """Named arrays of a file in its order.

    ``form``   the format, for people.  ``notes``  what the reader left out or joined.
    """

    form: str
    arrays: dict[str, Value]
    notes: tuple[str, ...] = ()


def is_numeric(value: Value) -> bool:
    """Whether it is a dense or sparse array of real numbers."""
    return (isinstance(value, np.ndarray) or issparse(value)) and value.dtype.kind in "biuf"


def is_matrix(value: Value) -> bool:
    """Whether it is a dense or sparse matrix of real numbers; a vector of one axis is none."""
    return is_numeric(value) and len(value.shape) == 2


def is_text(value: Value) -> bool:
    """Whether it is an array of strings."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "US"


def is_small(value: Value) -> bool:
    """Whether it is one number, one text or nothing."""
    if isinstance(value, Cell):
        return len(value.items) <= 1 and all(is_small(item) for item in value.items)
    return not isinstance(value, Unread) and math.prod(value.shape) <= 1


def has_axis(value: Value, n: int) -> bool:
    """Whether some axis of the value, or of an item of a cell, is ``n`` long."""
    if isinstance(value, Cell):
        return n in value.shape or any(has_axis(item, n) for item in value.items)
    return not isinstance(value, Unread) and n in value.shape


def is_column(value: Value, n: int) -> bool:
    """Whether it holds one value for each of ``n`` rows, and nothing else."""
    return not isinstance(value, Unread) and n in value.shape and n == math.prod(value.shape)


def dense(matrix: Value, what: str, limit: int = MAX_BYTES) -> np.ndarray:
    """A matrix of numbers as float32; NaN and infinite values stay.

    Raises DataError where it would take over ``limit`` bytes, and for numbers beyond float32.
    """
    size = math.prod(max(axis, 1) for axis in matrix.shape) * 4
    if size > limit:
        raise DataError(too_large(what, size, limit))
    stored = matrix.data if issparse(matrix) else matrix
    with np.errstate(over="ignore"):
        narrow = np.asarray(stored, np.float32)
        beyond = np.isinf(narrow) & np.isfinite(stored)
        if beyond.any():
            value = stored[beyond].flat[0]
            raise DataError(f"{what} holds {value:g}, but float32 ends at 3.4e38; change its unit")
        return matrix.astype(np.float32).toarray() if issparse(matrix) else narrow


HOW_TO_OPEN = "read it with scipy.io.loadmat (version 7.3: h5py) and save its arrays by numpy.savez"


def size_of(shape: tuple[int, ...]) -> str:
    """``(60, 12)`` as ``60 x 12``; no axes as ``1``."""
    return " x ".join(map(str, shape)) or "1"


def sketch(value: Value) -> str:
    """One value in a few words: ``60 x 12 float64``, ``cell 1 x 3 of 60 x 12 ...``."""
    if isinstance(value, Unread):
        return f"{value.what}, not read"
    if isinstance(value, Cell):
        if len(value.items) > 4 and all(is_text(item) for item in value.items):
            return f"cell {size_of(value.shape)} of texts"
        kinds = list(dict.fromkeys(sketch(item) for item in value.items))
        more = f" and {len(kinds) - 4} other kinds" if len(kinds) > 4 else ""
        return f"cell {size_of(value.shape)} of {', '.join(kinds[:4])}{more}"
    if is_text(value):
        if value.size == 1:
            return f"text '{printable(str(value.ravel()[0]), 40)}'"
        return f"{size_of(value.shape)} texts"
    if value.dtype.kind in "biuf" and value.size == 1 and not issparse(value):
        return f"{value.ravel()[0]} ({value.dtype})"
    thin = "sparse " if issparse(value) else ""
    return f"{size_of(value.shape)} {thin}{printable(str(value.dtype), 40)}"


def normal(name: str) -> str:
    """A name without case, blanks and underscores: ``Class_Label`` is ``classlabel``."""
    return re.sub(r"[_\s-]", "", name).lower()


def view_name(name: str) -> str:
    """A name that can stand in ``file.mat:NAME``: letters, digits, ``_`` and ``-``."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "view"
