"""What a silent run says; time is given, no thread runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.plan.job import Job
from harness.run import watchdog as module
from harness.run.driver import Driver, Running
from harness.run.limits import FitLimits, GroupLimit
from harness.run.watchdog import HANG_SECONDS, QUIET_SECONDS, Watchdog
from harness.run.worker import JobGroup
from harness.store.store import Store
from tests.helpers import scenario, tiny
from tests.system.command_line import until


def group(method: str, trials: range) -> JobGroup:
    data = tiny()
    first = Job("tiny", data.fingerprint, scenario(), method, 1, None, {}, None, 0, 0)
    return JobGroup(tuple(replace(first, trial=trial) for trial in trials))


class Waits:
    def why_waiting(self) -> str:
        return "no free [/core]"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Any]:
    """A driver with nothing on it, a watchdog over it, what it said, and when it began."""
    said: list[str] = []
    store = Store(tmp_path)
    driver = Driver(store, {}, "smoke", lambda update: None, FitLimits({}, 1800.0))
    executor: Any = Waits()
    watchdog = Watchdog(driver, executor, said.append)
    yield driver, watchdog, said, watchdog._spoke
    store.close()


def put(driver: Driver, which: JobGroup, last_event: float, *, started: bool = True) -> Running:
    running = Running(
        which, driver.limits.of(which), since=0.0, last_event=last_event, started=started
    )
    driver.running[which.id] = running
    driver.todo |= {job.id for job in which.jobs}
    return running


def test_nothing_runs_nothing_is_said(watched: Any) -> None:
    _, watchdog, said, start = watched
    watchdog.look(start + 10 * QUIET_SECONDS)
    assert said == []


def test_without_a_worker_it_says_why_each_minute(watched: Any) -> None:
    driver, watchdog, said, start = watched
    put(driver, group("svm", range(3)), start, started=False)
    for second in range(0, 200, 5):
        watchdog.look(start + second)
    assert len(said) == 3
    assert all("no free [/core]" in line for line in said)


def test_silence_names_what_runs_and_since_when(watched: Any) -> None:
    driver, watchdog, said, start = watched
    one = put(driver, group("svm", range(3, 7)), start)
    driver.todo.discard(one.group.jobs[0].id)
    put(driver, group("smvae", range(2)), start + 1)
    driver.last_event = start + 10
    watchdog.look(start + 60)
    assert said == []
    watchdog.look(start + 71)
    (line,) = said
    assert "svm on tiny, trial 4 (fit 2 of 4, since " in line
    assert "smvae on tiny, trials 0, 1 (2 fits, since " in line


def test_many_groups_are_counted_not_listed(watched: Any) -> None:
    driver, watchdog, said, start = watched
    for number in range(20):
        put(driver, group("svm", range(number, number + 1)), start)
    watchdog.look(start + QUIET_SECONDS + 1)
    assert said[0].count("svm on tiny") == 6
    assert "14 groups more" in said[0]


def test_a_fit_that_may_hang_is_named_while_others_report(watched: Any) -> None:
    driver, watchdog, said, start = watched
    put(driver, group("svm", range(1)), start)
    for second in range(0, int(4 * HANG_SECONDS), 10):
        driver.last_event = start + second
        watchdog.look(start + second)
    assert len(said) == 2  # after five minutes, and again after ten
    assert all("svm on tiny, trial 0" in line and "--fit-timeout" in line for line in said)


def test_a_fit_within_three_times_its_estimate_does_not_hang(watched: Any) -> None:
    driver, watchdog, said, start = watched
    slow = group("svm", range(1))
    driver.limits = FitLimits({slow.jobs[0].id: 2 * HANG_SECONDS})
    put(driver, slow, start)
    driver.last_event = start + 2 * HANG_SECONDS
    watchdog.look(start + 2 * HANG_SECONDS)
    assert said == []
    assert driver.running[slow.id].limit == GroupLimit(40 * HANG_SECONDS, per_fit=True)


@pytest.mark.parametrize("broken", [False, True])
def test_it_looks_by_itself_and_reports_its_own_failure(
    broken: bool, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, watchdog, said, start = watched
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.05)
    if broken:
        monkeypatch.setattr(Waits, "why_waiting", lambda _: 1 / 0)
    put(driver, group("svm", range(1)), start, started=False)
    with watchdog:
        until(lambda: said, 20)
    assert ("ZeroDivisionError" in said[0]) == broken
