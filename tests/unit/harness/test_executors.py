"""Executors: one interface and the same numbers here and on Ray; GPUs as Ray assigns them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.base import Dataset
from harness.errors import UsageError
from harness.plan import resolve
from harness.plan.job import Job
from harness.run import executors
from harness.run.driver import Driver
from harness.run.executors import Ended, Lost, Resources, SerialExecutor, Started, open_executor
from harness.run.limits import FitLimits
from harness.run.worker import JobGroup
from harness.store.record import Outcome, Record
from harness.store.store import Store
from tests.helpers import scenario, tiny
from tests.system import planted

DATA = tiny()
SLOTS = 4


def jobs(method: str, n: int, **config: Any) -> tuple[Job, ...]:
    from harness import registry

    made = registry.load_method(method)
    settings = made.Config(**config).settings()
    wanted = scenario("supervised")
    first = Job("tiny", DATA.fingerprint, wanted, method, made.version, None, settings, None, 0, 0)
    return tuple(replace(first, trial=trial) for trial in range(n))


def cheap() -> list[JobGroup]:
    return [
        JobGroup(jobs("majority", 2)),
        JobGroup((*jobs("logistic_regression", 2, C=0.1), *jobs("logistic_regression", 1, C=1.0))),
        JobGroup(jobs("svm", 2)),
    ]


def driven(
    folder: Path, groups: list[JobGroup], executor: Any, limits: FitLimits | None = None
) -> dict[str, Record]:
    store = Store(folder)
    driver = Driver(store, {}, "smoke", lambda update: None, limits)
    driver.run(groups, executor)
    store.close()
    return driver.records


def drained(executor: Any, groups: list[JobGroup], running: int = 0) -> list[Any]:
    """All events until the groups, and the ``running`` ones started before, have ended."""
    waiting, found = list(groups), list[Any]()
    while waiting or running:
        while waiting and executor.takes(waiting[0]):
            executor.start(waiting.pop(0))
            running += 1
        received = executor.next(timeout=5)
        if received is None:
            continue
        running -= isinstance(received[1], Ended | Lost)
        found.append(received[1])
    return found


# ---------------------------------------------------------------- in this process


def test_serial_takes_one_stack_at_a_time_and_says_when_it_ended() -> None:
    executor = SerialExecutor({"tiny": DATA}, Resources())
    assert executor.next(0.1) is None
    assert executor.free == 1
    executor.start(JobGroup(jobs("majority", 2)))
    assert executor.free == 0
    events = []
    while not events or not isinstance(events[-1], Ended):
        received = executor.next(0.1)
        assert received is not None
        events.append(received[1])
    assert isinstance(events[0], Started)
    assert sum(isinstance(event, Outcome) for event in events) == 2
    assert executor.free == 1
    executor.close()


def test_serial_goes_on_after_a_stack_that_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "execute", planted.breaks)
    records = driven(tmp_path, cheap(), SerialExecutor({"tiny": DATA}, Resources()))
    assert sorted(record.status for record in records.values()) == ["failed", *["ok"] * 6]
    (bad,) = (record for record in records.values() if record.status == "failed")
    assert bad.reason == "it failed 3 times: ArithmeticError: planted: the stack broke"
    assert 'raise ArithmeticError("planted' in bad.trace


@pytest.mark.parametrize(
    ("fault", "reason"), [("quits", "SystemExit: 3"), ("exits", "SystemExit: os._exit(3)")]
)
def test_serial_goes_on_after_a_fit_that_ends_the_process(
    fault: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "execute", getattr(planted, fault))
    end = os._exit
    records = driven(tmp_path, cheap(), SerialExecutor({"tiny": DATA}, Resources()))
    assert os._exit is end
    assert sorted(record.status for record in records.values()) == ["failed", *["ok"] * 6]
    (bad,) = (record for record in records.values() if record.status == "failed")
    assert bad.reason == f"it failed 3 times: {reason}"


def test_serial_ends_the_fit_that_is_over_its_limit_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "execute", planted.hangs)
    before = signal.getsignal(signal.SIGALRM)
    serial = SerialExecutor({"tiny": DATA}, Resources())
    records = driven(tmp_path, cheap(), serial, FitLimits(seconds=2.0))
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert sorted(record.status for record in records.values()) == ["failed", *["ok"] * 6]
    (bad,) = (record for record in records.values() if record.status == "failed")
    assert bad.job["config"]["C"] == 1.0
    assert "--fit-timeout" in bad.reason


@pytest.mark.parametrize(
    ("named", "address", "workers", "seconds", "name"),
    [
        (None, None, None, 59.0, "serial"),
        (None, None, None, 61.0, "ray"),
        (None, None, 1, 1.0, "serial"),
        (None, None, 2, 1.0, "ray"),
        (None, "10.0.0.1:6379", None, 1.0, "ray"),
        ("ray", None, None, 1.0, "ray"),
        ("serial", None, 8, 1e6, "serial"),
    ],
)
def test_the_executor_follows_what_was_named_then_the_cost(
    named: str | None, address: str | None, workers: int | None, seconds: float, name: str
) -> None:
    assert executors.choose_executor(named, address, workers, seconds)[0] == name


def test_the_last_word_is_that_of_the_newest_worker_that_said_anything(tmp_path: Path) -> None:
    assert executors._last_error_line(tmp_path / "no such folder") == ""
    for number, text in enumerate(("old: no such file\n", "first\n/tmp/a: not found\n", "")):
        path = tmp_path / f"worker-{number}.err"
        path.write_text(text)
        os.utime(path, (number, number))
    assert executors._last_error_line(tmp_path) == "/tmp/a: not found"


def test_an_error_without_words_is_called_by_its_kind() -> None:
    assert executors._first_line(KeyError()) == "KeyError"


def test_serial_lets_an_interrupt_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> Iterator[Any]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(executors, "execute", interrupted)
    executor = SerialExecutor({"tiny": DATA}, Resources())
    executor.start(JobGroup(jobs("majority", 1)))
    assert executor.next(0.1) == (JobGroup(jobs("majority", 1)), Started())
    with pytest.raises(KeyboardInterrupt):
        executor.next(0.1)


def test_cuda_without_a_gpu_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="^torch sees no CUDA GPU here; use --device cpu"):
        resolve.device_of("cuda")
    assert resolve.device_of("auto") == "cpu"
    assert resolve.device_of("cuda", "10.0.0.1:6379") == "cuda"  # the cluster's to say


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no.such.host.invalid:6379", "127.0.0.1:99999"])
def test_an_address_where_nobody_answers_is_refused_at_once(address: str) -> None:
    with pytest.raises(UsageError, match=f"^no Ray cluster answers at {address}"):
        open_executor("ray", {}, Resources(address=address))


class Offer:
    """A Ray that only says what it has."""

    def __init__(self, cpu: float, gpu: float) -> None:
        self.offer = {"CPU": cpu, "GPU": gpu}

    def cluster_resources(self) -> dict[str, float]:
        return {name: value for name, value in self.offer.items() if value}


@pytest.mark.parametrize(
    ("cpu", "gpu", "share", "workers", "slots"),
    [
        (16, 2, 1.0, None, 2),
        (16, 2, 0.5, None, 4),
        (16, 1, 0.1, None, 10),
        (16, 3, 2.0, None, 1),
        (3, 4, 0.5, None, 3),
        (16, 2, 0.5, 3, 3),
    ],
)
def test_slots_on_gpus_are_gpus_over_the_share(
    cpu: float, gpu: float, share: float, workers: int | None, slots: int
) -> None:
    wanted = Resources("cuda", workers, share)
    assert executors._slots(Offer(cpu, gpu), wanted) == (min(cpu, workers or cpu), slots)


def test_on_a_cluster_workers_are_asked_for_before_their_nodes_are_there() -> None:
    empty = Offer(0, 0)
    assert executors._slots(empty, Resources("cpu", None, address="a:1")) == (1, 0)
    assert executors._slots(empty, Resources("cpu", 8, address="a:1")) == (8, 0)
    assert executors._slots(empty, Resources("cuda", 8, address="a:1")) == (8, 8)
    with pytest.raises(UsageError, match="--workers"):
        executors._slots(empty, Resources("cuda", None, address="a:1"))


def test_too_large_a_share_or_no_gpu_is_refused_in_a_sentence() -> None:
    for gpu, share in ((1, 2.0), (0, 0.5)):
        with pytest.raises(UsageError, match=r"GPU a job, Ray offers .*; use .*--gpus-per-job"):
            executors._slots(Offer(8, gpu), Resources("cuda", None, share))


def test_while_ray_starts_one_ctrl_c_waits_and_a_second_does_not() -> None:
    reached = []

    def starting(times: int) -> None:
        with executors._interrupts_deferred():
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
            reached.append(times)

    before = signal.getsignal(signal.SIGINT)
    starting(0)
    for times in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            starting(times)
    assert reached == [0, 1]
    assert signal.getsignal(signal.SIGINT) == before


# ---------------------------------------------------------------- on Ray: one session for all

ray_tests = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the first victim leaves."""
    return tmp_path_factory.mktemp("victims") / "first"


