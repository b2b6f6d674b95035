"""Files of the store: written whole or not at all, or line by line."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """``arrays`` as the bytes of a compressed .npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: a reader finds the old content or the new, never a part."""
    with written_whole(path) as handle:
        handle.write(content)


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which gets its name when the block ends, and is removed if it raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # only there if something went wrong


def end_last_line(file: BinaryIO) -> None:
    """End an incomplete last line, left by a killed writer, with a newline; go to the end.

    ``file``  open for reading and appending.
    """
    if file.seek(0, os.SEEK_END) > 0:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file that one process writes; a last line that was cut stays apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        end_last_line(file)
        file.write(f"{line}\n".encode())
