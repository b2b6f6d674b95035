"""EmoEEG-MC on disk: which files it has and where they may be.

The repository has them under ``derivatives/sub-01/ses-vid/eeg/`` and ``.../physio/``; for sub-55 to
sub-60 the features of EEG lie one level higher. Names say what a file is, so that folders do not
matter: everything below the folder that has the ``sub-..`` folders is one copy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets._io import search
from datasets._io.search import Copy, Place
from datasets.base import DataError
from datasets.emoeeg_mc.layout import SESSIONS

GET = "download ds005540 from https://openneuro.org/datasets/ds005540/versions/1.0.7"
_DE = re.compile(r"sub-(\d\d)_ses-(vid|ima)_task-emotion_de\.npy", re.ASCII | re.IGNORECASE)
_BODY = re.compile(r"sub-(\d\d)_ses-(vid|ima).*?(?<![a-z])(HR|GSR)features\.csv", re.IGNORECASE)
_BEHAVIOUR = re.compile(r"sub-(\d\d)_task-emotion_beh\.tsv", re.ASCII | re.IGNORECASE)
_PERSON = re.compile(r"sub-\d\d", re.ASCII | re.IGNORECASE)
_ARCHIVE = re.compile(r"ds005540|emoeeg", re.IGNORECASE)
_RAW = re.compile(r"sub-\d\d_ses-(vid|ima)_task-emotion_eeg\.(bdf|edf|set|vhdr|eeg)", re.IGNORECASE)

Table = dict[tuple[int, int], Path]
"""(person, position in CONTEXTS) -> file."""


@dataclass(frozen=True)
class Files:
    """One copy. ``folder`` has the folders of the people; every file of it is in ``folder``.

    ``eeg``        features of EEG by person and context; ``body`` the same for "hr" and "gsr".
    ``behaviour``  tables of trials, by person.
    """

    folder: Path
    eeg: Table
    body: dict[str, Table]
    behaviour: dict[int, Path]

    @property
    def paths(self) -> list[Path]:
        """All files that may be read."""
        tables = (self.eeg, *self.body.values())
        return [path for table in tables for path in table.values()] + [*self.behaviour.values()]


def locate(root: Path, folder: str = "") -> Files | None:
    """The most complete copy in or below ``root``; None if there is none.

    Raises DataError if another copy has a different file, or none lies in ``folder``.
    """
    places = search.walk(root)
    found = _trees(places, _of_eeg)
    if not found:
        return None
    copy = search.settled("emoeeg_mc", search.inside("emoeeg_mc", found, root, folder), root)
    body: dict[str, Table] = {"hr": {}, "gsr": {}}
    for tree in _trees(places, _of_body):
        if tree.folder == copy.folder:
            for (kind, person, context), path in tree.files.items():
                body[kind][person, context] = path
    behaviour: dict[int, Path] = {}
    for tree in _trees(places, _of_behaviour):  # of the raw data, a folder above the derivatives
        if tree.folder in (copy.folder, copy.folder.parent):
            behaviour = {**tree.files, **behaviour}
    return Files(copy.folder, dict(copy.files), body, behaviour)


def needed(root: Path | None, folder: str) -> Files:
    """As ``locate``; raises DataError if there is none."""
    if root is None:
        raise DataError(
            f"emoeeg_mc is not in the project; {GET} and name its folder with --data-root"
        )
    files = locate(root, folder)
    if files is None:
        near = search.resembling(near_misses(root))
        raise DataError(
            f"no file such as sub-01_ses-vid_task-emotion_de.npy was found in {root} "
            f"{search.BELOW}{near}; {GET}"
        )
    return files


def is_there(root: Path) -> bool:
    """Whether features of EEG are in or below ``root``. Opens no file."""
    return bool(_trees(search.walk(root), _of_eeg))


def near_misses(root: Path) -> tuple[str, ...]:
    """What resembles the data set and cannot be read as it, one clause each."""
    places = search.walk(root)
    clauses = search.archives(places, _ARCHIVE, _of_eeg)
    for kind, pattern in (("raw recordings", _RAW), ("features of the body", _BODY)):
        for tree in _trees(places, _whole_name(pattern)):
            clauses.append(f"{search.named_so(tree)} are {kind}, without the features of EEG")
    return tuple(clauses)


def _trees(places: Iterable[Place], key_of: Callable[[str], Any]) -> list[Copy[Any]]:
    """As ``search.copies``, one for all folders of people in the same folder; the largest first."""
    trees: dict[Path, Copy[Any]] = {}
    for copy in search.copies(places, key_of):
        top = next((p.parent for p in _from_above(copy.folder) if _PERSON.fullmatch(p.name)), None)
        top = top or copy.folder
        before = trees.get(top, Copy(top, len(top.parts), {}))
        twice = [(key, path) for key, path in copy.files.items() if key in before.files]
        files = {**copy.files, **before.files}
        trees[top] = Copy(
            top,
            before.depth,
            {key: files[key] for key in sorted(files)},
            (*before.doubles, *copy.doubles, *twice),
        )
    return sorted(trees.values(), key=lambda t: (-len(t.files), t.depth, t.folder))


def _from_above(folder: Path) -> list[Path]:
    return [*reversed(folder.parents), folder]


def _of_eeg(name: str) -> tuple[int, int] | None:
    match = _DE.fullmatch(name)
    return (int(match[1]), SESSIONS.index(match[2].lower())) if match else None


def _of_body(name: str) -> tuple[str, int, int] | None:
    match = _BODY.fullmatch(name)
    if match is None:
        return None
    return match[3].lower(), int(match[1]), SESSIONS.index(match[2].lower())


def _of_behaviour(name: str) -> int | None:
    match = _BEHAVIOUR.fullmatch(name)
    return int(match[1]) if match else None


def _whole_name(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda name: name if pattern.fullmatch(name) else None
