"""What a user may say about a file of their own: ``--data-option file.NAME=VALUE``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from datasets._options import Option, Options, chosen

ASK = "ask"
ROWS, COLUMNS = "rows", "columns"
LEAVE_OUT, NONE = "leave_out", "none"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


OPTIONS: Options = {
    "labels": Option("", "the array (of a folder: the column of labels.csv) with the classes"),
    "views": Option("", "the arrays that are views, such as X1,X2", parse=_names),
    "groups": Option("", "arrays that name groups of rows, such as subject", parse=_names),
    "ignore": Option("", "arrays that are not to be read, such as W,idx", parse=_names),
    "orientation": Option(
        ASK, "whether samples are the rows or the columns of a view", (ASK, ROWS, COLUMNS)
    ),
    "axes": Option(
        ASK,
        "axes of one array that holds all views: v view, n sample, d feature",
        (ASK, *("".join(order) for order in permutations("vnd"))),
    ),
    "unlabelled": Option(
        ASK,
        "rows whose label is -1 (beside other classes), NaN or empty: leave them out, or say that "
        "there are none and -1 is a class",
        (ASK, LEAVE_OUT, NONE),
    ),
    "id": Option("", "the column on which the tables of a folder are joined"),
}


@dataclass(frozen=True)
class Choices:
    """The options of one file, defaults filled in; field by field the names of OPTIONS."""

    labels: str
    views: tuple[str, ...]
    groups: tuple[str, ...]
    ignore: tuple[str, ...]
    orientation: str
    axes: str
    unlabelled: str
    id: str


def choices(given: Mapping[str, str] | None) -> Choices:
    """What the user chose. Raises DataError for an unknown option or value."""
    values: dict[str, Any] = chosen("file", OPTIONS, given)
    return Choices(**values)


def flag(name: str, value: str) -> str:
    """The flag to type, for messages."""
    return f"--data-option file.{name}={value}"
