"""Reading files that may be damaged or hostile: checksums, size limits, and a narrow unpickler.

Every function here raises :class:`DataError` with one sentence that names the mend, whatever the
file holds. Nothing is unpickled except by :func:`restricted_load`, which rebuilds plain arrays.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import pickletools
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from datasets.base import DataError

VENDOR = Path(__file__).parent / "vendor"
MAX_BYTES = 4 * 2**30  # unpacked; the largest paper data set, DEAP, holds 3.1 GiB of signals
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
_MAT_COMPRESSED = 15
_MAX_OPCODES = 20_000  # an array takes about 25; values do not count


def sha256(raw: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(raw).hexdigest()


def vendored(name: str) -> dict[str, np.ndarray]:
    """Arrays of ``datasets/vendor/<name>.npz``, after its checksum has been compared.

    Raises DataError when the file is absent or is not, byte for byte, the one in SHA256SUMS
    (a Git LFS pointer, a half-finished checkout, a changed line ending).
    """
    path = VENDOR / f"{name}.npz"
    mend = f"restore it with 'git checkout -- datasets/vendor/{path.name}'"
    try:
        raw = path.read_bytes()
        sums = (VENDOR / "SHA256SUMS").read_text()
    except OSError as error:
        lost = Path(str(error.filename)).name
        raise DataError(
            f"datasets/vendor/{lost} cannot be read; restore it with "
            f"'git checkout -- datasets/vendor/{lost}'"
        ) from error
    if raw.startswith(b"version https://git-lfs"):
        raise DataError(f"datasets/vendor/{path.name} is a Git LFS pointer; run 'git lfs pull'")
    if f"{sha256(raw)}  {path.name}" not in sums.splitlines():
        raise DataError(f"datasets/vendor/{path.name} does not match its checksum; {mend}")
    return read_npz(io.BytesIO(raw), path.name)


def read_npz(source: Path | IO[bytes], name: str, limit: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz``, in file order; ``name`` is what messages call the file.

    Sizes are checked against the zip directory and against each array's own header before anything
    is unpacked: ``limit`` bounds the memory used, in bytes. Python objects are refused.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            _check_npz(archive, name, limit)
        if not isinstance(source, Path):
            source.seek(0)
        with np.load(source, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen types on damaged bytes
        raise DataError(
            f"{name} is not a complete .npz file; write it again with numpy.savez"
        ) from error


def _check_npz(archive: zipfile.ZipFile, name: str, limit: int) -> None:
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if total > limit:
        raise DataError(_too_large(name, total, limit))
    if len({member.filename for member in members}) < len(members):
        raise DataError(f"{name} stores one array name twice; write it again with numpy.savez")
    for member in members:
        key = member.filename.removesuffix(".npy")
        with archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = header(stream)
            if dtype.hasobject:
                raise DataError(
                    f"array '{key}' of {name} holds Python objects, which are never unpickled; "
                    "save it as numbers or strings"
                )
            # a header may promise more than the file holds, and numpy allocates by the header
            if math.prod(shape) * dtype.itemsize != member.file_size - stream.tell():
                raise DataError(
                    f"array '{key}' of {name} is cut short; write it again with numpy.savez"
                )


def read_mat(path: Path, name: str, limit: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """All variables of a MATLAB file up to version 7, in file order.

    Compressed variables are measured before they are read, so that ``limit`` (bytes) holds.
    """
    from scipy.io import loadmat

    try:
        with path.open("rb") as file:
            head = file.read(128)
            if head.startswith(b"MATLAB 7.3") or head.startswith(b"\x89HDF"):
                raise DataError(
                    f"{name} is a version 7.3 .mat file; save it in MATLAB with the option '-v7'"
                )
            file.seek(0)
            total = 0
            for size in _mat_sizes(file):
                total += size
                if total > limit:
                    raise DataError(_too_large(name, total, limit))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # scipy only warns of a variable stored twice
            content = loadmat(path)
    except DataError:
        raise
    except Exception as error:  # scipy raises a dozen types on damaged bytes
        raise DataError(
            f"{name} is not a complete .mat file; save it again in MATLAB with the option '-v7'"
        ) from error
    return {key: value for key, value in content.items() if not key.startswith("__")}


def _mat_sizes(file: IO[bytes]) -> Iterator[int]:
    """Unpacked bytes of the compressed variables of a version 5-7 file, a piece at a time."""
    head = file.read(128)
    order = {b"IM": "little", b"MI": "big"}.get(head[126:128])
    if order is None:  # version 4: nothing is compressed
        return
    while len(tag := file.read(8)) == 8:
        kind, size = (int.from_bytes(tag[i : i + 4], order) for i in (0, 4))  # type: ignore[arg-type]
        if kind != _MAT_COMPRESSED:
            file.seek(size, io.SEEK_CUR)
            continue
        unpack, left = zlib.decompressobj(), size
        while left and (packed := file.read(min(left, 2**16))):
            left -= len(packed)
            while packed:
                yield len(unpack.decompress(packed, 2**20))
                packed = unpack.unconsumed_tail


def _too_large(name: str, size: int, limit: int) -> str:
    gib = 2**30
    return (
        f"{name} would unpack to {size / gib:.1f} GiB or more, over the limit of "
        f"{limit / gib:.1f} GiB; store float32 or fewer rows"
    )


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write ``arrays`` so that equal content gives equal bytes: no clock, no platform in the file.

    (Equal up to the version of zlib, whose compressed streams may differ.)
    """
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            member = zipfile.ZipInfo(f"{key}.npy", date_time=_EPOCH)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, buffer.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


