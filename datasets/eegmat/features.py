"""Features of one recording of ``eegmat``, whose docstring has the formulas and their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets._entropy import ORDER, band_filter, gaussian_entropy
from datasets._io import cached_features
from datasets.base import DataError
from datasets.eegmat.files import RATE, read_recording

WINDOW = RATE  # samples: 1 s
CONTEXT = 10 * RATE  # samples: the window of the slow ECG features
FLOOR = 1e-6  # square microvolts; keeps the entropy of a flat channel finite
EEG_BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 14.0), (14.0, 31.0), (31.0, 45.0))  # Hz
ECG_BANDS = ((1.0, 5.0), (5.0, 15.0), (15.0, 40.0))  # Hz: P and T waves, QRS, its sharp part
PULSE = 5  # features of beats, the last columns
INTERVALS = (0.3, 2.0)  # s: an RR interval outside is a missed or a false beat
_SETTINGS = {
    **{"features": "eegmat", "version": 1, "eeg": EEG_BANDS, "ecg": ECG_BANDS, "order": ORDER},
    **{"floor": FLOOR, "window": WINDOW, "context": CONTEXT, "intervals": INTERVALS},
}


def recording_features(path: Path) -> dict[str, np.ndarray]:
    """``eeg``, ``ecg`` and ``lost`` of every second of a file, from the cache if they are stored.

    Raises DataError for a file that cannot be used, one without heartbeats included.
    """

    def compute() -> dict[str, np.ndarray]:
        signals = read_recording(path)
        ecg, lost = ecg_features(signals[-1])
        if lost.all():
            raise DataError(f"the ECG of {path.name} shows no heartbeats; leave this subject out")
        return {"eeg": eeg_features(signals[:-1]), "ecg": ecg, "lost": lost}

    return cached_features(path, _SETTINGS, compute)


def eeg_features(signals: np.ndarray) -> np.ndarray:
    """Band entropies of every whole second: ``(c, t)`` -> ``(t // 500, 5 c)``, band by band."""
    entropies = [entropy(_windows(band)) for band in band_passed(signals, EEG_BANDS)]
    return np.concatenate([band.T for band in entropies], axis=1)


def ecg_features(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eleven features of every whole second of ``(t,)``, and in which of them beats were not found.

    Needs t >= 5000. A row whose 10 s have fewer than two successive differences of plausible RR
    intervals gets the recording's medians of the five beat features; if all rows are such, these
    are NaN.
    """
    bands = band_passed(signal[None], ECG_BANDS)[:, 0]
    peaks, heights = beats(bands[ECG_BANDS.index((5.0, 15.0))])
    rows = []
    for start in range(0, len(signal) // WINDOW * WINDOW, WINDOW):
        begin, end = context(start, len(signal))
        inside = (begin <= peaks) & (peaks < end)
        rows.append(
            [
                *entropy(bands[:, start : start + WINDOW]),
                *entropy(bands[:, begin:end]),
                *_pulse(peaks[inside], heights[inside]),
            ]
        )
    table = np.array(rows)
    lost: np.ndarray = np.asarray(np.isnan(table).any(axis=1))
    if not lost.all():
        table[lost, -PULSE:] = np.median(table[~lost, -PULSE:], axis=0)
    return table, lost


def band_passed(signals: np.ndarray, bands: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Zero-phase Butterworth band-pass of whole signals: ``(c, t)`` -> ``(bands, c, t)``."""
    from scipy.signal import sosfiltfilt  # other data sets need no scipy

    return np.stack([sosfiltfilt(band_filter(band, RATE), signals, axis=-1) for band in bands])


def entropy(samples: np.ndarray) -> np.ndarray:
    """Differential entropy in nats of a Gaussian with the variance along the last axis."""
    return gaussian_entropy(samples.var(axis=-1), FLOOR)


def context(start: int, total: int) -> tuple[int, int]:
    """The 10 s around the second that begins at ``start``, shifted to be inside the recording."""
    begin = min(max(start + (WINDOW - CONTEXT) // 2, 0), total - CONTEXT)
    return begin, begin + CONTEXT


def beats(qrs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions ``(k,)`` and heights ``(k,)`` of the R waves in an ECG filtered to 5-15 Hz.

    After J. Pan and W. J. Tompkins, A real-time QRS detection algorithm (1985), without its
    real-time parts: the slope is squared and averaged over 0.12 s, beats are its peaks at least
    0.3 s apart and above 0.3 of the median of its maxima over 2 s. The R wave is the largest
    absolute value within 0.1 s of such a peak; its height has no sign, as leads may be swapped.
    """
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import find_peaks

    energy = uniform_filter1d(np.gradient(qrs) ** 2, round(0.12 * RATE))
    pieces = energy[: len(energy) // (2 * RATE) * (2 * RATE)].reshape(-1, 2 * RATE)
    height = max(0.3 * float(np.median(pieces.max(axis=1))), FLOOR / RATE**2)
    maxima, _ = find_peaks(energy, height=height, distance=round(0.3 * RATE))
    reach, size = RATE // 10, np.abs(qrs)
    near = [slice(max(peak - reach, 0), peak + reach + 1) for peak in maxima]
    peaks = np.array([part.start + int(np.argmax(size[part])) for part in near], np.int64)
    return peaks, size[peaks]


def _pulse(peaks: np.ndarray, heights: np.ndarray) -> tuple[float, ...]:
    """Heart rate, SDNN, RMSSD, mean and SD of R heights; NaN if there are too few beats."""
    intervals = np.diff(peaks) / RATE
    intervals[(intervals < INTERVALS[0]) | (intervals > INTERVALS[1])] = np.nan
    steps = np.diff(intervals)
    steps = steps[~np.isnan(steps)]
    if len(steps) < 2:
        return (np.nan,) * PULSE
    intervals = intervals[~np.isnan(intervals)]
    return (
        60 / float(intervals.mean()),
        1e3 * float(intervals.std()),
        1e3 * float(np.sqrt(np.mean(steps**2))),
        float(heights.mean()),
        float(heights.std()),
    )


def _windows(signals: np.ndarray) -> np.ndarray:
    """Whole seconds, end to end: ``(c, t)`` -> ``(c, t // 500, 500)``."""
    count = signals.shape[1] // WINDOW
    return signals[:, : count * WINDOW].reshape(len(signals), count, WINDOW)
