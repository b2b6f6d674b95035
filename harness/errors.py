"""Errors that end a run with a sentence and an exit status, never with a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """What was asked cannot be done; the message says why and how to fix it. Exit status 2."""


class RunStopped(Exception):  # noqa: N818 - it is no fault of the run's own
    """Something the run needs is gone; what had ended is stored. Exit status 1."""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One sentence for an unknown name: near ones if any, else all."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return f"unknown {what} '{name}'; {hint}"
