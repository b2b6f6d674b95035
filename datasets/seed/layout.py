"""SEED's numbers: what each of its files must contain, and the choices that it leaves.

Lengths of the 15 clips are known from the released one-second features (3394 windows a file). Cut
into windows of 4 s, clip by clip with remainders dropped, they give WINDOWS: 499 rows in clips
1-9, 175 in 10-12 and 168 in 13-15, which over 27 files are the 13473, 4725 and 4536 of Table 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from datasets import base
from datasets._options import chosen, numbers, spans
from datasets.base import Scaling

SUBJECTS = (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14)  # those with EEG and eye movements
SESSIONS = (1, 2, 3)
BANDS = ("delta", "theta", "alpha", "beta", "gamma")
CHANNELS, EYE = 62, 33
EYE_WITHOUT_BLINKS = 31  # as SEED-IV's: mean and SD of the blink duration are left out
CLASSES = ("negative", "neutral", "positive")
CLIPS = np.array([2, 1, 0, 0, 1, 2, 0, 1, 2, 2, 1, 0, 1, 2, 0])  # class of clips 1..15
WINDOWS = np.array([58, 58, 51, 59, 46, 48, 59, 54, 66, 59, 58, 58, 58, 59, 51])  # of 4 s
SECONDS = np.array([235, 233, 206, 238, 185, 195, 237, 216, 265, 237, 235, 233, 235, 238, 206])
FIRST_PART = 9  # clips in a file's train_data; the other six are its test_data
TRAIN_ROWS, TEST_ROWS = int(WINDOWS[:FIRST_PART].sum()), int(WINDOWS[FIRST_PART:].sum())
FILE_ROWS = TRAIN_ROWS + TEST_ROWS
LABELS = np.repeat(CLIPS, WINDOWS)  # of every row of a file
LIMIT = 2**28  # unpacked bytes of one file; the largest genuine ones, of 1-s windows, have 70 MB


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
    folder: str = base.setting("", "folder below the data root: which of several copies is read")


OPTIONS = Settings


def settings(options: Mapping[str, str] | None) -> Settings:
    """Options over their defaults. Raises DataError for an unknown name or value."""
    return chosen("seed", OPTIONS, options)