def restricted_load(raw: bytes, name: str, encoding: str = "latin1") -> Any:
    """Unpickle built-in containers, numbers, strings and numpy arrays; refuse all else.

    ``encoding`` is for strings written by Python 2; ``name`` is what messages call the file.
    Raises DataError for any other global and for damaged bytes. Memory is bounded by ``raw``: an
    array may claim no more than the pickle holds. An OrderedDict comes back as a dict.
    """
    try:
        _check_opcodes(raw)
        return _Restricted(io.BytesIO(raw), encoding=encoding).load()
    except DataError as error:
        raise DataError(f"{name} {error}") from error
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DataError(f"{name} is damaged; download or copy it again") from error


def _check_opcodes(raw: bytes) -> None:
    """Refuse what arrays do not need: a huge memo, which takes memory, or endless nesting."""
    try:
        for count, (opcode, value, _) in enumerate(pickletools.genops(raw)):
            slot = value if opcode.name in ("PUT", "LONG_BINPUT") else 0
            if max(count, slot or 0) > _MAX_OPCODES:
                raise DataError("holds more than plain arrays; save its arrays as .npz or .mat")
    except UnicodeDecodeError as error:
        raise DataError("is a pickle in text form; save its arrays as .npz or .mat") from error


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # numpy 2 renamed numpy.core; files keep the spelling of the numpy that wrote them
        found = _ALLOWED.get((module.replace("numpy._core", "numpy.core"), name))
        if found is None:
            raise DataError(
                f"asks for {module}.{name}, but only plain numpy arrays are read; "
                "save its arrays as .npz or .mat"
            )
        return found


_ARRAY = object()  # stands for numpy.ndarray, so that a pickle cannot call it


class _Array(np.ndarray):
    """An array whose state is looked at before numpy believes it."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if isinstance(content, str):  # bytes of Python 2, as latin1
            content = content.encode("latin1")
        size = math.prod(shape)
        if min(shape, default=0) < 0 or not isinstance(dtype, _Dtype):
            raise DataError("holds an array of no possible shape; save its arrays as .npz")
        # numpy allocates, and for objects also reads, by the shape it is told
        kind = dtype.made()
        if kind.hasobject:
            whole = isinstance(content, list) and len(content) == size
        else:
            whole = isinstance(content, bytes) and len(content) == size * kind.itemsize
        if not whole:
            raise DataError("holds an array that is cut short; download or copy it again")
        whole_state: Any = (1, tuple(shape), kind, bool(fortran), content)
        super().__setstate__(whole_state)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.view(np.ndarray).__reduce_ex__(protocol)  # once read, an array like any other


class _Dtype:
    """A type by its code and byte order alone; numpy's own would also take flags from the file."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[?biufcSUO]\d{0,6}", code):
            raise DataError("holds an array of an unusual type; save its arrays as .npz")
        self._dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order, *structure = state[1:5]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in structure):
            raise DataError("holds an array of an unusual type; save its arrays as .npz")
        self._dtype = self._dtype.newbyteorder(order)

    def made(self) -> np.dtype:
        return self._dtype


def _dtype(code: str, *_: object) -> _Dtype:
    return _Dtype(code)


def _reconstruct(kind: object, shape: tuple[int, ...], code: object) -> np.ndarray:
    if kind is not _ARRAY or shape != (0,):
        raise DataError("rebuilds something that is not a plain array; save its arrays as .npz")
    return np.empty(0).view(_Array)


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise DataError("asks for an unusual text encoding; save its arrays as .npz")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
}
