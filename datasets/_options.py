"""A data set's options: text by name, as ``--data-option KEY.NAME=VALUE`` hands it over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from datasets.base import DataError, SettingError, Settings

Chosen = TypeVar("Chosen", bound=Settings)


def chosen(key: str, options: type[Chosen], given: Mapping[str, str] | None) -> Chosen:
    """The options of the data set ``key``, defaults filled in.

    Raises DataError for a name that it does not know and for a value that it cannot have.
    """
    try:
        return options.from_text(key, given)
    except SettingError as error:
        raise DataError(str(error)) from error


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
