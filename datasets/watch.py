"""Smartwatch exercises: accelerometer and gyroscope of 10 people doing 7 shoulder exercises.

Source: ``watch_dataset.npy`` of seglearn 1.2.5, the author's own recordings (D. Burns et al.,
Shoulder physiotherapy exercise recognition, 2018, https://arxiv.org/abs/1802.01489). Licence:
BSD-3-Clause. 140 recordings = 10 people x 7 exercises x 2 sides, at 50 Hz; columns ax ay az
(acceleration; about 1 at rest, so in g) and wx wy wz (angular rate; the source states no unit, the
range suggests rad/s). Exercises, as the source abbreviates them: PEN ABD FEL IR ER TRAP ROW.

Rows: consecutive windows of 2 s (100 samples) from the start of each recording, the rest dropped:
2369 windows, 254 to 396 an exercise. Views: ``acc`` (ax ay az) and ``gyr`` (wx wy wz), 36 features
each: for each axis in turn, with its samples s_0 .. s_99,

1.  mean
2.  standard deviation (divided by 100)
3-7. minimum, lower quartile, median, upper quartile, maximum (quartiles interpolated linearly)
8.  mean of |s_t - s_(t-1)|, t = 1 .. 99
9-12. differential entropy 1/2 ln(2 pi e P) in nats, of the power P of the bands 0.5-1, 1.5-2.5,
    3-7.5 and 8-25 Hz, both ends included (the bins of a 2-s window are 0.5 Hz apart): P is the sum
    over the bins k of the band of 2 |S_k|^2 / 100^2 (once, not twice, at 25 Hz), S the discrete
    Fourier transform of the window as it is, and not less than 1e-6. Over the four bands P sums to
    the variance, and a sine of amplitude a on a bin has P = a^2 / 2.

Groups: ``person`` (1..10) and ``recording`` (0..139). Splits:

person     the default: each person is in one part, as for a new user of a watch
recording  windows of one recording are in one part; the same person is in all parts
window     windows are cut at random, as the paper cuts its segments; the neighbours of a test
           window are in the training part

Logistic regression (C = 1, features standardised), accuracy in % on tuning rows, mean of 10 draws
of split and labels; test rows were not used:

=====================  =====  =====  =====  =====
labelled                2 %    5 %   10 %   100 %
=====================  =====  =====  =====  =====
person     acc          67.7   75.1   79.2   80.9
person     gyr          47.5   58.8   63.9   71.0
person     acc + gyr    67.8   76.3   80.5   85.3
recording  acc + gyr    64.8   75.4   79.4   81.7
window     acc + gyr    72.3   82.1   86.1   93.9
=====================  =====  =====  =====  =====

Fusion gains little here with few labels. The window split is easier than person because it leaks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets._io import vendored
from datasets.base import Dataset, Provenance, Split

VIEWS = ("acc", "gyr")
EXERCISES = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
WINDOW = 100  # samples
RATE = 50.0  # Hz
BANDS = ((0.5, 1.0), (1.5, 2.5), (3.0, 7.5), (8.0, 25.0))  # Hz, both ends included
POWER_FLOOR = 1e-6  # squared units; keeps the entropy of a still axis finite


def load(views: tuple[str, ...] | None = None, root: Path | None = None) -> Dataset:
    """The 2369 windows with ``views`` (default acc and gyr); ``root`` is unused.

    Raises DataError for an unknown view or a damaged vendored file.
    """
    arrays = vendored("watch")
    data = Dataset(
        key="watch",
        draw_key="watch",
        title="Smartwatch exercises",
        views=tuple(arrays[view] for view in VIEWS),
        view_names=VIEWS,
        labels=arrays["labels"].astype(np.int64),
        class_names=EXERCISES,
        splits=(
            Split("person", by="person"),
            Split("recording", by="recording", stratify=True, leaks=("person",)),
            Split("window", stratify=True, leaks=("person", "recording")),
        ),
        provenance=Provenance(
            kind="open",
            source="watch_dataset.npy of seglearn 1.2.5",
            licence="BSD-3-Clause",
            citation="Burns, D. et al. (2018). https://arxiv.org/abs/1802.01489",
        ),
        groups={name: arrays[name].astype(np.int64) for name in ("person", "recording")},
    )
    return data.choose(VIEWS if views is None else views)


def features(recording: np.ndarray) -> np.ndarray:
    """The 36 features of every whole window of one sensor: ``(t, 3)`` -> ``(t // 100, 36)``."""
    count = len(recording) // WINDOW
    windows = recording[: count * WINDOW].reshape(count, WINDOW, 3).transpose(0, 2, 1)
    quartiles = np.quantile(windows, (0, 0.25, 0.5, 0.75, 1), axis=2)  # (5, count, 3)
    columns = [
        windows.mean(axis=2),
        windows.std(axis=2),
        *quartiles,
        np.abs(np.diff(windows, axis=2)).mean(axis=2),
        *_entropies(windows),
    ]
    return np.stack(columns, axis=2).reshape(count, 3 * len(columns))


def _entropies(windows: np.ndarray) -> list[np.ndarray]:
    """Differential entropy of each band, in nats: ``(count, 3, 100)`` -> four ``(count, 3)``."""
    power = 2 * np.abs(np.fft.rfft(windows, axis=2)) ** 2 / WINDOW**2
    power[..., -1] /= 2  # the bin at half the sampling rate has no mirror image
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    bands = [power[..., (low <= hertz) & (hertz <= high)].sum(axis=2) for low, high in BANDS]
    return [0.5 * np.log(2 * np.pi * np.e * np.maximum(band, POWER_FLOOR)) for band in bands]
