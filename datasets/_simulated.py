"""Simulated copies: random recordings in the on-disk format of a published data set, for dry runs.

Every folder of a simulated copy has a marker file, and every file has NOTE near its start, where
readers of the genuine files ignore it. A loader treats its data as simulated if it finds the marker
beside the files (also where links lead), the marker in a folder above them up to the data root, or
NOTE in a file. The data set then has the kind ``simulated``, which every report shows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from datasets.base import DataError, Provenance

MARKER, FORMER_MARKER = "SIMULATED.txt", "TWIN.txt"
NOTE, FORMER_NOTE = b"simulated copy, no real data", b"a twin: simulated"
"""NOTE is within the first _HEAD bytes of every simulated file. Copies of earlier versions of this
project have the former note and marker, and stay recognised."""

LICENSED, OPEN = "a licensed data set", "an open data set"
_HEAD = 4096
_TEXT = """This folder contains SIMULATED recordings in the file format of {of}.
They were drawn by a random generator, from no person, and say nothing about the real data.
Made by: python run_all.py {command}
"""


def mark_folders(folders: Iterable[Path], command: str, of: str = LICENSED) -> None:
    """Make all ``folders`` and mark them; ``command`` is what makes the simulated copy ``of`` what.

    Raises DataError, and marks none, if one has any file but no marker (it may be the real data),
    or has the marker of another command.
    """
    folders = tuple(folders)
    for folder in folders:
        if not folder.is_dir() or not any(folder.iterdir()):
            continue
        if not (folder / MARKER).is_file():
            raise DataError(
                f"{folder} contains files that are not a simulated copy of this version; "
                "name an empty folder"
            )
        if (folder / MARKER).read_text("utf-8", "replace") != _TEXT.format(command=command, of=of):
            raise DataError(
                f"{folder} contains the simulated copy of another command, which its {MARKER} "
                "names; name an empty folder, or remove that copy"
            )
    for folder in folders:
        mark(folder, command, of)


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to: renamed to ``path`` at the end, removed on failure."""
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def with_progress(
    what: str, numbers: Iterable[int], total: int, report: Callable[[str], None] | None
) -> Iterator[int]:
    """``numbers``, the last of ``total``; calls ``report`` after each with the time that is left.

    "seed, simulated: subject 3 of 12, about 20 s left".
    """
    numbers = tuple(numbers)
    start, before = time.monotonic(), total - len(numbers)
    if before and report is not None:
        report(f"{what} {before} of {total} and those before it exist already")
    for done, number in enumerate(numbers, 1):
        yield number
        left = (time.monotonic() - start) / done * (len(numbers) - done)
        rest = f", about {left / 60:.0f} min left" if left > 90 else f", about {left:.0f} s left"
        if report is not None:
            report(f"{what} {before + done} of {total}" + (rest if done < len(numbers) else ""))


def provenance(
    simulated: bool, source: str, licence: str, citation: str, notes: tuple[str, ...]
) -> Provenance:
    """Provenance of a licensed data set, or of a ``simulated`` copy of it."""
    return Provenance(
        kind="simulated" if simulated else "licensed",
        source=f"simulated files in the format of {source}" if simulated else source,
        licence="none needed: drawn by a random generator" if simulated else licence,
        citation=citation,
        notes=notes,
    )


def write_mat(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """A MATLAB file with NOTE in place of the time and platform: always the same bytes."""
    from scipy.io import savemat

    savemat(path, arrays)
    with path.open("r+b") as file:
        file.write((b"MATLAB 5.0 MAT-file, " + NOTE).ljust(116))


def mark(folder: Path, command: str, of: str = LICENSED) -> None:
    """Write the marker into ``folder``; ``command`` is what made the simulated copy."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(_TEXT.format(command=command, of=of), encoding="utf-8")


def is_simulated(folder: Path, root: Path, files: Iterable[Path] = ()) -> bool:
    """Whether a folder from ``folder`` up to ``root``, or one of ``files``, is marked.

    A marker beside the file that a link leads to counts too.
    """
    files = [path for path in files if os.path.isfile(path)]
    folder, root = folder.resolve(), root.resolve()
    folders = {folder, *(parent for parent in folder.parents if parent.is_relative_to(root))}
    folders |= {path.resolve().parent for path in files}
    markers = [place / name for place in folders for name in (MARKER, FORMER_MARKER)]
    # Path.is_file raises if a folder may not be read
    return any(os.path.isfile(path) for path in markers) or any(map(_has_note, files))


def _has_note(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return NOTE in head or FORMER_NOTE in head
