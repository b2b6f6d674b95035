"""Reading files that may be damaged or hostile: checksums, size limits, archives of arrays.

Every function here raises :class:`DataError` with one sentence that names the mend, whatever the
file holds. ``_mat`` and ``_pickle`` read the other two forms in the same way.
"""

from __future__ import annotations

import hashlib
import io
import math
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from datasets.base import DataError

VENDOR = Path(__file__).parent / "vendor"
MAX_BYTES = 4 * 2**30  # unpacked; the largest paper data set, DEAP, holds 3.1 GiB of signals
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold


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
    is unpacked: ``limit`` bounds the memory used, in bytes. Python objects are refused, and so is
    a path that is no file.
    """
    if isinstance(source, Path):
        regular(source, name, limit)
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
        raise DataError(too_large(name, total, limit))
    if len({member.filename for member in members}) < len(members):
        raise DataError(f"{name} stores one array name twice; write it again with numpy.savez")
    for member in members:
        what = f"array '{plain(member.filename.removesuffix('.npy'))}' of {name}"
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # lzma takes as much memory as the file asks for
            raise DataError(f"{what} is packed in an unusual way; write it again with numpy.savez")
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
                    f"{what} holds Python objects, which are never unpickled; where you trust it, "
                    "read it with numpy.load(..., allow_pickle=True) and save each of its matrices "
                    "as an array of its own with numpy.savez"
                )
            # a header may promise more than the file holds, and numpy allocates by the header
            count, held = math.prod(shape), member.file_size - stream.tell()
            if count * dtype.itemsize != held or count > held:  # values of no bytes are endless
                raise DataError(f"{what} is cut short; write it again with numpy.savez")


def plain(text: str, longest: int = 80) -> str:
    """``text`` from a file as a message may show it: one line, no control characters, not long."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:longest])


def regular(path: Path, name: str, limit: int = MAX_BYTES) -> None:
    """Raise DataError unless ``path`` is a file of at most ``limit`` bytes that can be opened.

    A pipe would be waited for, and a device read, for ever; links are followed to what they name.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{name} is not a file; put a copy of the file in its place")
        if status.st_size > limit:
            raise DataError(
                f"{name} has {status.st_size / 2**20:.0f} MiB, over the limit of "
                f"{limit / 2**20:.0f} MiB; put a copy of the right file in its place"
            )
        path.open("rb").close()
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        where = plain(str(path), longest=300)
        raise DataError(f"cannot open {where}, {reason}; check the path") from error


def too_large(name: str, size: int, limit: int) -> str:
    """What to say of ``size`` bytes where ``limit`` are allowed."""
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
