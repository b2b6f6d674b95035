"""DEAP: EEG and peripheral signals of 32 people watching 40 music videos, in four quadrants.

Source: Koelstra et al. (DEAP: a database for emotion analysis using physiological signals, IEEE
Transactions on Affective Computing, 2012), the preprocessed part: 128 Hz, eye artefacts removed,
4-45 Hz, common average. Its owners give it to researchers on request, and it must not be passed on.
``_deap_files`` says which files are read and where they may lie; any missing ones are named in the
notes and the rows of the others are used.

Rows: one-second segments, all 63 of a trial, the 3 s before the video included; 21042 rows of the
paper are 334 x 63, and 60 does not divide them. Trials in the middle of the rating plane are
dropped; ``_deap_rules`` says by which rule, and the notes how many are left beside the paper's 334.
Rows lie trial by trial in order of time. Classes: quadrants of valence and arousal, LVLA LVHA HVLA
HVHA (low or high, at 5).

Views: ``eeg``, channels 1-32, 128 features; ``pps``, channels 33-40 (two EOG, two EMG, skin
resistance, respiration, blood volume, temperature), 32 features. A feature is the differential
entropy, in nats (``_entropy``), of one channel in one of the bands 4-8, 8-14, 14-31 and 31-45 Hz;
order: all channels of the first band, then of the next (``order=channel``: the bands of the first
channel, then of the next). The paper names bands and windows, but neither filter nor order.

Groups: ``subject`` 1..32, ``trial`` 0..1279 (numbered before any is dropped), ``video`` 1..40.
Splits, all 80/10/10 (the paper: "randomly divided into 10-folds, where 8 folds for training, one
fold for validation and the last fold for testing"):

segment  the default, as published: rows are cut, which gives Table 1's 16834 / 2104 / 2104. The
         seconds next to a test row are in the training part
trial    seconds of one trial stay together; the same person is on all sides
subject  nobody is on two sides; the same videos are

Options (``--data-option deap.NAME=VALUE``):

``filter``   ``either`` (default), ``both`` or ``radius``: which trials are dropped
             (``_deap_rules``).
``format``   ``auto`` (default: the more complete of the two), ``mat`` or ``dat``: files read.
``order``    ``band`` (default) or ``channel``: the features' order, above.
``scaling``  ``none`` (default), ``global`` or ``per_file`` (a person's file): z-scores fitted on
             training rows before a method sees any (``protocols/_scaling.py``).
``folds``    The paper averages over 20 runs and names ten folds. ``random`` (default): every trial
             cuts a fresh permutation of the rows, or of their groups. ``rotate``: ten folds take
             turns, so that 20 trials are two partitions in which each row is a test row once; the
             splits are then ``segment_rotated``, ``trial_rotated`` and ``subject_rotated``.

Computed features are kept by ``_cache``. No number of DEAP is in this repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets import _deap_files
from datasets._deap_features import Recordings, at_floor, recordings
from datasets._deap_files import SUBJECTS, Files, locate
from datasets._deap_receipt import data_findings, file_findings
from datasets._deap_rules import OPTIONS, PAPER_TRIALS, QUADRANTS, chosen, kept, quadrant
from datasets._receipt import Finding, Receipt
from datasets._twin import is_twin, provenance
from datasets.base import DataError, Dataset, Split

__all__ = ["OPTIONS", "check", "found", "load"]

VIEWS = ("eeg", "pps")
LICENCE = "end-user licence agreement of DEAP: research only, not to be passed on"
LICENSED = True
"""Found under the data root it stands for the paper's own data, or for a twin of it."""
EEG_CHANNELS = 32  # the others are peripheral
SHARES = (0.8, 0.1, 0.1)
SPLITS = (
    Split("segment", leaks=("subject", "trial", "video"), shares=SHARES),
    Split("trial", by="trial", stratify=True, leaks=("subject", "video"), shares=SHARES),
    Split("subject", by="subject", leaks=("video",), shares=SHARES),
)
ROTATED = tuple(replace(split, name=f"{split.name}_rotated", folds=10) for split in SPLITS)


def found(root: Path) -> bool:
    """Whether a file of DEAP lies at ``root``."""
    return locate(root) is not None


