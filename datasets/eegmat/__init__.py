"""Mental arithmetic: EEG and ECG of 36 people at rest and while they subtract.

Source: PhysioNet, EEG During Mental Arithmetic Tasks 1.0.0
(https://physionet.org/content/eegmat/1.0.0/; I. Zyma et al., Electroencephalograms during mental
arithmetic task performance, Data 4(1):14, 2019).
Licence: ODC-By 1.0. Its files are not in the project: docs/data.md says where to put them.

Files, in the data root or up to six folders below it, names in any case: ``Subject00_1.edf`` (rest,
about three minutes) and ``Subject00_2.edf`` (the first minute of serial subtraction) up to
``Subject35``, 500 Hz, filtered by their authors to 0.5-45 Hz and cleaned by independent component
analysis. The channel A2-A1 is not used. ``check`` compares them with PhysioNet's checksums.

Rows: one-second windows, end to end from the start of each recording, a remainder dropped. Views:

``eeg``  95 features: differential entropy 1/2 ln(2 pi e variance), in nats, of 19 channels in the
         bands 1-4, 4-8, 8-14, 14-31 and 31-45 Hz; the channels of the first band, then those of the
         next. Each recording is band-passed as a whole, forwards and backwards (Butterworth, order
         3), then cut; the variance is taken about the window's mean and is not less than 1e-6 uV^2.
         These are the paper's features; as in SEED delta is kept, for the window's filter sees the
         whole recording. (Shi et al., EMBC 2013; Duan et al., NER 2013.)
``ecg``  11 features: the same entropy in the bands 1-5, 5-15 and 15-40 Hz, of the second (3) and
         of the ten seconds around it (3); over the ten seconds, heart rate in beats/min, SDNN and
         RMSSD of the RR intervals in ms, mean and standard deviation of the height of the R wave at
         5-15 Hz in uV (5). Ten seconds are enough for heart rate under mental stress; RMSSD wants
         thirty (Salahuddin et al., EMBC 2007), so that here it and SDNN are noisy. The ten seconds
         are centred on the second and moved inwards at the ends: they reach into neighbouring rows
         of the same recording, never into another. Rows without enough heartbeats get their
         recording's medians of the last five; a note says how many.

Options (all are text):

``label``     ``task`` (default): rest or arithmetic. ``quality``: the subject counted badly or
              well, the column ``Count quality`` of ``subject-info.csv``; one class a subject.
``rest``      ``balanced`` (default): the last seconds of rest, as many as the subject has of
              arithmetic, so that no class is three times as large as the other. ``all``: all
              seconds.
``subjects``  all 36 (default), or a choice: ``0-11``, ``0,3,7``.
``folder``    below the data root: which copy is read, where several differ.

Features are computed once for each file and stored by ``_io.cached_features``.

Groups: ``subject`` (0..35), ``trial`` (recording: 2 x subject, + 1 for arithmetic) and ``time``
(1000 x trial + the second of the recording; one a row). Splits:

subject  the default: each person is in one part
trial    a recording is in one part; the other recording of the same person may be in another
segment  seconds are cut at random, as the paper cuts DEAP's: neighbours of a test row, which share
         their ECG context with it, are in the training part
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets import _options
from datasets._check import DataCheck, Finding, compare_count, grouped_faults, unread_files
from datasets._options import numbers
from datasets._simulated import is_simulated
from datasets._wording import count
from datasets.base import DataError, Dataset, Provenance, Settings, Split, setting
from datasets.eegmat import files
from datasets.eegmat.features import recording_features

VIEWS = ("eeg", "ecg")
LOOKED_FOR = "Subject00_1.edf"
SUBJECTS = 36
CLASSES = {"task": ("rest", "arithmetic"), "quality": ("bad", "good")}
TITLES = {"task": "Mental arithmetic", "quality": "Mental arithmetic, quality of count"}
RESTS = ("balanced", "all")


def _subjects(text: str) -> tuple[int, ...]:
    named = set(numbers(text, "0-11 or 0,3,7"))
    if len(named) < 3 or max(named) >= SUBJECTS:
        raise ValueError(f"must name 3 or more of 0-{SUBJECTS - 1}")
    return tuple(sorted(named))


@dataclass(frozen=True)
class _Options(Settings):
    """Choices that the data set leaves to its user."""

    label: str = setting(
        "task", "the class: task (rest or arithmetic) or quality", choices=tuple(CLASSES)
    )
    rest: str = setting(
        "balanced", "seconds of rest: balanced (as many as of arithmetic) or all", choices=RESTS
    )
    subjects: tuple[int, ...] = setting(
        tuple(range(SUBJECTS)),
        "which subjects, such as 0-11 or 0,3,7",
        parse=_subjects,
        typed=f"0-{SUBJECTS - 1}",
    )

    folder: str = setting("", "folder below the data root: which of several copies is read")


OPTIONS = _Options


def load(
    views: tuple[str, ...] | None = None,
    root: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Dataset:
    """The windows with ``views`` (default eeg and ecg), from the files in or below ``root``.

    Raises DataError if files are missing, damaged, or not those of the data set, and for an
    option that the module docstring does not name.
    """
    chosen = _options.chosen("eegmat", OPTIONS, options)
    copy = files.needed(root, chosen.folder)
    files.check_complete(copy, chosen.subjects)
    columns = _columns(copy.files, chosen)
    groups = {name: columns[name].astype(np.int64) for name in ("subject", "trial")}
    groups["time"] = 1000 * groups["trial"] + columns["second"]
    labels = groups["trial"] % 2
    if chosen.label == "quality":
        well = files.counted_well(copy.folder, chosen.subjects)
        labels = np.array([well[subject] for subject in groups["subject"].tolist()])
    data = Dataset(
        key="eegmat",
        draw_key="eegmat",
        title=TITLES[chosen.label],
        views=tuple(columns[view].astype(np.float32) for view in VIEWS),
        view_names=VIEWS,
        labels=labels.astype(np.int64),
        class_names=CLASSES[chosen.label],
        splits=(
            # each subject has one class only if the class is the subject's
            Split("subject", by="subject", stratify=chosen.label == "quality"),
            Split("trial", by="trial", stratify=True, leaks=("subject",)),
            Split("segment", stratify=True, leaks=("subject", "trial")),
        ),
        provenance=_provenance(
            chosen, int(columns["lost"].sum()), is_simulated(copy.folder, root or copy.folder)
        ),
        groups=groups,
    )
    return data.choose(VIEWS if views is None else views)


def found(root: Path) -> bool:
    """Whether a recording of the data set is in or below ``root``. Opens no file."""
    return files.is_there(root)


near_misses = files.near_misses


def check(root: Path, options: Mapping[str, str] | None = None) -> DataCheck:
    """The files of the chosen subjects compared with the expected ones.

    Raises DataError for an option that the module docstring does not name, never for the files.
    """
    chosen = _options.chosen("eegmat", OPTIONS, options)
    wanted = 2 * len(chosen.subjects)
    try:
        copy = files.needed(root, chosen.folder)
    except DataError as error:
        none = Finding("recordings", "0", str(wanted), ok=False, fix=str(error))
        return DataCheck("eegmat", str(root), False, (none,))
    folder, present = copy.folder, copy.files
    simulated = is_simulated(folder, root)
    needed = {key: path for key, path in present.items() if key[0] in chosen.subjects}
    findings = [
        compare_count("recordings", len(needed), wanted, _missing(copy, chosen)),
        unread_files([folder], {files.INFO, *(path.name for path in present.values())}),
        *([] if simulated else [_published(folder, list(needed.values()))]),
    ]
    findings += [*_lengths(needed), _quality(folder, chosen)]
    fingerprint = ""
    try:
        data = load(root=root, options=options)
        fingerprint = data.fingerprint
        findings.append(Finding("rows", str(data.n)))
        findings += [Finding("note", note) for note in data.provenance.notes]
    except DataError as error:
        findings.append(Finding("loading", "refused", "a data set", False, str(error)))
    return DataCheck("eegmat", str(folder), simulated, tuple(findings), fingerprint)


def _published(folder: Path, recordings: list[Path]) -> Finding:
    """The files beside PhysioNet's list of checksums."""
    info = files.info_file(folder)
    compared = [*recordings, info] if info.exists() else recordings
    differ = files.altered(compared)
    shown = ", ".join(differ[:5]) + (f" and {len(differ) - 5} more" if len(differ) > 5 else "")
    return compare_count(
        "files equal to PhysioNet's checksums",
        len(compared) - len(differ),
        len(compared),
        f"not as published: {shown}; download them again",
    )


