"""Where SEED lies below the data root: folders are told by the names and contents of their files.

Folder names differ from copy to copy, and the files of 1-s and 4-s windows, and of related data
sets, have the same names. So every folder with files that are called as SEED's is looked into: up
to ``PEEK`` of its files are opened, and their number of windows says what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from datasets._io import check_file, read_mat, read_npz, read_pickle, search
from datasets._io.search import Copy, Place
from datasets.base import DataError
from datasets.seed.layout import (
    LIMIT,
    SECONDS,
    SESSIONS,
    SUBJECTS,
    TEST_ROWS,
    TRAIN_ROWS,
    WINDOWS,
    Settings,
)

PEEK = 3
TREE = {
    *("seed_multimodal", "seed-multimodal", "seed-china", "seed_china", "chinese", "eeg", "eye"),
    *("02-eeg-de-feature", "eeg-de-feature", "eeg_used_4s", "eeg_used_1s"),
    *("04-eye-tracking-feature", "eye-tracking-feature", "eye_tracking_feature"),
    *("seed_eeg", "extractedfeatures", "extractedfeatures_4s", "extractedfeatures_1s"),
    *("1", "2", "3"),
}
"""Folders of the release in lower case: where one of them is the data root and has only EEG, or
only eye features, the others are looked for above it."""
LOOKED_FOR = "1_1.npz or 1_20131027.mat"

Files = Copy[tuple[int, int]]
"""(subject, session) -> file."""

_SUBJECT = r"([1-9][0-9]?)"
_NAMES = {
    "npz": rf"{_SUBJECT}_([123])\.npz",
    "mat": rf"{_SUBJECT}_([0-9]{{8}})\.mat",
    "eye": rf"{_SUBJECT}_([123])",
    "SEED-V": rf"{_SUBJECT}_(123)\.npz",
}
_ARCHIVE = re.compile(r"seed|eeg_used|extracted_?features|eye[-_]tracking", re.IGNORECASE)
_RELATED = re.compile(r"seed[-_ ]?(iv|vii|vig|v|ger|fra)(?![a-z])", re.IGNORECASE)
_LAID_OUT_AS = {
    "SEED-IV": re.compile(r"(eeg_feature|eye_feature)_(smooth|raw)", re.IGNORECASE),
    "SEED-V": re.compile(r"eeg_de_features|eye_movement_features", re.IGNORECASE),
}
"""Folders of the releases of other data sets of the family, by name."""
_LAST_YEAR = 2014  # in which SEED was recorded: a file with a later date is SEED-IV's
_SESSION_FOLDERS = {str(session) for session in SESSIONS}


@dataclass(frozen=True)
class Variant:
    """What the files of a folder are. ``seconds`` 4 or 1, the length of a window.

    ``seconds`` is 0 where no file could be read, and -1 where they are not SEED's; ``said`` then
    says why, as words that follow the name of the files.
    """

    seconds: int
    said: str = ""


@dataclass(frozen=True)
class Found:
    """A folder with files of one form: npz, mat or eye."""

    form: str
    files: Files
    variant: Variant


@dataclass(frozen=True)
class Source:
    """Folders of one copy. ``layout`` npz or mat; ``eye`` None where no eye folder was found.

    ``unread``  further folders with EEG.
    """

    layout: str
    eeg: Files
    eye: Files | None
    unread: tuple[Found, ...] = ()

    @property
    def folders(self) -> tuple[Files, ...]:
        """EEG's folder, then that of the eye features if there is one."""
        return (self.eeg, self.eye) if self.eye else (self.eeg,)


def locate(root: Path, chosen: Settings) -> Source | None:
    """The copy in, below or, if ``root`` is a folder of the release, beside ``root``.

    4-s windows come before 1-s ones, npz before mat, then the most complete folder. Raises
    DataError if two copies of what is read differ, or none lies in the folder that was chosen.
    """
    root = root.absolute()  # so that "." has the names of the folders above it
    everything, eye = _candidates(root)
    eeg = [found for found in everything if chosen.layout in ("auto", found.form)]
    if not eeg:
        return None
    folders = [found.files for found in (*eeg, *eye)]
    inside = search.inside("seed", folders, root, chosen.folder)
    eeg, eye = ([f for f in found if f.files in inside] or found for found in (eeg, eye))
    first = eeg[0]
    one_second = first.variant.seconds == 1
    eye = sorted(eye, key=lambda found: (found.variant.seconds == 1) != one_second)
    brain, eyes = (_alike(found, root) for found in (eeg, eye))
    unread = tuple(found for found in everything if found.files is not brain)
    return Source(first.form, brain or first.files, eyes, unread)


