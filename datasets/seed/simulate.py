"""A simulated copy of SEED: random EEG and eye movements in the file format of the release.

Counts, shapes, clip lengths, labels and file formats are those of the release; values are drawn:

1. Each clip has a path of four hidden states: the mean of its class, which builds up over the first
   windows, an effect of the film itself, a drift, and noise through a low-pass filter, so that
   neighbouring windows resemble each other as smoothed recordings do.
2. EEG is a map of the states to bands and channels, smooth over the scalp and a little different in
   each person, on offsets of person, session and channel, with slow noise that channels share.
3. Eye features are positive, saturate in the states, depend mainly on the two of the four states
   that EEG depends on less, and are noisier.

So people differ, films of one class differ, EEG is more informative than eye movements, and windows
are not independent. None of this is fitted to SEED, and no generative model of the project is used.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from datasets import _simulated
from datasets.base import DataError
from datasets.seed.layout import (
    BANDS,
    CHANNELS,
    CLIPS,
    EYE,
    LABELS,
    SESSIONS,
    SUBJECTS,
    TRAIN_ROWS,
    WINDOWS,
)

STATES = 4
EEG_WEIGHTS, EYE_WEIGHTS = (1.0, 1.0, 0.5, 0.5), (0.2, 0.2, 1.0, 1.0)  # of the four states
LAYOUTS = ("npz", "mat")


def write(
    folder: Path,
    scale: float = 1.0,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    layouts: Sequence[str] = ("npz",),
) -> Path:
    """Write a simulated copy into ``folder/SEED_Multimodal``, mark it, and return that folder.

    ``scale``     share of the twelve subjects, in (0, 1], at least one of them; each has three
                  sessions of 842 rows at any scale.
    ``progress``  called with one line for each subject.
    ``layouts``   npz, mat or both, for the EEG (mat goes to ``folder/SEED_EEG``); the eye features
                  are always written. Both have the same numbers.

    Equal arguments give equal values. Raises DataError if the folder has files without a marker,
    which may be the real ones, or a copy of other arguments, and for another scale or layout.
    """
    if not 0 < scale <= 1 or not layouts or not set(layouts) <= set(LAYOUTS):
        raise DataError(
            "a simulated copy of seed has a scale in (0, 1] and the layouts npz, mat or both"
        )
    base, ordinary = folder / "SEED_Multimodal", folder / "SEED_EEG"
    eye = base / "Chinese" / "04-Eye-tracking-feature" / "eye_tracking_feature"
    npz = base / "Chinese" / "02-EEG-DE-feature" / "eeg_used_4s"
    mat = ordinary / "ExtractedFeatures_4s"
    places = [base, eye, *((npz,) if "npz" in layouts else ())]
    places += [ordinary] if ordinary.is_dir() or "mat" in layouts else []
    places += [mat] if "mat" in layouts else []
    # the innermost folders too, since each may be named as a root
    _simulated.mark_folders(places, f"--simulate seed --scale {scale:g} --seed {seed}")
    if "mat" in layouts:
        with _simulated.complete_file(mat / "label.mat") as part:
            _simulated.write_mat(part, {"label": (CLIPS - 1)[None]})
    world = _World(seed)
    subjects = SUBJECTS[: max(1, round(scale * len(SUBJECTS)))]
    what = "seed, simulated: subject"
    for number in _simulated.with_progress(what, range(len(subjects)), len(subjects), progress):
        for session in SESSIONS:
            brain, eyes = world.session(subjects[number], session)
            name = f"{subjects[number]}_{session}"
            if "npz" in layouts:
                with _simulated.complete_file(npz / f"{name}.npz") as part:
                    _write_npz(part, brain)
            if "mat" in layouts:
                with _simulated.complete_file(mat / f"{name[:-1]}2000010{session}.mat") as part:
                    _simulated.write_mat(part, _clips(brain))
            with _simulated.complete_file(eye / name) as part:
                _write_eye(part, eyes)
    return base


# ---------------------------------------------------------------- what is drawn


class _World:
    """What all people share: effects of classes and films, and maps from states to sensors."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        angle = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(3) / 3
        corner = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self.classes = 0.85 * np.concatenate([corner, corner], axis=1)
        self.films = 0.2 * rng.normal(size=(len(CLIPS), STATES))
        self.places = rng.uniform(-1, 1, size=(CHANNELS, 2))  # of the electrodes
        strength = np.linspace(0.5, 1.5, len(BANDS))[:, None, None]  # fast bands are stronger
        self.eeg = 0.35 * strength * self._maps(rng) * np.array(EEG_WEIGHTS)
        level = np.linspace(24.0, 14.0, len(BANDS))[:, None]  # the order of magnitude of log power
        self.level = level + self._maps(rng)[..., 0]
        self.eye = 0.3 * rng.normal(size=(STATES, EYE)) * np.array(EYE_WEIGHTS)[:, None]
        self.unit = np.exp(rng.uniform(np.log(0.1), np.log(300), EYE))  # mm, ms, degrees, counts

    def _maps(self, rng: np.random.Generator) -> np.ndarray:
        """A wave over the scalp for each band and state: ``(5, 62, STATES)``, unit variance."""
        waves = rng.normal(size=(len(BANDS), STATES, 2))
        phases = rng.uniform(0, 2 * np.pi, size=(len(BANDS), STATES))
        angles = np.einsum("cp,bsp->bcs", self.places, waves) + phases[:, None]
        return np.sqrt(2) * np.cos(angles)

    def session(self, subject: int, session: int) -> tuple[np.ndarray, np.ndarray]:
        """EEG ``(842, 5, 62)`` and eye features ``(842, 33)`` of one session, float64."""
        person = np.random.default_rng([self.seed, 1, subject])
        rng = np.random.default_rng([self.seed, 2, subject, session])
        reacts = np.exp(0.25 * person.normal(size=STATES))
        eeg_map = self.eeg + 0.08 * self._maps(person)
        eye_map = self.eye + 0.08 * person.normal(size=self.eye.shape)
        offset = 0.6 * self._maps(person)[..., 0] + 0.2 * person.normal(size=self.level.shape)
        offset += 0.3 * self._maps(rng)[..., 0]
        gaze = 0.5 * person.normal(size=EYE) + 0.2 * rng.normal(size=EYE)
        brains, eyes = [], []
        for film, rows in enumerate(WINDOWS):
            states = self._path(rng, film, int(rows)) * reacts
            shared = 0.25 * _slow(rng, int(rows), STATES, 6.0) @ rng.normal(size=(STATES, CHANNELS))
            own = 0.4 * _slow(rng, int(rows), len(BANDS) * CHANNELS, 3.0)
            brain = self.level + offset + np.einsum("bcs,ts->tbc", eeg_map, states)
            brains.append(brain + shared[:, None] + own.reshape(brain.shape))
            noise = 0.6 * _slow(rng, int(rows), EYE, 1.0) + 0.3 * rng.standard_t(5, (rows, EYE))
            eyes.append(self.unit * np.exp(0.4 * (np.tanh(states) @ eye_map * 1.5 + gaze + noise)))
        return np.concatenate(brains), np.concatenate(eyes)

    def _path(self, rng: np.random.Generator, film: int, rows: int) -> np.ndarray:
        """Hidden states over one clip: ``(rows, STATES)``."""
        time = np.arange(rows)[:, None]
        onset = 1 - np.exp(-(time + 2) / 6)
        drift = 0.5 * rng.normal(size=STATES) * (time / rows - 0.5)
        mean = onset * self.classes[CLIPS[film]] + self.films[film]
        return mean + drift + 0.6 * _slow(rng, rows, STATES, 5.0)


