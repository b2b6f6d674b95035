"""The data check of EmoEEG-MC: its files, rows and groups beside the published counts."""

from __future__ import annotations

import numpy as np

from datasets._check import Finding, compare_count, grouped_faults, only_cause, shared_by_parts
from datasets._options import spans
from datasets.base import DataError, Dataset
from datasets.emoeeg_mc.files import GET, Files
from datasets.emoeeg_mc.layout import (
    BANDS,
    CHANNELS,
    COMPLETE,
    CONTEXTS,
    FULL_FILES,
    PEOPLE,
    TRIALS,
    WITH_GSR,
    WITH_HR,
)
from datasets.emoeeg_mc.read import de_features


def nothing_found(why: str) -> Finding:
    """The only finding if there is no file, or copies differ."""
    return Finding("features of EEG", "none to read", "120 files", False, why)


def refused(why: str) -> Finding:
    """A finding where the data set cannot be loaded."""
    return Finding("loading", "refused", "a data set", False, why)


def file_findings(copy: Files, simulated: bool) -> list[Finding]:
    """Files, people and trials."""
    sizes: dict[tuple[int, int], int] = {}
    faults = []
    for number, path in copy.eeg.items():
        try:
            sizes[number] = len(de_features(path))
        except DataError as error:
            faults.append((path.name, str(error)))
    unusable = grouped_faults(faults, "complete")
    full = {number for number, count in sizes.items() if count == TRIALS}
    both = {p for p, _ in full if all((p, c) in full for c in range(len(CONTEXTS)))}
    why = f"files are missing; {GET}"
    if simulated:
        why = "this is a simulated copy; make one with --scale 1 for all people"
    short = only_cause(unusable, "files are unusable, as listed here") if unusable else why
    people = {person for person, _ in copy.eeg}
    return [
        compare_count("people with features of EEG", len(people), len(PEOPLE), why),
        compare_count("files of features of EEG", len(copy.eeg), 2 * len(PEOPLE), why),
        compare_count(f"of these with {TRIALS} trials", len(full), FULL_FILES, short),
        Finding(
            "people with all trials of both contexts",
            str(len(both)),
            f"{COMPLETE}, or one fewer",  # the README's, and a file of 20 trials besides
            COMPLETE - len(both) in (0, 1),
            "" if COMPLETE - len(both) in (0, 1) else short,
        ),
        _people_with("hr", copy, WITH_HR, why),
        _people_with("gsr", copy, WITH_GSR, why),
        Finding("people with a table of behaviour", str(len(copy.behaviour))),
        *unusable,
    ]


def _people_with(view: str, copy: Files, published: tuple[int, ...], why: str) -> Finding:
    there = {person for person, _ in copy.body[view]}
    right = there == set(published)
    found, expected = (f"{len(p)}: {spans(p)}" for p in (there, published))
    return Finding(f"people with {view}", found, expected, right, "" if right else why)


def data_findings(data: Dataset) -> list[Finding]:
    """Rows, features, classes, splits and notes of the data set."""
    counts = np.bincount(data.labels, minlength=data.n_classes)
    classes = ", ".join(f"{name} {n}" for name, n in zip(data.class_names, counts, strict=True))
    wrong = "the files are not those of version 1.0.7"
    return [
        Finding("rows", str(data.n)),
        Finding("rows a class", classes),
        compare_count("EEG features of a row", data.dims[0], CHANNELS * BANDS, wrong),
        *(
            Finding(f"{name} features of a row", str(width))
            for name, width in list(zip(data.view_names, data.dims, strict=True))[1:]
        ),
        *shared_by_parts(data),
        *(Finding("note", note) for note in data.provenance.notes),
    ]
