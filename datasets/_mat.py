"""MATLAB files of strangers: every variable is looked at before scipy reads any.

scipy believes what a file says of itself: it makes a cell array, a struct or a blank char matrix of
any size that a header of fifty bytes names, and follows cells within cells until the stack is full.
So a survey walks the file first and lets through arrays of numbers, dense or sparse, of characters,
and cells of these, of no more elements than the file has bytes for them; the indices of a sparse
matrix are checked before anyone uses them. Layout: MAT-File Format, MathWorks.
"""

from __future__ import annotations

import math
import struct
import warnings
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from scipy.sparse import issparse

from datasets._io import MAX_BYTES, plain, regular, too_large
from datasets.base import DataError

MAX_CELLS = 10**6  # of all variables of a file, those not read included
_MATRIX, _COMPRESSED = 14, 15  # types of element
_CELL, _CHAR, _SPARSE, _NUMERIC, _OPAQUE = 1, 4, 5, range(6, 16), 17  # classes of matrix
_NUMBERS = frozenset({*range(1, 8), 9, 12, 13})  # types of element that hold numbers
_LETTERS = frozenset({1, 2, 4, 16, 17, 18})
_LONGEST = 2**10  # bytes of dimensions or of a name
_READ = object()  # stands for a variable that scipy may read
_PIECE = 2**20
_GROWTH = 16  # bytes in memory, at most, for a byte of characters, sparse or complex numbers
_CELL_BYTES = 512  # what an item of a cell takes in memory besides its content


