"""MATLAB files up to version 7: every variable is checked before scipy reads any.

scipy trusts the headers of a file: it allocates a cell array, a struct or a blank char matrix of
any size that a header of fifty bytes states, and recurses into nested cells until the stack is
full. So a survey walks the file first. It admits arrays of numbers, dense or sparse, of characters,
and cells of these, with no more elements than the file has bytes for them; the indices of a sparse
matrix are checked before anyone uses them. Layout: MAT-File Format, MathWorks.
"""

from __future__ import annotations

import math
import struct
import warnings
import zlib
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from datasets._io.files import MAX_BYTES, check_file, printable, too_large
from datasets.base import DataError

MAX_CELLS = 10**6  # of all variables of a file, those that are not read included
_MATRIX, _COMPRESSED = 14, 15  # types of element
_CELL, _CHAR, _SPARSE, _NUMERIC, _OPAQUE = 1, 4, 5, range(6, 16), 17  # classes of matrix
_NUMBERS = frozenset({*range(1, 8), 9, 12, 13})  # types of element that contain numbers
_LETTERS = frozenset({1, 2, 4, 16, 17, 18})
_LONGEST = 2**10  # bytes of dimensions or of a name
_READ = object()  # marks a variable that scipy may read
_PIECE = 2**20
_GROWTH = 16  # bytes in memory, at most, for a byte of characters, sparse or complex numbers
_CELL_BYTES = 512  # what an item of a cell takes in memory besides its content


