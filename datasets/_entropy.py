"""Differential entropy of a signal in frequency bands, second by second.

The feature of Duan et al. (Differential entropy feature for EEG-based emotion classification, NER
2013): for a Gaussian of variance s^2 it is h = 1/2 ln(2 pi e s^2), here in nats, of the signal
after a band-pass. The filters run over the whole recording before it is cut into windows: a filter
for 4-8 Hz has not settled within one second. They run forward and backward, without a delay.

Closed forms, with H the filter that runs once in each direction:

* white noise of variance s^2 gives s_band^2 = s^2 * mean over 0 .. rate/2 of |H|^4, which is about
  0.87 * s^2 * 2 (high - low) / rate (0.87: the loss at the band edges, 5/6 * pi/6 / sin(pi/6));
* a sine of amplitude a inside the band gives a^2 / 2, outside it nearly 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ORDER = 3  # of the Butterworth prototype; forward and backward, hence 6 in effect
FLOOR = 1e-12  # squared units of the signal; keeps the entropy of a flat channel finite

Band = tuple[float, float]


def band_filter(band: Band, rate: float) -> np.ndarray:
    """Second-order sections of the Butterworth band-pass of ``band`` (Hz) at ``rate`` (Hz).

    Raises ValueError unless 0 < low < high < rate / 2.
    """
    from scipy.signal import butter  # other data sets need no scipy

    low, high = band
    if not 0 < low < high < rate / 2:
        raise ValueError(f"band {low:g}-{high:g} Hz must be between 0 and {rate / 2:g} Hz")
    return np.asarray(butter(ORDER, band, btype="bandpass", fs=rate, output="sos"))


def band_entropy(
    signals: np.ndarray,
    rate: float,
    bands: Sequence[Band],
    window: float = 1.0,
    floor: float = FLOOR,
) -> np.ndarray:
    """Differential entropy in nats, ``(channels, samples)`` -> ``(windows, channels, bands)``.

    ``window`` is in seconds; windows are consecutive from the first sample; the rest is dropped.
    Variances are about the window's mean, divided by its number of samples, and at least ``floor``.
    Raises ValueError for a band beyond half the rate, a recording shorter than one window, or a
    window that is not a whole number of samples.
    """
    from scipy.signal import sosfiltfilt

    width = round(window * rate)
    if width < 2 or abs(width - window * rate) > 1e-6:
        raise ValueError(
            f"a window of {window:g} s at {rate:g} Hz is not a whole number of samples"
        )
    channels, samples = signals.shape
    count = samples // width
    if count == 0:
        raise ValueError(f"{samples} samples at {rate:g} Hz are shorter than one window")
    centred = signals - signals.mean(axis=1, keepdims=True)
    margin = min(samples - 1, round(rate))  # mirrored at both ends for the filter to settle
    entropies = np.empty((count, channels, len(bands)))
    for b, band in enumerate(bands):
        passed = sosfiltfilt(band_filter(band, rate), centred, axis=1, padlen=margin)
        windows = passed[:, : count * width].reshape(channels, count, width)
        entropies[:, :, b] = gaussian_entropy(windows.var(axis=2), floor).T
    return entropies


def gaussian_entropy(variance: np.ndarray, floor: float = FLOOR) -> np.ndarray:
    """1/2 ln(2 pi e s^2) in nats, of variances, which are raised to at least ``floor``."""
    return 0.5 * np.log(2 * np.pi * np.e * np.maximum(variance, floor))
