"""SEED: EEG and eye movements of people watching 15 film clips, three times each (licensed).

Source: the SEED data sets of the BCMI laboratory, Shanghai Jiao Tong University, on application
(https://bcmi.sjtu.edu.cn/home/seed/). Licence: by agreement with BCMI, for research; copies may not
be passed on, so none is in this project. Name the folder of your copy with ``--data-root``: the
files are found in it or up to six folders below it, whatever the folders are called and in any case
(``seed.locate``); a folder of the release will do too. The release has::

    SEED_Multimodal/Chinese/
      02-EEG-DE-feature/eeg_used_4s/{subject}_{session}.npz
      04-Eye-tracking-feature/eye_tracking_feature/{subject}_{session}
    SEED_EEG/ExtractedFeatures_4s/{subject}_{yyyymmdd}.mat, label.mat     (another source of EEG)

The files must be those of 4-s windows. The ``.npz`` contain pickled dicts, and the eye files are
pickles; ``_io.read_pickle`` reads both and builds only arrays of numbers. Sessions of the ``.mat``
layout are numbered by date, or by folders 1, 2, 3. A folder with SIMULATED.txt in it contains
simulated files, and is reported as such.

Rows: windows of 4 s, cut clip by clip: 842 a file. The paper takes nine subjects, three sessions
each: 27 files, 22734 rows. It does not say which nine; twelve subjects (1-5, 8-14) have both
modalities and all their files have 842 rows, so the counts do not identify them. The default is the
first nine, 1-5 and 8-11; the option ``subjects`` selects others.

Views, in the units of the files (the release does not say how it was smoothed):

``eeg``  310: differential entropy of delta, theta, alpha, beta, gamma (1-4, 4-8, 8-14, 14-31,
         31-50 Hz) at 62 channels; by default all channels of delta first, then theta, ...
``eye``  33: pupil diameter (12), dispersion (4), fixation and blink durations (2 + 2), saccade
         duration and amplitude (4), and nine counts and extremes of these events; 31 in copies
         without the blink durations

Classes: negative, neutral, positive, from the clip. The clips of a file are known by the number of
their windows, 58 58 51 59 46 48 59 54 66 | 59 58 58 | 58 59 51, and every file is checked for them:
its labels must change class exactly where the films change.

Groups: ``subject``, ``session`` (1..3), ``file`` (0, 1, ... in the order of subject and session),
``clip`` (1..15, one film, whoever watches it) and ``time`` (the window within its clip, from 0).
Splits:

official  the paper's, and the default: clips 1-9 train, 10-12 tune, 13-15 test, in each file. No
          film is in two parts; the same people and sessions are in all parts
subject   each person, with all three sessions, is in one part; the same films are in all parts
          (needs three subjects or more)

Options (``--data-option seed.NAME=VALUE``):

``subjects``   such as ``1-5,8-11`` (default), or ``all`` twelve.
``layout``     ``auto`` (default: ``npz`` before ``mat``), ``npz`` or ``mat``: which source of EEG.
``order``      ``bands`` (default) or ``channels``: the order of the EEG columns, above.
``smoothing``  ``LDS`` (default) or ``movingAve``, for the layout ``mat`` only.
``scaling``    ``per_file`` (default), ``global`` or ``none``: z-scores fitted on the training clips
               before a method sees any row (``protocols/_scaling.py``). A file is one session, with
               its own signal levels, and public code for SEED standardises each; the paper does not
               say.
``folder``     below the data root: which copy is read, where several differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets import _simulated
from datasets._check import DataCheck, Finding, shared_by_parts
from datasets._io import search
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Provenance, Split
from datasets.seed.checks import inspect, nothing_found
from datasets.seed.layout import (
    CLASSES,
    CLIPS,
    LABELS,
    OPTIONS,
    SESSIONS,
    WINDOWS,
    Settings,
    settings,
    spans,
)
from datasets.seed.locate import (
    LOOKED_FOR,
    Source,
    complete_subjects,
    is_there,
    locate,
    near_misses,
)
from datasets.seed.read import Recording, recording, recordings_of

__all__ = ["OPTIONS", "check", "found", "load", "near_misses"]

VIEWS = ("eeg", "eye")
_PART = np.repeat((TRAIN, TUNE, TEST), (9, 3, 3))  # of clips 1..15
_CLIP = np.repeat(np.arange(1, len(CLIPS) + 1), WINDOWS)  # of the rows of a file
_TIME = np.concatenate([np.arange(count) for count in WINDOWS])

LICENSED = True
"""Runs by default if its files are under the data root: the paper's data or a simulated copy."""


