"""Numbers as words, the same in every output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd


def accuracy(value: float | None) -> str:
    """``.814`` as the paper prints it; "" for nothing."""
    if value is None or pd.isna(value):
        return ""
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0") else text


def signed(value: float | None) -> str:
    """``+.031`` or ``−.004`` (a true minus sign); "" for nothing."""
    if value is None or pd.isna(value):
        return ""
    return ("−" if value < 0 else "+") + accuracy(abs(value))


def percent(value: float) -> str:
    """``2 %``, ``0.5 %``, with a space that does not break."""
    return f"{value:g}\u00a0%"


def labelled(line: Any) -> str:
    """How many labels a line (a mapping) of a table of trials has: ``2 %``, or ``4 per class``."""
    count = line.get("labels_per_class", 0)
    if count and not pd.isna(count):
        return f"{int(count)}\u00a0per class"
    return percent(float(line["label_percent"]))


def p_value(value: float | None) -> str:
    """``.031``, ``<.001``; "" for nothing."""
    if value is None or pd.isna(value):
        return ""
    return "<.001" if value < 0.001 else accuracy(value)


def seconds(value: float | None) -> str:
    """``0.42 s``, ``34 s``, ``3.2 min``, ``1.5 h``; "" for nothing."""
    if value is None or pd.isna(value):
        return ""
    if value < 10:
        return f"{value:.2f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def memory(value: float | None) -> str:
    """``412 MB``, ``1.3 GB``; "" for nothing."""
    if value is None or pd.isna(value):
        return ""
    return f"{value:.0f} MB" if value < 1000 else f"{value / 1000:.1f} GB"


def count(value: Any) -> str:
    """An integer, or a range kept as it is; "" for nothing."""
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
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in spans)


def places(at: Mapping[str, float | str]) -> list[str]:
    """``missing 0.5`` or ``split person`` for each axis of a figure."""
    return [
        f"{name} {value}" if isinstance(value, str) else f"{name} {value:g}"
        for name, value in at.items()
    ]


def plural(n: int, word: str) -> str:
    """``1 trial``, ``3 trials``."""
    return f"{n} {word}" + ("" if n == 1 else "s")