def read_mat(
    path: Path, name: str, limit: int = MAX_BYTES, only: Container[str] | None = None
) -> dict[str, Any]:
    """All variables of a MATLAB file up to version 7, in file order, or those in ``only``.

    ``name`` is what messages call the file. Compressed variables are measured before they are read,
    so that memory stays below ``limit`` (bytes). Numbers, characters and cells of them are returned
    as arrays, sparse matrices as scipy's, and any unsupported variable (struct, object, nested
    cells) as an object array without axes. Raises DataError for version 7.3, for damaged files and
    for a path that is not a file.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadWarning

    check_file(path, name, limit)
    try:
        with path.open("rb") as file:
            known = _survey(file, name, limit)
        if known is not None and only is not None:
            known = {key: value for key, value in known.items() if key in only}
        wanted = known and [key for key, value in known.items() if value is _READ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from a later scipy or numpy: the file is not at fault
            warnings.simplefilter("error", MatReadWarning)
            arrays = loadmat(path, variable_names=wanted) if known != {} else {}
        if known is not None:
            arrays = {key: arrays[key] if known[key] is _READ else known[key] for key in known}
        for value in arrays.values():
            _check_sparse(value)
    except DataError:
        raise
    except Exception as error:  # scipy raises a dozen types on damaged bytes
        raise DataError(f"{name} is not a complete .mat file; copy or download it again") from error
    return {
        key: value
        for key, value in arrays.items()
        if not key.startswith("__") and (only is None or key in only)
    }


def _survey(file: IO[bytes], name: str, limit: int) -> dict[str, object] | None:
    """Every variable, with _READ or the value returned for it; None for version 4, only arrays.

    Raises DataError for version 7.3, for more than ``limit`` bytes and for a variable stored twice;
    ValueError, EOFError, struct.error or zlib.error where the file is damaged.
    """
    head = file.read(128)
    if head.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise DataError(
            f"{name} is a version 7.3 .mat file, and an older version is expected here; read it "
            "with h5py and save its arrays with scipy.io.savemat"
        )
    if 0 in head[:4]:  # as scipy recognises version 4
        return None
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    if order is None:
        raise ValueError("no header")
    if head[116:124].strip(b" \0"):  # their offset in the file
        raise DataError(
            f"{name} contains MATLAB objects or functions, which only MATLAB reads; read its "
            "arrays with scipy.io.loadmat and save them with scipy.io.savemat"
        )
    variables: dict[str, object] = {}
    total, cells, bound = 0, 0, _Bound(name, limit)
    while tag := file.read(8):
        kind, size = struct.unpack(order + "II", tag)
        if kind not in (_MATRIX, _COMPRESSED):
            raise ValueError("no variable")
        stream = _Stream(file, size, kind == _COMPRESSED, order, bound.less(total))
        try:
            if kind == _COMPRESSED and stream.tag()[0] != _MATRIX:
                raise ValueError("no variable")
            matrix = _matrix(stream)
            cells += matrix.elements if matrix.kind == _CELL else 0
            growth = _growth(matrix, stream) if cells <= MAX_CELLS else 0
        finally:
            stream.drain()  # so that too large a file is reported first
        total += max(growth, 1) * stream.unpacked
        total += _CELL_BYTES * matrix.elements if growth and matrix.kind == _CELL else 0
        bound.check(total)
        if matrix.name in variables:
            raise DataError(
                f"{name} stores '{printable(matrix.name)}' twice; copy or download it again"
            )
        variables[matrix.name] = _READ if growth else np.empty((), object)
    return variables


def _growth(matrix: _Matrix, stream: _Stream) -> int:
    """Largest number of bytes in memory for one in the file; 0 if scipy may not read it."""
    if matrix.kind == _CELL:
        most = 1
        for _ in range(matrix.elements):
            if not (growth := _cell_growth(stream)):
                return 0
            most = max(most, growth)
        return most
    if not _complete(matrix, stream):
        return 0
    return 1 if matrix.kind in _NUMERIC and not matrix.complex else _GROWTH


def _cell_growth(stream: _Stream) -> int:
    """As ``_growth``, for the next cell; if scipy may read it, moves to the one after it."""
    kind, size = stream.tag()
    if kind != _MATRIX:
        raise ValueError("no cell")
    end, growth = stream.at + size, 1
    if size:
        matrix = _matrix(stream)
        growth = 0 if matrix.kind == _CELL else _growth(matrix, stream)
        if not growth:
            return 0
    if stream.at != end:  # scipy would look for the next cell elsewhere
        raise ValueError("cells overlap")
    return growth


def _complete(matrix: _Matrix, stream: _Stream) -> bool:
    """Whether all characters or numbers are in the file; if so, moves past them."""
    if matrix.kind == _CHAR:  # scipy adds blanks that are not in the file
        return matrix.elements <= max(stream.skip_element(_LETTERS), 1)
    if matrix.kind == _SPARSE or matrix.kind in _NUMERIC:
        # a sparse matrix has the rows and the ends of columns before its numbers
        for _ in range(1 + matrix.complex + 2 * (matrix.kind == _SPARSE)):
            stream.skip_element(_NUMBERS)
        return True
    return False


def _check_sparse(value: Any) -> None:
    """Raise ValueError where an index of a sparse matrix, or of one in a cell, lies outside it."""
    from scipy.sparse import issparse  # most runs read no such file

    if issparse(value) and value.format == "csc":
        value.check_format(full_check=True)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for item in value.ravel():
            if not isinstance(item, np.ndarray):
                _check_sparse(item)


@dataclass(frozen=True)
class _Matrix:
    """Header of a variable; ``elements`` counts an axis of length 0 as one."""

    kind: int
    complex: bool
    elements: int
    name: str


def _matrix(stream: _Stream) -> _Matrix:
    (flags,) = struct.unpack(stream.order + "I", stream.read(16)[8:12])
    kind = flags & 0xFF
    dims = (1,)
    if kind != _OPAQUE:  # which has no axes
        raw = stream.element()
        dims = struct.unpack(f"{stream.order}{len(raw) // 4}i", raw)
    if min(dims, default=-1) < 0:
        raise ValueError("no shape")
    name = stream.element().decode("latin1")  # the workspace of functions has none
    elements = math.prod(max(size, 1) for size in dims)
    return _Matrix(kind, bool(flags >> 11 & 1), elements, name or "__workspace__")


@dataclass(frozen=True)
class _Bound:
    """How many bytes a file may unpack to; ``before`` were unpacked already."""

    name: str
    limit: int
    before: int = 0

    def less(self, before: int) -> _Bound:
        return replace(self, before=before)

    def check(self, size: int) -> None:
        if self.before + size > self.limit:
            raise DataError(too_large(self.name, self.before + size, self.limit))


class _Stream:
    """The bytes of one variable, unpacked a piece at a time; ``at`` counts those already read.

    Raises EOFError if the file ends too early, DataError if it exceeds ``bound``.
    """

    def __init__(self, file: IO[bytes], size: int, packed: bool, order: str, bound: _Bound) -> None:
        self.order, self._bound = order, bound
        self.at = self.unpacked = 0
        self._file, self._left = file, size
        self._ahead, self._taken = b"", 0  # unpacked bytes, and how many of them were read
        self._inflate = zlib.decompressobj() if packed else None

    def read(self, count: int) -> bytes:
        while len(self._ahead) - self._taken < count:
            self._ahead, self._taken = self._ahead[self._taken :] + self._more(), 0
        start, self._taken = self._taken, self._taken + count
        self.at += count
        return self._ahead[start : self._taken]

    def skip(self, count: int) -> None:
        while count > (rest := len(self._ahead) - self._taken):
            self.at += rest
            count -= rest
            self._ahead, self._taken = self._more(), 0
        self._taken += count
        self.at += count

    def tag(self) -> tuple[int, int]:
        """Type and size in bytes of the next element."""
        return struct.unpack(self.order + "II", self.read(8))

    def element(self) -> bytes:
        """A short element, which may be stored within its own tag."""
        raw = self.read(8)
        kind, size = struct.unpack(self.order + "II", raw)
        if kind >> 16:
            return raw[4:][: kind >> 16]
        if size > _LONGEST:
            raise ValueError("long name")
        return self.read(size + -size % 8)[:size]

    def skip_element(self, kinds: frozenset[int]) -> int:
        """Skip an element of one of these ``kinds``; returns its bytes without the tag."""
        kind, size = self.tag()
        if kind & 0xFFFF not in kinds:  # scipy would index past its table, and crash
            raise ValueError("no such type")
        if kind >> 16:
            return kind >> 16
        self.skip(size + -size % 8)
        return size

    def drain(self) -> None:
        """Read to the end."""
        while self._left or (self._inflate and not self._inflate.eof):
            self._more()

    def _more(self) -> bytes:
        if self._inflate is None:
            piece = self._fetch(_PIECE)
        elif self._inflate.eof:
            raise EOFError
        else:
            packed = self._inflate.unconsumed_tail or (self._fetch(2**16) if self._left else b"")
            piece = self._inflate.decompress(packed, _PIECE)
            if not packed and not piece and not self._inflate.eof:
                raise EOFError
        self.unpacked += len(piece)
        self._bound.check(self.unpacked)
        return piece

    def _fetch(self, count: int) -> bytes:
        raw = self._file.read(min(count, self._left))
        self._left -= len(raw)
        if not raw:
            raise EOFError
        return raw
