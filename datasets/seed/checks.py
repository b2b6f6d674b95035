"""The data check of SEED: its files one by one, then their counts against Table 1."""

from __future__ import annotations

import numpy as np

from datasets._check import Finding, compare_count, unread_files
from datasets.base import DataError
from datasets.seed.layout import (
    CLASSES,
    CLIPS,
    EYE,
    SESSIONS,
    WINDOWS,
    Settings,
    Source,
    complete_subjects,
    locate,
    spans,
)
from datasets.seed.read import ONE_SECOND, Recording, missing_files, recording

TABLE1 = {"training": 13473, "validation": 4725, "test": 4536}
PAPER_FILES = 27
_PARTS = {"training": slice(0, 9), "validation": slice(9, 12), "test": slice(12, 15)}


def nothing_found() -> Finding:
    """The only finding if no folder of SEED was found."""
    fix = "name the folder that contains SEED_Multimodal, or choose another layout"
    return Finding("features of SEED", "none", "eeg_used_4s", False, fix)


def inspect(
    source: Source, chosen: Settings, small_copy: bool
) -> tuple[tuple[Finding, ...], list[Recording]]:
    """Findings, and the recordings that are complete.

    ``small_copy``  the subjects are not those of the options, but those that a simulated copy has.
    """
    files, faults = _read(source, chosen)
    findings = [
        Finding(
            "EEG features", f"{source.eeg.name}, layout {source.layout}{_other_layout(source)}"
        ),
        Finding("eye features", source.eye.name if source.eye else "none"),
        _subjects_found(source, chosen),
        _unread(source),
        *faults,
        *_counts(files, chosen, small_copy),
    ]
    return tuple(findings), files


def _other_layout(source: Source) -> str:
    """Note on EEG in the other layout, if it is there too."""
    other = locate(source.eeg, "mat" if source.layout == "npz" else "npz")
    return f"; {other.eeg.name}, layout {other.layout}, was found too, not read" if other else ""


def _subjects_found(source: Source, chosen: Settings) -> Finding:
    complete = complete_subjects(source) if source.eye else []
    missing = spans(set(chosen.subjects) - set(complete))
    fix = f"copy the files of {missing}, or set the option subjects to those found"
    if source.eye is None:
        fix = "copy the folder of the eye features, 04-Eye-tracking-feature, beside those of EEG"
    return Finding(
        "subjects with both modalities and three sessions",
        spans(complete),
        f"{spans(chosen.subjects)} among them",
        missing == "none",
        "" if missing == "none" else fix,
    )


def _unread(source: Source) -> Finding:
    folders = [folder for folder, _ in source.folders]
    ours = {path.name for _, files in source.folders for path in files.values()}
    scripts = {path.name for folder in folders for path in folder.glob("*.py")}
    return unread_files(folders, ours | scripts | {"label.mat"})


def _read(source: Source, chosen: Settings) -> tuple[list[Recording], list[Finding]]:
    """Every complete recording, and a finding for every fault; one for all 1-s windows."""
    files, faults, seconds, fix = [], [], 0, ""
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
            what = f"files of subject {subject}, session {session}"
            if ONE_SECOND in str(error):
                seconds, fix = seconds + 1, fix or str(error)
            else:
                faults.append(Finding(what, "unusable", "complete", False, str(error)))
    found = f"1 s in {seconds} files" if seconds else "4 s" if files else "unknown"
    return files, [Finding("window of the features", found, "4 s", not seconds, fix), *faults]


def _why(files: list[Recording], chosen: Settings, small_copy: bool) -> str:
    """One sentence: why counts differ from Table 1's, if they do."""
    subjects = len(chosen.subjects)
    if len(files) < subjects * len(SESSIONS):
        return "files are missing or unusable, as listed above"
    if subjects * len(SESSIONS) == PAPER_FILES:
        return ""
    if small_copy:
        return (
            f"the simulated copy has {subjects} subjects, Table 1 has nine: "
            "make one with --scale 0.75"
        )
    return (
        f"the option subjects names {subjects} subjects, Table 1 has nine: "
        "name nine of 1-5 and 8-14"
    )


def _counts(files: list[Recording], chosen: Settings, small_copy: bool) -> list[Finding]:
    why = _why(files, chosen, small_copy)
    findings = [compare_count("files", len(files), PAPER_FILES, why)]
    rows = sum(len(file.eeg) for file in files)
    findings.append(compare_count("rows", rows, sum(TABLE1.values()), why))
    for part, expected in TABLE1.items():
        lengths, classes = WINDOWS[_PARTS[part]], CLIPS[_PARTS[part]]
        findings.append(
            compare_count(f"{part} rows", len(files) * int(lengths.sum()), expected, why)
        )
        each = np.bincount(classes, weights=lengths, minlength=len(CLASSES)).astype(int)
        for name, count in zip(CLASSES, each, strict=True):
            what = f"{part} rows, {name}"
            findings.append(
                compare_count(what, len(files) * int(count), PAPER_FILES * int(count), why)
            )
    if files:
        lengths = " ".join(map(str, WINDOWS))
        eeg, eye = files[0].eeg, files[0].eye
        columns = eeg.shape[1] * eeg.shape[2]
        findings += [
            compare_count("EEG features of a row", columns, 310, why),
            compare_count("eye features of a row", 0 if eye is None else eye.shape[1], EYE, why),
            Finding("windows of the 15 clips, in every file read", lengths, lengths),
            compare_count("classes", len(np.unique(CLIPS)), len(CLASSES), why),
        ]
    return findings
