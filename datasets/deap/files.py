"""DEAP on disk: where the files of its 32 subjects may be, and what each of them contains.

Either format is accepted; the more complete one is read, ``.mat`` if both are equal:

``data_preprocessed_matlab/s01.mat .. s32.mat``  MATLAB files
``data_preprocessed_python/s01.dat .. s32.dat``  pickles of Python 2, read by ``_io.read_pickle``,
                                                 which accepts plain arrays only

in the data root, in ``DEAP/`` below it, or directly in the named folder. Each file has
``data`` (40 videos x 40 channels x 8064 samples at 128 Hz) and ``labels`` (40 videos x 4 ratings:
valence, arousal, dominance, liking; 1 to 9).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets._io import check_file, read_mat, read_pickle
from datasets.base import DataError

SUBJECTS = 32
RATE = 128  # Hz
BASELINE = 3 * RATE  # samples of a trial before its video
FOLDERS = {"mat": "data_preprocessed_matlab", "dat": "data_preprocessed_python"}
FORMATS = ("auto", *FOLDERS)
ORIGIN = "the preprocessed part of DEAP"
MAX_FILE = 512 * 2**20  # bytes; a file of DEAP has 103 MB


@dataclass(frozen=True)
class Form:
    """Shape of one file: videos, channels (32 EEG, 8 peripheral), samples, ratings a video."""

    videos: int = 40
    channels: int = 40
    samples: int = 63 * RATE
    ratings: int = 4

    @property
    def seconds(self) -> int:
        return self.samples // RATE


FORM = Form()


@dataclass(frozen=True)
class Files:
    """The files of one format: ``paths`` by subject number, ascending."""

    folder: Path
    format: str
    paths: dict[int, Path]

    @property
    def missing(self) -> str:
        """The missing files: the first three and how many more; "" if none."""
        names = [f"s{s:02d}" for s in range(1, SUBJECTS + 1) if s not in self.paths]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return ", ".join(names[:3]) + more


def locate(root: Path, file_format: str = "auto") -> Files | None:
    """The most complete set of files at ``root``, of format mat, dat or auto; None if none."""
    wanted = tuple(FOLDERS) if file_format == "auto" else (file_format,)
    candidates = [
        Files(folder, kind, _numbered(folder, kind))
        for kind in wanted
        for base in (root, root / "DEAP")
        for folder in (base / FOLDERS[kind], base)
    ]
    best = max(candidates, key=lambda files: len(files.paths))  # the first of the largest
    return best if best.paths else None


def other_format(files: Files) -> Files | None:
    """The files of the other format in the same copy, which are not read; None if none."""
    (kind,) = FOLDERS.keys() - {files.format}
    inner = files.folder.name in FOLDERS.values()
    return locate(files.folder.parent if inner else files.folder, kind)


def _numbered(folder: Path, kind: str) -> dict[int, Path]:
    paths = {}
    for number in range(1, SUBJECTS + 1):
        path = folder / f"s{number:02d}.{kind}"
        if os.path.isfile(path):  # Path.is_file raises if the folder may not be read
            paths[number] = path
    return paths


def read_subject(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Signals ``(videos, channels, samples)`` and ratings ``(videos, 4)`` of one file, float64.

    Raises DataError for a file that is too large, damaged or of another shape, for NaN or infinite
    values and for ratings outside 1 to 9.
    """
    name = path.name
    check_file(path, name, MAX_FILE)
    content = (
        read_mat(path, name, MAX_FILE)
        if path.suffix == ".mat"
        else read_pickle(path.read_bytes(), name)
    )
    signals = _numbers(content, "data", (FORM.videos, FORM.channels, FORM.samples), name)
    ratings = _numbers(content, "labels", (FORM.videos, FORM.ratings), name)
    if ratings.min() < 1 or ratings.max() > 9:
        raise DataError(f"'labels' of {name} has ratings outside 1 to 9; copy the file again")
    return signals, ratings


def _numbers(content: Any, key: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = content.get(key) if isinstance(content, dict) else None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise DataError(
            f"{name} has no array of numbers called '{key}'; copy it again from {ORIGIN}"
        )
    if array.ndim == 3 and (*array.shape[:2], array.shape[2] + BASELINE) == shape:
        raise DataError(
            f"'{key}' of {name} has {array.shape[2] // RATE} s a trial, without the "
            f"{BASELINE // RATE} s before the video that Table 1 counts; copy it again from "
            f"{ORIGIN}"
        )
    if array.shape != shape:
        actual, right = (" x ".join(map(str, s)) or "a scalar" for s in (array.shape, shape))
        raise DataError(f"'{key}' of {name} is {actual}, not {right}; copy it again from {ORIGIN}")
    bad = ~np.isfinite(array)
    if bad.any():
        where = int(np.argwhere(bad)[0][0]) + 1
        raise DataError(
            f"'{key}' of {name} has {int(bad.sum())} NaN or infinite values, the first in video "
            f"{where}; copy it again from {ORIGIN}"
        )
    return np.asarray(array, np.float64)
