"""What ``check`` says of DEAP: files, shapes, trials, rows and parts beside the paper's.

Counts only; no value of the data.
"""

from __future__ import annotations

import numpy as np

from datasets import _deap_files
from datasets._deap_features import Recordings, at_floor, each, joined
from datasets._deap_files import FOLDERS, ORIGIN, SUBJECTS, Files
from datasets._deap_rules import PAPER_TRIALS, RULES, kept
from datasets._receipt import Finding, beside, counted
from datasets.base import DataError, Dataset

PAPER_TOTAL, PAPER_ROWS, PAPER_PARTS = 1280, 21042, "16834 / 2104 / 2104"


def file_findings(files: Files) -> tuple[list[Finding], Recordings | None]:
    """How many files there are, and what they hold if each can be used."""
    here, absent = len(files.paths), files.missing
    findings = [
        Finding("form read", f"{files.folder.name}, .{files.format}{_also(files)}"),
        beside([files.folder], {f"s{s:02d}.{kind}" for s in files.paths for kind in FOLDERS}),
        Finding(
            "files",
            str(here),
            str(SUBJECTS),
            not absent,
            f"missing are {absent}; copy the rest of {ORIGIN}" if absent else "",
        ),
    ]
    form = _deap_files.FORM
    shape = f"{form.videos} trials x {form.channels} channels x {form.samples} samples"
    parts = {}
    for number, part in each(files):
        if isinstance(part, DataError):
            name = files.paths[number].name
            findings.append(Finding(name, "unusable", shape, False, str(part)))
        else:
            parts[number] = part
    whole = len(parts) == here
    findings.insert(3, Finding(f"files of {shape}", str(len(parts)), str(here), whole))
    return findings, joined(parts) if whole else None


def _also(files: Files) -> str:
    """What is said of files in the other form, if they lie there too."""
    other = _deap_files.other_form(files)
    return f"; {len(other.paths)} .{other.format} are there too, not read" if other else ""


def data_findings(every: Recordings, data: Dataset, rule: str) -> list[Finding]:
    """Trials kept by each rule, rows, classes and parts; ``rule`` is the one that was chosen."""
    counts = {name: int(kept(every.ratings, name).sum()) for name in RULES}
    total, seconds = every.entropy.shape[:2]
    trials = counts[rule]
    off = "" if trials == PAPER_TRIALS else _why_trials(counts, rule, total)
    parts = " / ".join(map(str, part_sizes(data.n, data.split().shares)))
    per_class = np.bincount(data.labels, minlength=data.n_classes)
    shown = (f"{name} {n}" for name, n in zip(data.class_names, per_class, strict=True))
    length = f"trials of {seconds} s were read, and Table 1 counts 63"
    cause = off or length
    right = data.n == PAPER_ROWS
    subjects = len(np.unique(every.subject))
    few = f"files of {subjects} subjects are there, copy those of the other {SUBJECTS - subjects}"
    return [
        counted("trials", total, PAPER_TOTAL, few if subjects < SUBJECTS else length),
        counted(f"trials kept by filter={rule}", trials, PAPER_TRIALS, off),
        *(
            Finding(f"trials kept by filter={name}, not chosen", str(count))
            for name, count in counts.items()
            if name != rule
        ),
        counted("segments a trial", seconds, 63, length),
        counted("rows", data.n, PAPER_ROWS, cause),
        Finding("rows a class", ", ".join(shown)),
        Finding("parts of the split segment", parts, PAPER_PARTS, right, "" if right else cause),
        Finding("features of flat signals", str(at_floor(every.entropy))),
    ]


def part_sizes(n: int, shares: tuple[float, float, float]) -> tuple[int, int, int]:
    """Rows in train, tune and test when ``n`` rows are cut: each by the middle of its place."""
    ends = np.searchsorted((np.arange(n) + 0.5) / n, np.cumsum(shares)[:2], side="left")
    return int(ends[0]), int(ends[1] - ends[0]), int(n - ends[1])


def _why_trials(counts: dict[str, int], rule: str, total: int) -> str:
    """One sentence: the choice that makes the kept trials differ from the paper's."""
    if total < PAPER_TOTAL:
        return (
            f"only {total} of {PAPER_TOTAL} trials are there, "
            "so no filter can be compared with the paper"
        )
    fits = [name for name, count in counts.items() if count == PAPER_TRIALS]
    if fits:
        return f"filter={rule} was chosen, and filter={fits[0]} keeps {PAPER_TRIALS}"
    return (
        f"filter={rule} is one reading of the paper's rule, and none of the known ones "
        f"({', '.join(RULES)}) keeps {PAPER_TRIALS} of these trials"
    )
