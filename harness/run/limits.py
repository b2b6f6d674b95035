"""How long a fit may take before it is ended and recorded as failed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from harness import registry
from harness.run.worker import JobGroup

LEAST_SECONDS = 30 * 60.0
"""Default limits are at least this long; ``--fit-timeout`` may be shorter."""
TIMES_THE_ESTIMATE = 20.0
"""Estimates are for one core of an ordinary machine; a busy or slow one may take several times as
long."""
REPEAT_SECONDS = 1.0
"""Interval at which the exception is raised again, since a library may catch it."""


class FitTimeout(BaseException):
    """The fit in this process is over its limit. Not an Exception, so that no method catches it."""


@dataclass(frozen=True)
class GroupLimit:
    """How long a job group may take.

    ``seconds``  of wall time, from the moment a worker has started.
    ``per_fit``  the fits run one after the other, and ``seconds`` is the limit of each.
    """

    seconds: float
    per_fit: bool = False


@dataclass(frozen=True)
class FitLimits:
    """Limits of a run.

    ``costs``    job id -> estimated core-seconds; a job that is not in it counts as none.
    ``seconds``  limit of every fit (``--fit-timeout``); None: 20 times its estimate, at least
                 half an hour.
    """

    costs: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None

    def of(self, group: JobGroup) -> GroupLimit:
        """The limit of a group; where its fits train together, that of all of them."""
        estimates = [self.costs.get(job.id, 0.0) for job in group.jobs]
        if not registry.is_stacked(registry.load_method(group.jobs[0].method)):
            return GroupLimit(self._of(max(estimates), 1), per_fit=True)
        return GroupLimit(self._of(sum(estimates), len(estimates)))

    def _of(self, estimate: float, fits: int) -> float:
        if self.seconds is not None:
            return self.seconds * fits
        return max(LEAST_SECONDS, TIMES_THE_ESTIMATE * estimate)


@contextmanager
def ended_after(seconds: float | None) -> Iterator[None]:
    """Raise :class:`FitTimeout` in the body once ``seconds`` have passed (None: never).

    Uses an alarm signal, so it works in the main thread only, and only when a call into compiled
    code has returned: code that never returns to Python cannot be ended from its own process.
    """
    alarms = hasattr(signal, "setitimer")
    if seconds is None or not alarms or threading.current_thread() != threading.main_thread():
        yield
        return

    def over(number: int, frame: FrameType | None) -> None:
        raise FitTimeout

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), REPEAT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
