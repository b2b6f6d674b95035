"""Your own file: any number of views of the same rows, as ``.npz``, ``.mat`` or a folder of tables.

Public multi-view files are read as they are: which arrays are views, labels and names is told by
their names and shapes (``_multiview``), and where two readings fit, the message names the flag that
decides (``--data-option file.NAME=VALUE``, ``_multiview/options.py``). A file with these arrays
needs no flag:

``view_<name>``   (n, d) numbers, at least one; its order in the file is the order of the views; a
                  row that lacks the view is NaN there as a whole
``labels``        (n,) integers or strings, one for every row: the harness hides labels itself
``group_<name>``  (n,) integers or strings, optional: rows that must stay in one part, such as
                  those of one subject, session or recording
``split``         (n,) 0, 1, 2 or train, tune, test, optional: your own split of the rows
``present``       (n, V) 1 where a row has a view and 0 where it lacks it, optional

Any other array with a value for each row is asked about, so that a misspelt group is not ignored;
scalars and texts are left out with a note. Vectors may be (n,), (n, 1) or (1, n); strings of a
``.mat`` file may be a char matrix or a cell array. Labels of any coding (1..K, -1/+1, names) become
0..K-1 in sorted order and keep their names. Features become float32, in their own units.

Splits, the first of which is the default: ``official`` if the file has ``split``; one for each
group, with the group's name, which keeps the group's rows in one part; ``stratified``, which cuts
rows. Each declares the groups that it splits across parts. Draws of trials depend on the content,
not on the file name: renaming the file or choosing fewer views does not change them.

Licence: your own. Nothing in the file is unpickled, and at most 4 GiB is unpacked.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets import _multiview
from datasets._io import printable
from datasets._multiview import Reading
from datasets._wording import count
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Provenance, Split, split_across

MIN_ROWS = 5  # of each class, so that a 60/20/20 split gives one to every part
PARTS = {"train": TRAIN, "tune": TUNE, "test": TEST, "0": TRAIN, "1": TUNE, "2": TEST}
RESERVED = ("official", "stratified")
OPTIONS = _multiview.Choices


def load_file(
    path: Path, views: tuple[str, ...] | None = None, options: Mapping[str, str] | None = None
) -> Dataset:
    """The data set in ``path`` with ``views`` (default: all, in file order).

    ``options``  those of ``--data-option file.NAME=VALUE``, by name, as text.
    Raises DataError, one sentence that says how to fix it, for anything the module docstring
    excludes, for single NaN or infinite values, unequal numbers of rows and classes of under 5.
    """
    return _dataset(_multiview.read(path, _multiview.choices(options)), path, views)


def inspect_file(
    path: Path,
    options: Mapping[str, str] | None = None,
    views: tuple[str, ...] | None = None,
    split: str | None = None,
) -> tuple[list[str], DataError | None]:
    """What is in ``path`` and how it would be read, line by line; why it is refused, None if not.

    ``views`` and ``split`` as chosen for a run, None for all and for the default. Raises DataError
    where the bytes cannot be read at all, or an option is none.
    """

    def build(reading: Reading) -> Dataset:
        return _dataset(reading, path, views)

    return _multiview.describe(path, _multiview.choices(options), build, split)


def _dataset(reading: Reading, path: Path, views: tuple[str, ...] | None) -> Dataset:
    """The data set of the chosen ``views``; a fault of another view is no fault of it."""
    name = printable(path.name)
    held = reading.of_views(views, name)
    labels, class_names = _codes(reading.labels, printable(reading.labels_from), name)
    groups = {
        group: _codes(column, f"group_{group}", name)[0] for group, column in reading.groups.items()
    }
    if clash := sorted(groups.keys() & set(RESERVED)):
        raise DataError(f"'group_{clash[0]}' of {name} has the name of a split; rename the group")
    official = None if reading.split is None else _parts(reading.split, name)
    if reading.class_titles is not None:
        class_names = reading.class_titles
    _check_rows(labels, class_names, groups, official, name)
    splits = _splits(labels, groups, official)
    few = [s.by for s in splits if s.by and groups[s.by].max() + 1 < s.groups_needed]
    typed = printable(str(path), longest=300)
    data = Dataset(
        key=_key(path.stem),
        draw_key=_draw_key(labels, groups, official),
        title=path.stem,
        views=tuple(held.values()),
        view_names=tuple(held),
        labels=labels,
        class_names=class_names,
        splits=splits,
        provenance=Provenance(
            "open",
            "user's own file",
            "not stated",
            notes=(
                *reading.notes,
                *(f"no split by '{group}': it has fewer than three values" for group in few),
            ),
        ),
        groups=groups,
        official=official,
        path=typed,
    ).choose(tuple(held))
    return data if views is None else replace(data, path=f"{typed}:{','.join(views)}")


def _draw_key(
    labels: np.ndarray, groups: Mapping[str, np.ndarray], official: np.ndarray | None
) -> str:
    """A key of what a draw divides: classes, groups and official parts of the rows.

    Values of views are no part of it, so that a view in another unit, or another view of the same
    samples, is tried on the same draws.
    """
    parts = {"labels": labels, **dict(sorted(groups.items()))}
    if official is not None:
        parts["official"] = official
    found = hashlib.sha256()
    for name, codes in parts.items():
        found.update(f"{name} {len(codes)} ".encode() + codes.astype("<i8").tobytes())
    return f"file-{found.hexdigest()[:12]}"


def _key(stem: str) -> str:
    """A file's name as a data set's key: letters of any alphabet stay, other names other keys.

    What has a meaning in a key, or none in a file name, becomes ``_``; a hash then keeps ``a b``
    and ``a_b`` apart.
    """
    name = unicodedata.normalize("NFC", stem)
    kept = re.sub(r"[^\w.-]+", "_", name)
    if kept == name:
        return kept
    return f"{kept}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def _codes(vector: np.ndarray, what: str, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes 0..K-1 ``(n,)`` int64 in sorted order of the values, and the values' names."""
    kind = vector.dtype.kind
    if kind == "S":
        vector = np.char.decode(vector, "latin1")
        kind = "U"
    if kind == "U":
        vector = np.char.rstrip(vector)  # MATLAB pads the rows of a char matrix with blanks
        if (vector == "").any():
            raise DataError(
                f"'{what}' of {name} is empty in row {int(np.argmax(vector == ''))}; "
                "give every row a value"
            )
    elif kind == "f":
        integer = np.isfinite(vector) & (vector == np.round(vector)) & (np.abs(vector) < 2**53)
        if not integer.all():
            row = int(np.argmin(integer))
            raise DataError(
                f"'{what}' of {name} must hold integers or strings, but row {row} is "
                f"{vector[row]}; give every row an integer"
            )
        vector = vector.astype(np.int64)
    elif kind not in "biu":
        raise DataError(f"'{what}' of {name} must hold integers or strings; convert it first")
    values, codes = np.unique(vector, return_inverse=True)
    if kind == "U" and not _printable(values):
        raise DataError(
            f"'{what}' of {name} has a name with control characters; use letters and digits"
        )
    names = values.astype(np.int64) if kind == "b" else values
    return codes.ravel().astype(np.int64), tuple(str(value) for value in names)


