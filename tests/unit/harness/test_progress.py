from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from harness.plan.job import Job
from harness.run import progress
from harness.run.driver import ProgressUpdate
from harness.run.progress import Display
from harness.run.worker import JobGroup
from tests.helpers import record_of, scenario, tiny


def jobs(n: int) -> list[Job]:
    data = tiny()
    first = Job("tiny", data.fingerprint, scenario(), "majority", 1, None, {}, None, 0, 0)
    return [replace(first, trial=trial) for trial in range(n)]


def shown(terminal: bool = False) -> tuple[Console, io.StringIO]:
    page = io.StringIO()
    console = Console(
        file=page, width=100, markup=False, highlight=False, soft_wrap=True,
        force_terminal=terminal, _environ={"TERM": "xterm"},
    )  # fmt: skip
    return console, page


def test_every_job_ended_reads_done_however_progress_was_reported() -> None:
    console, page = shown()
    a, b = jobs(2)
    group = JobGroup((a, b))
    with Display(console, {a.id: 0.1, b.id: 0.2}, [frozenset((a.id, b.id))]) as live:
        live.show(ProgressUpdate(group, done=0.9))
        live.show(ProgressUpdate(group, record=record_of(a)))
        live.show(ProgressUpdate(group, done=1.0))
        live.show(ProgressUpdate(group, record=record_of(b)))
    last = page.getvalue().splitlines()[-1]
    assert "1/1 cells, 2/2 fits; done" in last
    assert "ETA" not in last


def test_an_interrupted_run_promises_no_time_of_arrival() -> None:
    console, page = shown()
    a, b = jobs(2)
    live = Display(console, {a.id: 1.0, b.id: 1.0}, [frozenset((a.id, b.id))])

    def stopped() -> None:
        with live:
            live.show(ProgressUpdate(JobGroup((a,)), record=record_of(a)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    last = page.getvalue().splitlines()[-1]
    assert last.endswith("0/1 cells, 1/2 fits")


def test_jobs_done_before_the_run_do_not_hold_a_resumed_group_open() -> None:
    console, _ = shown()
    old, new, other = jobs(3)
    live = Display(console, {new.id: 1.0, other.id: 1.0}, [frozenset((new.id, other.id))])
    group = JobGroup((old, new), done=frozenset((old.id,)))
    live.show(ProgressUpdate(group, done=0.5))
    live.show(ProgressUpdate(group, record=record_of(new)))
    assert live.partial == {}
    assert live._done() == 0.5


def test_a_lost_group_takes_its_share_with_it() -> None:
    console, page = shown()
    (a,) = jobs(1)
    live = Display(console, {a.id: 1.0}, [frozenset((a.id,))])
    live.show(ProgressUpdate(JobGroup((a,)), done=0.7))
    live.show(ProgressUpdate(JobGroup((a,)), note="a worker was lost ([/odd] reason)"))
    live.show(ProgressUpdate(JobGroup((a,)), ended=True))
    assert live._done() == 0.0
    assert "[/odd] reason" in page.getvalue()


def test_failures_and_skips_are_said_at_once_and_counted_apart() -> None:
    console, page = shown()
    a, b = jobs(2)
    with Display(console, {a.id: 1.0, b.id: 1.0}, [frozenset((a.id, b.id))]) as live:
        live.show(
            ProgressUpdate(
                JobGroup((a,)), record=record_of(a, status="failed", reason="[/b] broke")
            )
        )
        assert "[/b] broke" in page.getvalue()
        live.show(
            ProgressUpdate(JobGroup((b,)), record=record_of(b, status="skipped", reason="declined"))
        )
    assert "failed: majority on tiny, 30 % labels: [/b] broke" in page.getvalue()
    assert "1 failed, 1 skipped; done" in page.getvalue()


def test_the_same_failure_of_many_fits_is_said_twice_with_its_count() -> None:
    console, page = shown()
    every = jobs(56)
    with Display(console, {job.id: 1.0 for job in every}, []) as live:
        for job in every:
            record = record_of(job, status="failed", reason="diverged")
            live.show(ProgressUpdate(JobGroup((job,)), record=record))
    said = [line for line in page.getvalue().splitlines() if "diverged" in line]
    assert len(said) == 2
    assert said[1].startswith("56 fits failed: ")


def test_time_left_is_the_estimate_at_first_and_then_what_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console, _ = shown()
    a, b = jobs(2)
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    live = Display(console, {a.id: 60.0, b.id: 540.0}, [], workers=2)
    assert live._eta() == "ETA 5 min by estimate"
    clock[0] = 60.0  # twice as slow as estimated, so far
    live.show(ProgressUpdate(JobGroup((a,)), record=record_of(a)))
    assert live._eta() == "ETA 8 min"
    clock[0] = 330.0
    live.show(ProgressUpdate(JobGroup((b,)), done=0.5))
    assert live._eta() == "ETA 4 min"


def test_estimates_that_are_nothing_end_in_no_division_by_nothing() -> None:
    console, _ = shown()
    assert Display(console, {jobs(1)[0].id: 0.0}, [])._eta().startswith("ETA under 1 s")


def test_plain_lines_come_at_intervals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    console, page = shown()
    every = jobs(30)
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with Display(console, {job.id: 1.0 for job in every}, []) as live:
        for job in every:
            clock[0] += 1.0
            live.show(ProgressUpdate(JobGroup((job,)), record=record_of(job)))
    assert len(page.getvalue().splitlines()) == 5  # at the start, three on the way, at the end


def test_a_terminal_gets_a_bar_with_cells_fits_and_time() -> None:
    console, page = shown(terminal=True)
    a, b = jobs(2)
    with Display(console, {a.id: 1.0, b.id: 1.0}, [frozenset((a.id,)), frozenset((b.id,))]) as live:
        live.show(ProgressUpdate(JobGroup((a,)), record=record_of(a)))
        live.show(ProgressUpdate(JobGroup((b,)), record=record_of(b)))
    assert "2/2 cells, 2/2 fits" in page.getvalue()
    assert "done" in page.getvalue().rstrip().splitlines()[-2]
