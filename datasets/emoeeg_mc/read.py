"""Reading EmoEEG-MC: features of EEG, tables of the body, and the order of trials.

Every failure is a DataError, one sentence that names the file and says how to fix it. Axes and
columns are taken from the files, since their layout is published as sizes only.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets._io import check_file, printable, read_npy
from datasets._wording import count
from datasets.base import DataError
from datasets.emoeeg_mc.layout import BANDS, CHANNELS, EACH, ITEMS, TRIALS, WINDOWS

LIMIT = 64 * 2**20  # bytes of one file; the largest has 1.6 MB
MAX_TABLE = 4 * 2**20
AGAIN = "download it again"
_ITEM = re.compile(r"(sad|dis|fear|neu|joy|ten|ins)[a-z]*[ _-]*([458])", re.IGNORECASE)
_TRIAL = {"trial", "trial_number", "trial_no", "trial_id", "trialnumber", "trial_index"}
_NOT_FEATURES = {
    *("", "index", "unnamed: 0", "window", "second", "time", "subject", "sub", "participant"),
    *("participant_id", "session", "label", "labels", "emotion", "class", "valence", "arousal"),
}
_POINTER = b"/annex/objects/"
_ABSENT = {"", "n/a", "na", "nan", "null", "none"}


def de_features(path: Path) -> np.ndarray:
    """Differential entropies of one file: (trials, 30 windows, 320) float32.

    Columns: 64 channels of the first band, then of the next. At most 21 trials, in their order in
    the file.
    """
    _check_fetched(path, LIMIT)
    array = _one_array(read_npy(path, path.name, LIMIT, AGAIN), path.name)
    wanted = {"windows": WINDOWS, "bands": BANDS, "channels": CHANNELS}
    axes = {name: [i for i, s in enumerate(array.shape) if s == n] for name, n in wanted.items()}
    if array.ndim != 4 or any(len(places) != 1 for places in axes.values()):
        shape = " x ".join(map(str, array.shape)) or "a scalar"
        raise DataError(
            f"{path.name} is {shape}, where trials, {CHANNELS} channels, {WINDOWS} windows and "
            f"{BANDS} bands are expected, in any order; {AGAIN}"
        )
    known = [axes[name][0] for name in wanted]
    (trial,) = set(range(4)) - set(known)
    ordered = array.transpose(trial, *known)
    if not 1 <= len(ordered) <= TRIALS:
        trials = count(len(ordered), "trial")
        raise DataError(f"{path.name} has {trials}, not 1 to {TRIALS}; {AGAIN}")
    with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite and is refused
        features = ordered.reshape(len(ordered), WINDOWS, -1).astype(np.float32)
    if not np.isfinite(features).all():
        raise DataError(f"{path.name} has NaN or infinite values; {AGAIN}")
    return features


def _one_array(content: Any, name: str) -> np.ndarray:
    """The only array of numbers in what a file contains: alone, in a dict, or one a trial."""
    for _ in range(3):  # an object array around a dict around an array
        if isinstance(content, np.ndarray) and content.dtype == object:
            content = content.item() if content.size == 1 else content.tolist()
        elif isinstance(content, dict):
            arrays = [v for v in content.values() if isinstance(v, np.ndarray) and v.ndim >= 3]
            content = arrays[0] if len(arrays) == 1 else None
        elif isinstance(content, list | tuple) and 1 <= len(content) <= TRIALS:
            shapes = {np.shape(item) for item in content if isinstance(item, np.ndarray)}
            alike = len(shapes) == 1 and all(isinstance(item, np.ndarray) for item in content)
            content = np.stack(content) if alike else None
    if not isinstance(content, np.ndarray) or content.dtype.kind not in "fiu":
        raise DataError(f"{name} does not have one array of numbers; {AGAIN}")
    return np.asarray(content)


@dataclass(frozen=True, eq=False)
class BodyTable:
    """Features of the body in one context of one person, by stimulus.

    ``values``  (21, 30, d) float32, NaN in all columns of a trial that lacks one of them.
    """

    columns: tuple[str, ...]
    values: np.ndarray


def body_table(path: Path, order: Mapping[int, int], context: int, lines: str) -> BodyTable:
    """One table: a line a trial, repeated over its windows, or a line a window.

    ``order``  position in ITEMS of every trial number, 1..42, from ``trial_order``; {} if unknown.
    ``lines``  how lines are matched to trials where no column does; the option of that name.
    """
    head, cells = _read_csv(path)
    items = _items_of_lines(path.name, head, cells, order, context, lines)
    total = len(items)
    if total not in (TRIALS, TRIALS * WINDOWS) or (np.bincount(items) != total // TRIALS).any():
        raise DataError(
            f"{path.name} has {count(total, 'line')}, not one or {WINDOWS} for each of {TRIALS} "
            f"trials; {AGAIN}"
        )
    numbers = {name: _numbers([row[i] for row in cells]) for i, name in enumerate(head)}
    features = {
        name: column
        for name, column in numbers.items()
        if column is not None
        and name.lower() not in _NOT_FEATURES | _TRIAL
        and not _tells_class(column, items)
    }
    if not features:
        raise DataError(f"{path.name} has no column of features; {AGAIN}")
    table = np.stack(list(features.values()), axis=1)
    by_item = table[np.argsort(items, kind="stable")].reshape(TRIALS, -1, table.shape[1])
    by_item = np.repeat(by_item, WINDOWS // by_item.shape[1], axis=1).astype(np.float32)
    by_item[np.isnan(by_item).any(axis=(1, 2))] = np.nan
    return BodyTable(tuple(features), by_item)


def trial_order(path: Path) -> dict[int, int]:
    """Position in ITEMS of every trial number of a person's table of behaviour."""
    head, cells = _read_csv(path)
    names = [name.lower() for name in head]
    if "trial_number" not in names or "video_name" not in names:
        raise DataError(f"{path.name} has no trial_number and video_name; {AGAIN}")
    number, video = names.index("trial_number"), names.index("video_name")
    order = {}
    for row in cells:
        if row[number].strip().isdigit() and (item := _item(row[video])) is not None:
            order[int(row[number])] = item
    return order