def _quality(folder: Path, chosen: _Options) -> Finding:
    """How many counted well; an unreadable table is a fault only if quality is the class."""
    try:
        well = files.counted_well(folder, chosen.subjects)
    except DataError as error:
        if chosen.label != "quality":
            return Finding(files.INFO, "unusable, but needed for label=quality only")
        return Finding(files.INFO, "unusable", "one row a subject", False, str(error))
    good = sum(well.values())
    return Finding("subjects who counted well, badly", f"{good}, {len(well) - good}")


def _lengths(present: Mapping[tuple[int, int], Path]) -> list[Finding]:
    """The unreadable recordings, and the seconds of the others."""
    faults, seconds = [], {1: 0, 2: 0}
    for (_, part), path in sorted(present.items()):
        try:
            seconds[part] += files.read_recording(path).shape[1] // files.RATE
        except DataError as error:
            faults.append((path.name, str(error)))
    return [
        *grouped_faults(faults, "complete"),
        Finding("seconds of rest", str(seconds[1])),
        Finding("seconds of arithmetic", str(seconds[2])),
    ]


def _missing(copy: files.Recordings, chosen: _Options) -> str:
    """Which recordings are not there and what to do; "" if all are."""
    try:
        files.check_complete(copy, chosen.subjects)
    except DataError as error:
        return str(error)
    return ""


