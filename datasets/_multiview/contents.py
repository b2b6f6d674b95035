"""Bytes to named arrays: ``.mat`` of any version, ``.npz``, or a folder of tables."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse

from datasets._io import Objects, check_file, printable, read_mat, read_plain
from datasets._multiview.arrays import (
    Cell,
    Contents,
    Pickled,
    Unread,
    Value,
    normal,
    size_of,
    view_name,
)
from datasets._multiview.folder import read_folder
from datasets._multiview.hdf5 import is_hdf5, read_hdf5
from datasets._multiview.labels import KNOWN
from datasets._multiview.options import Choices
from datasets._multiview.views import PREFIX
from datasets.base import DataError

MANY = 64  # objects of an array: more are no views but a value for each row


def contents(path: Path, chosen: Choices) -> Contents:
    """Everything that ``path`` holds, read within the limits on untrusted files.

    Raises DataError for a path that is none of the three and for damaged, oversized or
    unreadable files; ``chosen.id`` is the column that joins the tables of a folder.
    """
    name = printable(path.name)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return Contents("NumPy archive", _plain(read_plain(path, name), path))
    if suffix == ".mat":
        check_file(path, name)
        if is_hdf5(path):
            return Contents("MATLAB file, version 7.3", read_hdf5(path, name))
        found = {key: _value(value) for key, value in read_mat(path, name).items()}
        return Contents("MATLAB file, up to version 7", found)
    if os.path.isdir(path):  # the method of Path raises where it may not look
        return read_folder(path, chosen)
    if os.path.exists(path):
        raise DataError(
            f"{name} must end in .npz or .mat, or be a folder of .csv or .parquet files, one a "
            "view, with labels.csv; save its arrays with numpy.savez"
        )
    check_file(path, name)  # says why it cannot be opened
    raise DataError(f"{name} must end in .npz or .mat; save its arrays with numpy.savez")


def _plain(arrays: Mapping[str, np.ndarray | Objects], path: Path) -> dict[str, Value]:
    """Arrays of numbers and texts as they are, those of Python objects as Pickled."""
    closed = {key: value for key, value in arrays.items() if isinstance(value, Objects)}
    code = _unpickling(closed, path) if closed else ""
    return {
        key: Pickled(f"{size_of(value.shape)} {value.dtype}, Python objects", code)
        if isinstance(value, Objects)
        else value
        for key, value in arrays.items()
    }


def _unpickling(closed: Mapping[str, Objects], path: Path) -> str:
    """Python that saves the archive, without objects, in the working folder.

    An array of a few objects is taken for views, one called as a view for its rows, one of many
    or with a name of labels for texts, one of no axis for a dict of arrays.
    """
    parts = [f"**{{k: f[k] for k in f.files if k not in {[*closed]}}}"]
    for key, value in closed.items():
        if not value.shape:
            parts.append(f"**f[{key!r}].item()")
        elif key.startswith(PREFIX):
            parts.append(f"**{{{key!r}: numpy.stack(f[{key!r}])}}")
        elif normal(key) in KNOWN or math.prod(value.shape) > MANY:
            parts.append(f"**{{{key!r}: f[{key!r}].astype(str)}}")
        else:
            views = f"enumerate(f[{key!r}].ravel(), 1)"
            parts.append(f"**{{f'view_{view_name(key)}{{i}}': v for i, v in {views}}}")
    return (
        f"import numpy; f = numpy.load({str(path)!r}, allow_pickle=True); "
        f"numpy.savez({path.stem + '-plain.npz'!r}, {', '.join(parts)})"
    )


def _value(value: Any) -> Value:
    """What ``read_mat`` returns, in the kinds of ``arrays``."""
    if issparse(value):
        return value
    if value.dtype.kind != "O":
        return value
    if value.shape == ():
        return Unread("a struct, an object or cells within cells")
    items = tuple(_value(item) for item in value.ravel(order="F"))
    return Cell(items, value.shape)
