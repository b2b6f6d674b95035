"""The receipt of a copy of SEED: its files one by one, then their counts against Table 1."""

from __future__ import annotations

import numpy as np

from datasets._receipt import Finding, beside, counted
from datasets._seed_layout import (
    CLASSES,
    CLIPS,
    EYE,
    SESSIONS,
    WINDOWS,
    Settings,
    Source,
    locate,
    spans,
    whole_subjects,
)
from datasets._seed_read import ONE_SECOND, Recording, gaps, recording
from datasets.base import DataError

TABLE1 = {"training": 13473, "validation": 4725, "test": 4536}
PAPER_FILES = 27
_PARTS = {"training": slice(0, 9), "validation": slice(9, 12), "test": slice(12, 15)}


def nothing_found() -> Finding:
    """The only finding where no folder of SEED is."""
    mend = "name the folder that holds SEED_Multimodal, or ask for another layout"
    return Finding("features of SEED", "none", "eeg_used_4s", False, mend)


def inspect(
    source: Source, chosen: Settings, small_twin: bool
) -> tuple[tuple[Finding, ...], list[Recording]]:
    """Findings, and the recordings that are whole.

    ``small_twin``: the subjects were not asked for, but are those that a twin has.
    """
    files, faults = _read(source, chosen)
    findings = [
        Finding("EEG features", f"{source.eeg.name}, layout {source.layout}{_also(source)}"),
        Finding("eye features", source.eye.name if source.eye else "none"),
        _subjects_found(source, chosen),
        _foreign(source),
        *faults,
        *_counts(files, chosen, small_twin),
    ]
    return tuple(findings), files


def _also(source: Source) -> str:
    """What is said of EEG in the other layout, if it lies there too."""
    other = locate(source.eeg, "mat" if source.layout == "npz" else "npz")
    return f"; {other.eeg.name}, layout {other.layout}, is there too, not read" if other else ""


def _subjects_found(source: Source, chosen: Settings) -> Finding:
    whole = whole_subjects(source) if source.eye else []
    lost = spans(set(chosen.subjects) - set(whole))
    mend = f"copy the files of {lost}, or set the option subjects to those found"
    if source.eye is None:
        mend = "copy the folder of the eye features, 04-Eye-tracking-feature, beside those of EEG"
    return Finding(
        "subjects with both modalities and three sessions",
        spans(whole),
        f"{spans(chosen.subjects)} among them",
        lost == "none",
        "" if lost == "none" else mend,
    )


def _foreign(source: Source) -> Finding:
    folders = [folder for folder, _ in source.folders]
    ours = {path.name for _, files in source.folders for path in files.values()}
    scripts = {path.name for folder in folders for path in folder.glob("*.py")}
    return beside(folders, ours | scripts | {"label.mat"})


def _read(source: Source, chosen: Settings) -> tuple[list[Recording], list[Finding]]:
    """Every recording that is whole, and a finding for every fault; one for all 1-s windows."""
    files, faults, seconds, mend = [], [], 0, ""
    lost: set[tuple[int, int]] = set()
    for numbers, sentence in gaps(source, chosen, eye=True):
        lost |= numbers
        faults.append(Finding("files", "missing or too many", "two a session", False, sentence))
    for subject, session in [(s, n) for s in chosen.subjects for n in SESSIONS]:
        if (subject, session) in lost:
            continue
        try:
            files.append(recording(source, chosen, subject, session))
        except DataError as error:
            what = f"files of subject {subject}, session {session}"
            if ONE_SECOND in str(error):
                seconds, mend = seconds + 1, mend or str(error)
            else:
                faults.append(Finding(what, "unusable", "whole", False, str(error)))
    found = f"1 s in {seconds} files" if seconds else "4 s" if files else "not known"
    return files, [Finding("window of the features", found, "4 s", not seconds, mend), *faults]


def _why(files: list[Recording], chosen: Settings, small_twin: bool) -> str:
    """One sentence: why counts differ from Table 1's, if they do."""
    subjects = len(chosen.subjects)
    if len(files) < subjects * len(SESSIONS):
        return "files are missing or unusable, as said above"
    if subjects * len(SESSIONS) == PAPER_FILES:
        return ""
    if small_twin:
        return f"the twin has {subjects} subjects, Table 1 has nine: make one with --scale 0.75"
    return (
        f"the option subjects names {subjects} subjects, Table 1 has nine: "
        "name nine of 1-5 and 8-14"
    )


def _counts(files: list[Recording], chosen: Settings, small_twin: bool) -> list[Finding]:
    why = _why(files, chosen, small_twin)
    found = [counted("files", len(files), PAPER_FILES, why)]
    rows = sum(len(file.eeg) for file in files)
    found.append(counted("rows", rows, sum(TABLE1.values()), why))
    for part, expected in TABLE1.items():
        lengths, classes = WINDOWS[_PARTS[part]], CLIPS[_PARTS[part]]
        found.append(counted(f"{part} rows", len(files) * int(lengths.sum()), expected, why))
        each = np.bincount(classes, weights=lengths, minlength=len(CLASSES)).astype(int)
        for name, count in zip(CLASSES, each, strict=True):
            what = f"{part} rows, {name}"
            found.append(counted(what, len(files) * int(count), PAPER_FILES * int(count), why))
    if files:
        lengths = " ".join(map(str, WINDOWS))
        eeg, eye = files[0].eeg, files[0].eye
        columns = eeg.shape[1] * eeg.shape[2]
        found += [
            counted("EEG features of a row", columns, 310, why),
            counted("eye features of a row", 0 if eye is None else eye.shape[1], EYE, why),
            Finding("windows of the 15 clips, in every file read", lengths, lengths),
            counted("classes", len(np.unique(CLIPS)), len(CLASSES), why),
        ]
    return found