def _items_of_lines(
    name: str,
    head: Sequence[str],
    cells: Sequence[Sequence[str]],
    order: Mapping[int, int],
    context: int,
    lines: str,
) -> np.ndarray:
    """Position in ITEMS of the trial of every line, as integers."""
    for i in range(len(head)):
        items = [_item(row[i]) for row in cells]
        if items and None not in items:
            return np.array(items)
    trials = [i for i, title in enumerate(head) if title.lower() in _TRIAL]
    each = len(cells) // TRIALS
    if trials:
        numbers = [row[trials[0]].strip() for row in cells]
    elif lines == "presentation":
        numbers = [str(1 + i // max(each, 1)) for i in range(len(cells))]
    elif lines == "derivatives":
        return np.arange(len(cells)) // max(each, 1)
    else:
        raise DataError(
            f"{name} names neither stimulus nor trial, so that its lines cannot be matched; say "
            "their order with --data-option emoeeg_mc.lines=derivatives, or presentation"
        )
    return _by_number(name, numbers, order, context)


def _by_number(
    name: str, numbers: Sequence[str], order: Mapping[int, int], context: int
) -> np.ndarray:
    """Trial numbers as positions in ITEMS; imagery has the numbers 1-21, video 22-42 or 1-21."""
    if not all(number.isdigit() for number in numbers):
        raise DataError(f"{name} has trial numbers that are no numbers; {AGAIN}")
    counted = np.array([int(number) for number in numbers])
    if context == 0 and len(counted) and counted.max() <= TRIALS:
        counted = counted + TRIALS
    unknown = sorted(set(counted.tolist()) - order.keys())
    if unknown:
        raise DataError(
            f"trial {unknown[0]} of {name} is not in the person's table of behaviour, which names "
            f"its stimulus; copy the folders beh of the data set too, or {AGAIN}"
        )
    return np.array([order[number] for number in counted.tolist()])


def _read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Titles and lines, separated by commas, semicolons or tabs; lines are all as long."""
    _check_fetched(path, MAX_TABLE)
    try:
        text = path.read_text("utf-8-sig")
        first = text.partition("\n")[0]
        mark = max(",;\t", key=first.count)
        head, *cells = [row for row in csv.reader(text.splitlines(), delimiter=mark) if row]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"{path.name} is not a table of text; {AGAIN}") from error
    head = [printable(title.strip(), 40) for title in head]
    numeric = all(_numbers([title]) is not None for title in head)
    if numeric or len(set(head)) < len(head) or any(len(row) != len(head) for row in cells):
        raise DataError(f"{path.name} is not a table with a title for each column; {AGAIN}")
    return head, cells


def _numbers(texts: Sequence[str]) -> np.ndarray | None:
    """A column as float64, NaN where a value is absent; None if it is not one of numbers."""
    values = []
    for text in texts:
        if text.strip().lower() in _ABSENT:
            values.append(np.nan)
            continue
        try:
            values.append(float(text))
        except ValueError:
            return None
    column = np.array(values)
    column[np.isinf(column)] = np.nan
    return None if np.isnan(column).all() else column


def _tells_class(column: np.ndarray, items: np.ndarray) -> bool:
    """Whether a column is a code of the emotion or of the stimulus, which is not a feature."""
    values = np.unique(column)
    codes = values[0] + np.arange(len(values))  # consecutive whole numbers
    if values[0] != np.round(values[0]) or not np.array_equal(values, codes):
        return False
    for group in (items // EACH, items):
        pairs = np.unique(np.stack([group, column]), axis=1)
        if pairs.shape[1] == len(values) == len(np.unique(group)):
            return True
    return False


def _item(text: str) -> int | None:
    match = _ITEM.fullmatch(text.strip())
    name = f"{match[1]}{match[2]}".lower() if match else ""
    return ITEMS.index(name) if name in ITEMS else None


def _check_fetched(path: Path, limit: int) -> None:
    """Raise DataError unless ``path`` is a file, and not what git-annex has in place of one."""
    pointer = path.is_symlink() and not os.path.exists(path) and "annex" in os.readlink(path)
    if not pointer:
        check_file(path, path.name, limit)  # before it is opened: reading a pipe may never end
        with path.open("rb") as file:
            pointer = file.read(len(_POINTER)) == _POINTER
    if pointer:
        raise DataError(
            f"{path.name} is a pointer of git-annex, not the file; fetch it with 'git annex get', "
            "or download it from openneuro.org"
        )