def _columns(paths: Mapping[tuple[int, int], Path], chosen: _Options) -> dict[str, np.ndarray]:
    """Views, ``subject``, ``trial``, ``second`` and ``lost`` (beats not found) of every row."""
    pieces = []
    for subject in chosen.subjects:
        rest, task = (recording_features(paths[subject, part]) for part in (1, 2))
        surplus = max(len(rest["lost"]) - len(task["lost"]), 0)
        first = surplus if chosen.rest == "balanced" else 0
        for trial, features, start in ((2 * subject, rest, first), (2 * subject + 1, task, 0)):
            second = np.arange(start, len(features["lost"]))
            pieces.append(
                {name: column[second] for name, column in features.items()}
                | {"subject": np.full(len(second), subject), "trial": np.full(len(second), trial)}
                | {"second": second}
            )
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _provenance(chosen: _Options, lost: int, simulated: bool) -> Provenance:
    notes = [f"label {chosen.label}, rest {chosen.rest}, {len(chosen.subjects)} subjects"]
    if lost:
        rows = count(lost, "row")
        notes.append(f"medians of the recording for too few heartbeats: ECG of {rows}")
    return Provenance(
        kind="simulated" if simulated else "open",
        source="PhysioNet, EEG During Mental Arithmetic Tasks 1.0.0",
        licence="ODC-By 1.0",
        citation=(
            "Zyma, I. et al. (2019). Data 4(1):14. https://doi.org/10.3390/data4010014; "
            "Goldberger, A. L. et al. (2000). Circulation 101(23):e215-e220."
        ),
        notes=tuple(notes),
        imitates="open",
    )