def _alike(found: Sequence[Found], root: Path) -> Files | None:
    """The first, unless another of its form and windows differs from it; None if there is none."""
    if not found:
        return None
    first = found[0]
    same = [
        other.files
        for other in found
        if (other.form, other.variant.seconds == 1) == (first.form, first.variant.seconds == 1)
    ]
    return search.settled("seed", same, root)


def is_there(root: Path) -> bool:
    """Whether features of EEG lie where ``locate`` looks, complete or not."""
    return bool(_candidates(root.absolute())[0])


def near_misses(root: Path) -> tuple[str, ...]:
    """What resembles SEED below ``root`` and cannot be read as it, one clause each."""
    places = search.walk(root)
    clauses = search.archives(places, _ARCHIVE, _known)
    for form in ("npz", "mat", "eye"):
        for found in _found(places, form):
            if found.variant.seconds < 0:
                clauses.append(f"{search.named_so(found.files)} {found.variant.said}")
            elif form == "eye":
                clauses.append(f"{search.named_so(found.files)} are eye features, without EEG")
    for copy in search.copies(places, partial(_numbers, "SEED-V")):
        clauses.append(f"{search.named_so(copy)} are called as SEED-V's")
    related = [place.path for place in places if _RELATED.search(place.path.name)]
    outermost = [path for path in related if not any(up in path.parents for up in related)]
    clauses += [f"{path} is named as another of the SEED family" for path in outermost]
    return tuple(clauses)


def complete_subjects(source: Source) -> list[int]:
    """Subjects with EEG of all three sessions and, if there is an eye folder, eye files of them."""
    there = set.intersection(*(set(copy.files) for copy in source.folders))
    return [s for s in SUBJECTS if all((s, session) in there for session in SESSIONS)]


# ---------------------------------------------------------------- folders


def _candidates(root: Path) -> tuple[list[Found], list[Found]]:
    """EEG and eye features, the preferred first; what ``root`` lacks is looked for above it."""
    eeg, eye, top = *_usable(search.walk(root)), root
    while bool(eeg) != bool(eye) and top.name.lower() in TREE and top.parent != top:
        top = top.parent
        above = _usable(search.walk(top))
        eeg, eye = eeg or above[0], eye or above[1]
    return eeg, eye


def _usable(places: Sequence[Place]) -> tuple[list[Found], list[Found]]:
    eeg = [found for form in ("npz", "mat") for found in _found(places, form)]
    eye = _found(places, "eye")
    first, second = (
        sorted((f for f in found if f.variant.seconds >= 0), key=_preference)
        for found in (eeg, eye)
    )
    return first, second


def _preference(found: Found) -> tuple[bool, bool, bool, int]:
    """4-s windows first, and folders whose files cannot be read, so that their fault is reported.

    Then npz before mat, readable before unreadable, the most complete. Stable.
    """
    seconds = found.variant.seconds
    return seconds == 1, found.form == "mat", seconds == 0, -len(found.files.files)


def _found(places: Sequence[Place], form: str) -> list[Found]:
    copies = _joined(search.copies(places, partial(_numbers, form)), form)
    top = places[0].path if places else Path()
    return [Found(form, copy, _told_by_name(copy, _variant(copy, form), top)) for copy in copies]


def _numbers(form: str, name: str) -> tuple[int, int] | None:
    match = re.fullmatch(_NAMES[form], name, re.ASCII | re.IGNORECASE)
    return (int(match[1]), int(match[2])) if match else None


def _known(name: str) -> bool | None:
    return True if any(_numbers(form, name) for form in ("npz", "mat")) else None


def _joined(found: Sequence[Files], form: str) -> list[Files]:
    """``found`` with session numbers; folders 1, 2, 3 of one parent are one copy.

    A name of the form ``mat`` has a date. The session is the number of the folder where each person
    has one file in it, otherwise the place of the date among the person's.
    """
    by_parent: dict[Path, list[Files]] = {}
    joined = []
    for copy in found:
        if copy.folder.name in _SESSION_FOLDERS:
            by_parent.setdefault(copy.folder.parent, []).append(copy)
        else:
            joined.append(_by_date(copy) if form == "mat" else copy)
    for parent, parts in by_parent.items():
        one_each = all(len({s for s, _ in part.files}) == len(part.files) for part in parts)
        files: dict[tuple[int, int], Path] = {}
        for part in parts:
            for (subject, number), path in part.files.items():
                if form == "mat" and one_each:
                    number = int(part.folder.name)
                files[subject, number] = path
        if len(files) < sum(len(part.files) for part in parts):  # copies, not parts of one
            joined += [_by_date(part) if form == "mat" else part for part in parts]
            continue
        in_order = {key: files[key] for key in sorted(files)}
        whole = Copy(parent, parts[0].depth - 1, in_order)
        joined.append(_by_date(whole) if form == "mat" and not one_each else whole)
    return sorted(joined, key=lambda copy: (copy.depth, copy.folder))


