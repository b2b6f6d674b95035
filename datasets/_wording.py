"""Numbers and names in messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def count(number: int, noun: str) -> str:
    """``1 fit``, ``2 fits``: the number and the noun, plural unless there is exactly one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def similar(name: str, known: Iterable[str]) -> list[str]:
    """At most three of ``known`` that look like ``name``, nearest first; case does not count."""
    by_lower: dict[str, list[str]] = {}
    for one in sorted(known):
        by_lower.setdefault(one.lower(), []).append(one)
    near = difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.5)
    return [one for key in near for one in by_lower[key]][:3]
