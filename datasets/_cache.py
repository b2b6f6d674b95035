"""Features that take minutes to compute, kept from one run to the next.

An entry is named by content: a hash of the source file's bytes and of the settings that turned them
into features. A changed file or setting is another entry; nothing has to be thrown away by hand,
and the whole folder can be deleted at any time.

The folder is ``cache/`` in the checkout, beside ``results/``, or what the environment variable
``SIMVAE_CACHE`` names. Features of licensed data stay licensed: git ignores the folder, and entries
are readable by their owner only.

An entry appears whole or not at all: it is written under another name, flushed to the disk and
renamed. Two processes that miss the same entry both compute it, and either result stands.
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

from datasets._io import read_npz, regular, write_npz
from datasets.base import DataError

FOLDER = "SIMVAE_CACHE"
"""Environment variable that names another folder."""

MAX_ENTRY = 2**30  # bytes, unpacked
_VERSION = 1  # of the layout of an entry
_NAME = "entry"  # the array that repeats the entry's name, so that a renamed file is seen

Arrays = dict[str, np.ndarray]


def folder() -> Path:
    """Where entries lie; it need not exist."""
    named = os.environ.get(FOLDER)
    return Path(named).expanduser() if named else Path(__file__).resolve().parents[1] / "cache"


def remembered(source: Path, settings: Mapping[str, object], make: Callable[[], Arrays]) -> Arrays:
    """What ``make()`` returns for the file ``source``, from the cache where it is there.

    ``settings`` (plain values) must hold everything besides the file that the result depends on,
    the version of the code included. Raises DataError where ``source`` cannot be read, and whatever
    ``make`` raises; then nothing is kept. A damaged entry, or a folder that cannot be written, is
    said on stderr and costs time only.
    """
    name = entry_name(source, settings)
    path = folder() / f"{name}.npz"
    if os.path.exists(path):  # the method of Path raises where the folder may not be read
        arrays = _read(path, name)
        if arrays is not None:
            return arrays
        _say(f"cache entry {path.name} is damaged and is computed again")
    arrays = make()
    _write(path, {_NAME: np.array([name]), **arrays})
    return arrays


def entry_name(source: Path, settings: Mapping[str, object]) -> str:
    """64 hex digits of the file's bytes and of ``settings``."""
    regular(source, source.name)
    with source.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    told = json.dumps([_VERSION, content, dict(settings)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _read(path: Path, name: str) -> Arrays | None:
    """The arrays of an entry, or None where it is not whole or not the one that it is called."""
    try:
        arrays = read_npz(path, path.name, MAX_ENTRY)
    except DataError:
        return None
    told = arrays.pop(_NAME, None)
    return arrays if told is not None and told.tolist() == [name] else None


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
        _say(
            f"features cannot be kept in {path.parent} ({error.strerror}); "
            f"name another folder with {FOLDER}"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
