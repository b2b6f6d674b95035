"""The loop, against a pool that does what the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.plan.job import Job
from harness.run.driver import (
    ATTEMPTS,
    Driver,
    ProgressUpdate,
    checkpoint_header,
    missing_inputs,
    resumable,
)
from harness.run.executors import Ended, Lost
from harness.run.worker import JobGroup
from harness.store.record import Outcome, Record
from harness.store.store import Store
from methods.base import Checkpoint, Progress
from tests.helpers import record_of, scenario, tiny

Script = Callable[[JobGroup, bytes | None], Iterator[Any]]


class FakePool:
    """``slots`` stacks at once; each does what ``script`` yields."""

    def __init__(self, script: Script, slots: int = 2) -> None:
        self.script, self.slots = script, slots
        self.started: list[tuple[JobGroup, bytes | None]] = []
        self.running: list[tuple[JobGroup, Iterator[Any]]] = []

    @property
    def free(self) -> int:
        return self.slots - len(self.running)

    def start(self, stack: JobGroup, state: bytes | None = None) -> None:
        assert self.free > 0
        self.started.append((stack, state))
        self.running.append((stack, self.script(stack, state)))

    def next(self, timeout: float) -> Any:
        if not self.running:
            return None
        stack, events = self.running[0]
        event = next(events, Ended())
        if isinstance(event, Ended | Lost):
            self.running.pop(0)
        return stack, event

    def close(self) -> None:
        pass


def job(trial: int = 0, method: str = "majority", upstream: Any = ()) -> Job:
    data = tiny()
    wanted = scenario()
    return Job("tiny", data.fingerprint, wanted, method, 1, None, {}, None, trial, 0, upstream)


def outcome(one: Job, **changes: Any) -> Outcome:
    codes = np.full((2, 2), int(one.id[:4], 16), np.float32)
    return Outcome(record_of(one, **changes), {"codes_rows": codes})


def well(stack: JobGroup, state: bytes | None) -> Iterator[Any]:
    for one in stack.jobs:
        if one.id not in stack.done:
            yield outcome(one)


def driven(
    folder: Path, stacks: list[JobGroup], script: Script, records: dict[str, Record] | None = None
) -> tuple[Driver, FakePool, list[ProgressUpdate]]:
    ticks: list[ProgressUpdate] = []
    store = Store(folder)
    drive, pool = Driver(store, records or {}, "smoke", ticks.append), FakePool(script)
    drive.run(stacks, pool)
    store.close()
    return drive, pool, ticks


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

    def script(stack: JobGroup, state: bytes | None) -> Iterator[Any]:
        for one in stack.jobs:
            yield outcome(one, score=scores[one.id])

    stacks = [JobGroup((last,)), *(JobGroup((one,)) for one in first)]
    _, pool, _ = driven(tmp_path, stacks, script)
    work = pool.started[-1][0]
    assert work.jobs == (last,)
    assert work.chosen == ((first[1].id,),)
    assert work.codes.keys() == {first[1].id}


def test_a_stage_that_gave_nothing_skips_what_rests_on_it(tmp_path: Path) -> None:
    first, other = job(0), job(1)
    rests, free = job(0, "svm", ((first,),)), job(1, "svm", ((other,),))

    def script(stack: JobGroup, state: bytes | None) -> Iterator[Any]:
        for one in stack.jobs:
            bad = one.id == first.id
            yield outcome(one, status="failed", reason="diverged") if bad else outcome(one)

    stacks = [JobGroup((first, other)), JobGroup((rests, free))]
    drive, pool, _ = driven(tmp_path, stacks, script)
    assert drive.records[rests.id].status == "skipped"
    assert "diverged" in drive.records[rests.id].reason
    assert drive.records[free.id].status == "ok"
    assert pool.started[-1][0].jobs == (free,)
    again, pool, _ = driven(tmp_path, [JobGroup((rests,))], script, dict(drive.records))
    assert not pool.started
    ledgers = (tmp_path / "records").glob("*.jsonl")
    assert sum(path.read_text().count(rests.id + '"') > 1 for path in ledgers) == 0
    assert again.records[rests.id] == drive.records[rests.id]


def test_a_lost_stack_runs_again_then_one_by_one_and_only_the_bad_job_fails(tmp_path: Path) -> None:
    good, bad, also = job(0), job(1), job(2)

    def script(stack: JobGroup, state: bytes | None) -> Iterator[Any]:
        yield Progress(0.5)
        if bad in stack.jobs:
            yield Lost("killed by signal 9")
        else:
            yield from well(stack, state)

    drive, pool, ticks = driven(tmp_path, [JobGroup((good, bad, also))], script)
    assert [len(stack.jobs) for stack, _ in pool.started] == [3, 3, 1, 1, 1]
    assert drive.records[good.id].status == drive.records[also.id].status == "ok"
    failed = drive.records[bad.id]
    assert failed.status == "failed"
    assert failed.reason == f"its worker was lost {ATTEMPTS} times: killed by signal 9"
    assert any("1 jobs run again" in tick.note or "3 jobs" in tick.note for tick in ticks)


def test_jobs_that_ended_before_the_loss_are_not_run_again(tmp_path: Path) -> None:
    first, second = job(0), job(1)
    losses = iter([Lost("gone")])

    def script(stack: JobGroup, state: bytes | None) -> Iterator[Any]:
        for one in stack.jobs:
            if one == second and (lost := next(losses, None)):
                yield lost
                return
            yield outcome(one)

    _, pool, _ = driven(tmp_path, [JobGroup((first, second))], script)
    assert [stack.jobs for stack, _ in pool.started] == [(first, second), (second,)]
    assert [record.generation for record in Store(tmp_path).records().values()] == [0, 0]


def test_a_stack_lost_after_its_last_record_is_simply_over(tmp_path: Path) -> None:
    def script(stack: JobGroup, state: bytes | None) -> Iterator[Any]:
        yield Checkpoint(b"late")
        yield from well(stack, state)
        yield Lost("exit")

    _, pool, _ = driven(tmp_path, [JobGroup((job(0), job(1)))], script)
    assert len(pool.started) == 1
    assert Store(tmp_path).checkpoints() == []


def test_what_raised_is_recorded_with_its_trace(tmp_path: Path) -> None:
    def script(stack: JobGroup, state: bytes | None) -> Iterator[Any]:
        yield Lost("ArithmeticError: planted", "Traceback ...\nArithmeticError: planted")

    drive, _, _ = driven(tmp_path, [JobGroup((job(),))], script)
    record = drive.records[job().id]
    assert record.reason == f"it failed {ATTEMPTS} times: ArithmeticError: planted"
    assert record.trace.startswith("Traceback")


def test_a_lost_stack_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    first, second = job(0), job(1)

    def script(stack: JobGroup, state: bytes | None) -> Iterator[Any]:
        if state is None:
            yield outcome(first)
            yield Checkpoint(b"half way\nand more")
            yield Lost("gone")
        yield from well(stack, state)

    _, pool, _ = driven(tmp_path, [JobGroup((first, second))], script)
    stack, state = pool.started[1]
    assert state == b"half way\nand more"
    assert stack.jobs == (first, second)  # as the checkpoint holds them
    assert stack.done == {first.id}
    assert Store(tmp_path).checkpoints() == []


def test_a_later_run_takes_up_a_checkpoint_and_what_rests_on_its_done_jobs(tmp_path: Path) -> None:
    first, second = job(0), job(1)
    rests = job(0, "svm", ((first,),))
    stack = JobGroup((first, second))
    store = Store(tmp_path)
    done = store.append(outcome(first))
    store.save_checkpoint(stack.id, checkpoint_header(stack), b"state")
    every = {one.id: one for one in (first, second, rests)}
    (held,) = resumable(store, every, {second.id, rests.id})
    store.close()
    assert held.jobs == stack.jobs
    assert held.done == {first.id}
    drive, pool, _ = driven(tmp_path, [held, JobGroup((rests,))], well, {first.id: done})
    assert pool.started[0][1] == b"state"
    assert drive.records.keys() == every.keys()
    assert drive.records[first.id] == done


@pytest.mark.parametrize("harm", ["cut", "other bytes", "no header", "other source", "all done"])
def test_a_checkpoint_that_does_not_serve_is_not_resumed(tmp_path: Path, harm: str) -> None:
    stack = JobGroup((job(0), job(1)))
    store = Store(tmp_path)
    header = checkpoint_header(stack)
    if harm == "other source":
        header["digests"] = {"methods/base.py": "0"}
    store.save_checkpoint(stack.id, header, b"state" * 100)
    path = tmp_path / "checkpoints" / f"{stack.id}.bin"
    content = path.read_bytes()
    spoilt = {"cut": content[:-7], "other bytes": content[:-1] + b"!", "no header": b"\x00\n{}"}
    path.write_bytes(spoilt.get(harm, content))
    todo = set() if harm == "all done" else {one.id for one in stack.jobs}
    assert resumable(store, {one.id: one for one in stack.jobs}, todo) == []
    assert store.checkpoint(stack.id) is None


def test_another_plans_checkpoint_is_left_alone(tmp_path: Path) -> None:
    stack = JobGroup((job(0),))
    store = Store(tmp_path)
    store.save_checkpoint(stack.id, checkpoint_header(stack), b"state")
    assert resumable(store, {job(7).id: job(7)}, {job(7).id}) == []
    assert store.checkpoints() == [stack.id]


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
