"""Limits of fits, and the alarm that keeps them in one process."""

from __future__ import annotations

import signal
import time
from dataclasses import replace

import pytest

from harness.plan.job import Job
from harness.run import limits
from harness.run.limits import FitLimits, FitTimeout, GroupLimit, ended_after
from harness.run.worker import JobGroup
from tests.helpers import scenario, tiny


def group(method: str, n: int) -> JobGroup:
    data = tiny()
    first = Job("tiny", data.fingerprint, scenario(), method, 1, None, {}, None, 0, 0)
    return JobGroup(tuple(replace(first, trial=trial) for trial in range(n)))


def test_a_fit_has_half_an_hour_or_twenty_times_its_estimate() -> None:
    alone = group("svm", 3)
    assert FitLimits().of(alone) == GroupLimit(1800.0, per_fit=True)
    costly = FitLimits({job.id: 600.0 for job in alone.jobs})
    assert costly.of(alone) == GroupLimit(12000.0, per_fit=True)
    assert FitLimits({}, 6.0).of(alone) == GroupLimit(6.0, per_fit=True)


def test_the_limit_of_fits_that_train_together_grows_with_their_number() -> None:
    together = group("smvae", 4)
    costs = {job.id: 600.0 for job in together.jobs}
    assert FitLimits(costs).of(together) == GroupLimit(4 * 12000.0)
    assert FitLimits(costs, 60.0).of(together) == GroupLimit(240.0)


def test_the_alarm_ends_a_wait_and_leaves_no_timer() -> None:
    before, start = signal.getsignal(signal.SIGALRM), time.monotonic()
    with pytest.raises(FitTimeout), ended_after(0.1):
        time.sleep(60)
    assert time.monotonic() - start < 10
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_that_was_swallowed_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPEAT_SECONDS", 0.1)
    swallowed = 0

    def stubborn() -> None:
        nonlocal swallowed
        try:
            time.sleep(60)
        except BaseException:
            swallowed += 1
        time.sleep(60)

    with pytest.raises(FitTimeout), ended_after(0.1):
        stubborn()
    assert swallowed == 1


def test_no_limit_sets_no_alarm() -> None:
    with ended_after(None):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
