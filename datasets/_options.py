"""A data set's options: text by name, as ``--data-option KEY.NAME=VALUE`` hands it over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from datasets.base import DataError


@dataclass(frozen=True)
class Option:
    """One choice that a data set leaves to its user.

    ``default``  as it would be typed.   ``meaning`` one line for people.
    ``values``   all that it may be; () leaves the text to ``parse``.
    ``parse``    text -> value. Raises ValueError with words that follow the option's name.
    """

    default: str
    meaning: str
    values: tuple[str, ...] = ()
    parse: Callable[[str], Any] = str


Options = Mapping[str, Option]


def chosen(key: str, options: Options, given: Mapping[str, str] | None) -> dict[str, Any]:
    """The value of every option of the data set ``key``, defaults filled in.

    Raises DataError for a name that it does not know and for a value that it cannot have.
    """
    given = given or {}
    if unknown := sorted(given.keys() - options.keys()):
        raise DataError(f"{key} has no option '{unknown[0]}'; it takes: {', '.join(options)}")
    return {
        name: _value(f"option {name} of {key}", option, given.get(name, option.default))
        for name, option in options.items()
    }


def _value(what: str, option: Option, text: str) -> Any:
    if option.values and text not in option.values:
        raise DataError(f"{what} must be one of: {', '.join(option.values)}, not '{text}'")
    try:
        return option.parse(text)
    except ValueError as error:
        raise DataError(f"{what} {error}") from error


def numbers(text: str, example: str) -> list[int]:
    """``0-2,7`` as 0, 1, 2, 7: as written, twice what is named twice, nothing for 3-1.

    Raises ValueError, with the ``example`` in it, for anything but numbers of two digits at most.
    """
    found: list[int] = []
    for piece in text.split(","):
        ends = re.fullmatch(r"\s*(\d{1,2})\s*(?:-\s*(\d{1,2})\s*)?", piece, re.ASCII)
        if ends is None:
            raise ValueError(f"must be a list such as {example}, not '{text}'")
        found += range(int(ends[1]), int(ends[2] or ends[1]) + 1)
    return found


def spans(values: Iterable[int]) -> str:
    """1, 2, 3, 8 as ``1-3,8``; nothing as ``none``."""
    runs: list[list[int]] = []
    for number in sorted(set(values)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs) or "none"
