"""Errors that end a run with a sentence and an exit status, never with a traceback."""


class UsageError(Exception):
    """What was asked cannot be done; the message says why and how to fix it. Exit status 2."""


class RunStopped(Exception):  # noqa: N818 - it is no fault of the run's own
    """Something the run needs is gone; what had ended is stored. Exit status 1."""
