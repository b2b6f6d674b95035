"""DEAP on disk: where the files of its 32 subjects may be, and what each of them contains.

Either format is accepted; the more complete one is read, ``.mat`` if both are equal:

``data_preprocessed_matlab/s01.mat .. s32.mat``  MATLAB files
``data_preprocessed_python/s01.dat .. s32.dat``  pickles of Python 2, read by ``_io.read_pickle``,
                                                 which accepts plain arrays only

in the data root or up to six folders below it, names in any case. Each file has ``data`` (40 videos
x 40 channels x 8064 samples at 128 Hz) and ``labels`` (40 videos x 4 ratings: valence, arousal,
dominance, liking; 1 to 9).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets._io import check_file, read_mat, read_pickle, search
from datasets._io.search import Copy
from datasets.base import DataError

SUBJECTS = 32
RATE = 128  # Hz
BASELINE = 3 * RATE  # samples of a trial before its video
FOLDERS = {"mat": "data_preprocessed_matlab", "dat": "data_preprocessed_python"}
FORMATS = ("auto", *FOLDERS)
ORIGIN = "the preprocessed part of DEAP"
MAX_FILE = 512 * 2**20  # bytes; a file of DEAP has 103 MB
_NAME = re.compile(r"s(0[1-9]|[12]\d|3[0-2])\.(mat|dat)", re.ASCII | re.IGNORECASE)
_NEAR = re.compile(r"s(\d{1,2})\.(bdf|csv|npy|npz|pkl|h5|mat|dat)", re.ASCII | re.IGNORECASE)
_ARCHIVE = re.compile(r"deap|data_(preprocessed|original)", re.IGNORECASE)


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


def locate(root: Path, file_format: str = "auto", folder: str = "") -> Files | None:
    """The most complete set of files in or below ``root``, of format mat, dat or auto.

    ``folder`` (below ``root``)  where several copies lie, the one in this folder. None if there is
    no file. Raises DataError if another copy of that format has a different file, or none lies in
    ``folder``.
    """
    found = _found(root, file_format)
    if not found:
        return None
    inside = search.inside("deap", [copy for _, copy in found], root, folder)
    (kind, best), *_ = [pair for pair in found if pair[1] in inside]
    same_form = [copy for form, copy in found if form == kind and copy in inside]
    copy = search.settled("deap", [best, *(c for c in same_form if c is not best)], root)
    return Files(copy.folder, kind, dict(copy.files))


def is_there(root: Path) -> bool:
    """Whether a file of DEAP lies in or below ``root``. Opens no file."""
    return bool(_found(root, "auto"))


def _found(root: Path, file_format: str) -> list[tuple[str, Copy[int]]]:
    """Formats and their copies: the most complete first, mat before dat, then from above."""
    wanted = tuple(FOLDERS) if file_format == "auto" else (file_format,)
    places = search.walk(root)
    found = [(kind, copy) for kind in wanted for copy in search.copies(places, _numbered(kind))]
    return sorted(found, key=lambda pair: -len(pair[1].files))


def near_misses(root: Path) -> tuple[str, ...]:
    """What is not a file of DEAP's preprocessed part but resembles it, one clause each."""

    def number_of(name: str) -> str | None:
        other = _NEAR.fullmatch(name) if not _NAME.fullmatch(name) else None
        return name if other else None

    def known(name: str) -> bool | None:
        return True if _NAME.fullmatch(name) else None

    places = search.walk(root)
    clauses = search.archives(places, _ARCHIVE, known)
    for copy in search.copies(places, number_of):
        suffixes = {path.suffix.lower() for path in copy.files.values()}
        why = "are raw recordings" if suffixes == {".bdf"} else "are not called s01.mat or s01.dat"
        clauses.append(f"{search.named_so(copy)} {why}")
    return tuple(clauses)


def other_format(files: Files, root: Path) -> Files | None:
    """The files of the other format below ``root``, which are not read; None if none."""
    (kind,) = FOLDERS.keys() - {files.format}
    found = _found(root, kind)
    return Files(found[0][1].folder, kind, dict(found[0][1].files)) if found else None


def _numbered(kind: str) -> Callable[[str], int | None]:
    """The subject of a file's name, for files of format ``kind``."""

    def subject(name: str) -> int | None:
        match = _NAME.fullmatch(name)
        return int(match[1]) if match and match[2].lower() == kind else None

    return subject


def read_subject(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Signals ``(videos, channels, samples)`` and ratings ``(videos, 4)`` of one file, float64.

    Raises DataError for a file that is too large, damaged or of another shape, for NaN or infinite
    values and for ratings outside 1 to 9.
    """
    name = path.name
    check_file(path, name, MAX_FILE)
    content = (
        read_mat(path, name, MAX_FILE)
        if path.suffix.lower() == ".mat"
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
