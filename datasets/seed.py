"""SEED: EEG and eye movements of people watching 15 film clips, three times each (licensed).

Source: the SEED data sets of the BCMI laboratory, Shanghai Jiao Tong University, on application
(https://bcmi.sjtu.edu.cn/home/seed/). Licence: by agreement with BCMI, for research; copies may not
be passed on, so nothing of it is here. You name the folder of your copy (``--data-root``); any
folder of this tree will do, and the files must be those of 4-s windows::

    SEED_Multimodal/Chinese/
      02-EEG-DE-feature/eeg_used_4s/{subject}_{session}.npz
      04-Eye-tracking-feature/eye_tracking_feature/{subject}_{session}
    SEED_EEG/ExtractedFeatures_4s/{subject}_{yyyymmdd}.mat, label.mat     (another source of EEG)

The ``.npz`` hold pickled dicts, and the eye files are pickles; both are read by ``_pickle``, which
builds arrays of numbers and nothing else. Sessions of the ``.mat`` layout are numbered by date. A
folder with TWIN.txt in it holds simulated files, and is reported as such.

Rows: windows of 4 s, cut clip by clip: 842 a file. The paper takes nine subjects, three sessions
each: 27 files, 22734 rows. It does not say which nine; twelve subjects (1-5, 8-14) have both
modalities and all their files have 842 rows, so the counts cannot tell. The default is the first
nine, 1-5 and 8-11, and the option ``subjects`` takes others.

Views, in the units of the files (the release does not say how it was smoothed):

``eeg``  310: differential entropy of delta, theta, alpha, beta, gamma (1-4, 4-8, 8-14, 14-31,
         31-50 Hz) at 62 channels; by default all channels of delta first, then theta, ...
``eye``  33: pupil diameter (12), dispersion (4), fixation and blink durations (2 + 2), saccade
         duration and amplitude (4), and nine counts and extremes of these events

Classes: negative, neutral, positive, from the clip. The clips of a file are known by the number of
their windows, 58 58 51 59 46 48 59 54 66 | 59 58 58 | 58 59 51, and every file must show them: its
labels must change class exactly where the films change.

Groups: ``subject``, ``session`` (1..3), ``file`` (0, 1, ... in the order of subject and session),
``clip`` (1..15, one film, whoever watches it) and ``time`` (the window within its clip, from 0).
Splits:

official  the paper's, and the default: clips 1-9 train, 10-12 tune, 13-15 test, in each file. No
          clip is torn apart; the same people and sessions are on all sides
subject   nobody is on two sides; everyone sees the same films (three subjects or more)

Options (``--data-option seed.NAME=VALUE``):

``subjects``   such as ``1-5,8-11`` (default), or ``all`` twelve.
``layout``     ``auto`` (default: the first found), ``npz`` or ``mat``: which source of EEG.
``order``      ``bands`` (default) or ``channels``: the order of the EEG columns, above.
``smoothing``  ``LDS`` (default) or ``movingAve``, of the layout ``mat`` alone.
``scaling``    ``per_file`` (default), ``global`` or ``none``: z-scores fitted on the training clips
               before a method sees any row (``protocols/_scaling.py``). A file is one sitting, with
               levels of its own, and public code for SEED standardises each; the paper is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets import _twin
from datasets._receipt import Receipt
from datasets._seed_layout import (
    CLASSES,
    CLIPS,
    LABELS,
    OPTIONS,
    SESSIONS,
    WINDOWS,
    Settings,
    Source,
    locate,
    settings,
    spans,
    whole_subjects,
)
from datasets._seed_read import Recording, recording, recordings_of
from datasets._seed_receipt import inspect, nothing_found
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Provenance, Split

__all__ = ["OPTIONS", "check", "found", "load"]

VIEWS = ("eeg", "eye")
_PART = np.repeat((TRAIN, TUNE, TEST), (9, 3, 3))  # of clips 1..15
_CLIP = np.repeat(np.arange(1, len(CLIPS) + 1), WINDOWS)  # of the rows of a file
_TIME = np.concatenate([np.arange(count) for count in WINDOWS])

LICENSED = True
"""Found under the data root it stands for the paper's own data, or for a twin of it."""


