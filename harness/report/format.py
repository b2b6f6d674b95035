"""Numbers as text, the same in every output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from harness.analysis import words
from harness.analysis.statistics import possible

Number = float | None
"""None and NaN are printed as ""."""


def accuracy(value: Number) -> str:
    """``.814`` as the paper prints it."""
    if value is None or pd.isna(value):
        return ""
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0") else text


def nats(value: Number) -> str:
    """``−1.50``: a log-likelihood or log-loss."""
    return "" if value is None or pd.isna(value) else f"{value:.2f}".replace("-", "−")


def signed(value: Number) -> str:
    """``+.031`` or ``−.004`` (a true minus sign)."""
    if value is None or pd.isna(value):
        return ""
    return ("−" if value < 0 else "+") + accuracy(abs(value))


def points(value: Number) -> str:
    """``+13.2``: a difference of accuracies in percentage points."""
    return "" if value is None or pd.isna(value) else words.points(value)


def number_of(column: str) -> Callable[[Number], str]:
    """How the values of a column of the table of trials are printed."""
    return nats if column in ("nll", "log_loss") else accuracy


def mean_sd(mean: Number, sd: Number, text: Callable[[Number], str] = accuracy) -> str:
    """``.614±.012``; ``.614`` without an SD."""
    return "±".join(filter(None, (text(mean), text(sd) if text(mean) else "")))


def mean_or_progress(
    line: Mapping[Any, Any], prefix: str = "", text: Callable[[Number], str] = accuracy
) -> str:
    """``.614±.012``, or ``3/5`` where 3 of 5 planned trials are there.

    ``line``  has ``<prefix>mean``, ``<prefix>sd``, ``<prefix>trials`` and ``trials_expected``.
    """
    printed = mean_sd(line[f"{prefix}mean"], line[f"{prefix}sd"], text)
    return printed or f"{line[f'{prefix}trials']}/{line['trials_expected']}"


def interval(
    low: Number,
    high: Number,
    text: Callable[[Number], str] = accuracy,
    column: str = "accuracy",
) -> str:
    """``+.010 to +.031``; "" without both ends.

    ``text``  prints an end: with ``signed`` and ``points`` the interval is that of a difference.
    ``column``  of the table of trials; ends beyond its range are cut (``statistics.possible``).
    """
    if low is None or high is None or pd.isna(low) or pd.isna(high):
        return ""
    ends = possible(low, high, column, difference=text in (signed, points))
    return " to ".join(dict.fromkeys(map(text, ends)))


def span(ends: Iterable[Any]) -> str:
    """``1421–1440`` for the least and the most of several counts, ``1421`` where they agree."""
    counts = [f"{value:g}" if isinstance(value, float) else str(value) for value in ends]
    return "–".join(dict.fromkeys(counts[:1] + counts[-1:]))


def percent(value: float) -> str:
    """``2 %``, ``0.5 %``, with a space that does not break."""
    return f"{value:g}\u00a0%"


def share(rows: float, total: float) -> str:
    """``33.3 %``."""
    return f"{100 * rows / total:.1f}\u00a0%"


def labelled(line: Any) -> str:
    """How many labels a line (a mapping) of a table of trials has: ``2 %``, or ``4 per class``."""
    count = line.get("labels_per_class", 0)
    if count and not pd.isna(count):
        return f"{int(count)}\u00a0per class"
    return percent(float(line["label_percent"]))


def p_value(value: Number) -> str:
    """``.031``, ``<.001``."""
    if value is None or pd.isna(value):
        return ""
    return "<.001" if value < 0.001 else accuracy(value)


def seconds(value: Number) -> str:
    """``0.42 s``, ``34 s``, ``3.2 min``, ``1.5 h``."""
    if value is None or pd.isna(value):
        return ""
    if value < 10:
        return f"{value:.2f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def memory(value: Number) -> str:
    """``412 MB``, ``1.3 GB``."""
    if value is None or pd.isna(value):
        return ""
    return f"{value:.0f} MB" if value < 1000 else f"{value / 1000:.1f} GB"


def count(value: Any) -> str:
    """An integer, or a range as text; "" for nothing."""
    if value is None or pd.isna(value):
        return ""
    return value.replace("-", "–") if isinstance(value, str) else f"{int(value)}"


def runs(numbers: Iterable[int]) -> str:
    """``0–2, 5`` for 0, 1, 2, 5."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(span(ends) for ends in spans)


def places(at: Mapping[str, float | str]) -> list[str]:
    """``50 % missing`` or ``split person`` for each axis of a figure."""
    return [words.place(name, value) for name, value in at.items()]


def plural(n: int, word: str) -> str:
    """``1 trial``, ``3 trials``."""
    return f"{n} {word}" + ("" if n == 1 else "s")
