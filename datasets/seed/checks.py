"""The data check of SEED: its files one by one, then their counts against Table 1."""

from __future__ import annotations

import numpy as np

from datasets._check import Finding, compare_count, grouped_faults, only_cause, unread_files
from datasets._wording import count
from datasets.base import DataError
from datasets.seed.layout import (
    CLASSES,
    CLIPS,
    EYE,
    EYE_WITHOUT_BLINKS,
    SESSIONS,
    WINDOWS,
    Settings,
    spans,
)
from datasets.seed.locate import Source, complete_subjects
from datasets.seed.read import (
    ONE_SECOND,
    SMOOTHINGS,
    Recording,
    eeg_mat,
    missing_files,
    recording,
    smoothings_of,
)

TABLE1 = {"training": 13473, "validation": 4725, "test": 4536}
PAPER_FILES = 27
_PARTS = {"training": slice(0, 9), "validation": slice(9, 12), "test": slice(12, 15)}


def nothing_found(why: str) -> Finding:
    """The only finding if no folder of SEED was found, or copies differ."""
    return Finding("features of SEED", "none to read", "eeg_used_4s", False, why)


def inspect(
    source: Source, chosen: Settings, small_copy: bool
) -> tuple[tuple[Finding, ...], list[Recording]]:
    """Findings, and the recordings that are complete.

    ``small_copy``  the subjects are not those of the options, but those that a simulated copy has.
    """
    files, faults = _read(source, chosen)
    lost = only_cause(
        [fault for fault in faults if not fault.ok],
        "files are missing or unusable, as listed here",
    )
    findings = [
        Finding(
            "EEG features", f"{source.eeg.folder.name}, layout {source.layout}{_unread_eeg(source)}"
        ),
        Finding("eye features", source.eye.folder.name if source.eye else "none"),
        Finding("folders read", ", ".join(str(copy.folder) for copy in source.folders)),
        Finding("smoothing of the EEG features", _smoothing(source, chosen, files)),
        *_order_of_files(chosen),
        _subjects_found(source, chosen, lost),
        _unread(source),
        *faults,
        *_counts(files, _why(files, chosen, small_copy, lost)),
    ]
    return tuple(findings), files


def _unread_eeg(source: Source) -> str:
    """Note on further folders with EEG, if there are some."""
    notes = []
    for other in source.unread:
        windows = ", 1-s windows" if other.variant.seconds == 1 else ""
        notes.append(f"; {other.files.folder.name}, layout {other.form}{windows}")
    return "".join(notes) + ", found too, not read" if notes else ""


def _smoothing(source: Source, chosen: Settings, files: list[Recording]) -> str:
    """LDS or moving average: as chosen, or by comparison with a copy of the other layout."""
    if source.layout == "mat":
        first = next(iter(source.eeg.files.values()))
        there = ", ".join(smoothings_of(first)) or "none"
        return f"{chosen.smoothing} is read; {first.name} has {there}"
    unknown = "the layout npz does not say"
    others = [f.files.files for f in source.unread if f.form == "mat" and f.variant.seconds == 4]
    for number, path in others[0].items() if others else ():
        for file in files:
            if (file.subject, file.session) == number:
                try:
                    kinds = [k for k in SMOOTHINGS if np.allclose(eeg_mat(path, k), file.eeg)]
                except DataError:
                    return unknown
                return f"{kinds[0]}, as in {path.name}" if kinds else f"neither of {path.name}"
    return f"{unknown}, and no ExtractedFeatures are there to compare with"


def _order_of_files(chosen: Settings) -> list[Finding]:
    """A note for those who list the files by name, where that is another order."""
    if max(chosen.subjects) < 10:
        return []
    found = "by number; sorted by name 10_1 comes before 1_1, and labels by position are wrong"
    return [Finding("order of subjects", found)]


def _subjects_found(source: Source, chosen: Settings, lost: str) -> Finding:
    """``lost`` says why some are missing."""
    complete = complete_subjects(source) if source.eye else []
    there = set(chosen.subjects) <= set(complete)
    return Finding(
        "subjects with both modalities and three sessions",
        spans(complete),
        f"{spans(chosen.subjects)} among them",
        there,
        "" if there else lost,
    )