def _slow(rng: np.random.Generator, rows: int, columns: int, width: float) -> np.ndarray:
    """Noise of unit variance without fast parts: ``(rows, columns)``, Gaussian filter in time."""
    reach = int(4 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel /= np.linalg.norm(kernel)
    white = rng.normal(size=(rows + 2 * reach, columns))
    windows = np.lib.stride_tricks.sliding_window_view(white, len(kernel), axis=0)
    return windows @ kernel


# ---------------------------------------------------------------- how it is stored


def _write_npz(path: Path, eeg: np.ndarray) -> None:
    """Two pickled dicts of bands, as 0-d arrays of bytes, and two vectors of labels."""
    first, second = (
        np.array(_pickled({band: part[:, k] for k, band in enumerate(BANDS)}))
        for part in (eeg[:TRAIN_ROWS], eeg[TRAIN_ROWS:])
    )
    np.savez(
        path,
        note=np.array(_simulated.NOTE),
        train_data=first,
        test_data=second,
        train_label=LABELS[:TRAIN_ROWS].astype(np.int64),
        test_label=LABELS[TRAIN_ROWS:].astype(np.int64),
    )


def _write_eye(path: Path, eye: np.ndarray) -> None:
    parts = {"train_data_eye": eye[:TRAIN_ROWS], "test_data_eye": eye[TRAIN_ROWS:]}
    path.write_bytes(_pickled({"note": _simulated.NOTE.decode(), **parts}))


def _clips(eeg: np.ndarray) -> dict[str, np.ndarray]:
    """Of each clip k, ``de_LDSk`` and ``de_movingAvek``, each (62, windows, 5)."""
    arrays = {}
    for number, clip in enumerate(np.split(eeg, np.cumsum(WINDOWS)[:-1]), start=1):
        array = clip.transpose(2, 0, 1)
        arrays[f"de_LDS{number}"] = array
        last = np.concatenate([array[:, :1], array[:, :-1]], axis=1)
        arrays[f"de_movingAve{number}"] = (array + last) / 2
    return arrays


def _pickled(content: Mapping[str, np.ndarray | str]) -> bytes:
    """A pickle of protocol 4 with the module name of numpy 1, as the release has it."""
    plain = {
        key: value if isinstance(value, str) else np.ascontiguousarray(value)
        for key, value in content.items()
    }
    raw = pickle.dumps(plain, protocol=4)
    names = (b"numpy._core.multiarray", b"numpy.core.multiarray")
    ours, theirs = (bytes([len(name)]) + name for name in names)
    if ours not in raw:
        return raw
    (frame,) = struct.unpack_from("<Q", raw, 3)  # after the protocol and the opcode of the frame
    return raw[:3] + struct.pack("<Q", frame - 1) + raw[11:].replace(ours, theirs, 1)