def load(
    views: tuple[str, ...] | None = None,
    root: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Dataset:
    """Rows of the chosen subjects with ``views`` (default both), from the copy at ``root``.

    Raises DataError, one sentence that says how to fix it, for a folder without SEED, a missing or
    damaged file, 1-s windows, NaN, labels that differ from those of the films, and unknown options.
    """
    chosen = settings(options)
    wanted = VIEWS if views is None else views
    for view in wanted:
        if view not in VIEWS:
            raise DataError(f"seed has no view '{view}'; its views are: {', '.join(VIEWS)}")
    if root is None:
        raise DataError("seed is licensed data; name the folder of your copy with --data-root")
    source = _needed(root, chosen)
    simulated = _is_simulated(source, root)
    chosen = _available(source, simulated, chosen)
    files = [
        recording(source, chosen, *number, eye="eye" in wanted)
        for number in recordings_of(source, chosen, eye="eye" in wanted)
    ]
    return _dataset(files, source, simulated, chosen).choose(wanted)


def found(root: Path) -> bool:
    """Whether features of SEED are in or below ``root``, complete or not; ``load`` says what lacks.

    Opens a few files of each folder that has files called as SEED's.
    """
    return is_there(root)


def check(root: Path, options: Mapping[str, str] | None = None) -> DataCheck:
    """The files at ``root`` compared with Table 1. Raises DataError for options only."""
    asked = settings(options)
    try:
        source = _needed(root, asked)
    except DataError as error:
        return DataCheck("seed", str(root), False, (nothing_found(str(error)),))
    simulated = _is_simulated(source, root)
    chosen = _available(source, simulated, asked)
    findings, files = inspect(source, chosen, small_copy=chosen != asked)
    if len(files) < len(chosen.subjects) * len(SESSIONS):
        return DataCheck("seed", str(root), simulated, findings)
    try:
        data = _dataset(files, source, simulated, chosen)
    except DataError as error:
        rows = Finding("rows", "0", "22734", False, str(error))
        return DataCheck("seed", str(root), simulated, (*findings, rows))
    findings = (*findings, *shared_by_parts(data))
    return DataCheck("seed", str(root), simulated, findings, data.fingerprint)


def _needed(root: Path, chosen: Settings) -> Source:
    """The copy in or below ``root``. Raises DataError if there is none, or copies differ."""
    source = locate(root, chosen)
    if source is None:
        near = search.resembling(near_misses(root))
        form = "" if chosen.layout == "auto" else f" of layout {chosen.layout}"
        raise DataError(
            f"no EEG features of SEED{form}, files such as {LOOKED_FOR}, were found in {root} "
            f"{search.BELOW}{near}; copy SEED_Multimodal there"
        )
    return source


def _available(source: Source, simulated: bool, chosen: Settings) -> Settings:
    """By default those of the nine that a simulated copy has; real data must have all nine."""
    if chosen.subjects != settings(None).subjects or not simulated:
        return chosen
    there = complete_subjects(source)
    return replace(
        chosen, subjects=tuple(s for s in chosen.subjects if s in there) or chosen.subjects
    )


def _dataset(files: list[Recording], source: Source, simulated: bool, chosen: Settings) -> Dataset:
    """Rows of all files, one after the other."""
    if chosen.order == "bands":
        columns = [file.eeg for file in files]
    else:
        columns = [file.eeg.transpose(0, 2, 1) for file in files]
    views = {"eeg": np.concatenate([part.reshape(len(part), -1) for part in columns])}
    if all(file.eye is not None for file in files):
        views["eye"] = _same_width([file.eye for file in files if file.eye is not None])
    count = len(files)

    def per_file(values: list[int]) -> np.ndarray:
        return np.repeat(np.array(values, np.int64), len(LABELS))

    splits = (
        Split("official", official=True, leaks=("subject", "session", "file", "time")),
        Split("subject", by="subject", leaks=("session", "clip", "time")),
    )
    return Dataset(
        key="seed",
        draw_key="seed",
        title="SEED",
        views=tuple(views.values()),
        view_names=tuple(views),
        labels=np.tile(LABELS, count).astype(np.int64),
        class_names=CLASSES,
        splits=splits,
        provenance=_provenance(source, simulated, chosen),
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


def _same_width(eyes: list[np.ndarray]) -> np.ndarray:
    widths = sorted({eye.shape[1] for eye in eyes})
    if len(widths) > 1:
        raise DataError(
            f"some eye files have {widths[0]} features and others {widths[1]}; copy those of one "
            "release again"
        )
    return np.concatenate(eyes)


def _provenance(source: Source, simulated: bool, chosen: Settings) -> Provenance:
    release = "multimodal release, 4-s windows"
    if source.layout == "mat":
        release = f"ExtractedFeatures, de_{chosen.smoothing}, and eye features of the {release}"
    return _simulated.provenance(
        simulated,
        source=f"SEED, {release}",
        licence="by agreement with BCMI",
        citation="Zheng, W.-L. and Lu, B.-L. (2015). IEEE Trans. Auton. Mental Dev. 7(3), 162-175",
        notes=(
            f"subjects {spans(chosen.subjects)}; the paper does not say which nine it took",
            f"EEG columns by {chosen.order}",
            "split official: people and sessions are in all parts, each film in one; split "
            "subject: films are in all parts, each person with all sessions in one",
        ),
    )


def _is_simulated(source: Source, root: Path) -> bool:
    return any(
        _simulated.is_simulated(copy.folder, root, copy.files.values()) for copy in source.folders
    )
