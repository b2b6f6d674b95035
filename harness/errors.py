"""The one error that a user's mistake raises: a sentence and exit status 2, never a traceback."""


class UsageError(Exception):
    """What was asked cannot be done; the message says why and names the mend."""
