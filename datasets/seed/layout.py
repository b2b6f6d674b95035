"""SEED on disk: where its files may be, and what each of them must contain.

Lengths of the 15 clips are known from the released one-second features (3394 windows a file). Cut
into windows of 4 s, clip by clip with remainders dropped, they give WINDOWS: 499 rows in clips
1-9, 175 in 10-12 and 168 in 13-15, which over 27 files are the 13473, 4725 and 4536 of Table 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np

from datasets import base
from datasets._options import chosen, numbers, spans
from datasets.base import Scaling

SUBJECTS = (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14)  # those with EEG and eye movements
SESSIONS = (1, 2, 3)
BANDS = ("delta", "theta", "alpha", "beta", "gamma")
CHANNELS, EYE = 62, 33
CLASSES = ("negative", "neutral", "positive")
CLIPS = np.array([2, 1, 0, 0, 1, 2, 0, 1, 2, 2, 1, 0, 1, 2, 0])  # class of clips 1..15
WINDOWS = np.array([58, 58, 51, 59, 46, 48, 59, 54, 66, 59, 58, 58, 58, 59, 51])  # of 4 s
SECONDS = np.array([235, 233, 206, 238, 185, 195, 237, 216, 265, 237, 235, 233, 235, 238, 206])
FIRST_PART = 9  # clips in a file's train_data; the other six are its test_data
TRAIN_ROWS, TEST_ROWS = int(WINDOWS[:FIRST_PART].sum()), int(WINDOWS[FIRST_PART:].sum())
FILE_ROWS = TRAIN_ROWS + TEST_ROWS
LABELS = np.repeat(CLIPS, WINDOWS)  # of every row of a file


def _subjects(text: str) -> tuple[int, ...]:
    if text.strip() == "all":
        return SUBJECTS
    named = numbers(text, "1-5,8-11, or all")
    wrong = [number for number in named if number not in SUBJECTS]
    if wrong or not named or len(set(named)) < len(named):
        raise ValueError(
            f"must name subjects with both modalities, each once: {spans(SUBJECTS)}"
            + (f", not {wrong[0]}" if wrong else "")
        )
    return tuple(sorted(named))


@dataclass(frozen=True)
class Settings(base.Settings):
    """Choices that SEED leaves to its user."""

    subjects: tuple[int, ...] = base.setting(
        (*range(1, 6), *range(8, 12)),
        "which subjects, such as 1-5,8-11; the paper does not name its nine, so the default is the "
        "first nine of the twelve with both modalities; all means 1-5,8-14",
        parse=_subjects,
        typed="1-5,8-11",
    )
    layout: str = base.setting(
        "auto",
        "where EEG features come from: npz (multimodal release), mat (ExtractedFeatures), or auto",
        choices=("auto", "npz", "mat"),
    )
    order: str = base.setting(
        "bands",
        "the 310 EEG columns: bands (62 channels of delta, then of theta, ...) or channels "
        "(5 bands of channel 1, then of channel 2, ...)",
        choices=("bands", "channels"),
    )
    smoothing: str = base.setting(
        "LDS",
        "which smoothed features of the layout mat, LDS or movingAve; the layout npz has only one",
        choices=("LDS", "movingAve"),
    )
    scaling: Scaling = base.setting(
        "per_file",
        "z-scores before a method sees rows, fitted on training rows: per_file, global or none",
        choices=get_args(Scaling),
    )


OPTIONS = Settings

_MULTIMODAL = ("SEED_Multimodal", "Chinese")
_EYE = (*_MULTIMODAL, "04-Eye-tracking-feature", "eye_tracking_feature")
_EEG = {  # in order of preference; the window of a folder is read from its files, not its name
    "npz": ((*_MULTIMODAL, "02-EEG-DE-feature", "eeg_used_4s"),),
    "mat": (("SEED_EEG", "ExtractedFeatures_4s"), ("SEED_EEG", "ExtractedFeatures")),
    "npz 1 s": ((*_MULTIMODAL, "02-EEG-DE-feature", "eeg_used_1s"),),
    "mat 1 s": (("SEED_EEG", "ExtractedFeatures_1s"),),
}
_TREE = {_EYE[-1], *(name for paths in (*_EEG.values(), (_EYE,)) for p in paths for name in p)}
_SUBJECT = r"([1-9][0-9]?)"
_NAMES = {
    "npz": rf"{_SUBJECT}_([123])\.npz",
    "mat": rf"{_SUBJECT}_([0-9]{{8}})\.mat",
    "eye": rf"{_SUBJECT}_([123])",
}


Files = dict[tuple[int, int], Path]
"""(subject, session) -> file."""


@dataclass(frozen=True)
class Source:
    """Folders of one copy. ``layout`` npz or mat; ``eye`` None where no eye folder was found."""

    layout: str
    eeg: Path
    eye: Path | None

    @cached_property
    def folders(self) -> tuple[tuple[Path, Files], ...]:
        """EEG's folder, then that of the eye features if there is one; each with its files."""
        eye = ((self.eye, recordings(self.eye, "eye")),) if self.eye else ()
        return ((self.eeg, recordings(self.eeg, self.layout)), *eye)


def settings(options: Mapping[str, str] | None) -> Settings:
    """Options over their defaults. Raises DataError for an unknown name or value."""
    return chosen("seed", OPTIONS, options)


def locate(root: Path, layout: str = "auto") -> Source | None:
    """The copy at, below or above ``root``, which may be any folder of the release's tree."""
    top = root = root.absolute()  # so that "." has the names of the folders above it
    while top.name in _TREE and top.parent != top:
        top = top.parent
    starts = tuple(dict.fromkeys((root, top, top / "SEED")))
    eye = next((f for f in _folders(starts, (_EYE,)) if _has_files(f, "eye")), None)
    candidates = [(form, root) for form in ("npz", "mat")]  # the folder that was named comes first
    for kind, paths in _EEG.items():
        candidates += [(kind.split()[0], folder) for folder in _folders(starts, paths)]
    for form, folder in candidates:
        if layout in ("auto", form) and _has_files(folder, form):
            return Source(form, folder, eye)
    return None


def _folders(starts: Iterable[Path], paths: Iterable[tuple[str, ...]]) -> Iterator[Path]:
    """Every suffix of every path, below each start: A/B/C, B/C, C."""
    for path in paths:
        for start in starts:
            for skipped in range(len(path)):
                yield start.joinpath(*path[skipped:])


def _has_files(folder: Path, form: str) -> bool:
    return next(_named(folder, form), None) is not None


def _named(folder: Path, form: str) -> Iterator[tuple[Path, int, int]]:
    """Files of one form, with the two numbers of their names."""
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return
    for name in names:
        if match := re.fullmatch(_NAMES[form], name):
            yield folder / name, int(match[1]), int(match[2])


def recordings(folder: Path, form: str) -> Files:
    """Files of one form. In the form ``mat`` a name has a date, and sessions are in its order."""
    files: Files = {}
    dates: dict[int, int] = {}
    named = sorted(_named(folder, form), key=lambda item: (item[1], item[2]))
    for path, subject, number in named:
        dates[subject] = dates.get(subject, 0) + 1
        files[subject, dates[subject] if form == "mat" else number] = path
    return files


def complete_subjects(source: Source) -> list[int]:
    """Subjects with EEG of all three sessions and, if there is an eye folder, eye files of them."""
    there = set.intersection(*(set(files) for _, files in source.folders))
    return [s for s in SUBJECTS if all((s, session) in there for session in SESSIONS)]
