"""Features that take minutes to compute, stored between runs.

An entry is named by content: a hash of the source file's bytes and of the settings of the
computation. A changed file or setting is another entry, so no entry ever has to be removed; the
whole folder can be deleted at any time.

The folder is ``cache/`` in the checkout, or what the environment variable ``SIMVAE_CACHE`` names.
Features of licensed data stay licensed: git ignores the folder, and only their owner can read the
entries.

An entry is complete or absent: it is written under another name, flushed to the disk and renamed.
Two processes that miss the same entry both compute it; either result is valid.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from datasets._io.files import check_file
from datasets._io.npz import read_npz, write_npz
from datasets.base import DataError

FOLDER = "SIMVAE_CACHE"
"""Environment variable that names another folder."""

MAX_ENTRY = 2**30  # bytes, unpacked
_VERSION = 1  # of the layout of an entry
_NAME = "entry"  # the array that repeats the entry's name, to detect a renamed file

Arrays = dict[str, np.ndarray]


def folder() -> Path:
    """The folder of the entries; it need not exist."""
    named = os.environ.get(FOLDER)
    return Path(named).expanduser() if named else Path(__file__).resolve().parents[2] / "cache"


def cached_features(
    source: Path, settings: Mapping[str, object], make: Callable[[], Arrays]
) -> Arrays:
    """What ``make()`` returns for the file ``source``, read from the cache if it is stored there.

    ``settings`` (plain values) must contain everything besides the file that the result depends on,
    the version of the code included. Raises DataError if ``source`` cannot be read, and whatever
    ``make`` raises; then nothing is stored. A damaged entry, or a folder that cannot be written, is
    reported on stderr; the features are then computed again.
    """
    name = entry_name(source, settings)
    path = folder() / f"{name}.npz"
    if os.path.exists(path):  # Path.exists raises if the folder may not be read
        arrays = _read(path, name)
        if arrays is not None:
            return arrays
        _warn(f"cache entry {path.name} is damaged; computing it again")
    arrays = make()
    _write(path, {_NAME: np.array([name]), **arrays})
    return arrays


def entry_name(source: Path, settings: Mapping[str, object]) -> str:
    """64 hex digits of the file's bytes and of ``settings``."""
    check_file(source, source.name)
    with source.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    identity = json.dumps([_VERSION, content, dict(settings)], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()


def _read(path: Path, name: str) -> Arrays | None:
    """The arrays of an entry; None if it is damaged or belongs to another name."""
    try:
        arrays = read_npz(path, path.name, MAX_ENTRY)
    except DataError:
        return None
    stored = arrays.pop(_NAME, None)
    return arrays if stored is not None and stored.tolist() == [name] else None


def _write(path: Path, arrays: Arrays) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            write_npz(Path(part), arrays)
            os.fsync(handle)
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
    except OSError as error:
        _warn(
            f"features cannot be stored in {path.parent} ({error.strerror}); "
            f"name another folder with {FOLDER}"
        )


def _warn(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
