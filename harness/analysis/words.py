"""Numbers in the reasons of verdicts, which tables of results hold as sentences."""

from __future__ import annotations

from harness.analysis.statistics import possible

SHARE_AXES = ("missing", "unlabelled")
"""Axes whose values are shares of rows, 0 to 1."""


def points(value: float) -> str:
    """``+13.2`` or ``−0.4``: a difference of accuracies in percentage points."""
    return f"{100 * value:+.1f}".replace("-", "−")


def signed(value: float, name: str) -> str:
    """A difference in the column ``name`` of the table of trials: accuracies in points."""
    return points(value) if name == "accuracy" else f"{value:+.3f}".replace("-", "−")


def ends(low: float, high: float) -> str:
    """``−0.4 to +13.2``: the interval of a difference of accuracies, within what is possible."""
    return " to ".join(map(points, possible(low, high, difference=True)))


def place(name: str, *values: float | str) -> str:
    """Values of an axis: ``50 % missing``, ``10 to 50 % missing``, ``split person``, ``c1 0.5``."""
    if name in SHARE_AXES:
        return f"{' to '.join(f'{100 * float(value):g}' for value in values)} % {name}"
    texts = [value if isinstance(value, str) else f"{value:g}" for value in values]
    return f"{name} {' to '.join(texts)}"


def p_value(value: float) -> str:
    """``.031``, ``< .001``."""
    if value < 0.001:
        return "< .001"
    return f"{value:.3f}"[1:] if value < 1 else "1"


def sentence(text: str) -> str:
    """``text`` with a capital letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."
