"""The files of ``eegmat``: finding and reading recordings and the table of subjects.

``SHA256SUMS.txt`` beside this module is PhysioNet's own list for version 1.0.0, as published at
https://physionet.org/files/eegmat/1.0.0/SHA256SUMS.txt.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from datasets._io import check_file, read_microvolts, search
from datasets._io.search import Copy
from datasets.base import DataError

CHANNELS = (
    *("Fp1", "Fp2", "F3", "F4", "F7", "F8", "T3", "T4", "C3", "C4", "T5", "T6"),
    *("P3", "P4", "O1", "O2", "Fz", "Cz", "Pz"),
)
LABELS = (*(f"EEG {channel}" for channel in CHANNELS), "ECG ECG")
RATE = 500  # Hz
SHORTEST = 10  # s
INFO = "subject-info.csv"
GET = "get it from https://physionet.org/content/eegmat/1.0.0/"
SUMS = Path(__file__).with_name("SHA256SUMS.txt")
_FILE = re.compile(r"Subject([0-2]\d|3[0-5])_([12])\.edf", re.ASCII | re.IGNORECASE)
_ARCHIVE = re.compile(r"eegmat|eeg-during-mental|mental-arithmetic", re.IGNORECASE)

Recordings = Copy[tuple[int, int]]
"""(subject, 1 or 2) -> file."""


def number_of(name: str) -> tuple[int, int] | None:
    """Subject, and 1 for rest or 2 for arithmetic, of a file's name in any case; None if none."""
    match = _FILE.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def locate(root: Path, folder: str = "") -> Recordings | None:
    """The most complete copy; among equals the one nearest to ``root``, then the first by name.

    Raises DataError if another copy has a different file, or none lies in ``folder``.
    """
    found = search.inside("eegmat", _found(root), root, folder)
    return search.settled("eegmat", found, root) if found else None


def is_there(root: Path) -> bool:
    """Whether a recording lies in or below ``root``. Opens no file."""
    return bool(_found(root))


def _found(root: Path) -> list[Recordings]:
    found = search.copies(search.walk(root), number_of)
    return sorted(found, key=lambda copy: (-len(copy.files), copy.depth, copy.folder))


def near_misses(root: Path) -> tuple[str, ...]:
    """What is not a recording but may hold some, one clause each."""
    return tuple(search.archives(search.walk(root), _ARCHIVE, number_of))


def needed(root: Path | None, folder: str) -> Recordings:
    """As ``locate``; raises DataError if there is none."""
    if root is None:
        raise DataError(f"eegmat is not in the project; {GET} and name its folder with --data-root")
    copy = locate(root, folder)
    if copy is None:
        near = search.resembling(near_misses(root))
        raise DataError(
            f"no file such as Subject00_1.edf was found in {root} {search.BELOW}{near}; {GET}"
        )
    return copy


def check_complete(copy: Recordings, subjects: Sequence[int]) -> None:
    """Raise DataError if one of ``subjects`` lacks a recording."""
    wanted = [(subject, part) for subject in subjects for part in (1, 2)]
    missing = [key for key in wanted if key not in copy.files]
    if missing:
        subject, part = missing[0]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"{copy.folder} lacks Subject{subject:02d}_{part}.edf{more}; {GET} or name the "
            "subjects that you have with the option subjects"
        )


def published_sums() -> Mapping[str, str]:
    """SHA-256 in hex of every published file, by its name in lower case."""
    lines = (line.split() for line in SUMS.read_text("ascii").splitlines())
    return {name.lower(): digest for digest, name in lines}


def altered(files: Sequence[Path]) -> list[str]:
    """Names of those of ``files`` whose bytes are not the published ones, or cannot be read."""
    sums, names = published_sums(), []
    for path in files:
        try:
            check_file(path, path.name)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (DataError, OSError):
            digest = ""
        if digest != sums.get(path.name.lower()):
            names.append(path.name)
    return names


def read_recording(path: Path) -> np.ndarray:
    """Nineteen channels of EEG and one of ECG, ``(20, t)`` in microvolts."""
    signals = read_microvolts(path, LABELS, rate=RATE)
    if signals.shape[1] < SHORTEST * RATE:
        raise DataError(f"{path.name} is shorter than {SHORTEST} s; download it again")
    return signals


def info_file(folder: Path) -> Path:
    """``subject-info.csv`` in ``folder``, in any case; it need not exist."""
    same = (path for path in sorted(folder.iterdir()) if path.name.lower() == INFO)
    return next(same, folder / INFO)


def counted_well(folder: Path, subjects: Sequence[int]) -> dict[int, int]:
    """1 for each of ``subjects`` who counted well, 0 who counted badly."""
    path = info_file(folder)
    try:
        check_file(path, INFO)
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(2**16)
    except (DataError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{INFO} cannot be read beside the recordings; {GET}") from error
    delimiter = ";" if text.partition("\n")[0].count(";") else ","
    quality: dict[int, int] = {}
    for row in csv.DictReader(text.splitlines(), delimiter=delimiter):
        name, value = (str(row.get(key) or "").strip() for key in ("Subject", "Count quality"))
        match = re.fullmatch(r"Subject(\d\d)", name, re.ASCII)
        if match and value in ("0", "1"):
            quality[int(match[1])] = int(value)
    missing = [subject for subject in subjects if subject not in quality]
    if missing:
        raise DataError(f"{INFO} gives no 'Count quality' of Subject{missing[0]:02d}; {GET}")
    return {subject: quality[subject] for subject in subjects}