def _unread(source: Source) -> Finding:
    paths = [path for copy in source.folders for path in copy.files.values()]
    folders = sorted({path.parent for path in paths})
    scripts = {path.name for folder in folders for path in folder.glob("*.py")}
    return unread_files(folders, {path.name for path in paths} | scripts | {"label.mat"})


def _read(source: Source, chosen: Settings) -> tuple[list[Recording], list[Finding]]:
    """Every complete recording, and a finding for every fault; one for all 1-s windows."""
    files, faults, seconds, fix = [], [], 0, ""
    unusable: list[tuple[str, str]] = []
    absent: set[tuple[int, int]] = set()
    for numbers, sentence in missing_files(source, chosen, eye=True):
        absent |= numbers
        faults.append(Finding("files", "missing or too many", "two a session", False, sentence))
    for subject, session in [(s, n) for s in chosen.subjects for n in SESSIONS]:
        if (subject, session) in absent:
            continue
        try:
            files.append(recording(source, chosen, subject, session))
        except DataError as error:
            if ONE_SECOND in str(error):
                seconds, fix = seconds + 1, fix or str(error)
            else:
                unusable.append((f"{subject}_{session}", str(error)))
    found = f"1 s in {count(seconds, 'file')}" if seconds else "4 s" if files else "unknown"
    faults += grouped_faults(unusable, "complete")
    return files, [Finding("window of the features", found, "4 s", not seconds, fix), *faults]


def _why(files: list[Recording], chosen: Settings, small_copy: bool, lost: str) -> str:
    """One sentence: why counts differ from Table 1's, if they do; ``lost`` if files are."""
    subjects = len(chosen.subjects)
    if len(files) < subjects * len(SESSIONS):
        return lost
    if subjects * len(SESSIONS) == PAPER_FILES:
        return ""
    if small_copy:
        return (
            f"the simulated copy has {count(subjects, 'subject')}, Table 1 has nine: "
            "make one with --scale 0.75"
        )
    return (
        f"the option subjects names {count(subjects, 'subject')}, Table 1 has nine: "
        "name nine of 1-5 and 8-14"
    )


def _why_eye(eye: np.ndarray | None, why: str) -> str:
    if eye is None or eye.shape[1] != EYE_WITHOUT_BLINKS:
        return why
    return (
        f"this is the variant of {EYE_WITHOUT_BLINKS} features, without mean and SD of the blink "
        "duration, as in SEED-IV; copy eye_tracking_feature of SEED_Multimodal for all 33"
    )


def _counts(files: list[Recording], why: str) -> list[Finding]:
    """Counts beside Table 1's; ``why`` they differ, if they do."""
    findings = [compare_count("files", len(files), PAPER_FILES, why)]
    rows = sum(len(file.eeg) for file in files)
    findings.append(compare_count("rows", rows, sum(TABLE1.values()), why))
    for part, expected in TABLE1.items():
        lengths, classes = WINDOWS[_PARTS[part]], CLIPS[_PARTS[part]]
        findings.append(
            compare_count(f"{part} rows", len(files) * int(lengths.sum()), expected, why)
        )
        each = np.bincount(classes, weights=lengths, minlength=len(CLASSES)).astype(int)
        for name, in_file in zip(CLASSES, each.tolist(), strict=True):
            what = f"{part} rows, {name}"
            findings.append(compare_count(what, len(files) * in_file, PAPER_FILES * in_file, why))
    if files:
        lengths = " ".join(map(str, WINDOWS))
        eeg, eye = files[0].eeg, files[0].eye
        columns = eeg.shape[1] * eeg.shape[2]
        findings += [
            compare_count("EEG features of a row", columns, 310, why),
            compare_count(
                "eye features of a row", 0 if eye is None else eye.shape[1], EYE, _why_eye(eye, why)
            ),
            Finding("windows of the 15 clips, in every file read", lengths, lengths),
            compare_count("classes", len(np.unique(CLIPS)), len(CLASSES), why),
        ]
    return findings
