"""Named arrays to a reading of them: which are views, labels, groups, parts and names.

The order: labels first, which say how many rows there are; then views, which must fit them; what
is left over is a group if it is called ``group_<name>``, is passed over with a note if it cannot be
one value a row, and is asked about otherwise, so that a misspelt group cannot leak in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets._io import printable
from datasets._multiview import labels as find
from datasets._multiview.absent import absent_rows, masked, masks_apart, rows_to_keep
from datasets._multiview.arrays import (
    MAX_BYTES,
    Contents,
    Pickled,
    Unread,
    Value,
    dense,
    has_axis,
    is_column,
    is_small,
    sketch,
    view_name,
)
from datasets._multiview.contents import contents
from datasets._multiview.options import ASK, COLUMNS, LEAVE_OUT, ROWS, Choices, flag
from datasets._multiview.orientation import by_rows, settle
from datasets._multiview.parts import join_parts
from datasets._multiview.views import find_views
from datasets.base import DataError, check_chosen

CLASS_NAMES = frozenset({"classmeaning", "classnames", "classname", "categories", "labelnames"})
VIEW_NAMES = frozenset({"viewmeaning", "viewnames", "viewname", "feanames"})


@dataclass(frozen=True)
class Reading:
    """How a file is read: ``n`` rows, those left out without which the user asked for.

    ``views``        name -> (n, d) float32, in the order of the file; NaN where a view is absent.
    ``labels``       (n,) as they are stored.   ``labels_from``  the array that holds them.
    ``class_titles`` a name for each distinct label, in sorted order of the labels; None for none.
    ``groups``       name -> (n,) as they are stored.
    ``split``        (n,) the file's own parts, as it stores them; None for none.
    ``notes``        what a reader of a report should know: what was turned, joined, left out.
    """

    views: dict[str, np.ndarray]
    labels: np.ndarray
    labels_from: str
    class_titles: tuple[str, ...] | None
    groups: dict[str, np.ndarray]
    split: np.ndarray | None
    notes: tuple[str, ...]

    def of_views(self, names: Sequence[str] | None, owner: str) -> dict[str, np.ndarray]:
        """The views called ``names``, in this order; None for all. ``owner`` is the file's name.

        Raises DataError for a name that is none, and where rows would have no view.
        """
        if names is None:
            return self.views
        check_chosen(names, tuple(self.views), owner)
        held = {name: self.views[name] for name in names}
        without = int(np.stack([self.absent[name] for name in names]).all(axis=0).sum())
        if without:
            raise DataError(
                f"the choice of {','.join(names)} leaves {without} of {len(self.labels)} rows of "
                f"{owner} without a view; add a view that they have, or leave out the rows that "
                f"lack one with {flag('incomplete', LEAVE_OUT)}"
            )
        return held

    @property
    def absent(self) -> dict[str, np.ndarray]:
        """View -> (n,) bool, the rows that lack it: all NaN."""
        return absent_rows(self.views)


def read(path: Path, chosen: Choices) -> Reading:
    """The views, labels and groups in ``path``, under the user's choices.

    Raises DataError, one sentence that says what was found and what to type, for files that cannot
    be read and for those of which two readings fit.
    """
    return interpret(contents(path, chosen), chosen, printable(path.name))


def interpret(held: Contents, chosen: Choices, name: str) -> Reading:
    """The reading of ``held``; ``name`` is what messages call the file. Raises as ``read``."""
    arrays = _to_read(held.arrays, chosen.ignore, name)
    joined = join_parts(arrays, chosen.orientation, chosen.labels, name)
    arrays, notes = joined.arrays, [*held.notes, *joined.notes]
    called, arrays = _names_apart(arrays)
    labels_from, labels, copies = find.find_labels(arrays, joined.labels, name)
    n = len(labels)
    others = {k: v for k, v in arrays.items() if k not in (labels_from, *copies)}
    if copies:
        notes.append(
            f"labels are those in {printable(labels_from)}, not {', '.join(map(printable, copies))}"
        )
    masks, others = masks_apart(others, n, chosen.present, name)
    views = find_views(others, n, chosen, name)
    rest = {k: v for k, v in others.items() if k not in views.used}
    way = chosen.orientation if joined.split is None else ROWS
    matrices, turned = _oriented(views.matrices, n, way, views.documented, name)
    notes += [*views.notes, *turned]
    matrices, more = _view_names(matrices, views.free, called)
    notes += more
    unlabelled = find.unlabelled(labels, chosen.unlabelled, labels_from, name)
    if unlabelled.any():
        notes.append(f"left out, since they have no label: {int(unlabelled.sum())} of {n} rows")
    matrices = masked(matrices, masks, ~unlabelled, name)
    keep, more = rows_to_keep(matrices, ~unlabelled, chosen.incomplete, name)
    notes += more
    titles, more = _class_titles(labels[keep], called)
    notes += more
    groups, split, left = _groups(rest, n, chosen, name)
    if joined.split is not None and split is not None:
        raise DataError(f"{name} comes in parts and has 'split' besides; remove one of them")
    split = joined.split if split is None else split
    notes += _passed_over(left, n, views.used, name)
    return Reading(
        {view: matrix if keep.all() else matrix[keep] for view, matrix in matrices.items()},
        labels[keep],
        labels_from,
        titles,
        {key: column[keep] if len(column) == n else column for key, column in groups.items()},
        split if split is None or len(split) != n else split[keep],
        tuple(notes),
    )


def _oriented(
    matrices: dict[str, Value], n: int, wanted: str, documented: bool, name: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Every view as dense float32 (n, d), and a note on those that were turned.

    Views called ``view_<name>`` are (n, d) by our own description, if they all can be.
    """
    if documented and wanted == ASK and all(len(m) == n for m in map(_rows, matrices.values())):
        wanted = ROWS
    pieces = {view: [(matrix, n)] for view, matrix in matrices.items()}
    ways = settle(pieces, wanted, name)
    whole, left = {}, MAX_BYTES
    for view, matrix in matrices.items():
        whole[view] = np.ascontiguousarray(
            dense(by_rows(matrix, ways[view]), f"view '{printable(view)}' of {name}", left)
        )
        left -= whole[view].nbytes
    turned = [view for view, way in ways.items() if way == COLUMNS]
    if not turned:
        return whole, []
    told = "all views" if len(turned) == len(ways) else ", ".join(map(printable, turned))
    return whole, [f"samples are the columns of {told} in the file"]


