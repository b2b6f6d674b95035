"""How long a fit may take, and how much memory, before it is ended and recorded as failed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from harness import registry
from harness.run.resources import memory_mb
from harness.run.worker import JobGroup

LEAST_SECONDS = 30 * 60.0
"""Default limits are at least this long; ``--fit-timeout`` may be shorter."""
TIMES_THE_ESTIMATE = 20.0
"""Estimates are for one core of an ordinary machine; a busy or slow one may take several times as
long."""
MEMORY_SHARE = 0.9
"""By default the process of a fit may hold this share of the memory that is available to it."""
LOOK_SECONDS = 0.25
"""Interval at which the memory of a fit is read."""
REPEAT_SECONDS = 1.0
"""Interval at which the exception is raised again, since a library may catch it."""


class FitTimeout(BaseException):
    """The fit in this process is over its limit. Not an Exception, so that no method catches it."""


class FitTooLarge(BaseException):
    """The process of the fit holds ``mib`` MiB of memory, and may hold ``most``.

    Not an Exception, as FitTimeout.
    """

    def __init__(self, mib: float, most: float) -> None:
        super().__init__(mib, most)  # both, so that it pickles
        self.mib, self.most = mib, most


@dataclass(frozen=True)
class GroupLimit:
    """How long a job group may take, and how much memory.

    ``seconds``  of wall time, from the moment a worker has started.
    ``per_fit``  the fits run one after the other, and ``seconds`` is the limit of each.
    ``mib``      main memory of the process that trains it, libraries and data included; None: a
                 share of what is available there.
    """

    seconds: float
    per_fit: bool = False
    mib: float | None = None


@dataclass(frozen=True)
class FitLimits:
    """Limits of a run.

    ``costs``    job id -> estimated core-seconds; a job that is not in it counts as none.
    ``seconds``  limit of every fit (``--fit-timeout``); None: 20 times its estimate, at least
                 half an hour.
    ``mib``      memory of the process of a fit (``--fit-memory``); None: as in ``GroupLimit``.
    """

    costs: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    mib: float | None = None

    def of(self, group: JobGroup) -> GroupLimit:
        """The limit of a group; where its fits train together, that of all of them."""
        estimates = [self.costs.get(job.id, 0.0) for job in group.jobs]
        if not registry.is_stacked(registry.load_method(group.jobs[0].method)):
            return GroupLimit(self._of(max(estimates), 1), per_fit=True, mib=self.mib)
        return GroupLimit(self._of(sum(estimates), len(estimates)), mib=self.mib)

    def _of(self, estimate: float, fits: int) -> float:
        if self.seconds is not None:
            return self.seconds * fits
        return max(LEAST_SECONDS, TIMES_THE_ESTIMATE * estimate)


@contextmanager
def ended_after(seconds: float | None, mib: float | None = None) -> Iterator[None]:
    """Raise :class:`FitTimeout` in the body once ``seconds`` have passed (None: never).

    Raises :class:`FitTooLarge` once the process holds more than ``mib`` of memory (None: never).

    Uses an alarm signal, so it works in the main thread only, and only when a call into compiled
    code has returned: code that never returns to Python cannot be ended from its own process.
    """
    alarms = hasattr(signal, "setitimer")
    never = seconds is None and mib is None
    if never or not alarms or threading.current_thread() != threading.main_thread():
        yield
        return
    start, most = time.monotonic(), mib or float("inf")
    deadline = start + (float("inf") if seconds is None else seconds)
    quiet_until = start

    def look(number: int = 0, frame: FrameType | None = None) -> None:
        nonlocal quiet_until
        now = time.monotonic()
        if now < quiet_until:
            return
        held = memory_mb() if mib else 0.0
        if now >= deadline or held > most:
            quiet_until = now + REPEAT_SECONDS / 2
            raise FitTimeout if now >= deadline else FitTooLarge(held, most)

    before = signal.signal(signal.SIGALRM, look)
    every = LOOK_SECONDS if mib else REPEAT_SECONDS
    first = min(LOOK_SECONDS if mib else float("inf"), max(deadline - start, 1e-3))
    signal.setitimer(signal.ITIMER_REAL, first, min(every, REPEAT_SECONDS))
    try:
        look()  # events may come faster than the alarm
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
