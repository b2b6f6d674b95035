"""Counts and durations in the messages of a run."""

from __future__ import annotations

from datasets._wording import count as count


def duration(seconds: float) -> str:
    """``12 s``, ``8 min``, ``2.5 h``: one unit, seconds below 90 s, minutes below two hours."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def work(hours: float) -> str:
    """Core-hours in words: ``under a core-minute``, ``12 core-minutes``, ``3.5 core-hours``."""
    if hours >= 1:
        return f"{hours:.1f} core-hours"
    minutes = round(60 * hours, 1)
    if minutes < 1:
        return "under a core-minute"
    return f"{minutes:g} core-minute{'' if minutes == 1 else 's'}"
