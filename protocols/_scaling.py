"""Scaling rules: z-scores of whole columns, fitted on training rows where present, without labels.

``global``    one mean and one SD a column, from all training rows of the draw
``per_file``  one for each file of the data set (``Dataset.file_group``), used for all its rows

Mean and population SD in float64, results in float32; a column that is constant on the rows it is
fitted on is 0 in all rows, for no other number would be the same in every unit. All training rows
are used, labelled or not, under every paradigm.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from datasets.base import TRAIN, DataError, Dataset, Split, constant

MIN_ROWS = 2
"""Least number of training rows that a scale is fitted on: one row has no spread."""


def scaled(
    data: Dataset, rule: str, part: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Every view, ``(n, d_v)`` float32, scaled by ``rule``; under ``none`` the views as they are.

    ``part`` (n,) and ``present`` (n, V) are a draw's. Hidden entries are scaled, not fitted on;
    entries that the data set lacks stay NaN.
    """
    if rule == "none":
        return data.views
    views = []
    for view, there in zip(data.views, present.T, strict=True):
        scaled_view = np.empty_like(view)
        for _, rows in _blocks(data, rule):
            fitted = view[rows & there & (part == TRAIN)]
            # Without rows to fit on no row of the file has the view (check_scaling).
            scaled_view[rows] = _z_scores(view[rows], fitted) if len(fitted) else np.nan
        views.append(scaled_view)
    return tuple(views)


def check_scaling(data: Dataset, rule: str, part: np.ndarray, present: np.ndarray) -> None:
    """Raise DataError if ``rule`` has fewer than two training rows of some file to fit on.

    A view that no row of a file has, of those that take part, needs no scale there.
    """
    if rule == "none":
        return
    for where, rows in _blocks(data, rule):
        needed = data.present[rows & (part >= 0)].any(axis=0)
        fitted = np.where(needed, present[rows & (part == TRAIN)].sum(axis=0), MIN_ROWS)
        if fitted.min() < MIN_ROWS:
            view = data.view_names[int(fitted.argmin())]
            raise DataError(
                f"{where}{data.key} has {fitted.min()} training rows with view '{view}', too few "
                f"to scale it by; add --data-option {data.draw_key}.scaling={_other(rule)}"
            )


def keeps_files_whole(data: Dataset, split: Split) -> bool:
    """Whether ``split`` puts all rows of a file in one part, so that some have no training row."""
    side = data.official if split.official else data.groups.get(split.by or "")
    if side is None or not data.file_group:
        return False
    pairs = np.unique(np.stack([data.groups[data.file_group], side]), axis=1)
    return pairs.shape[1] == len(np.unique(pairs[0]))


def _blocks(data: Dataset, rule: str) -> Iterator[tuple[str, np.ndarray]]:
    """Rows that share a scale, ``(n,)`` bool, with their name for messages."""
    if rule == "global":
        yield "", np.ones(data.n, bool)
        return
    files = data.groups[data.file_group]
    for number in np.unique(files):
        yield f"{data.file_group} {number} of ", files == number


def _z_scores(view: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    seen = fitted.astype(np.float64)
    varies = ~constant(seen)
    spread = np.where(varies, seen.std(axis=0), 1.0)
    return np.where(varies, (view - seen.mean(axis=0)) / spread, 0.0)


def _other(rule: str) -> str:
    return "global" if rule == "per_file" else "none"