def load(
    views: tuple[str, ...] | None = None,
    root: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Dataset:
    """The rows of the files at ``root`` with ``views`` (default eeg and pps).

    Raises DataError for an unknown view or option, where no file is found, and for a file that is
    damaged or not what DEAP's is.
    """
    wanted = chosen(options)
    files = opened(root, wanted["format"])
    assert root is not None
    data = select(recordings(files), files, _is_twin(files, root), wanted)
    return data.choose(VIEWS if views is None else views)


def opened(root: Path | None, form: str) -> Files:
    """The files at ``root``. Raises DataError where there are none."""
    if root is None:
        raise DataError("deap needs your copy of DEAP; name the folder that holds it as data root")
    files = locate(root, form)
    if files is None:
        kinds = "s01.mat or s01.dat" if form == "auto" else f"s01.{form}"
        raise DataError(
            f"no file of DEAP lies at {root}; put {kinds} and its like into "
            "DEAP/data_preprocessed_matlab or DEAP/data_preprocessed_python there"
        )
    return files


def check(root: Path, options: Mapping[str, str] | None = None) -> Receipt:
    """What lies at ``root``, against what the paper's numbers need. Raises DataError for options.

    Every file is read; a file that cannot be used is a finding, not an error.
    """
    wanted = chosen(options)
    try:
        files = opened(root, wanted["format"])
    except DataError as error:
        return Receipt("deap", str(root), False, (Finding("files", "0", "32", False, str(error)),))
    twin = _is_twin(files, root)
    findings, every = file_findings(files)
    fingerprint = ""
    if every is not None:
        try:
            data = select(every, files, twin, wanted)
        except DataError as error:
            findings.append(Finding("rows", "0", "21042", False, str(error)))
        else:
            findings += data_findings(every, data, wanted["filter"])
            fingerprint = data.fingerprint
    return Receipt("deap", str(files.folder), twin, tuple(findings), fingerprint)


def _is_twin(files: Files, root: Path) -> bool:
    return is_twin(files.folder, root, files.paths.values())


def select(data: Recordings, files: Files, twin: bool, wanted: Mapping[str, Any]) -> Dataset:
    """The data set of the trials that ``wanted['filter']`` keeps. Raises DataError if none is."""
    keep = kept(data.ratings, wanted["filter"])
    seconds = data.entropy.shape[1]
    if not keep.any():
        raise DataError(f"filter={wanted['filter']} keeps no trial of {files.folder}")
    entropy = data.entropy[keep].reshape(-1, *data.entropy.shape[2:])
    if wanted["order"] == "band":
        entropy = entropy.swapaxes(1, 2)
    channel_axis = 2 if wanted["order"] == "band" else 1
    halves = np.split(entropy, [EEG_CHANNELS], axis=channel_axis)
    trial = (data.subject - 1) * _deap_files.FORM.videos + data.video - 1
    columns = {"subject": data.subject, "trial": trial, "video": data.video}
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
            twin,
            source=f"{files.folder.name} of DEAP, as .{files.format}",
            licence=LICENCE,
            citation="Koelstra, S. et al. (2012). https://doi.org/10.1109/T-AFFC.2011.15",
            notes=_notes(keep, data, files, wanted),
        ),
        groups={name: np.repeat(each[keep], seconds) for name, each in columns.items()},
        file_group="subject",
        scaling=wanted["scaling"],
    )


def _notes(
    keep: np.ndarray, data: Recordings, files: Files, wanted: Mapping[str, Any]
) -> tuple[str, ...]:
    """What a reader of the numbers must know: the trials kept, and all that is not by default."""
    notes = [
        f"filter={wanted['filter']} keeps {keep.sum()} of {len(keep)} trials "
        f"(the paper: {PAPER_TRIALS} of 1280); {data.entropy.shape[1]} seconds of each"
    ]
    if files.missing:
        notes.append(f"{len(files.paths)} of {SUBJECTS} subjects; missing: {files.missing}")
    flat = at_floor(data.entropy[keep])
    if flat:
        notes.append(f"{flat} features are those of flat signals, at the floor of the entropy")
    if wanted["order"] != OPTIONS().order:
        notes.append(f"features in the order '{wanted['order']}'")
    return tuple(notes)
