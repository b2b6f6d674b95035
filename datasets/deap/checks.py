"""The data check of DEAP: files, shapes, trials, rows and parts beside the paper's.

Counts only; no value of the data.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets._check import (
    Finding,
    compare_count,
    grouped_faults,
    only_cause,
    shared_by_parts,
    unread_files,
)
from datasets.base import DataError, Dataset
from datasets.deap import files as deap_files
from datasets.deap.features import Recordings, concatenated, count_flat, features_by_subject
from datasets.deap.files import FOLDERS, ORIGIN, SUBJECTS, Files
from datasets.deap.rules import PAPER_TRIALS, RULES, kept

PAPER_TOTAL, PAPER_ROWS, PAPER_PARTS = 1280, 21042, "16834 / 2104 / 2104"


def file_findings(files: Files, root: Path) -> tuple[list[Finding], Recordings | None]:
    """The files that were found, and their content if all of them can be used."""
    here, missing = len(files.paths), files_missing(files)
    findings = [
        Finding("format read", f"{files.folder.name}, .{files.format}{_other_format(files, root)}"),
        unread_files(
            [files.folder],
            {path.name for path in files.paths.values()}
            | {f"s{s:02d}.{kind}" for s in files.paths for kind in FOLDERS},
        ),
        Finding(
            "files",
            str(here),
            str(SUBJECTS),
            not missing,
            missing,
        ),
    ]
    form = deap_files.FORM
    shape = f"{form.videos} trials x {form.channels} channels x {form.samples} samples"
    parts, faults = {}, []
    for number, part in features_by_subject(files):
        if isinstance(part, DataError):
            faults.append((files.paths[number].name, str(part)))
        else:
            parts[number] = part
    complete, unusable = len(parts) == here, grouped_faults(faults, shape)
    why = "" if complete else only_cause(unusable, "files are unusable, as listed here")
    findings.append(Finding(f"files of {shape}", str(len(parts)), str(here), complete, why))
    findings += unusable
    return findings, concatenated(parts) if complete else None


def files_missing(files: Files) -> str:
    """Which of DEAP's files are not there and what to do; "" for none."""
    return f"missing: {files.missing}; copy the rest of {ORIGIN}" if files.missing else ""


def _other_format(files: Files, root: Path) -> str:
    """Note on files in the other format, if they are there too."""
    other = deap_files.other_format(files, root)
    return f"; {len(other.paths)} .{other.format} were found too, not read" if other else ""


def data_findings(read: Recordings, data: Dataset, rule: str, missing: str = "") -> list[Finding]:
    """Trials kept by each rule, rows, classes and parts; ``rule`` is the chosen one.

    ``missing``  of :func:`files_missing`: why counts differ, if files are missing.
    """
    counts = {name: int(kept(read.ratings, name).sum()) for name in RULES}
    total, seconds = read.entropy.shape[:2]
    trials = counts[rule]
    off = "" if trials == PAPER_TRIALS else _why_trials(counts, rule, total, missing)
    parts = " / ".join(map(str, part_sizes(data.n, data.split().shares)))
    per_class = np.bincount(data.labels, minlength=data.n_classes)
    shown = (f"{name} {n}" for name, n in zip(data.class_names, per_class, strict=True))
    length = f"trials of {seconds} s were read, and Table 1 counts 63"
    cause = off or length
    right = data.n == PAPER_ROWS
    return [
        compare_count("trials", total, PAPER_TOTAL, missing or length),
        compare_count(f"trials kept by filter={rule}", trials, PAPER_TRIALS, off),
        *(
            Finding(f"trials kept by filter={name}, not chosen", str(count))
            for name, count in counts.items()
            if name != rule
        ),
        compare_count("segments a trial", seconds, 63, length),
        compare_count("rows", data.n, PAPER_ROWS, cause),
        Finding("rows a class", ", ".join(shown)),
        Finding("parts of the split segment", parts, PAPER_PARTS, right, "" if right else cause),
        Finding("features of flat signals", str(count_flat(read.entropy))),
        *shared_by_parts(data),
    ]


def part_sizes(n: int, shares: tuple[float, float, float]) -> tuple[int, int, int]:
    """Rows in train, tune and test when ``n`` rows are cut by ``shares``."""
    ends = np.searchsorted((np.arange(n) + 0.5) / n, np.cumsum(shares)[:2], side="left")
    return int(ends[0]), int(ends[1] - ends[0]), int(n - ends[1])


def _why_trials(counts: dict[str, int], rule: str, total: int, missing: str) -> str:
    """One sentence: the files or the option that make the kept trials differ from the paper's."""
    if total < PAPER_TOTAL:
        return missing or (
            f"only {total} of {PAPER_TOTAL} trials were found, "
            "so no filter can be compared with the paper"
        )
    fits = [name for name, count in counts.items() if count == PAPER_TRIALS]
    if fits:
        return f"filter={rule} was chosen, and filter={fits[0]} keeps {PAPER_TRIALS}"
    return (
        f"filter={rule} is one reading of the paper's rule, and none of the known ones "
        f"({', '.join(RULES)}) keeps {PAPER_TRIALS} of these trials"
    )
