"""The driver, against an executor that does what the test says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.plan.job import Job
from harness.run import driver as driver_module
from harness.run.driver import (
    ATTEMPTS,
    Driver,
    ProgressUpdate,
    checkpoint_header,
    missing_inputs,
    resumable,
)
from harness.run.executors import Ended, Lost, Overdue
from harness.run.limits import GroupLimit
from harness.run.worker import JobGroup
from harness.store.claims import Claims
from harness.store.record import Outcome, Record
from harness.store.store import Store
from methods.base import Checkpoint, Progress
from tests.helpers import record_of, scenario, tiny

Script = Callable[[JobGroup, bytes | None], Iterator[Any]]


class FakeExecutor:
    """``slots`` groups at once; each does what ``script`` yields."""

    def __init__(self, script: Script, slots: int = 2) -> None:
        self.script, self.slots = script, slots
        self.started: list[tuple[JobGroup, bytes | None]] = []
        self.running: list[tuple[JobGroup, Iterator[Any]]] = []

    @property
    def free(self) -> int:
        return self.slots - len(self.running)

    def takes(self, group: JobGroup) -> bool:
        return self.free > 0

    def start(self, group: JobGroup, state: bytes | None = None, limit: Any = None) -> None:
        assert self.free > 0
        self.started.append((group, state))
        self.running.append((group, self.script(group, state)))

    def next(self, timeout: float) -> Any:
        if not self.running:
            return None
        group, events = self.running[0]
        event = next(events, Ended())
        if isinstance(event, Ended | Lost | Overdue):
            self.running.pop(0)
        return group, event

    def why_waiting(self) -> str:
        return "nobody knows"

    def close(self) -> None:
        pass


def job(trial: int = 0, method: str = "majority", upstream: Any = ()) -> Job:
    data = tiny()
    wanted = scenario()
    return Job("tiny", data.fingerprint, wanted, method, 1, None, {}, None, trial, 0, upstream)


def outcome(one: Job, **changes: Any) -> Outcome:
    codes = np.full((2, 2), int(one.id[:4], 16), np.float32)
    return Outcome(record_of(one, **changes), {"codes_rows": codes})


def well(group: JobGroup, state: bytes | None) -> Iterator[Any]:
    for one in group.jobs:
        if one.id not in group.done:
            yield outcome(one)


def driven(
    folder: Path,
    groups: list[JobGroup],
    script: Script,
    records: dict[str, Record] | None = None,
    **more: Any,
) -> tuple[Driver, FakeExecutor, list[ProgressUpdate]]:
    updates: list[ProgressUpdate] = []
    store, executor = Store(folder), FakeExecutor(script)
    driver = Driver(store, records or {}, "smoke", updates.append, **more)
    driver.run(groups, executor)
    store.close()
    return driver, executor, updates


def test_every_job_gets_one_record_with_its_provenance(tmp_path: Path) -> None:
    every = [job(t) for t in range(5)]
    driven(tmp_path, [JobGroup(tuple(every[:2])), JobGroup(tuple(every[2:]))], well)
    found = Store(tmp_path).records()
    assert found.keys() == {one.id for one in every}
    for record in found.values():
        assert record.budget == "smoke"
        assert record.generation == 0
        assert record.revision
        assert record.ended.endswith("+00:00")
        assert "methods/reference/majority.py" in record.digests


def test_a_stage_waits_for_every_candidate_before_it(tmp_path: Path) -> None:
    first = [job(0), replace(job(0), seed=1)]
    last = job(0, "svm", (tuple(first),))
    scores = {first[0].id: 0.2, first[1].id: 0.9, last.id: 0.5}

    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        for one in group.jobs:
            yield outcome(one, score=scores[one.id])

    groups = [JobGroup((last,)), *(JobGroup((one,)) for one in first)]
    _, executor, _ = driven(tmp_path, groups, script)
    work = executor.started[-1][0]
    assert work.jobs == (last,)
    assert work.chosen == ((first[1].id,),)
    assert work.codes.keys() == {first[1].id}


def test_a_stage_that_gave_nothing_skips_what_rests_on_it(tmp_path: Path) -> None:
    first, other = job(0), job(1)
    rests, free = job(0, "svm", ((first,),)), job(1, "svm", ((other,),))

    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        for one in group.jobs:
            bad = one.id == first.id
            yield outcome(one, status="failed", reason="diverged") if bad else outcome(one)

    groups = [JobGroup((first, other)), JobGroup((rests, free))]
    driver, executor, _ = driven(tmp_path, groups, script)
    assert driver.records[rests.id].status == "skipped"
    assert "diverged" in driver.records[rests.id].reason
    assert driver.records[free.id].status == "ok"
    assert executor.started[-1][0].jobs == (free,)
    again, executor, _ = driven(tmp_path, [JobGroup((rests,))], script, dict(driver.records))
    assert not executor.started
    ledgers = (tmp_path / "records").glob("*.jsonl")
    assert sum(path.read_text().count(rests.id + '"') > 1 for path in ledgers) == 0
    assert again.records[rests.id] == driver.records[rests.id]


def test_a_lost_stack_runs_again_then_one_by_one_and_only_the_bad_job_fails(tmp_path: Path) -> None:
    good, bad, also = job(0), job(1), job(2)

    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        yield Progress(0.5)
        if bad in group.jobs:
            yield Lost("killed by signal 9")
        else:
            yield from well(group, state)

    driver, executor, updates = driven(tmp_path, [JobGroup((good, bad, also))], script)
    assert [len(group.jobs) for group, _ in executor.started] == [3, 3, 1, 1, 1]
    assert driver.records[good.id].status == driver.records[also.id].status == "ok"
    failed = driver.records[bad.id]
    assert failed.status == "failed"
    assert failed.reason == f"its worker was lost {ATTEMPTS} times: killed by signal 9"
    notes = [update.note for update in updates if update.note]
    # of three fits each, then of the bad one alone, which does not run again: never "0 fits"
    assert [re.findall(r"(\d+) fits? ", note) for note in notes] == [["3"], ["3"], []]


def test_jobs_that_ended_before_the_loss_are_not_run_again(tmp_path: Path) -> None:
    first, second = job(0), job(1)
    losses = iter([Lost("gone")])

    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        for one in group.jobs:
            if one == second and (lost := next(losses, None)):
                yield lost
                return
            yield outcome(one)

    _, executor, _ = driven(tmp_path, [JobGroup((first, second))], script)
    assert [group.jobs for group, _ in executor.started] == [(first, second), (second,)]
    assert [record.generation for record in Store(tmp_path).records().values()] == [0, 0]


def test_a_stack_lost_after_its_last_record_is_simply_over(tmp_path: Path) -> None:
    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        yield Checkpoint(b"late")
        yield from well(group, state)
        yield Lost("exit")

    _, executor, _ = driven(tmp_path, [JobGroup((job(0), job(1)))], script)
    assert len(executor.started) == 1
    assert Store(tmp_path).checkpoints() == []


def test_what_raised_is_recorded_with_its_trace(tmp_path: Path) -> None:
    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        yield Lost("ArithmeticError: planted", "Traceback ...\nArithmeticError: planted")

    driver, _, _ = driven(tmp_path, [JobGroup((job(),))], script)
    record = driver.records[job().id]
    assert record.reason == f"it failed {ATTEMPTS} times: ArithmeticError: planted"
    assert record.trace.startswith("Traceback")


def test_a_lost_stack_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    first, second = job(0), job(1)

    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        if state is None:
            yield outcome(first)
            yield Checkpoint(b"half way\nand more")
            yield Lost("gone")
        yield from well(group, state)

    _, executor, _ = driven(tmp_path, [JobGroup((first, second))], script)
    group, state = executor.started[1]
    assert state == b"half way\nand more"
    assert group.jobs == (first, second)  # as the checkpoint holds them
    assert group.done == {first.id}
    assert Store(tmp_path).checkpoints() == []


def test_a_later_run_takes_up_a_checkpoint_and_what_rests_on_its_done_jobs(tmp_path: Path) -> None:
    first, second = job(0), job(1)
    rests = job(0, "svm", ((first,),))
    group = JobGroup((first, second))
    store = Store(tmp_path)
    done = store.append(outcome(first))
    store.save_checkpoint(group.id, checkpoint_header(group), b"state")
    every = {one.id: one for one in (first, second, rests)}
    (held,) = resumable(store, every, {second.id, rests.id})
    store.close()
    assert held.jobs == group.jobs
    assert held.done == {first.id}
    driver, executor, _ = driven(tmp_path, [held, JobGroup((rests,))], well, {first.id: done})
    assert executor.started[0][1] == b"state"
    assert driver.records.keys() == every.keys()
    assert driver.records[first.id] == done


@pytest.mark.parametrize("harm", ["cut", "other bytes", "no header", "other source", "all done"])
def test_a_checkpoint_that_does_not_serve_is_not_resumed(tmp_path: Path, harm: str) -> None:
    group = JobGroup((job(0), job(1)))
    store = Store(tmp_path)
    header = checkpoint_header(group)
    if harm == "other source":
        header["digests"] = {"methods/base.py": "0"}
    store.save_checkpoint(group.id, header, b"state" * 100)
    path = tmp_path / "checkpoints" / f"{group.id}.bin"
    content = path.read_bytes()
    spoilt = {"cut": content[:-7], "other bytes": content[:-1] + b"!", "no header": b"\x00\n{}"}
    path.write_bytes(spoilt.get(harm, content))
    todo = set() if harm == "all done" else {one.id for one in group.jobs}
    assert resumable(store, {one.id: one for one in group.jobs}, todo) == []
    assert store.checkpoint(group.id) is None


def test_another_plans_checkpoint_is_left_alone(tmp_path: Path) -> None:
    group = JobGroup((job(0),))
    store = Store(tmp_path)
    store.save_checkpoint(group.id, checkpoint_header(group), b"state")
    assert resumable(store, {job(7).id: job(7)}, {job(7).id}) == []
    assert store.checkpoints() == [group.id]


def test_work_that_waits_for_nothing_real_is_an_error_not_a_hang(tmp_path: Path) -> None:
    first = job(0)
    second = job(0, "svm", ((first,),))
    third = replace(first, upstream=((second,),))
    turn = JobGroup((replace(second, upstream=((third,),)), third))
    with pytest.raises(RuntimeError, match="wait"):
        driven(tmp_path, [turn], well)


@pytest.mark.parametrize("harm", ["gone", "damaged", "none"])
def test_missing_inputs_finds_stored_stages_whose_arrays_are_gone(
    tmp_path: Path, harm: str
) -> None:
    root, other = job(0), job(1)
    middle = job(0, "smvae", ((root,), (other,)))
    last = job(0, "svm", ((middle,),))
    store = Store(tmp_path)
    records = {one.id: store.append(outcome(one)) for one in (root, other, middle)}
    for one in (root, middle):
        path = tmp_path / "arrays" / f"{records[one.id].arrays}.npz"
        if harm == "gone":
            path.unlink()
        if harm == "damaged":
            path.write_bytes(b"PK junk")
    found = missing_inputs(store, records, {last.id: last})
    store.close()
    assert found.keys() == (set() if harm == "none" else {root.id, middle.id})
    assert missing_inputs(store, records, {}) == {}


# ---------------------------------------------------------------- limits


def test_of_fits_one_after_the_other_the_one_over_its_limit_fails(tmp_path: Path) -> None:
    first, slow, last = job(0), job(1), job(2)

    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        for one in group.jobs:
            if one == slow:
                yield Overdue(GroupLimit(90.0, per_fit=True))
                return
            yield outcome(one)

    driver, executor, updates = driven(tmp_path, [JobGroup((first, slow, last))], script)
    assert [group.jobs for group, _ in executor.started] == [(first, slow, last), (last,)]
    statuses = {name: record.status for name, record in driver.records.items()}
    assert statuses == {first.id: "ok", slow.id: "failed", last.id: "ok"}
    assert "1.5 min" in driver.records[slow.id].reason
    assert driver.running == {}
    assert sum(update.ended for update in updates) == 2


def test_fits_that_train_together_and_run_over_their_limit_run_again_alone(tmp_path: Path) -> None:
    good, slow = job(0), job(1)

    def script(group: JobGroup, state: bytes | None) -> Iterator[Any]:
        if slow in group.jobs:
            yield Checkpoint(b"half way")
            yield Overdue(GroupLimit(60.0 * len(group.jobs)))
        else:
            yield from well(group, state)

    driver, executor, _ = driven(tmp_path, [JobGroup((good, slow))], script)
    assert [group.jobs for group, _ in executor.started] == [(good, slow), (good,), (slow,)]
    assert driver.records[good.id].status == "ok"
    assert driver.records[slow.id].status == "failed"
    assert [record.generation for record in driver.records.values()] == [0, 0]
    assert driver.store.checkpoints() == []


# ---------------------------------------------------------------- other drivers


class OtherDriver(Claims):
    """Holds some jobs; each look brings what the test says, until ``looks`` is empty."""

    def __init__(self, folder: Path, held: set[str], looks: list[list[Record]]) -> None:
        super().__init__(folder)
        self.held, self.looks = held, looks
        self.released: set[str] = set()

    def take(self, ids: Any) -> set[str]:
        return set(ids) - self.held

    def release(self, ids: Any) -> None:
        self.released |= set(ids)

    def news(self) -> list[Record]:
        found = self.looks.pop(0) if self.looks else []
        self.held -= {record.id for record in found}
        return found


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "PAUSE_SECONDS", 0.01)


@pytest.mark.usefixtures("at_once")
def test_what_another_driver_runs_is_awaited_and_not_run_again(tmp_path: Path) -> None:
    mine, theirs = job(0), job(1)
    rests = job(1, "svm", ((theirs,),))
    with closing(Store(tmp_path)) as store:
        done = store.append(outcome(theirs))
    claims = OtherDriver(tmp_path, {theirs.id}, [[], [], [], [done]])
    groups = [JobGroup((mine, theirs)), JobGroup((rests,))]
    driver, executor, updates = driven(tmp_path, groups, well, claims=claims)
    assert [group.jobs for group, _ in executor.started] == [(mine,), (rests,)]
    assert executor.started[1][0].codes.keys() == {theirs.id}
    assert driver.records[theirs.id] == done
    assert sum(update.record == done for update in updates) == 1
    assert {mine.id, rests.id} <= claims.released


@pytest.mark.usefixtures("at_once")
def test_what_another_driver_left_undone_is_run(tmp_path: Path) -> None:
    theirs = job(0)
    claims = OtherDriver(tmp_path, {theirs.id}, [])
    looks = iter([[], [], []])

    def news() -> list[Record]:
        found = next(looks, None)
        if found is None:  # it died: the system has dropped its claims
            claims.held.clear()
        return found or []

    claims.news = news
    driver, executor, _ = driven(tmp_path, [JobGroup((theirs,))], well, claims=claims)
    assert [group.jobs for group, _ in executor.started] == [(theirs,)]
    assert driver.records[theirs.id].status == "ok"


def test_records_of_other_code_or_of_an_older_generation_do_not_count(tmp_path: Path) -> None:
    first, second = job(0), job(1)
    old = replace(record_of(first), generation=1)
    other = replace(record_of(second), digests={"methods/base.py": "0"})
    claims = OtherDriver(tmp_path, set(), [[old, other]])
    groups = [JobGroup((first, second))]
    driver, executor, _ = driven(tmp_path, groups, well, {first.id: old}, claims=claims)
    assert [group.jobs for group, _ in executor.started] == [(first, second)]
    assert driver.records[first.id].generation == 2
    assert driver.records[second.id].generation == 0


@pytest.mark.usefixtures("at_once")
def test_a_checkpoint_of_which_another_driver_holds_a_part_is_left_to_it(tmp_path: Path) -> None:
    first, second = job(0), job(1)
    group = JobGroup((first, second))
    store = Store(tmp_path)
    store.save_checkpoint(group.id, checkpoint_header(group), b"state")
    done = [store.append(outcome(one)) for one in (first, second)]
    store.close()
    claims = OtherDriver(tmp_path, {second.id}, [[], [], [], done])
    driver, executor, _ = driven(tmp_path, [group], well, claims=claims)
    assert executor.started == []
    assert driver.records == {record.id: record for record in done}
