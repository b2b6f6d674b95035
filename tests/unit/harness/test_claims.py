"""Claims between processes: locks are seen by others alone, and end with their process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.plan.job import Job
from harness.registry import ROOT
from harness.report.index import state_of
from harness.store import claims as module
from harness.store.claims import Claims, running
from harness.store.record import Outcome
from harness.store.store import Store
from tests.helpers import record_of, scenario, tiny
from tests.unit.harness.test_manifest import whole

A, B, C = ("a" * 20, "b" * 20, "c" * 20)
PROGRAM = """
import sys
from pathlib import Path
from harness.store.claims import Claims
claims = Claims(Path(sys.argv[1]))
claims.enter(["--protocol", "table two"])
print(",".join(sorted(claims.take(sys.argv[2:]))), flush=True)
for line in sys.stdin:
    what, *ids = line.split()
    print(",".join(sorted(getattr(claims, what)(ids) or ())), flush=True)
"""


@contextmanager
def another(folder: Path, *ids: str) -> Iterator[Any]:
    """A second driver, which claims ``ids``; call what is yielded with more to do."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), *ids],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        told, said = process.stdin, process.stdout

        def ask(*words: str) -> str:
            told.write(" ".join(words) + "\n")
            told.flush()
            return said.readline().strip()

        ask.got, ask.process = said.readline().strip(), process  # pyright: ignore
        try:
            yield ask
        finally:
            process.kill()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Claims]:
    claims = Claims(tmp_path)
    yield claims
    claims.close()


def test_two_processes_see_each_other_and_share_jobs(here: Claims, tmp_path: Path) -> None:
    assert here.enter(["first"]) == []
    assert here.take([A]) == {A}
    with another(tmp_path, A, B) as there:
        assert there.got == B
        (other,) = here.others()
        assert other.pid == there.process.pid
        assert other.host
        assert other.since
        assert "'table two'" in other.command
        assert here.take([A, B, C]) == {A, C}
        here.release([A])
        assert there("take", A, C) == A
        assert here.take([A]) == set()
        there("release", B)
        assert here.take([B]) == {B}
        there.process.kill()
        there.process.wait(30)
        assert here.take([A]) == {A}  # the system dropped the dead driver's claim
        assert here.others() == []


def test_a_driver_that_left_leaves_no_note(here: Claims, tmp_path: Path) -> None:
    here.enter()
    here.close()
    assert [path.name for path in (tmp_path / "claims").iterdir()] == ["jobs.lock"]
    assert here.take([A]) == {A}


def test_before_it_enters_it_writes_nothing_and_grants_all(here: Claims, tmp_path: Path) -> None:
    assert here.take([A]) == {A}
    assert here.news() == []
    here.release([A])
    assert list(tmp_path.iterdir()) == []


def test_news_is_what_was_appended_since_it_was_made(tmp_path: Path) -> None:
    data = tiny()
    job = Job("tiny", data.fingerprint, scenario(), "majority", 1, None, {}, None, 0, 0)
    store = Store(tmp_path)
    store.append(Outcome(record_of(job), {}))
    claims = Claims(tmp_path)
    claims.enter()
    assert claims.news() == []
    (path,) = (tmp_path / "records").glob("*.jsonl")
    line = path.read_bytes()
    with path.open("ab") as ledger:
        ledger.write(b"not a record\n" + line + line[:50])  # the last is still being written
    assert [record.id for record in claims.news()] == [job.id]
    with path.open("ab") as ledger:
        ledger.write(line[50:])
    (tmp_path / "records" / "ledger-007.jsonl").write_bytes(line)
    assert [record.id for record in claims.news()] == [job.id, job.id]
    assert claims.news() == []
    claims.close()
    store.close()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_reported_and_stops_nothing(
    code: int, here: Claims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    assert module.fcntl is not None
    monkeypatch.setattr(module.fcntl, "lockf", refuse)
    assert here.enter() == []
    assert os.strerror(code) in here.problem
    assert here.take([A, B]) == {A, B}
    here.release([A])


def test_a_system_without_fcntl_is_reported_and_stops_nothing(
    here: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "fcntl", None)
    assert here.enter() == []
    assert here.problem
    assert here.take([A]) == {A}


def test_a_run_whose_driver_was_killed_is_interrupted_and_one_that_runs_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(whole(), state="running", command="python run_all.py --protocol 'table two'")
    other = replace(run, command="python run_all.py --protocol table1")
    with another(tmp_path) as ask:
        drivers = running(tmp_path)
        assert state_of(run, drivers) == "running"
        assert state_of(other, drivers) == "interrupted"
        ask.process.kill()
        ask.process.wait()
    assert state_of(run, running(tmp_path)) == "interrupted"
    assert state_of(replace(run, state="finished"), running(tmp_path)) == "finished"
    monkeypatch.setattr(module, "fcntl", None)
    assert state_of(run, running(tmp_path)) == "unknown", "where nothing can be locked"
