"""The files of ``eegmat``: finding and reading recordings and the table of subjects."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets._io import check_file, read_microvolts
from datasets.base import DataError

CHANNELS = (
    *("Fp1", "Fp2", "F3", "F4", "F7", "F8", "T3", "T4", "C3", "C4", "T5", "T6"),
    *("P3", "P4", "O1", "O2", "Fz", "Cz", "Pz"),
)
LABELS = (*(f"EEG {channel}" for channel in CHANNELS), "ECG ECG")
RATE = 500  # Hz
SHORTEST = 10  # s
DEPTH = 5  # folders below the data root; wget -r puts the files so deep
INFO = "subject-info.csv"
GET = "get it from https://physionet.org/content/eegmat/1.0.0/"
_FILE = re.compile(r"Subject([0-2]\d|3[0-5])_([12])\.edf", re.ASCII)


def folder_of(root: Path | None) -> Path:
    """The folder of the recordings in or below ``root``. Raises DataError if there is none."""
    if root is None:
        raise DataError(f"eegmat is not in the project; {GET} and name its folder with --data-root")
    folder = search(root)
    if folder is None:
        raise DataError(f"no file such as Subject00_1.edf was found in or below {root}; {GET}")
    return folder


def search(root: Path) -> Path | None:
    """The folder with the most recordings; among equals the shallowest, then the first by name."""
    best: tuple[int, int, str] | None = None
    seen: set[str] = set()
    for place, folders, files in os.walk(root, followlinks=True):
        depth = len(Path(place).relative_to(root).parts)
        real = os.path.realpath(place)
        if depth >= DEPTH or real in seen:  # a link to a folder above it would never end
            folders.clear()
        seen.add(real)
        count = sum(_FILE.fullmatch(file) is not None for file in files)
        if count:
            best = min(best or (0, 0, ""), (-count, depth, place))
    return None if best is None else Path(best[2])


def recordings(folder: Path) -> dict[tuple[int, int], Path]:
    """(subject, 1 or 2) -> file."""
    matches = [(_FILE.fullmatch(path.name), path) for path in folder.iterdir()]
    return {(int(match[1]), int(match[2])): path for match, path in matches if match is not None}


def complete(folder: Path, subjects: Sequence[int]) -> dict[tuple[int, int], Path]:
    """The recordings. Raises DataError if one of ``subjects`` lacks one."""
    present = recordings(folder)
    wanted = [(subject, part) for subject in subjects for part in (1, 2)]
    missing = [key for key in wanted if key not in present]
    if missing:
        subject, part = missing[0]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"{folder} lacks Subject{subject:02d}_{part}.edf{more}; {GET} or name the subjects "
            "that you have with the option subjects"
        )
    return present


def read_recording(path: Path) -> np.ndarray:
    """Nineteen channels of EEG and one of ECG, ``(20, t)`` in microvolts."""
    signals = read_microvolts(path, LABELS, rate=RATE)
    if signals.shape[1] < SHORTEST * RATE:
        raise DataError(f"{path.name} is shorter than {SHORTEST} s; download it again")
    return signals


def counted_well(folder: Path, subjects: Sequence[int]) -> dict[int, int]:
    """1 for each of ``subjects`` who counted well, 0 who counted badly."""
    try:
        check_file(folder / INFO, INFO)
        with (folder / INFO).open(encoding="utf-8-sig", newline="") as file:
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