def _by_date(copy: Files) -> Files:
    """Dates replaced by the number of the session: their order."""
    files: dict[tuple[int, int], Path] = {}
    count: dict[int, int] = {}
    for (subject, _), path in copy.files.items():
        count[subject] = count.get(subject, 0) + 1
        files[subject, count[subject]] = path
    return Copy(copy.folder, copy.depth, files, copy.doubles)


# ---------------------------------------------------------------- contents


def _variant(copy: Files, form: str) -> Variant:
    """Of the first files that can be read: the largest windows, or why they are not SEED's."""
    seen: list[Variant] = []
    for path in copy.files.values():
        try:
            seen.append(_PEEKS[form](path))
        except DataError:
            continue
        if len(seen) == PEEK:
            break
    return max(seen, key=lambda variant: variant.seconds, default=Variant(0))


def _told_by_name(copy: Files, variant: Variant, top: Path) -> Variant:
    """The variant; of files that cannot be read, by the names of their folders up to ``top``.

    Other data sets of the family have files of the same names.
    """
    if variant.seconds:
        return variant
    said = ""
    folders = [path.parent for path in copy.files.values()]
    below = {part for folder in folders for part in folder.relative_to(top).parts}
    for name in sorted({top.absolute().name, *below}):
        if match := _RELATED.search(name):
            said = f"SEED-{match[1].upper()}'s, by the folder {name}"
        for other, laid_out in _LAID_OUT_AS.items():
            if laid_out.fullmatch(name):
                said = said or f"{other}'s, by the folder {name}"
    dates = [path.stem.partition("_")[2] for path in copy.files.values()]
    if late := [date for date in dates if len(date) == 8 and int(date[:4]) > _LAST_YEAR]:
        said = said or f"SEED-IV's, by the date {late[0]}"
    return Variant(-1, f"cannot be read, and are {said}") if said else variant


def _of_parts(train: int, test: int) -> Variant:
    if (train, test) == (TRAIN_ROWS, TEST_ROWS):
        return Variant(4)
    if (train, test) == (int(SECONDS[:9].sum()), int(SECONDS[9:].sum())):
        return Variant(1)
    return Variant(-1, f"have {train} and {test} rows, where SEED's have {TRAIN_ROWS}, {TEST_ROWS}")


def _peek_npz(path: Path) -> Variant:
    arrays = read_npz(path, path.name, LIMIT)
    if not {"train_label", "test_label"} <= arrays.keys():
        return Variant(-1, "have no 'train_label' and 'test_label', as SEED's have")
    return _of_parts(arrays["train_label"].size, arrays["test_label"].size)


def _peek_mat(path: Path) -> Variant:
    first = {"de_LDS1", "de_movingAve1"}
    further = {"de_LDS16", "de_movingAve16", "eye_16"}
    arrays = read_mat(path, path.name, LIMIT, first | further)
    if further & arrays.keys():
        return Variant(-1, "have more than SEED's 15 clips, as SEED-IV's have")
    for name in sorted(first & arrays.keys()):
        shape = np.shape(arrays[name])
        if len(shape) == 3 and shape[1] in (WINDOWS[0], SECONDS[0]):
            return Variant(4 if shape[1] == WINDOWS[0] else 1)
        windows = f"{WINDOWS[0]} or {SECONDS[0]} windows of SEED's first clip"
        return Variant(-1, f"have '{name}' of shape {shape} without the {windows}")
    return Variant(-1, "have no features of SEED's 15 clips, 'de_LDS1' and so on")


def _peek_eye(path: Path) -> Variant:
    check_file(path, path.name, LIMIT)
    content = read_pickle(path.read_bytes(), path.name)
    parts = ("train_data_eye", "test_data_eye")
    if not isinstance(content, dict) or not all(
        isinstance(content.get(part), np.ndarray) and content[part].ndim for part in parts
    ):
        return Variant(-1, "have no 'train_data_eye' and 'test_data_eye', as SEED's have")
    return _of_parts(*(len(content[part]) for part in parts))


_PEEKS: dict[str, Callable[[Path], Variant]] = {
    "npz": _peek_npz,
    "mat": _peek_mat,
    "eye": _peek_eye,
}
