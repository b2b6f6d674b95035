"""Your own file: any number of views of the same rows, as ``.npz``, ``.mat`` or a folder of tables.

Public multi-view files are read as they are: which arrays are views, labels and names is told by
their names and shapes (``_multiview``), and where two readings fit, the message names the flag that
settles it (``--data-option file.NAME=VALUE``, ``_multiview/options.py``). A file that you write
yourself needs no such telling, with these names:

``view_<name>``   (n, d) numbers, at least one; its order in the file is the order of the views
``labels``        (n,) whole numbers or strings, one for every row: the harness hides labels itself
``group_<name>``  (n,) whole numbers or strings, optional: rows that must not be torn apart, such as
                  those of one subject, session or recording
``split``         (n,) 0, 1, 2 or train, tune, test, optional: your own division of the rows

An array besides with a value a row is asked about, so that a misspelt group is not ignored; scalars
and texts are passed over with a note. Vectors may be (n,), (n, 1) or (1, n); strings of a ``.mat``
file may be a char matrix or a cell array. Labels of any coding (1..K, -1/+1, names) become 0..K-1
in sorted order and keep their names. Features become float32, in the units they have.

Splits on offer, the first being the default: ``official`` if the file has ``split``; one for each
group, called by its name, which keeps the group's rows together; ``stratified``, which cuts rows.
Each says which groups it tears apart. Trials are drawn by content, not by file name: renaming the
file or choosing fewer views leaves them as they are.

Licence: yours. Nothing in the file is unpickled, and no more than 4 GiB is unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets import _multiview
from datasets._io import plain
from datasets._multiview import Reading
from datasets.base import TEST, TRAIN, TUNE, DataError, Dataset, Provenance, Split, torn

MIN_ROWS = 5  # of each class, so that a 60/20/20 division gives one to every part
PARTS = {"train": TRAIN, "tune": TUNE, "test": TEST, "0": TRAIN, "1": TUNE, "2": TEST}
RESERVED = ("official", "stratified")


def load_file(
    path: Path, views: tuple[str, ...] | None = None, options: Mapping[str, str] | None = None
) -> Dataset:
    """The data set in ``path`` with ``views`` (default: all, in file order).

    ``options``  what ``--data-option file.NAME=VALUE`` settles; by name, as text.
    Raises DataError, one sentence that names the mend, for anything the module docstring excludes,
    for NaN or infinite values, for unequal numbers of rows and for a class of under 5 rows.
    """
    data = _dataset(_multiview.read(path, _multiview.choices(options)), path)
    return data if views is None else data.choose(views)


def inspect_file(
    path: Path, options: Mapping[str, str] | None = None
) -> tuple[list[str], DataError | None]:
    """What is in ``path`` and how it would be read, line by line; why it is refused, None if not.

    Raises DataError where the bytes cannot be read at all, or an option is none.
    """
    return _multiview.describe(path, _multiview.choices(options), _dataset)


def _dataset(reading: Reading, path: Path) -> Dataset:
    name = plain(path.name)
    labels, class_names = _codes(reading.labels, plain(reading.labels_from), name)
    groups = {
        group: _codes(column, f"group_{group}", name)[0] for group, column in reading.groups.items()
    }
    if clash := sorted(groups.keys() & set(RESERVED)):
        raise DataError(f"'group_{clash[0]}' of {name} has the name of a split; rename the group")
    official = None if reading.split is None else _parts(reading.split, name)
    if reading.class_titles is not None:
        class_names = reading.class_titles
    _check_rows(labels, class_names, groups, official, name)
    _check_present(reading, name)
    splits, notes = _splits(labels, groups, official)
    data = Dataset(
        key=re.sub(r"[^A-Za-z0-9._-]+", "_", path.stem),
        draw_key="file",
        title=path.stem,
        views=tuple(reading.views.values()),
        view_names=tuple(reading.views),
        labels=labels,
        class_names=class_names,
        splits=splits,
        provenance=Provenance(
            "open", "user's own file", "not stated", notes=(*reading.notes, *notes)
        ),
        groups=groups,
        official=official,
    )
    # one name for every order of the views
    content = data.choose(sorted(reading.views)).fingerprint
    return replace(data, draw_key=f"file-{content[:12]}").choose(data.view_names)


def _check_present(reading: Reading, name: str) -> None:
    """Raise DataError where rows lack a view."""
    for view, absent in reading.absent.items():
        if absent.any():
            raise DataError(
                f"view '{view}' of {name} is absent (all NaN) in {int(absent.sum())} of "
                f"{len(absent)} rows, which no data set here may have yet; remove these rows, or "
                "this view"
            )


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
        whole = np.isfinite(vector) & (vector == np.round(vector)) & (np.abs(vector) < 2**53)
        if not whole.all():
            row = int(np.argmin(whole))
            raise DataError(
                f"'{what}' of {name} must hold whole numbers or strings, but row {row} holds "
                f"{vector[row]}; give every row a whole number"
            )
        vector = vector.astype(np.int64)
    elif kind not in "biu":
        raise DataError(f"'{what}' of {name} must hold whole numbers or strings; convert it first")
    values, codes = np.unique(vector, return_inverse=True)
    if kind == "U" and not _printable(values):
        raise DataError(
            f"'{what}' of {name} holds a name with control characters; use letters and digits"
        )
    names = values.astype(np.int64) if kind == "b" else values
    return codes.ravel().astype(np.int64), tuple(str(value) for value in names)


def _printable(names: np.ndarray) -> bool:
    try:
        return all(str(name).isprintable() for name in names)
    except (SystemError, ValueError):  # a file may hold codes that no character has
        return False


def _parts(vector: np.ndarray, name: str) -> np.ndarray:
    codes, names = _codes(vector, "split", name)
    for value in names:
        if value not in PARTS:
            raise DataError(
                f"'split' of {name} holds '{plain(value)}'; "
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
                f"'{column}' of {name} has {len(values)} rows but there are {len(labels)} labels; "
                "give both the same rows"
            )
    if len(class_names) < 2:
        raise DataError(f"'labels' of {name} must name at least two classes; add the others")
    rows = np.bincount(labels)
    if rows.min() < MIN_ROWS:
        few = class_names[int(np.argmin(rows))]
        raise DataError(
            f"class '{plain(few)}' of {name} has {rows.min()} rows and needs at least {MIN_ROWS}; "
            "add rows or remove the class"
        )
    if official is not None:
        missing = set(range(len(class_names))) - set(labels[official == TRAIN].tolist())
        if missing:
            raise DataError(
                f"'split' of {name} gives class '{plain(class_names[min(missing)])}' no train row; "
                "move some of its rows to train"
            )


def _splits(
    labels: np.ndarray, groups: dict[str, np.ndarray], official: np.ndarray | None
) -> tuple[tuple[Split, ...], tuple[str, ...]]:
    """The splits on offer, the default first, and notes on those that cannot be offered."""
    rows = np.arange(len(labels))
    splits, notes = [], []
    if official is not None:
        splits.append(Split("official", official=True, leaks=torn(groups, official)))
    for name, group in groups.items():
        if group.max() < 2:
            notes.append(f"no split by '{name}': it has fewer than three values")
            continue
        # shares of classes can be kept if groups have one class each, and classes enough groups
        pairs = np.unique(np.stack([group, labels]), axis=1)
        pure = pairs.shape[1] == group.max() + 1 and np.bincount(pairs[1]).min() >= 3
        splits.append(Split(name, by=name, stratify=bool(pure), leaks=torn(groups, group)))
    splits.append(Split("stratified", stratify=True, leaks=torn(groups, rows)))
    return tuple(splits), tuple(notes)
