"""Features of DEAP: differential entropy of every second, channel and band, one file at a time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets import _deap_files
from datasets._cache import Arrays, remembered
from datasets._deap_files import RATE, Files, read_subject
from datasets._entropy import FLOOR, ORDER, band_entropy, gaussian_entropy
from datasets.base import DataError

BANDS = ((4.0, 8.0), (8.0, 14.0), (14.0, 31.0), (31.0, 45.0))  # Hz: theta, alpha, beta, gamma
_SETTINGS = {"features": "deap", "version": 1, "bands": BANDS, "order": ORDER, "floor": FLOOR}
_LEAST = np.float32(gaussian_entropy(np.zeros(1))[0])
_PATIENCE = 3.0  # seconds of silence before progress is told


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

    Raises DataError for the first file that is damaged or not what DEAP's is.
    """
    parts = {}
    for number, part in each(files):
        if isinstance(part, DataError):
            raise part
        parts[number] = part
    return joined(parts)


def each(files: Files) -> Iterator[tuple[int, Arrays | DataError]]:
    """Subject and :func:`of_subject` of every file, or why it cannot be used; tells progress."""
    start = time.monotonic()
    for done, (number, path) in enumerate(files.paths.items(), 1):
        try:
            yield number, of_subject(path)
        except DataError as error:
            yield number, error
        if time.monotonic() - start > _PATIENCE:
            told = f"deap: {path.name}, {done} of {len(files.paths)} files"
            print(told, file=sys.stderr, flush=True)


def joined(parts: Mapping[int, Arrays]) -> Recordings:
    """What :func:`of_subject` gave for each subject, one after the other."""
    count = _deap_files.FORM.videos
    return Recordings(
        entropy=np.concatenate([part["entropy"] for part in parts.values()]),
        ratings=np.concatenate([part["ratings"] for part in parts.values()]),
        subject=np.repeat(list(parts), count),
        video=np.tile(np.arange(1, count + 1), len(parts)),
    )


def of_subject(path: Path) -> Arrays:
    """``entropy`` and ``ratings`` of one file, from the cache where they are there."""

    def compute() -> Arrays:
        signals, ratings = read_subject(path)
        entropy = np.stack([band_entropy(trial, RATE, BANDS) for trial in signals])
        return {"entropy": entropy.astype(np.float32), "ratings": ratings}

    return remembered(path, {**_SETTINGS, "suffix": path.suffix}, compute)


def at_floor(entropy: np.ndarray) -> int:
    """How many entropies are those of a variance not above the floor."""
    return int((entropy <= _LEAST).sum())