def _printable(names: np.ndarray) -> bool:
    try:
        return all(str(name).isprintable() for name in names)
    except (SystemError, ValueError):  # a file may have codes that are no character
        return False


def _parts(vector: np.ndarray, name: str) -> np.ndarray:
    codes, names = _codes(vector, "split", name)
    for value in names:
        if value not in PARTS:
            raise DataError(
                f"'split' of {name} has the value '{printable(value)}'; "
                "use train, tune and test (or 0, 1 and 2)"
            )
    if {PARTS[value] for value in names} != {TRAIN, TUNE, TEST}:
        raise DataError(f"'split' of {name} must name all of train, tune and test; add the rest")
    return np.array([PARTS[value] for value in names], np.int64)[codes]


def _check_rows(
    labels: np.ndarray,
    class_names: tuple[str, ...],
    groups: dict[str, np.ndarray],
    official: np.ndarray | None,
    name: str,
) -> None:
    columns = {f"group_{group}": column for group, column in groups.items()}
    if official is not None:
        columns["split"] = official
    for column, values in columns.items():
        if len(values) != len(labels):
            raise DataError(
                f"'{column}' of {name} has {count(len(values), 'row')} but 'labels' has "
                f"{len(labels)}; give both the same rows"
            )
    if len(class_names) < 2:
        raise DataError(f"'labels' of {name} must name at least two classes; add the others")
    rows = np.bincount(labels)
    if rows.min() < MIN_ROWS:
        few = class_names[int(np.argmin(rows))]
        raise DataError(
            f"class '{printable(few)}' of {name} has {count(rows.min(), 'row')} and needs at least "
            f"{MIN_ROWS}; add rows or remove the class"
        )
    if official is not None:
        missing = set(range(len(class_names))) - set(labels[official == TRAIN].tolist())
        if missing:
            shown = printable(class_names[min(missing)])
            raise DataError(
                f"'split' of {name} gives class '{shown}' no train row; "
                "move some of its rows to train"
            )


def _splits(
    labels: np.ndarray, groups: dict[str, np.ndarray], official: np.ndarray | None
) -> tuple[Split, ...]:
    """The splits, the default first."""
    rows = np.arange(len(labels))
    splits = []
    if official is not None:
        splits.append(Split("official", official=True, leaks=split_across(groups, official)))
    for name, group in groups.items():
        # class shares can be kept if each group has one class, and each class enough groups
        pairs = np.unique(np.stack([group, labels]), axis=1)
        pure = pairs.shape[1] == group.max() + 1 and np.bincount(pairs[1]).min() >= 3
        splits.append(Split(name, by=name, stratify=bool(pure), leaks=split_across(groups, group)))
    splits.append(Split("stratified", stratify=True, leaks=split_across(groups, rows)))
    return tuple(splits)
