"""The one error that a user's mistake raises: a sentence and exit status 2, never a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """What was asked cannot be done; the message says why and how to ask for it."""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One sentence for an unknown name: near ones if any, else all."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return f"unknown {what} '{name}'; {hint}"
