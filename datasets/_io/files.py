"""What all readers share: the check of a path, the limit on size, and safe text for messages."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from datasets.base import DataError

MAX_BYTES = 4 * 2**30  # unpacked; the largest paper data set, DEAP, has 3.1 GiB of signals


def sha256(raw: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(raw).hexdigest()


def printable(text: str, longest: int = 80) -> str:
    """``text`` from a file as a message may show it: one line, no control characters, not long."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:longest])


def check_file(path: Path, name: str, limit: int = MAX_BYTES) -> None:
    """Raise DataError unless ``path`` is a file of at most ``limit`` bytes that can be opened.

    Links are followed. A pipe or a device is refused, because reading one may never end.
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
        where = printable(str(path), longest=300)
        raise DataError(f"cannot open {where}, {reason}; check the path") from error


def too_large(name: str, size: int, limit: int) -> str:
    """The message for a file of ``size`` unpacked bytes where ``limit`` are allowed."""
    gib = 2**30
    return (
        f"{name} would unpack to {size / gib:.1f} GiB or more, over the limit of "
        f"{limit / gib:.1f} GiB; store float32 or fewer rows"
    )
