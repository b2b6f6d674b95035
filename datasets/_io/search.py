"""Files of a data set wherever they lie below the data root: one walk, names in any case.

A data set says what its files are called (a function of a file's name) and gets every folder that
has some; which of these it reads is its own decision. Folders up to ``DEPTH`` levels below the root
are looked into, also behind links, but not hidden ones.
"""

from __future__ import annotations

import filecmp
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from datasets._io.files import printable
from datasets.base import DataError

DEPTH = 6
MAX_FOLDERS = 50_000
MAX_CLAUSES = 6
BELOW = f"or up to {DEPTH} folders below it"
"""For a sentence such as "no file of seed lies in ROOT or up to 6 folders below it"."""
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz")

Key = TypeVar("Key")
"""What numbers a file of a data set: a subject, a subject and a session."""


@dataclass(frozen=True)
class Place:
    """A folder: its ``depth`` below the root, and the names of the files directly in it, sorted."""

    path: Path
    depth: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Copy(Generic[Key]):
    """The files of one form in one folder, in order of their keys.

    ``doubles``  further files with the key of one in ``files``: ``s01.MAT`` beside ``s01.mat``.
    """

    folder: Path
    depth: int
    files: Mapping[Key, Path]
    doubles: tuple[tuple[Key, Path], ...] = ()


def walk(root: Path) -> tuple[Place, ...]:
    """``root`` and the folders below it, from above. Empty if there is no such folder.

    Raises DataError for more than MAX_FOLDERS folders, in which a search would take minutes.
    """
    places: list[Place] = []
    seen: set[str] = set()
    for name, folders, files in os.walk(root, followlinks=True):
        path = Path(name)
        depth = len(path.relative_to(root).parts)
        real = os.path.realpath(name)
        if real in seen:  # a link to a folder above it would never end
            folders.clear()
            continue
        seen.add(real)
        if len(seen) > MAX_FOLDERS:
            raise DataError(
                f"{root} has more than {MAX_FOLDERS} folders below it; name a folder nearer to "
                "your copies with --data-root"
            )
        visible = (inner for inner in folders if inner[0] != "." and inner != "__MACOSX")
        folders[:] = sorted(visible) if depth < DEPTH else []
        places.append(Place(path, depth, tuple(sorted(files))))
    return tuple(sorted(places, key=lambda place: (place.depth, place.path)))


def copies(places: Iterable[Place], key_of: Callable[[str], Any]) -> list[Copy[Any]]:
    """A Copy for every place with a file to whose name ``key_of`` gives a key (not None)."""
    found = []
    for place in places:
        files: dict[Any, Path] = {}
        doubles = []
        for name in place.files:
            if (key := key_of(name)) is not None:
                if key in files:
                    doubles.append((key, place.path / name))
                else:
                    files[key] = place.path / name
        if files:
            in_order = {key: files[key] for key in sorted(files)}
            found.append(Copy(place.path, place.depth, in_order, tuple(doubles)))
    return found


def settled(owner: str, found: Sequence[Copy[Any]], root: Path) -> Copy[Any]:
    """The first of ``found``, which are copies of one thing, the preferred one first.

    Raises DataError if another of them has a file of the same key with other bytes, or if a file is
    there twice under names that differ in case: which is right is for the user to say, with the
    option ``folder`` of the data set ``owner``.
    """
    first = found[0]
    for key, other in first.doubles:
        if not _same_bytes(first.files[key], other):
            raise DataError(
                f"{first.files[key].name} and {other.name} in {first.folder} differ but are one "
                f"file of {owner}; remove one of them"
            )
    for copy in found[1:]:
        for key in first.files.keys() & copy.files.keys():
            if not _same_bytes(first.files[key], copy.files[key]):
                one, two = (_below(place.folder, root) for place in (first, copy))
                raise DataError(
                    f"two copies of {owner} under {root} differ in {first.files[key].name}: {one} "
                    f"and {two}; choose one with --data-option {owner}.folder={one}, or remove the "
                    "other"
                )
    return first


def inside(owner: str, found: Sequence[Copy[Any]], root: Path, folder: str) -> list[Copy[Any]]:
    """Those of ``found`` in ``folder``, a path below ``root``, or else below it; all for "".

    Raises DataError if files were found, but none there.
    """
    if not folder or not found:
        return list(found)
    wanted = Path(os.path.realpath(root / folder))
    real = [(copy, Path(os.path.realpath(copy.folder))) for copy in found]
    chosen = [copy for copy, path in real if path == wanted]
    chosen = chosen or [copy for copy, path in real if path.is_relative_to(wanted)]
    if not chosen:
        there = ", ".join(_below(copy.folder, root) for copy in found[:3])
        raise DataError(
            f"{owner}.folder={printable(folder)} has no file of {owner}, which lies in {there}; "
            "name one of these folders"
        )
    return chosen


def archives(
    places: Iterable[Place], named: re.Pattern[str], key_of: Callable[[str], Any]
) -> list[str]:
    """Packed files that may hold the data set, one clause each, for a message.

    They are called as ``named`` says, or are .zip files with a member that ``key_of`` knows.
    """
    return [
        f"{printable(name)} in {place.path} is not unpacked"
        for place in places
        for name in place.files
        if name.lower().endswith(_ARCHIVES)
        and (named.search(name) or _has_member(place.path / name, key_of))
    ]


def resembling(clauses: Iterable[str]) -> str:
    """Near misses for the end of a sentence: "; a; b; and 3 more", or "" if there are none."""
    distinct = list(dict.fromkeys(clauses))
    shown = distinct[:MAX_CLAUSES]
    more = [f"and {len(distinct) - len(shown)} more"] if len(distinct) > len(shown) else []
    return "".join(f"; {clause}" for clause in (*shown, *more))


def named_so(copy: Copy[Any]) -> str:
    """``36 files such as 1_1.npz in FOLDER``, for a message."""
    count, first = len(copy.files), next(iter(copy.files.values())).name
    files = f"{count} files such as {printable(first)}" if count > 1 else printable(first)
    return f"{files} in {copy.folder}"


def _has_member(path: Path, key_of: Callable[[str], Any]) -> bool:
    if path.suffix.lower() != ".zip" or not os.path.isfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(key_of(name.rpartition("/")[2]) is not None for name in archive.namelist())
    except Exception:  # damaged, or no archive at all
        return False


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other) or filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _below(folder: Path, root: Path) -> str:
    """``folder`` as the option names it: below ``root``, or in full where it is not."""
    return str(folder.relative_to(root)) if folder.is_relative_to(root) else str(folder)