def read_mat(path: Path, name: str, limit: int = MAX_BYTES) -> dict[str, Any]:
    """All variables of a MATLAB file up to version 7, in file order.

    ``name`` is what messages call the file. Compressed variables are measured before they are read,
    so that ``limit`` (bytes) holds. Numbers, characters and cells of them come back as arrays,
    sparse matrices as scipy's; what is not read (structs, objects, cells in cells) is an object
    array of no axes. Raises DataError for version 7.3, damaged files and what is not a file.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadWarning

    regular(path, name, limit)
    try:
        with path.open("rb") as file:
            known = _survey(file, name, limit)
        wanted = known and [key for key, stands_in in known.items() if stands_in is _READ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a later scipy or numpy, which damage no file
            warnings.simplefilter("error", MatReadWarning)
            found = loadmat(path, variable_names=wanted)
        if known is not None:
            found = {key: found[key] if known[key] is _READ else known[key] for key in known}
        for value in found.values():
            _check_sparse(value)
    except DataError:
        raise
    except Exception as error:  # scipy raises a dozen types on damaged bytes
        raise DataError(f"{name} is not a complete .mat file; copy or download it again") from error
    return {key: value for key, value in found.items() if not key.startswith("__")}


def _survey(file: IO[bytes], name: str, limit: int) -> dict[str, object] | None:
    """Every variable, with _READ or what stands in for it; None for version 4, of arrays only.

    Raises DataError for version 7.3, for more than ``limit`` bytes and for a variable stored twice;
    ValueError, EOFError, struct.error or zlib.error where the file is damaged.
    """
    head = file.read(128)
    if head.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise DataError(
            f"{name} is a version 7.3 .mat file, and an older version is expected here; read it "
            "with h5py and save its arrays with scipy.io.savemat"
        )
    if 0 in head[:4]:  # as scipy tells them apart
        return None
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    if order is None:
        raise ValueError("no header")
    if head[116:124].strip(b" \0"):  # where in the file they are
        raise DataError(
            f"{name} holds MATLAB objects or functions, which only MATLAB reads; read its arrays "
            "with scipy.io.loadmat and save them with scipy.io.savemat"
        )
    found: dict[str, object] = {}
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
            stream.drain()  # what it would unpack to is said first
        total += max(growth, 1) * stream.unpacked
        total += _CELL_BYTES * matrix.elements if growth and matrix.kind == _CELL else 0
        bound.check(total)
        if matrix.name in found:
            raise DataError(
                f"{name} stores '{plain(matrix.name)}' twice; copy or download it again"
            )
        found[matrix.name] = _READ if growth else np.empty((), object)
    return found


def _growth(matrix: _Matrix, stream: _Stream) -> int:
    """Bytes in memory, at most, for one in the file; 0 where it is not for scipy to read."""
    if matrix.kind == _CELL:
        most = 1
        for _ in range(matrix.elements):
            if not (growth := _cell_growth(stream)):
                return 0
            most = max(most, growth)
        return most
    if not _holds(matrix, stream):
        return 0
    return 1 if matrix.kind in _NUMERIC and not matrix.complex else _GROWTH


def _cell_growth(stream: _Stream) -> int:
    """As ``_growth``, of the cell that comes; moves to the next one if it is to be read."""
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


def _holds(matrix: _Matrix, stream: _Stream) -> bool:
    """Whether characters or numbers are all there; moves past them if so."""
    if matrix.kind == _CHAR:  # blanks need not be there, says scipy: they are made up
        return matrix.elements <= max(stream.skip_element(_LETTERS), 1)
    if matrix.kind == _SPARSE or matrix.kind in _NUMERIC:
        # a sparse matrix has the rows and the ends of columns before its numbers
        for _ in range(1 + matrix.complex + 2 * (matrix.kind == _SPARSE)):
            stream.skip_element(_NUMBERS)
        return True
    return False


def _check_sparse(value: Any) -> None:
    """Raise ValueError where an index of a sparse matrix, or of one in a cell, lies outside it."""
    if issparse(value) and value.format == "csc":
        value.check_format(full_check=True)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for item in value.ravel():
            if not isinstance(item, np.ndarray):
                _check_sparse(item)


@dataclass(frozen=True)
class _Matrix:
    """What a variable says of itself; ``elements`` counts an axis of none as one."""

    kind: int
    complex: bool
    elements: int
    name: str


def _matrix(stream: _Stream) -> _Matrix:
    (flags,) = struct.unpack(stream.order + "I", stream.read(16)[8:12])
    kind = flags & 0xFF
    dims = (1,)
    if kind != _OPAQUE:  # these have no axes
        raw = stream.element()
        dims = struct.unpack(f"{stream.order}{len(raw) // 4}i", raw)
    if min(dims, default=-1) < 0:
        raise ValueError("no shape")
    name = stream.element().decode("latin1")  # of the workspace of functions: none
    elements = math.prod(max(size, 1) for size in dims)
    return _Matrix(kind, bool(flags >> 11 & 1), elements, name or "__workspace__")


@dataclass(frozen=True)
class _Bound:
    """How many bytes a file may unpack to, ``before`` of which lie behind."""

    name: str
    limit: int
    before: int = 0

    def less(self, before: int) -> _Bound:
        return replace(self, before=before)

    def check(self, size: int) -> None:
        if self.before + size > self.limit:
            raise DataError(too_large(self.name, self.before + size, self.limit))


class _Stream:
    """The bytes of one variable, unpacked a piece at a time; ``at`` counts those that were taken.

    Raises EOFError where the file ends too early, DataError where it goes beyond ``bound``.
    """

    def __init__(self, file: IO[bytes], size: int, packed: bool, order: str, bound: _Bound) -> None:
        self.order, self._bound = order, bound
        self.at = self.unpacked = 0
        self._file, self._left = file, size
        self._ahead, self._taken = b"", 0  # unpacked bytes, and how many of them were taken
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
        """Type and bytes of the element that comes."""
        return struct.unpack(self.order + "II", self.read(8))

    def element(self) -> bytes:
        """An element of few bytes, which may stand within its own tag."""
        raw = self.read(8)
        kind, size = struct.unpack(self.order + "II", raw)
        if kind >> 16:
            return raw[4:][: kind >> 16]
        if size > _LONGEST:
            raise ValueError("long name")
        return self.read(size + -size % 8)[:size]

    def skip_element(self, kinds: frozenset[int]) -> int:
        """Bytes of the element that was skipped, without its tag, if it is of these ``kinds``."""
        kind, size = self.tag()
        if kind & 0xFFFF not in kinds:  # scipy would look it up where nothing is, and crash
            raise ValueError("no such type")
        if kind >> 16:
            return kind >> 16
        self.skip(size + -size % 8)
        return size

    def drain(self) -> None:
        """Go to the end."""
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