def load(
    views: tuple[str, ...] | None = None,
    root: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Dataset:
    """Rows of the chosen subjects with ``views`` (default both), from the copy at ``root``.

    Raises DataError, one sentence that names the mend, for a folder without SEED, a missing or
    damaged file, 1-s windows, NaN, labels that are not those of the films, and unknown options.
    """
    chosen = settings(options)
    wanted = VIEWS if views is None else views
    for view in wanted:
        if view not in VIEWS:
            raise DataError(f"seed has no view '{view}'; its views are: {', '.join(VIEWS)}")
    if root is None:
        raise DataError("seed is licensed data; name the folder of your copy with --data-root")
    source = locate(root, chosen.layout)
    if source is None:
        raise DataError(
            f"no features of SEED were found at {root}; name the folder that holds SEED_Multimodal"
        )
    twin = _is_twin(source, root)
    chosen = _at_hand(source, twin, chosen)
    files = [
        recording(source, chosen, *number, eye="eye" in wanted)
        for number in recordings_of(source, chosen, eye="eye" in wanted)
    ]
    return _dataset(files, source, twin, chosen).choose(wanted)


def found(root: Path) -> bool:
    """Whether features of SEED lie at ``root``, complete or not: ``load`` says what is amiss."""
    return locate(root) is not None


def check(root: Path, options: Mapping[str, str] | None = None) -> Receipt:
    """What lies at ``root``, against Table 1. Counts and shapes only; raises for bad options."""
    asked = settings(options)
    source = locate(root, asked.layout)
    if source is None:
        return Receipt("seed", str(root), False, (nothing_found(),))
    twin = _is_twin(source, root)
    chosen = _at_hand(source, twin, asked)
    findings, files = inspect(source, chosen, small_twin=chosen != asked)
    whole = len(files) == len(chosen.subjects) * len(SESSIONS)
    fingerprint = _dataset(files, source, twin, chosen).fingerprint if whole else ""
    return Receipt("seed", str(root), twin, findings, fingerprint)


def _at_hand(source: Source, twin: bool, chosen: Settings) -> Settings:
    """By default, those of the nine that a small twin has; a licensed copy must have all nine."""
    if chosen.subjects != settings(None).subjects or not twin:
        return chosen
    there = whole_subjects(source)
    return replace(
        chosen, subjects=tuple(s for s in chosen.subjects if s in there) or chosen.subjects
    )


def _dataset(files: list[Recording], source: Source, twin: bool, chosen: Settings) -> Dataset:
    """Rows of all files, one after the other."""
    if chosen.order == "bands":
        columns = [file.eeg for file in files]
    else:
        columns = [file.eeg.transpose(0, 2, 1) for file in files]
    views = {"eeg": np.concatenate([part.reshape(len(part), -1) for part in columns])}
    if all(file.eye is not None for file in files):
        views["eye"] = np.concatenate([file.eye for file in files if file.eye is not None])
    count = len(files)

    def per_file(values: list[int]) -> np.ndarray:
        return np.repeat(np.array(values, np.int64), len(LABELS))

    splits = [Split("official", official=True, leaks=("subject", "session", "file", "time"))]
    if len(chosen.subjects) >= 3:
        splits.append(Split("subject", by="subject", leaks=("session", "clip", "time")))
    return Dataset(
        key="seed",
        draw_key="seed",
        title="SEED",
        views=tuple(views.values()),
        view_names=tuple(views),
        labels=np.tile(LABELS, count).astype(np.int64),
        class_names=CLASSES,
        splits=tuple(splits),
        provenance=_provenance(source, twin, chosen),
        groups={
            "subject": per_file([file.subject for file in files]),
            "session": per_file([file.session for file in files]),
            "file": per_file(list(range(count))),
            "clip": np.tile(_CLIP, count),
            "time": np.tile(_TIME, count),
        },
        official=np.tile(_PART[_CLIP - 1], count),
        file_group="file",
        scaling=chosen.scaling,
    )


def _provenance(source: Source, twin: bool, chosen: Settings) -> Provenance:
    release = "multimodal release, 4-s windows"
    if source.layout == "mat":
        release = f"ExtractedFeatures, de_{chosen.smoothing}, and eye features of the {release}"
    return _twin.provenance(
        twin,
        source=f"SEED, {release}",
        licence="by agreement with BCMI",
        citation="Zheng, W.-L. and Lu, B.-L. (2015). IEEE Trans. Auton. Mental Dev. 7(3), 162-175",
        notes=(
            f"subjects {spans(chosen.subjects)}; the paper does not say which nine it took",
            f"EEG columns by {chosen.order}",
        ),
    )


def _is_twin(source: Source, root: Path) -> bool:
    return any(_twin.is_twin(folder, root, files.values()) for folder, files in source.folders)
