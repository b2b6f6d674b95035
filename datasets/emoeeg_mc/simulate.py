"""A simulated copy of EmoEEG-MC: random features in the tree and file formats of the release.

Which people have which files, how many trials their files have and where they lie is as published;
values are drawn:

1. A trial has two hidden states: the mean of its emotion, an effect of its stimulus that both
   contexts share, and noise; in imagery all but the noise is weaker. Over its windows they drift.
2. EEG is a map of the states to bands and channels, on offsets of person, context and channel.
3. Heart rate and skin depend on the states less, and are noisier. Heart rate has a line a trial,
   skin a line a window; both name trials by number, as presented.

None of this is fitted to the data set, and no generative model of the project is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from datasets import _simulated
from datasets.base import DataError
from datasets.emoeeg_mc.layout import (
    BANDS,
    CHANNELS,
    CONTEXTS,
    EACH,
    EMOTIONS,
    ITEMS,
    PEOPLE,
    SESSIONS,
    TRIALS,
    WINDOWS,
    WITH_GSR,
    WITH_HR,
)

STATES = 2
HR = ("mean_hr", "sdnn", "rmssd", "lf_hf")
GSR = ("tonic_mean", "phasic_mean", "phasic_sd", "peaks")
_LACKING = {55: (3, 3), 56: (2, 0), 57: (4, 6), 58: (3, 1), 59: (6, 4), 60: (14, 12)}
"""How many trials of imagery and of video a person lacks; here the last ones."""


def write(
    folder: Path,
    scale: float = 1.0,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Write a simulated copy into ``folder/ds005540``, mark it, and return that folder.

    ``scale``     share of the 60 people, in (0, 1], at least three of them, from sub-01.
    ``progress``  called with one line for each person.

    Equal arguments give equal values. Raises DataError for another scale, and if the folder has
    files without a marker, which may be the real ones, or a copy of other arguments.
    """
    if not 0 < scale <= 1:
        raise DataError(f"the scale of a simulated copy must be in (0, 1], not {scale:g}")
    people = PEOPLE[: max(3, round(scale * len(PEOPLE)))]
    base = folder / "ds005540"
    derivatives = base / "derivatives"
    command = f"--simulate emoeeg_mc --scale {scale:g} --seed {seed}"
    _simulated.mark_folders((base, derivatives), command, _simulated.OPEN)
    world = _World(seed)
    what = "emoeeg_mc, simulated: person"
    for place in _simulated.with_progress(what, range(len(people)), len(people), progress):
        _write_person(base, derivatives, world, people[place])
    return base


# ---------------------------------------------------------------- what is drawn


class _World:
    """What all people share: effects of emotions and stimuli, and maps from states to features."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        angle = 2 * np.pi * np.arange(len(EMOTIONS)) / len(EMOTIONS)
        self.emotions = 1.2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self.stimuli = 0.4 * rng.normal(size=(TRIALS, STATES))
        self.eeg = 0.25 * rng.normal(size=(STATES, CHANNELS, BANDS))
        self.level = np.linspace(6.0, 2.0, BANDS) + 0.3 * rng.normal(size=(CHANNELS, BANDS))
        self.hr = 0.4 * rng.normal(size=(STATES, len(HR)))
        self.gsr = 0.3 * rng.normal(size=(STATES, len(GSR)))

    def person(self, person: int, context: int) -> dict[str, np.ndarray]:
        """By item: ``eeg`` (21, 64, 30, 5), ``hr`` (21, 4), ``gsr`` (21, 30, 4)."""
        own = np.random.default_rng([self.seed, 1, person])
        rng = np.random.default_rng([self.seed, 2, person, context])
        strength = (1.0, 0.6)[context] * np.exp(0.2 * own.normal())
        means = self.emotions.repeat(EACH, axis=0) + self.stimuli
        trials = strength * means + 0.5 * rng.normal(size=(TRIALS, STATES))
        drift = 0.2 * np.cumsum(rng.normal(size=(TRIALS, WINDOWS, STATES)), axis=1) / WINDOWS**0.5
        states = trials[:, None] + drift
        offset = 0.5 * own.normal(size=self.level.shape) + 0.2 * rng.normal(size=self.level.shape)
        eeg = np.einsum("twk,kcb->tcwb", states, self.eeg) + (self.level + offset)[:, None]
        eeg += 0.4 * rng.normal(size=eeg.shape)
        hr = 1 + trials @ self.hr + 0.5 * own.normal(size=len(HR))
        hr += 0.5 * rng.normal(size=hr.shape)
        gsr = states @ self.gsr + 0.5 * own.normal(size=len(GSR))
        return {"eeg": eeg, "hr": hr, "gsr": gsr + 0.5 * rng.normal(size=gsr.shape)}


# ---------------------------------------------------------------- how it is stored


def _write_person(base: Path, derivatives: Path, world: _World, person: int) -> None:
    name = f"sub-{person:02d}"
    order = np.random.default_rng([world.seed, 3, person]).permuted(
        np.tile(np.arange(TRIALS), (2, 1)), axis=1
    )  # as presented; imagery has the numbers 1-21, video 22-42
    beh = base / name / "beh"
    beh.mkdir(parents=True, exist_ok=True)
    shown = [ITEMS[item] for item in (*order[1], *order[0])]
    lines = [[str(i), item, "n/a", ""] for i, item in enumerate(shown, 1)]
    titles = ("trial_number", "video_name", "score_1")
    _write_table(beh / f"{name}_task-emotion_beh.tsv", titles, lines, "\t")
    for context in range(len(CONTEXTS)):
        values = world.person(person, context)
        session = derivatives / name / f"ses-{SESSIONS[context]}"
        stem = f"{name}_ses-{SESSIONS[context]}"
        lacking = _LACKING.get(person, (0, 0))[1 - context]
        eeg = session if person in _LACKING else session / "eeg"
        eeg.mkdir(parents=True, exist_ok=True)
        with _simulated.complete_file(eeg / f"{stem}_task-emotion_de.npy") as part:
            _write_npy(part, values["eeg"][: TRIALS - lacking])
        numbers = np.arange(TRIALS) + (1 + TRIALS if context == 0 else 1)
        for kind, people, titles in (("hr", WITH_HR, HR), ("gsr", WITH_GSR, GSR)):
            if person not in people:
                continue
            (session / "physio").mkdir(parents=True, exist_ok=True)
            presented = values[kind][order[context]].reshape(-1, len(titles))
            each = len(presented) // TRIALS
            rows = [
                [str(number), *(f"{value:.6f}" for value in row), ""]
                for number, row in zip(numbers.repeat(each), presented, strict=True)
            ]
            path = session / "physio" / f"{stem}_{kind.upper()}features.csv"
            _write_table(path, ("trial", *titles), rows, ",")


def _write_table(
    path: Path, titles: Sequence[str], lines: Sequence[Sequence[str]], mark: str
) -> None:
    """Lines under titles and, as the title of a last, empty column, the note."""
    head = mark.join((*titles, f'"{_simulated.NOTE.decode()}"'))
    with _simulated.complete_file(path) as part:
        part.write_text("\n".join([head, *map(mark.join, lines)]) + "\n", encoding="utf-8")


def _write_npy(path: Path, array: np.ndarray) -> None:
    """An object array around a dict of the note and the features, as ``numpy.save`` pickles it."""
    content = np.empty((), object)
    content[()] = {"note": _simulated.NOTE.decode(), "de": np.ascontiguousarray(array)}
    with path.open("wb") as file:
        np.save(file, content, allow_pickle=True)
