"""EDF recordings in the layout of eegmat, and what a refusal must look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from edfio import Edf, EdfAnnotation, EdfSignal

from datasets.eegmat.files import CHANNELS, LABELS

RATE = 500
ECG = 19  # its row among the channels that are read


def heart(seconds: float, intervals: tuple[float, ...] = (0.75,)) -> np.ndarray:
    """Gaussian R waves of 500 uV at the given RR intervals, repeated."""
    beats = 0.3 + np.cumsum(np.resize(intervals, int(seconds / min(intervals)) + 2))
    t = np.arange(round(seconds * RATE)) / RATE
    return 500 * np.exp(-(((t[:, None] - beats) / 0.015) ** 2) / 2).sum(axis=1)


def write(
    path: Path, signals: np.ndarray, labels: tuple[str, ...] = LABELS, unit: str = "uV"
) -> None:
    """An EDF+C file in the published layout: EEG, A2-A1, ECG, annotations."""
    order = [*range(len(CHANNELS)), ECG, ECG]
    names = [*labels[:ECG], "EEG A2-A1", labels[ECG]]
    written = [
        EdfSignal(
            signals[i], RATE, label=name, physical_dimension=unit, physical_range=(-3200, 3200)
        )
        for i, name in zip(order, names, strict=True)
    ]
    Edf(written, annotations=[EdfAnnotation(0, None, "start")]).write(path)


def recording(seconds: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 10, (len(LABELS), seconds * RATE))
    noise[ECG] += heart(seconds)
    return noise
