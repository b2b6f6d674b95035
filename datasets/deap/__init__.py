"""DEAP: EEG and peripheral signals of 32 people watching 40 music videos, in four quadrants.

Source: Koelstra et al. (DEAP: a database for emotion analysis using physiological signals, IEEE
Transactions on Affective Computing, 2012), the preprocessed part: 128 Hz, eye artefacts removed,
4-45 Hz, common average. Its owners give it to researchers on request, and it must not be passed on.
``deap.files`` says which files are read and where they may be. The notes name files that are
missing; the rows of the others are used.

Rows: one-second segments, all 63 of a trial, including the 3 s before the video: the 21042 rows of
the paper are 334 x 63, and not a multiple of 60. Trials in the middle of the rating plane are
dropped; ``deap.rules`` says by which rule, and the notes how many are left (the paper: 334).
Rows are in order of trials, and in order of time within a trial. Classes: quadrants of valence and
arousal, LVLA LVHA HVLA HVHA (low or high, at 5).

Views: ``eeg``, channels 1-32, 128 features; ``pps``, channels 33-40 (two EOG, two EMG, skin
resistance, respiration, blood volume, temperature), 32 features. A feature is the differential
entropy, in nats (``_entropy``), of one channel in one of the bands 4-8, 8-14, 14-31 and 31-45 Hz;
order: all channels of the first band, then of the next (``order=channel``: the bands of the first
channel, then of the next). The paper states bands and windows, but neither filter nor order.

Groups: ``subject`` 1..32, ``trial`` 0..1279 (numbered before any is dropped), ``stimulus`` 1..40
(the video).
Splits, all 80/10/10 (the paper: "randomly divided into 10-folds, where 8 folds for training, one
fold for validation and the last fold for testing"):

segment  the default, as published: rows are cut, which gives Table 1's 16834 / 2104 / 2104. The
         seconds next to a test row are in the training part
trial    seconds of one trial stay in one part; the same person is in all parts
subject  each person is in one part; the same videos are in all parts
stimulus each video is in one part, whoever watches it; the same people are in all parts

Options (``--data-option deap.NAME=VALUE``):

``filter``   ``either`` (default), ``both`` or ``radius``: which trials are dropped
             (``deap.rules``).
``format``   ``auto`` (default: the more complete of the two), ``mat`` or ``dat``: files read.
``order``    ``band`` (default) or ``channel``: the order of the features, above.
``scaling``  ``none`` (default), ``global`` or ``per_file`` (a person's file): z-scores fitted on
             training rows before a method sees any (``protocols/_scaling.py``).
``folds``    The paper averages over 20 runs and names ten folds. ``random`` (default): every trial
             cuts a fresh permutation of the rows, or of their groups. ``rotate``: ten folds rotate,
             so that 20 trials are two partitions in which each row is a test row once; the splits
             are then ``segment_rotated``, ``trial_rotated`` and so on.
``folder``   below the data root: which copy is read, where several differ.

Computed features are stored by ``_io.cached_features``. No number of DEAP is in this repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets._check import DataCheck, Finding
from datasets._io import search
from datasets._simulated import is_simulated, provenance
from datasets._wording import count
from datasets.base import DataError, Dataset, Split
from datasets.deap import files as deap_files
from datasets.deap.checks import data_findings, file_findings, files_missing
from datasets.deap.features import Recordings, count_flat, recordings
from datasets.deap.files import SUBJECTS, Files, locate
from datasets.deap.rules import OPTIONS, PAPER_TRIALS, QUADRANTS, chosen, kept, quadrant

__all__ = ["OPTIONS", "check", "found", "load"]

VIEWS = ("eeg", "pps")
LOOKED_FOR = "s01.dat or s01.mat"
LICENCE = "end-user licence agreement of DEAP: research only, not to be passed on"
LICENSED = True
"""Runs by default if its files are under the data root: the paper's data or a simulated copy."""
EEG_CHANNELS = 32  # the others are peripheral
SHARES = (0.8, 0.1, 0.1)
SPLITS = (
    Split("segment", leaks=("subject", "trial", "stimulus"), shares=SHARES),
    Split("trial", by="trial", stratify=True, leaks=("subject", "stimulus"), shares=SHARES),
    Split("subject", by="subject", leaks=("stimulus",), shares=SHARES),
    Split("stimulus", by="stimulus", leaks=("subject",), shares=SHARES),
)
ROTATED = tuple(replace(split, name=f"{split.name}_rotated", folds=10) for split in SPLITS)


def found(root: Path) -> bool:
    """Whether a file of DEAP is in or below ``root``. Opens no file."""
    return deap_files.is_there(root)


near_misses = deap_files.near_misses


