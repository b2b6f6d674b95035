"""MATLAB files of version 7.3, which are HDF5: read through h5py, within bounds.

HDF5 can point outside its file (external links, raw data elsewhere, virtual datasets) and promise
more than it holds; all of this is refused before anything is read. The axes of an HDF5 dataset are
those of MATLAB in reverse. Layout: what MATLAB's ``save -v7.3`` writes.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csc_array

from datasets._io import MAX_BYTES, MAX_CELLS, printable, too_large
from datasets._multiview.arrays import Cell, Unread, Value
from datasets.base import DataError

_FILTERS = {1, 2, 3}  # deflate, shuffle, checksum: those that MATLAB uses
_DEFLATE = 1100  # bytes, at most, that deflate makes of one
_CELL_BYTES = 512  # what an item of a cell takes in memory besides its numbers


def is_hdf5(path: Path) -> bool:
    """Whether the file says that it is of version 7.3."""
    with path.open("rb") as file:
        return file.read(128).startswith((b"MATLAB 7.3", b"\x89HDF"))


def read_hdf5(path: Path, name: str, limit: int = MAX_BYTES) -> dict[str, Value]:
    """All variables of a version 7.3 file, at most ``limit`` bytes of them.

    Raises DataError for damaged files, for data outside the file and for too many bytes.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            reader = _Reader(file, name, limit)
            return {key: reader.variable(key) for key in file if not key.startswith("#")}
    except DataError:
        raise
    except Exception as error:  # h5py raises half a dozen types on damaged bytes
        raise DataError(
            f"{name} is not a complete .mat file of version 7.3; copy or download it again"
        ) from error


class _Reader:
    """Counts the bytes and cells of one open ``file``, all its variables together."""

    def __init__(self, file: Any, name: str, limit: int) -> None:
        self._file, self._name, self._limit = file, name, limit
        self._total = self._cells = 0

    def variable(self, key: str) -> Value:
        import h5py

        if not isinstance(self._file.get(key, getlink=True), h5py.HardLink):
            raise self._elsewhere(key)
        return self._value(self._file[key], key, top=True)

    def _value(self, item: Any, key: str, *, top: bool) -> Value:
        import h5py

        kind = _matlab_class(item)
        if isinstance(item, h5py.Group):
            return self._sparse(item, key) if "MATLAB_sparse" in item.attrs else Unread("a struct")
        if not isinstance(item, h5py.Dataset):
            return Unread("a type")
        if h5py.check_ref_dtype(item.dtype) is h5py.Reference:
            if item.attrs.get("MATLAB_empty"):
                return Cell((), (0, 0))
            return self._cell(item, key) if top and kind == "cell" else Unread("nested cells")
        if item.dtype.kind not in "biuf" or item.dtype.subdtype:
            return Unread("neither numbers nor text")
        if item.attrs.get("MATLAB_empty"):
            shape = [int(size) for size in self._numbers(item, key).ravel()]
            return np.zeros(shape) if shape and math.prod(shape) == 0 else Unread("of no shape")
        array = self._numbers(item, key).T
        return _texts(array) if kind == "char" else array

    def _cell(self, item: Any, key: str) -> Value:
        self._cells += item.size
        if self._cells > MAX_CELLS:
            raise DataError(f"{self._name} holds over {MAX_CELLS} cells; save its views as arrays")
        self._add(item.size * _CELL_BYTES)
        references = self._numbers(item, key).T
        if not all(references.ravel()):
            raise ValueError("no such cell")
        cells = (self._value(self._file[one], key, top=False) for one in references.ravel("F"))
        return Cell(tuple(cells), references.shape)

    def _sparse(self, group: Any, key: str) -> Value:
        import h5py

        rows = int(group.attrs["MATLAB_sparse"])
        if any(not isinstance(group.get(k, getlink=True), h5py.HardLink) for k in group):
            raise self._elsewhere(key)
        starts = self._numbers(group["jc"], key).astype(np.int64)
        filled = "data" in group and "ir" in group
        data = self._numbers(group["data"], key) if filled else np.zeros(0)
        where = self._numbers(group["ir"], key).astype(np.int64) if filled else np.zeros(0, int)
        matrix = csc_array((data, where, starts), shape=(rows, len(starts) - 1))
        matrix.check_format(full_check=True)  # an index outside would be written to blindly
        return matrix

    def _numbers(self, dataset: Any, key: str) -> np.ndarray:
        """The whole dataset, in the order of axes of HDF5."""
        plan = dataset.id.get_create_plist()
        filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
        if dataset.is_virtual or plan.get_external_count():
            raise self._elsewhere(key)
        if filters - _FILTERS:
            raise DataError(
                f"'{printable(key)}' of {self._name} is packed in an unusual way; read it with "
                "h5py and save its arrays with numpy.savez"
            )
        size = dataset.size * dataset.dtype.itemsize
        self._add(size)
        if size > max(dataset.id.get_storage_size(), 1) * _DEFLATE:
            raise ValueError("holds less than it says")
        return dataset[()] if dataset.shape else np.asarray(dataset[()])

    def _add(self, size: int) -> None:
        self._total += size
        if self._total > self._limit:
            raise DataError(too_large(self._name, self._total, self._limit))

    def _elsewhere(self, key: str) -> DataError:
        return DataError(
            f"'{printable(key)}' of {self._name} lies in another file, which is never opened; "
            "save all arrays in one file, as with numpy.savez"
        )


def _matlab_class(item: Any) -> str:
    kind = item.attrs.get("MATLAB_class", b"")
    return kind.decode("latin1") if isinstance(kind, bytes) else str(kind)


def _texts(codes: np.ndarray) -> np.ndarray:
    """The rows of a char matrix ``(m, k)`` of UTF-16 codes as ``(m,)`` strings."""
    rows = np.atleast_2d(codes).astype("<u2")
    return np.array([row.tobytes().decode("utf-16-le", "replace") for row in rows])
