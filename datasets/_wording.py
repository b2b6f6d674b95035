"""Numbers in messages."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """``1 fit``, ``2 fits``: the number and the noun, plural unless there is exactly one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
