"""What a user may say about a file of their own: ``--data-option file.NAME=VALUE``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

from datasets._options import chosen
from datasets.base import Settings, setting

ASK = "ask"
ROWS, COLUMNS = "rows", "columns"
LEAVE_OUT, NONE = "leave_out", "none"
KEEP, EMPTY = "keep", "leave_out_empty"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True)
class Choices(Settings):
    """What a file may leave open."""

    labels: str = setting(
        "", "the array (of a folder: the column of labels.csv) that contains the classes"
    )
    views: tuple[str, ...] = setting((), "the arrays that are views, such as X1,X2", parse=_names)
    groups: tuple[str, ...] = setting(
        (), "arrays that name groups of rows, such as subject", parse=_names
    )
    ignore: tuple[str, ...] = setting(
        (), "arrays that are not to be read, such as W,idx", parse=_names
    )
    orientation: str = setting(
        ASK,
        "whether samples are the rows or the columns of a view",
        choices=(ASK, ROWS, COLUMNS),
    )
    axes: str = setting(
        ASK,
        "axes of one array that contains all views: v view, n sample, d feature",
        choices=(ASK, *("".join(order) for order in permutations("vnd"))),
    )
    unlabelled: str = setting(
        ASK,
        "rows whose label is -1 (beside other classes), NaN or empty: leave them out, or say that "
        "there are none and -1 is a class",
        choices=(ASK, LEAVE_OUT, NONE),
    )
    present: str = setting(
        "", "the array that says which sample has which view, samples by views, 1 or 0"
    )
    incomplete: str = setting(
        KEEP,
        "samples that lack views: keep them (one without any view is refused), leave out those "
        "without any, or leave out all of them",
        choices=(KEEP, EMPTY, LEAVE_OUT),
    )
    id: str = setting("", "the column on which the tables of a folder are joined")


def choices(given: Mapping[str, str] | None) -> Choices:
    """What the user chose. Raises DataError for an unknown option or value."""
    return chosen("file", Choices, given)


def flag(name: str, value: str) -> str:
    """The flag to type, for messages."""
    return f"--data-option file.{name}={value}"
