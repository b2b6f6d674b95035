"""A simulated copy of DEAP: random files in both of its formats, of all subjects or of fewer.

What is drawn, so that the copy has the difficulties of DEAP:

* a signal is a sum of four band-limited noises, 4-8, 8-14, 14-31 and 31-45 Hz, whose log amplitudes
  are a constant of the channel and band + an effect of the subject + an effect of the trial + a
  slow drift within the trial + an effect of the ratings;
* the drift is a random walk over knots ten seconds apart, shared by channels through a few factors:
  neighbouring seconds resemble each other more than two trials of one class do;
* the effect of the ratings is linear in valence and arousal, larger in each of the 32 EEG channels
  than in each of the 8 peripheral ones;
* ratings are uniform, but of 1280 trials exactly 334 (in smaller copies the same share) have both
  valence and arousal outside 4..6, as equally spread over the quadrants as possible. The paper's
  count is imposed here, not a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from datasets import _simulated
from datasets._simulated import NOTE, complete_file, mark_folders, with_progress
from datasets.base import DataError
from datasets.deap import files as deap_files
from datasets.deap.features import BANDS
from datasets.deap.files import FOLDERS, RATE, SUBJECTS
from datasets.deap.rules import HIGH, LOW, PAPER_TRIALS, QUADRANTS

EEG_CHANNELS = 32
LEVELS = (6.0, 5.0, 4.0, 3.0)  # amplitude of each band, about those of EEG in microvolts
EFFECT_EEG, EFFECT_PPS = 0.05, 0.03  # of the ratings on log amplitudes, a unit of (rating - 5) / 4
SPREAD_SUBJECT, SPREAD_TRIAL, SPREAD_DRIFT = 0.4, 0.15, 0.15
FACTORS, KNOT = 6, 10  # of the drift and the trial effect; seconds between knots


def write(
    folder: Path,
    scale: float = 1.0,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    formats: Sequence[str] = ("mat", "dat"),
) -> Path:
    """Write a simulated copy into ``folder/DEAP`` and return that folder.

    ``scale``     share of the 32 subjects, in (0, 1], never fewer than three; every file has its
                  full size at any scale, about 103 MB.
    ``progress``  called with one line for each subject.
    ``formats``   both have the same numbers.

    Equal arguments give equal bytes. Files appear complete, and the same call resumes one that was
    stopped. Raises DataError for another scale, and if the folder has files without a marker, which
    may be the real ones, or a copy of other arguments.
    """
    if not 0 < scale <= 1:
        raise DataError(f"the scale of a simulated copy must be in (0, 1], not {scale:g}")
    subjects = max(3, round(scale * SUBJECTS))
    base = folder / "DEAP"
    targets = {form: base / FOLDERS[form] for form in formats}
    mark_folders((base, *targets.values()), f"--simulate deap --scale {scale:g} --seed {seed}")
    form = deap_files.FORM
    rng = np.random.default_rng(seed)
    ratings = draw_ratings(subjects * form.videos, rng).reshape(subjects, form.videos, -1)
    model = Model.drawn(rng)
    paths = [
        {kind: target / f"s{s:02d}.{kind}" for kind, target in targets.items()}
        for s in range(1, subjects + 1)
    ]
    exists = [all(path.exists() for path in by_format.values()) for by_format in paths]
    first = [*exists, False].index(False)
    for s in with_progress("deap, simulated: subject", range(first, subjects), subjects, progress):
        signals = model.subject(ratings[s], np.random.default_rng((seed, s)))
        for kind, path in paths[s].items():
            with complete_file(path) as part:
                _WRITERS[kind](part, signals, ratings[s])
    return base


# ---------------------------------------------------------------- ratings


def draw_ratings(trials: int, rng: np.random.Generator) -> np.ndarray:
    """``(trials, 4)`` in 1..9; ``round(trials * 334 / 1280)`` of them outside 4..6 on both axes."""
    ratings = rng.uniform(1, 9, (trials, deap_files.FORM.ratings))
    order = rng.permutation(trials)
    clear = round(trials * PAPER_TRIALS / (SUBJECTS * 40))
    for place, trial in enumerate(order[:clear]):
        high = np.array(divmod(place % len(QUADRANTS), 2))  # quadrants in turn
        ratings[trial, :2] = np.where(high, rng.uniform(HIGH, 9, 2), rng.uniform(1, LOW, 2))
    for trial in order[clear:]:
        ratings[trial, rng.integers(2)] = rng.uniform(LOW, HIGH)
    return ratings


# ---------------------------------------------------------------- signals


@dataclass(frozen=True, eq=False)
class Model:
    """What all subjects share: levels ``(channels, bands)``, loadings of ratings and factors."""

    level: np.ndarray
    effect: np.ndarray  # (2, channels, bands), of valence and of arousal
    loadings: np.ndarray  # (factors, channels, bands)

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Model:
        """Draw levels and loadings."""
        shape = (deap_files.FORM.channels, len(BANDS))
        size = np.full(shape, EFFECT_PPS)
        size[:EEG_CHANNELS] = EFFECT_EEG
        return cls(
            level=np.log(LEVELS) + 0.3 * rng.normal(size=shape),
            effect=size * rng.normal(size=(2, *shape)),
            loadings=rng.normal(size=(FACTORS, *shape)) / np.sqrt(FACTORS),
        )

    def subject(self, ratings: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Signals ``(videos, channels, samples)`` of one subject with these ratings."""
        own = self.level + SPREAD_SUBJECT * rng.normal(size=self.level.shape)
        return np.stack([self._trial(own, rated, rng) for rated in ratings])

    def _trial(self, own: np.ndarray, rated: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        form = deap_files.FORM
        knots = form.seconds // KNOT + 2
        walk = SPREAD_DRIFT * np.cumsum(rng.normal(size=(knots, FACTORS)), axis=0)
        walk += SPREAD_TRIAL * rng.normal(size=FACTORS)
        meant = own + np.tensordot((rated[:2] - 5) / 4, self.effect, 1)
        meant = meant + SPREAD_TRIAL * rng.normal(size=own.shape)
        amplitude = np.exp(meant + np.tensordot(walk, self.loadings, 1))  # (knots, channels, bands)
        time = np.arange(form.samples) / (KNOT * RATE)
        before = time.astype(int)
        after = time - before
        signals = np.zeros((form.channels, form.samples))
        for b, noise in enumerate(_noises(form.channels, form.samples, rng)):
            steps = amplitude[:, :, b].T
            signals += noise * (steps[:, before] * (1 - after) + steps[:, before + 1] * after)
        return signals


def _noises(channels: int, samples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Gaussian noise of variance 1 within each band, ``(channels, samples)``."""
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    for low, high in BANDS:
        inside = np.flatnonzero((low <= hertz) & (hertz < high))
        spectrum = np.zeros((channels, len(hertz)), complex)
        size = (channels, len(inside))
        spectrum[:, inside] = rng.normal(size=size) + 1j * rng.normal(size=size)
        yield np.fft.irfft(spectrum, samples, axis=1) * samples / (2 * np.sqrt(len(inside)))


# ---------------------------------------------------------------- files


def write_mat(path: Path, signals: np.ndarray, ratings: np.ndarray) -> None:
    """One subject as a MATLAB file."""
    _simulated.write_mat(path, {"data": signals, "labels": ratings})


def write_dat(path: Path, signals: np.ndarray, ratings: np.ndarray) -> None:
    """One subject as Python 2 pickled it (protocol 2): a dict of two arrays, and NOTE."""
    with path.open("wb") as file:
        file.write(b"\x80\x02}(" + _text(b"note") + _text(NOTE))
        for key, array in (("labels", ratings), ("data", signals)):
            file.write(_text(key.encode()))
            _pickle_array(file, np.ascontiguousarray(array, "<f8"))
        file.write(b"u.")


def _pickle_array(file: IO[bytes], array: np.ndarray) -> None:
    shape = b"(" + b"".join(b"J" + size.to_bytes(4, "little") for size in array.shape) + b"t"
    file.write(b"cnumpy.core.multiarray\n_reconstruct\n")
    file.write(b"cnumpy\nndarray\nK\x00\x85" + _text(b"b") + b"\x87R")
    file.write(b"(K\x01" + shape)
    file.write(b"cnumpy\ndtype\n" + _text(b"f8") + b"K\x00K\x01\x87R")
    file.write(b"(K\x03" + _text(b"<") + b"NNN" + 2 * b"J\xff\xff\xff\xff" + b"K\x00tb")
    file.write(b"\x89T" + array.nbytes.to_bytes(4, "little"))
    file.write(array.data)
    file.write(b"tb")


def _text(raw: bytes) -> bytes:
    return b"U" + len(raw).to_bytes(1, "little") + raw


_WRITERS = {"mat": write_mat, "dat": write_dat}
