"""Archives of arrays, ``.npz``: read after a check of every header, written without a clock."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from datasets._io.files import MAX_BYTES, check_file, printable, too_large
from datasets.base import DataError

SAVE = "write it again with numpy.savez"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can store


@dataclass(frozen=True)
class Objects:
    """What is known of an array of Python objects, which is never unpickled."""

    shape: tuple[int, ...]
    dtype: np.dtype


def read_npz(
    source: Path | IO[bytes], name: str, limit: int = MAX_BYTES, again: str = SAVE
) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz``, in file order; ``name`` is what messages call the file.

    ``again``  what messages advise for a damaged file: "copy it again" for one of a published set.

    Sizes are checked against the zip directory and against each array's own header before anything
    is unpacked: ``limit`` bounds the memory used, in bytes. Raises DataError for Python objects,
    for a damaged archive and for a path that is not a file.
    """
    found: dict[str, np.ndarray] = {}
    for key, value in read_plain(source, name, limit, again).items():
        if isinstance(value, Objects):
            raise DataError(
                f"array '{printable(key)}' of {name} contains Python objects, which are never "
                f"unpickled; {again}"
            )
        found[key] = value
    return found


def read_plain(
    source: Path | IO[bytes], name: str, limit: int = MAX_BYTES, again: str = SAVE
) -> dict[str, np.ndarray | Objects]:
    """As :func:`read_npz`, with Objects in place of the arrays that cannot be read without pickle.

    Raises DataError for a damaged archive and for a path that is not a file.
    """
    if isinstance(source, Path):
        check_file(source, name, limit)
    try:
        with zipfile.ZipFile(source) as archive:
            closed = _check_npz(archive, name, limit, again)
        if not isinstance(source, Path):
            source.seek(0)
        with np.load(source, allow_pickle=False) as file:
            return {key: closed[key] if key in closed else file[key] for key in file.files}
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen types on damaged bytes
        raise DataError(f"{name} is not a complete .npz file; {again}") from error


def _check_npz(archive: zipfile.ZipFile, name: str, limit: int, again: str) -> dict[str, Objects]:
    """The arrays of Python objects. Raises DataError for what must not be unpacked."""
    closed: dict[str, Objects] = {}
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if total > limit:
        raise DataError(too_large(name, total, limit))
    if len({member.filename for member in members}) < len(members):
        raise DataError(f"{name} stores one array name twice; {again}")
    for member in members:
        what = f"array '{printable(member.filename.removesuffix('.npy'))}' of {name}"
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # lzma takes as much memory as the file asks for
            raise DataError(f"{what} is packed in an unusual way; {again}")
        with archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = header(stream)
            if dtype.hasobject:
                closed[member.filename.removesuffix(".npy")] = Objects(shape, dtype)
                continue
            # numpy allocates by the header, which may state more than the file contains
            count, size = math.prod(shape), member.file_size - stream.tell()
            if count * dtype.itemsize != size or count > size:  # a value may have no bytes
                raise DataError(f"{what} is cut short; {again}")
    return closed


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write ``arrays``; equal content gives equal bytes, as the file has no time and no platform.

    Compressed bytes may still differ between versions of zlib.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            member = zipfile.ZipInfo(f"{key}.npy", date_time=_EPOCH)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, buffer.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