@pytest.fixture(scope="module")
def session(first: Path) -> Iterator[Any]:
    """Two pretended GPUs, four CPUs, joined by every executor of this module."""
    import ray

    os.environ[planted.FIRST] = str(first)  # before Ray starts: its workers inherit it
    group, here = os.getpgrp(), signal.getsignal(signal.SIGTERM)
    executors._connect(ray, Resources("cuda", SLOTS, gpus=2))
    assert os.getpgrp() == group, "Ctrl-C under make would no longer arrive"
    assert signal.getsignal(signal.SIGTERM) == here
    yield ray
    ray.shutdown()
    del os.environ[planted.FIRST]


@pytest.fixture
def executor_of(session: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(executors, "_connect", lambda ray, resources: None)

    def made(fault: str = "", data: Dataset = DATA, **resources: Any) -> Any:
        if fault:
            monkeypatch.setattr(executors, "_execute_in_worker", planted.worker(fault))
        return executors.RayExecutor({"tiny": data}, Resources(**resources))

    return made


class TestOnRay:
    pytestmark = ray_tests

    def test_ray_and_serial_agree_on_every_number(self, executor_of: Any, tmp_path: Path) -> None:
        here = driven(tmp_path / "a", cheap(), SerialExecutor({"tiny": DATA}, Resources()))
        there = driven(tmp_path / "b", cheap(), executor_of())
        assert here.keys() == there.keys()
        left, right = Store(tmp_path / "a"), Store(tmp_path / "b")
        for name, record in here.items():
            other = there[name]
            assert record.status == other.status == "ok"
            assert (record.score, record.metrics) == (other.score, other.metrics)
            mine, theirs = left.arrays(record), right.arrays(other)
            assert mine.keys() == theirs.keys()
            assert all(np.array_equal(value, theirs[key]) for key, value in mine.items())

    def test_workers_run_our_code_with_one_thread(
        self, executor_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (_, seen, _) = drained(executor_of("facts"), [JobGroup(jobs("majority", 1))])
        assert Path(seen["datasets"]).is_relative_to(planted.ROOT)
        assert seen["threads"] == [1, "1"]

    def test_a_worker_that_dies_once_costs_nothing(
        self, executor_of: Any, first: Path, tmp_path: Path
    ) -> None:
        records = driven(tmp_path, cheap(), executor_of("dies_once"))
        assert first.exists()
        assert [record.status for record in records.values()] == ["ok"] * 7

    def test_a_job_that_kills_every_worker_fails_alone(
        self, executor_of: Any, tmp_path: Path
    ) -> None:
        records = driven(tmp_path, cheap(), executor_of("dies"))
        assert sorted(record.status for record in records.values()) == ["failed", *["ok"] * 6]
        (bad,) = (record for record in records.values() if record.status == "failed")
        assert bad.job["config"]["C"] == 1.0
        assert bad.reason.startswith("its worker was lost 3 times: ")

    def test_a_stack_that_raises_fails_with_its_trace(
        self, executor_of: Any, tmp_path: Path
    ) -> None:
        records = driven(tmp_path, cheap(), executor_of("breaks"))
        (bad,) = (record for record in records.values() if record.status == "failed")
        assert bad.reason == "it failed 3 times: ArithmeticError: planted: the stack broke"
        assert "planted.py" in bad.trace

    def test_a_fit_that_hangs_in_compiled_code_is_ended(
        self, executor_of: Any, tmp_path: Path
    ) -> None:
        limits = FitLimits(seconds=4.0)
        records = driven(tmp_path, cheap(), executor_of("spins"), limits)
        assert sorted(record.status for record in records.values()) == ["failed", *["ok"] * 6]
        (bad,) = (record for record in records.values() if record.status == "failed")
        assert bad.job["config"]["C"] == 1.0
        assert "--fit-timeout" in bad.reason

    def test_a_fit_that_leaks_is_ended_with_its_worker(
        self, executor_of: Any, tmp_path: Path
    ) -> None:
        records = driven(tmp_path, cheap(), executor_of("leaks"), FitLimits(mib=1500.0))
        assert sorted(record.status for record in records.values()) == ["failed", *["ok"] * 6]
        (bad,) = (record for record in records.values() if record.status == "failed")
        assert bad.job["config"]["C"] == 1.0
        assert "may hold 1500; it was ended (--fit-memory)" in bad.reason

    def test_what_is_known_while_no_worker_starts(self, executor_of: Any) -> None:
        text = executor_of().why_waiting()
        assert f"of {SLOTS} CPU free" in text
        assert str(executors.ROOT) in text

    @pytest.mark.parametrize(("share", "together"), [(1.0, 1), (0.5, 2)])
    def test_stacks_see_the_gpu_they_were_given(
        self, executor_of: Any, share: float, together: int
    ) -> None:
        executor = executor_of("facts", device="cuda", gpus_per_job=share)
        assert executor.free == SLOTS
        groups = [JobGroup((one,)) for one in jobs("m2", 3 * 2 * together)]
        seen = [event for event in drained(executor, groups) if isinstance(event, dict)]
        assert len(seen) == len(groups)
        assert {one["devices"] for one in seen} == {"0", "1"}
        for one in seen:
            sharing = [
                other
                for other in seen
                if other["devices"] == one["devices"]
                and other["start"] <= (one["start"] + one["end"]) / 2 <= other["end"]
            ]
            assert len(sharing) <= together

    def test_methods_without_networks_hold_no_gpu(self, executor_of: Any) -> None:
        executor = executor_of("facts", device="cuda", gpus_per_job=2.0)  # both, for one group
        net, plain = (JobGroup(jobs(method, 1)) for method in ("m2", "majority"))
        executor.start(net)
        assert not executor.takes(net)
        assert executor.takes(plain)
        seen = drained(executor, [plain, plain], running=1)
        assert {one["devices"] for one in seen if isinstance(one, dict)} == {"0,1", ""}

    def test_work_on_the_cpu_sees_no_gpu_and_takes_every_core(self, executor_of: Any) -> None:
        executor = executor_of("facts")
        assert executor.free == SLOTS
        seen = drained(executor, [JobGroup((one,)) for one in jobs("majority", 2)])
        assert len({one["pid"] for one in seen if isinstance(one, dict)}) == 2

    def test_too_large_a_share_is_refused(self, executor_of: Any, session: Any) -> None:
        session_shutdown = session.shutdown
        session.shutdown = lambda: None
        try:
            with pytest.raises(UsageError, match="asks for 3 GPU a job, Ray offers 2"):
                executor_of(device="cuda", gpus_per_job=3.0)
        finally:
            session.shutdown = session_shutdown
