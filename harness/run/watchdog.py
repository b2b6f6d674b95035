"""Reports on a run without events: why no worker has started, which fits run, which may hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from harness.run.driver import Driver, Running
from harness.run.executors import Executor
from harness.run.wording import count, duration
from harness.store.record import sentence

LOOK_SECONDS = 1.0
QUIET_SECONDS = 60.0
"""A run without events is reported after this time, and again after each such interval."""
HANG_SECONDS = 300.0
HANG_ESTIMATES = 3.0
"""A group may hang if it had no event for this long and for this many times its estimate."""
NAMED = 6
"""The most groups that one message names."""


class Watchdog:
    """Observes a driver from its own thread, since a fit may block the driver's thread.

    ``print_line``  prints one line; called from that thread.
    """

    def __init__(
        self, driver: Driver, executor: Executor, print_line: Callable[[str], None]
    ) -> None:
        self.driver, self.executor, self.print_line = driver, executor, print_line
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._stopped = threading.Event()
        self._spoke = time.monotonic()
        self._warned: dict[str, float] = {}

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                self.look(time.monotonic())
            except Exception as error:  # a report that fails must not end a run
                if not self._stopped.is_set():  # by now the executor may be closed
                    self.print_line(f"the watchdog stopped: {sentence(error)}")
                return

    def look(self, now: float) -> None:
        """Print the reports that are due at ``now``, by ``time.monotonic``."""
        running = sorted(self.driver.running.values(), key=lambda group: group.last_event)
        waiting = [group for group in running if not group.started]
        if now - max(self.driver.last_event, self._spoke) >= QUIET_SECONDS and running:
            self._spoke = now
            if len(waiting) == len(running):
                self.print_line(
                    f"no worker has started for {duration(now - running[0].last_event)}: "
                    f"{self.executor.why_waiting() or 'the reason is not known'}"
                )
            else:
                quiet = duration(now - self.driver.last_event)
                self.print_line(
                    f"nothing to report for {quiet}; running: {self._list(running, now)}"
                )
        for group in running:
            self._warn(group, now)

    def _warn(self, running: Running, now: float) -> None:
        """Print a group that may hang; again each time that the wait has doubled."""
        silent, estimate = now - running.last_event, self._estimate(running)
        if silent < max(HANG_SECONDS, HANG_ESTIMATES * estimate) or not running.started:
            self._warned.pop(running.group.id, None)
            return
        if silent < 2 * self._warned.get(running.group.id, 0.0):
            return
        self._warned[running.group.id] = silent
        limit = duration(running.limit.seconds)
        self.print_line(
            f"may hang: {self._name(running)}: no event for {duration(silent)}, estimated "
            f"{duration(estimate)}; it is ended after {limit} (--fit-timeout)"
        )

    def _list(self, running: list[Running], now: float) -> str:
        names = [f"{self._name(r)} for {duration(now - r.last_event)}" for r in running[:NAMED]]
        more = f"; and {count(len(running) - NAMED, 'group')} more" if len(running) > NAMED else ""
        return "; ".join(names) + more

    def _name(self, running: Running) -> str:
        """``svm on digits, trial 3 (fit 4 of 9, since 14:02:11)``."""
        jobs = running.group.jobs
        left = [job for job in jobs if job.id in self.driver.todo] or list(jobs)
        since = time.strftime("%H:%M:%S", time.localtime(running.since))
        where = f"{left[0].method} on {left[0].data_key}"
        if running.limit.per_fit:
            number = len(jobs) - len(left) + 1
            return f"{where}, trial {left[0].trial} (fit {number} of {len(jobs)}, since {since})"
        trials = sorted({job.trial for job in left})
        which = ", ".join(map(str, trials[:NAMED])) + (", ..." if len(trials) > NAMED else "")
        word = "trial" if len(trials) == 1 else "trials"
        return f"{where}, {word} {which} ({count(len(left), 'fit')}, since {since})"

    def _estimate(self, running: Running) -> float:
        costs = [self.driver.limits.costs.get(job.id, 0.0) for job in running.group.jobs]
        return max(costs) if running.limit.per_fit else sum(costs)
