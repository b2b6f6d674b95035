"""Twins: simulated recordings in the exact on-disk form of a licensed data set.

A marker file says what they are, and so does every file near its start, where readers of the
genuine ones pass over it. A loader that finds the marker beside the files (where links lead too),
or in a folder above them up to the data root, or NOTE in a file, gives its data set the kind
``twin``, which every report stamps.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from datasets.base import DataError, Provenance

MARKER = "TWIN.txt"
NOTE = b"a twin: simulated"
"""Stands within the first _HEAD bytes of every file of a twin."""

_HEAD = 4096
_TEXT = """This folder holds TWINS: simulated recordings in the file format of a licensed data set.
They were drawn by a random generator, from no person, and say nothing about the real data.
Made by: python run_all.py {command}
"""


def claim(folders: Iterable[Path], command: str) -> None:
    """Mark all ``folders``, which are made where they are not; ``command`` is what makes the twin.

    Raises DataError, and marks none, where one holds anything and no marker, for that may be the
    real data, or the marker of a twin that another command made.
    """
    folders = tuple(folders)
    for folder in folders:
        if not folder.is_dir() or not any(folder.iterdir()):
            continue
        if not (folder / MARKER).is_file():
            raise DataError(f"{folder} holds files that are no twin; name an empty folder")
        if (folder / MARKER).read_text("utf-8", "replace") != _TEXT.format(command=command):
            raise DataError(
                f"{folder} holds the twin of another command, which its {MARKER} names; "
                "name an empty folder, or remove that twin"
            )
    for folder in folders:
        mark(folder, command)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place to write ``path`` at: it takes its name when it is whole, and is gone if it fails."""
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def paced(
    what: str, numbers: Iterable[int], total: int, say: Callable[[str], None] | None
) -> Iterator[int]:
    """``numbers``, the last of ``total``; after each, ``say`` is told how far it is and how long.

    "seed twin: subject 3 of 12, about 20 s left".
    """
    numbers = tuple(numbers)
    start, before = time.monotonic(), total - len(numbers)
    if before and say is not None:
        say(f"{what} {before} of {total} and those before it are there already")
    for done, number in enumerate(numbers, 1):
        yield number
        left = (time.monotonic() - start) / done * (len(numbers) - done)
        told = f", about {left / 60:.0f} min left" if left > 90 else f", about {left:.0f} s left"
        if say is not None:
            say(f"{what} {before + done} of {total}" + (told if done < len(numbers) else ""))


def provenance(
    twin: bool, source: str, licence: str, citation: str, notes: tuple[str, ...]
) -> Provenance:
    """Where files of a licensed data set come from, or that those of a ``twin`` are simulated."""
    return Provenance(
        kind="twin" if twin else "licensed",
        source=f"simulated files in the format of {source}" if twin else source,
        licence="none needed: drawn by a random generator" if twin else licence,
        citation=citation,
        notes=notes,
    )


def write_mat(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """A MATLAB file with NOTE for its writer's clock and platform: always the same bytes."""
    from scipy.io import savemat

    savemat(path, arrays)
    with path.open("r+b") as file:
        file.write((b"MATLAB 5.0 MAT-file, " + NOTE).ljust(116))


def mark(folder: Path, command: str) -> None:
    """Write the marker into ``folder``; ``command`` is what made the twin."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(_TEXT.format(command=command), encoding="utf-8")


def is_twin(folder: Path, root: Path, files: Iterable[Path] = ()) -> bool:
    """Whether a folder from ``folder`` up to ``root`` or one of ``files`` is marked.

    A marker beside the file that a link leads to marks it too.
    """
    files = [path for path in files if os.path.isfile(path)]
    folder, root = folder.resolve(), root.resolve()
    between = {folder, *(parent for parent in folder.parents if parent.is_relative_to(root))}
    between |= {path.resolve().parent for path in files}
    # the method of Path raises where a folder may not be read
    return any(os.path.isfile(each / MARKER) for each in between) or any(map(_noted, files))


def _noted(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return NOTE in file.read(_HEAD)
    except OSError:
        return False