def _rows(matrix: Value) -> range:
    return range(matrix.shape[0])


def _names_apart(
    arrays: dict[str, Value],
) -> tuple[dict[str, tuple[str, ...]], dict[str, Value]]:
    """The names that the file gives to classes or views, by array, and the other arrays."""
    called = {}
    for key, value in arrays.items():
        if find.normal(key) in CLASS_NAMES | VIEW_NAMES and (names := find.texts(value)):
            called[key] = names
    return called, {key: value for key, value in arrays.items() if key not in called}


def _to_read(arrays: Mapping[str, Value], ignored: tuple[str, ...], name: str) -> dict[str, Value]:
    """The arrays but those ignored. Raises DataError for Python objects, which may be anything."""
    for key in ignored:
        if key not in arrays:
            raise DataError(f"{name} has no array '{printable(key)}' to ignore")
    left = {key: value for key, value in arrays.items() if key not in ignored}
    closed = {key: value for key, value in left.items() if isinstance(value, Pickled)}
    if closed:
        key, value = next(iter(closed.items()))
        names = flag("ignore", ",".join(map(printable, (*ignored, *closed))))
        raise DataError(
            f"'{printable(key)}' of {name} contains Python objects, which are never unpickled; "
            f"leave it out with {names}, or, if you trust the file, type in Python: {value.code}"
        )
    return left


def _view_names(
    matrices: dict[str, np.ndarray], free: bool, called: dict[str, tuple[str, ...]]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Views under the names that the file gives them, and notes on names left aside.

    ``free``  whether the views have no names of their own (items of a cell, slices of an array).
    """
    notes = []
    for key, names in called.items():
        if find.normal(key) in VIEW_NAMES:
            shown = [view_name(one) for one in names]
            if free and len(shown) == len(matrices) == len(set(shown)):
                matrices = dict(zip(shown, matrices.values(), strict=True))
            else:
                notes.append(f"'{printable(key)}' is not read: it does not name these views")
    return matrices, notes


def _class_titles(
    labels: np.ndarray, called: dict[str, tuple[str, ...]]
) -> tuple[tuple[str, ...] | None, list[str]]:
    """Names of the classes, None for none, and notes on names left aside."""
    titles, notes = None, []
    for key, names in called.items():
        if find.normal(key) in CLASS_NAMES:
            try:
                titles = find.class_titles(key, names, len(np.unique(labels)))
            except DataError as reason:
                notes.append(str(reason))
    return titles, notes


def _groups(
    rest: dict[str, Value], n: int, chosen: Choices, name: str
) -> tuple[dict[str, np.ndarray], np.ndarray | None, dict[str, Value]]:
    """Groups by name, the file's own split, and what is left of ``rest``."""
    groups: dict[str, np.ndarray] = {}
    split = None
    left = dict(rest)
    for key in chosen.groups:
        if key not in rest:
            raise DataError(f"{name} has no array '{printable(key)}' to take for a group")
        groups[view_name(key.removeprefix("group_"))] = find.vector(left.pop(key), key, name)
    for key in rest:
        column = key.removeprefix("group_")
        if key in chosen.groups:
            continue
        if key == "split":
            split = find.vector(left.pop(key), key, name)
        elif key != column and column == view_name(column):
            groups[column] = find.vector(left.pop(key), key, name)
    return groups, split, left


def _passed_over(left: dict[str, Value], n: int, used: tuple[str, ...], name: str) -> list[str]:
    """A note on what is not read. Raises DataError for what may be one value a row, or a view.

    ``used``  the arrays that hold the views.
    """
    asked = [key for key, value in left.items() if has_axis(value, n) and not is_small(value)]
    if asked:
        first, names = asked[0], ",".join(map(printable, asked))
        if is_column(left[first], n):
            other = f"group of rows {flag('groups', printable(first))}"
        else:
            other = f"view {flag('views', ','.join(map(printable, [*used, first])))}"
        raise DataError(
            f"{name} holds '{printable(first)}' ({sketch(left[first])}) besides, with one value or "
            f"more a row; to leave it out add {flag('ignore', names)}, to take it for a {other}"
        )
    told = [
        f"{printable(key)}, {value.what}" if isinstance(value, Unread) else printable(key)
        for key, value in left.items()
    ]
    return [f"not read: {'; '.join(told)}"] if told else []
