"""Bytes to named arrays: ``.mat`` of any version, ``.npz``, or a folder of tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from scipy.sparse import issparse

from datasets._io import check_file, printable, read_mat, read_npz
from datasets._multiview.arrays import Cell, Contents, Unread, Value
from datasets._multiview.folder import read_folder
from datasets._multiview.hdf5 import is_hdf5, read_hdf5
from datasets._multiview.options import Choices
from datasets.base import DataError


def contents(path: Path, chosen: Choices) -> Contents:
    """Everything that ``path`` holds, read within the limits on untrusted files.

    Raises DataError for a path that is none of the three and for damaged, oversized or
    unreadable files; ``chosen.id`` is the column that joins the tables of a folder.
    """
    name = printable(path.name)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return Contents("NumPy archive", dict(read_npz(path, name)))
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