def load(
    views: tuple[str, ...] | None = None,
    root: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Dataset:
    """The rows of the files at ``root`` with ``views`` (default eeg and pps).

    Raises DataError for an unknown view or option, if no file is found, and for a file that is
    damaged or differs from DEAP's format.
    """
    wanted = chosen(options)
    files = find_files(root, wanted["format"], wanted["folder"])
    assert root is not None
    data = select(recordings(files), files, _is_simulated(files, root), wanted)
    return data.choose(VIEWS if views is None else views)


def find_files(root: Path | None, form: str, folder: str = "") -> Files:
    """The files in or below ``root``. Raises DataError if there are none, or copies differ."""
    if root is None:
        raise DataError("deap needs your copy of DEAP; name its folder with --data-root")
    files = locate(root, form, folder)
    if files is None:
        kinds = "s01.mat or s01.dat" if form == "auto" else f"s01.{form}"
        near = search.resembling(near_misses(root))
        raise DataError(
            f"no file such as {kinds} was found in {root} {search.BELOW}{near}; copy the "
            "preprocessed part of DEAP there"
        )
    return files


def check(root: Path, options: Mapping[str, str] | None = None) -> DataCheck:
    """The files at ``root`` compared with the paper's counts. Raises DataError for options only.

    Every file is read; a file that cannot be used is a finding, not an error.
    """
    wanted = chosen(options)
    try:
        files = find_files(root, wanted["format"], wanted["folder"])
    except DataError as error:
        return DataCheck(
            "deap", str(root), False, (Finding("files", "0", "32", False, str(error)),)
        )
    simulated = _is_simulated(files, root)
    findings, data_read = file_findings(files, root)
    fingerprint = ""
    if data_read is not None:
        try:
            data = select(data_read, files, simulated, wanted)
        except DataError as error:
            findings.append(Finding("rows", "0", "21042", False, str(error)))
        else:
            findings += data_findings(data_read, data, wanted["filter"], files_missing(files))
            fingerprint = data.fingerprint
    return DataCheck("deap", str(files.folder), simulated, tuple(findings), fingerprint)


def _is_simulated(files: Files, root: Path) -> bool:
    return is_simulated(files.folder, root, files.paths.values())


def select(data: Recordings, files: Files, simulated: bool, wanted: Mapping[str, Any]) -> Dataset:
    """The data set of the trials that the filter keeps. Raises DataError if it keeps none."""
    keep = kept(data.ratings, wanted["filter"])
    seconds = data.entropy.shape[1]
    if not keep.any():
        raise DataError(f"filter={wanted['filter']} keeps no trial of {files.folder}")
    entropy = data.entropy[keep].reshape(-1, *data.entropy.shape[2:])
    if wanted["order"] == "band":
        entropy = entropy.swapaxes(1, 2)
    channel_axis = 2 if wanted["order"] == "band" else 1
    halves = np.split(entropy, [EEG_CHANNELS], axis=channel_axis)
    trial = (data.subject - 1) * deap_files.FORM.videos + data.video - 1
    columns = {"subject": data.subject, "trial": trial, "stimulus": data.video}
    return Dataset(
        key=f"deap:{','.join(VIEWS)}",
        draw_key="deap",
        title="DEAP",
        views=tuple(np.ascontiguousarray(half).reshape(len(half), -1) for half in halves),
        view_names=VIEWS,
        labels=np.repeat(quadrant(data.ratings[keep]), seconds),
        class_names=QUADRANTS,
        splits=ROTATED if wanted["folds"] == "rotate" else SPLITS,
        provenance=provenance(
            simulated,
            source=f"{files.folder.name} of DEAP, as .{files.format}",
            licence=LICENCE,
            citation="Koelstra, S. et al. (2012). https://doi.org/10.1109/T-AFFC.2011.15",
            notes=_notes(keep, data, files, wanted),
        ),
        groups={name: np.repeat(column[keep], seconds) for name, column in columns.items()},
        file_group="subject",
        scaling=wanted["scaling"],
    )


def _notes(
    keep: np.ndarray, data: Recordings, files: Files, wanted: Mapping[str, Any]
) -> tuple[str, ...]:
    """Notes for reports: the trials kept, missing files, flat signals, options not at default."""
    notes = [
        f"filter={wanted['filter']} keeps {keep.sum()} of {len(keep)} trials "
        f"(the paper: {PAPER_TRIALS} of 1280); {data.entropy.shape[1]} seconds of each"
    ]
    if files.missing:
        notes.append(f"{len(files.paths)} of {SUBJECTS} subjects; missing: {files.missing}")
    flat = count_flat(data.entropy[keep])
    if flat:
        notes.append(f"{count(flat, 'feature')} at the entropy floor, that of flat signals")
    if wanted["order"] != OPTIONS().order:
        notes.append(f"features in the order '{wanted['order']}'")
    return tuple(notes)
