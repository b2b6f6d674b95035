"""Features of DEAP: differential entropy of every second, channel and band, one file at a time."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets import _deap_files
from datasets._cache import remembered
from datasets._deap_files import RATE, Files, read_subject
from datasets._entropy import FLOOR, ORDER, band_entropy, gaussian_entropy

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
    start, parts = time.monotonic(), []
    for done, (number, path) in enumerate(files.paths.items(), 1):
        parts.append((number, of_subject(path)))
        if time.monotonic() - start > _PATIENCE:
            told = f"deap: {path.name}, {done} of {len(files.paths)} files"
            print(told, file=sys.stderr, flush=True)
    count = _deap_files.FORM.videos
    return Recordings(
        entropy=np.concatenate([part["entropy"] for _, part in parts]),
        ratings=np.concatenate([part["ratings"] for _, part in parts]),
        subject=np.repeat([number for number, _ in parts], count),
        video=np.tile(np.arange(1, count + 1), len(parts)),
    )


def of_subject(path: Path) -> dict[str, np.ndarray]:
    """``entropy`` and ``ratings`` of one file, from the cache where they are there."""

    def compute() -> dict[str, np.ndarray]:
        signals, ratings = read_subject(path)
        entropy = np.stack([band_entropy(trial, RATE, BANDS) for trial in signals])
        return {"entropy": entropy.astype(np.float32), "ratings": ratings}

    return remembered(path, {**_SETTINGS, "suffix": path.suffix}, compute)


def at_floor(entropy: np.ndarray) -> int:
    """How many entropies are those of a variance not above the floor."""
    return int((entropy <= _LEAST).sum())
