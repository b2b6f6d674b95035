"""Numbers in the reasons of verdicts, which tables of results hold as sentences."""

from __future__ import annotations

from harness.analysis.statistics import possible


def points(value: float) -> str:
    """``+13.2`` or ``−0.4``: a difference of accuracies in percentage points."""
    return f"{100 * value:+.1f}".replace("-", "−")


def signed(value: float, name: str) -> str:
    """A difference in the column ``name`` of the table of trials: accuracies in points."""
    return points(value) if name == "accuracy" else f"{value:+.3f}".replace("-", "−")


def ends(low: float, high: float) -> str:
    """``−0.4 to +13.2``: the interval of a difference of accuracies, within what is possible."""
    return " to ".join(map(points, possible(low, high, difference=True)))


def p_value(value: float) -> str:
    """``.031``, ``< .001``."""
    if value < 0.001:
        return "< .001"
    return f"{value:.3f}"[1:] if value < 1 else "1"


def sentence(text: str) -> str:
    """``text`` with a capital letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."
