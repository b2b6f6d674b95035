"""Features of DEAP: differential entropy of every second, channel and band, one file at a time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets._entropy import FLOOR, ORDER, band_entropy, gaussian_entropy
from datasets._io import Arrays, cached_features
from datasets.base import DataError
from datasets.deap import files as deap_files
from datasets.deap.files import RATE, Files, read_subject

BANDS = ((4.0, 8.0), (8.0, 14.0), (14.0, 31.0), (31.0, 45.0))  # Hz: theta, alpha, beta, gamma
_SETTINGS = {"features": "deap", "version": 1, "bands": BANDS, "order": ORDER, "floor": FLOOR}
_LEAST = np.float32(gaussian_entropy(np.zeros(1))[0])
_QUIET = 3.0  # seconds without a progress line


@dataclass(frozen=True, eq=False)
class Recordings:
    """All trials, before any is dropped.

    ``entropy``  (trials, seconds, channels, bands) float32; ``ratings`` (trials, 4).
    ``subject`` / ``video``  (trials,), from 1.
    """

    entropy: np.ndarray
    ratings: np.ndarray
    subject: np.ndarray
    video: np.ndarray


def recordings(files: Files) -> Recordings:
    """Features and ratings of all ``files``, one file in memory at a time.

    Raises DataError for the first file that is damaged or differs from DEAP's format.
    """
    parts = {}
    for number, part in features_by_subject(files):
        if isinstance(part, DataError):
            raise part
        parts[number] = part
    return concatenated(parts)


def features_by_subject(files: Files) -> Iterator[tuple[int, Arrays | DataError]]:
    """Subject and :func:`subject_features` of every file, or why it cannot be used.

    Prints progress on stderr if it takes long.
    """
    start = time.monotonic()
    for done, (number, path) in enumerate(files.paths.items(), 1):
        try:
            yield number, subject_features(path)
        except DataError as error:
            yield number, error
        if time.monotonic() - start > _QUIET:
            line = f"deap: {path.name}, {done} of {len(files.paths)} files"
            print(line, file=sys.stderr, flush=True)


def concatenated(parts: Mapping[int, Arrays]) -> Recordings:
    """The results of :func:`subject_features`, one subject after the other."""
    count = deap_files.FORM.videos
    return Recordings(
        entropy=np.concatenate([part["entropy"] for part in parts.values()]),
        ratings=np.concatenate([part["ratings"] for part in parts.values()]),
        subject=np.repeat(list(parts), count),
        video=np.tile(np.arange(1, count + 1), len(parts)),
    )


def subject_features(path: Path) -> Arrays:
    """``entropy`` and ``ratings`` of one file, from the cache if they are stored there."""

    def compute() -> Arrays:
        signals, ratings = read_subject(path)
        entropy = np.stack([band_entropy(trial, RATE, BANDS) for trial in signals])
        return {"entropy": entropy.astype(np.float32), "ratings": ratings}

    return cached_features(path, {**_SETTINGS, "suffix": path.suffix.lower()}, compute)


def count_flat(entropy: np.ndarray) -> int:
    """Number of entropies whose variance is at or below the floor."""
    return int((entropy <= _LEAST).sum())
