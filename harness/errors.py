"""Errors that end a run with one sentence and an exit status, without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """The command cannot be carried out; the message says why and how to fix it. Exit status 2."""


class RunStopped(Exception):  # noqa: N818 - not an error of the run itself
    """Something that the run needs has failed; finished fits are stored. Exit status 1."""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One sentence for an unknown name: similar known names if there are any, else all."""
    known = sorted(known)
    # As datasets._wording.similar, which reports cannot import: they are made without data sets.
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.5)
    near = [by_lower[key] for key in near]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return f"unknown {what} '{name}'; {hint}"
