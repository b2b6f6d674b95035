"""What ``--inspect FILE`` prints: what is in a file, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from datasets._io import printable
from datasets._multiview.arrays import sketch
from datasets._multiview.contents import contents
from datasets._multiview.find import Reading, interpret
from datasets._multiview.options import Choices
from datasets.base import DataError, Dataset

LONGEST = 40  # arrays or classes listed, one a line


def describe(
    path: Path, chosen: Choices, build: Callable[[Reading, Path], Dataset]
) -> tuple[list[str], DataError | None]:
    """Lines for people, and why the file is not usable as it is; None where it is.

    ``build`` makes the data set of a reading. Raises DataError where the bytes cannot be read.
    """
    name = printable(path.name)
    held = contents(path, chosen)
    lines = [f"{name}: {held.form}, {len(held.arrays)} arrays"]
    wide = max((len(printable(key)) for key in held.arrays), default=0)
    shown = [f"  {printable(key):<{wide}}  {sketch(value)}" for key, value in held.arrays.items()]
    lines += _first(shown, "arrays")
    try:
        reading = interpret(held, chosen, name)
        lines += ["read as", *(f"  {line}" for line in _reading(reading))]
        data = build(reading, path)
    except DataError as error:
        return lines, error
    splits = ", ".join(split.name for split in data.splits)
    return [*lines, f"  splits   {splits}; the first is the default"], None


def _reading(reading: Reading) -> list[str]:
    n = len(reading.labels)
    lines = [f"rows     {n}"]
    for view, matrix in reading.views.items():
        absent = reading.absent[view]
        holes = np.isnan(matrix).any(axis=1) & ~absent
        lines.append(
            f"view     {view}: {matrix.shape[1]} features"
            + (f", absent in {int(absent.sum())} rows" if absent.any() else "")
            + (f", with single NaN in {int(holes.sum())} rows" if holes.any() else "")
        )
    lacks = np.stack(list(reading.absent.values()))
    lacking, empty = int(lacks.any(axis=0).sum()), int(lacks.all(axis=0).sum())
    more = f", {empty or 'none'} {'lack' if empty > 1 else 'lacks'} all" if lacking else ""
    lines.append(f"missing  {lacking} rows lack a view{more}")
    values, counts = np.unique(reading.labels, return_counts=True)
    titles = reading.class_titles or [_shown(value) for value in values]
    tally = [f"{printable(title)} ({count})" for title, count in zip(titles, counts, strict=True)]
    more = f" and {len(tally) - LONGEST} more" if len(tally) > LONGEST else ""
    classes = ", ".join(tally[:LONGEST]) + more
    lines.append(f"classes  {len(values)}, from '{printable(reading.labels_from)}': {classes}")
    for group, column in reading.groups.items():
        lines.append(f"group    {group}: {len(np.unique(column))} values")
    return lines + [f"note     {note}" for note in reading.notes]


def _shown(value: Any) -> str:
    """A label as people write it: 2.0 is 2."""
    return f"{value:g}" if isinstance(value, np.floating) else str(value).strip()


def _first(lines: list[str], what: str) -> list[str]:
    more = len(lines) - LONGEST
    return [*lines[:LONGEST], f"  and {more} more {what}"] if more > 0 else lines
