"""What ``--inspect FILE`` prints: what is in a file, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets import _inspect
from datasets._io import printable
from datasets._multiview.arrays import Contents, sketch
from datasets._multiview.contents import contents
from datasets._multiview.find import Reading, interpret
from datasets._multiview.options import Choices
from datasets._wording import count
from datasets.base import DataError, Dataset

LONGEST = 40  # arrays listed, one a line


def describe(
    path: Path, chosen: Choices, build: Callable[[Reading], Dataset], split: str | None = None
) -> tuple[list[str], DataError | None]:
    """Lines for people, and why the file is not usable as it is; None where it is.

    ``build`` makes the data set of a reading, with the chosen views; ``split`` is the chosen one,
    None for the default. Raises DataError where the bytes cannot be read.
    """
    name = printable(path.name)
    held = contents(path, chosen)
    lines = _arrays(held, name)
    try:
        reading = interpret(held, chosen, name)
    except DataError as error:
        return lines, error
    views = reading.views
    try:
        data = build(reading)
        views = {view: reading.views[view] for view in data.view_names}
        wanted = data.split(split)
    except DataError as error:
        return [*lines, *_reading(reading, views)], error
    told = _reading(reading, views)
    return [*lines, *told, *(f"  {line}" for line in _inspect.splits(data, wanted))], None


def _arrays(held: Contents, name: str) -> list[str]:
    wide = max((len(printable(key)) for key in held.arrays), default=0)
    shown = [f"  {printable(key):<{wide}}  {sketch(value)}" for key, value in held.arrays.items()]
    more = len(shown) - LONGEST
    rest = [f"  and {more} more"] if more > 0 else []
    return [f"{name}: {held.form}, {count(len(shown), 'array')}", *shown[:LONGEST], *rest]


def _reading(reading: Reading, views: Mapping[str, np.ndarray]) -> list[str]:
    values, counts = np.unique(reading.labels, return_counts=True)
    titles = reading.class_titles or [_shown(value) for value in values]
    names = [printable(title) for title in titles]
    lines = [
        *_inspect.rows_and_views(views),
        _inspect.classes(names, counts.tolist(), printable(reading.labels_from)),
        *_inspect.groups(reading.groups),
        *(f"note     {note}" for note in reading.notes),
    ]
    return ["read as", *(f"  {line}" for line in lines)]


def _shown(value: Any) -> str:
    """A label as people write it: 2.0 is 2."""
    return f"{value:g}" if isinstance(value, np.floating) else str(value).strip()
