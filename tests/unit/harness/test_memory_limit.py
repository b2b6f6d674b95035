"""The memory that a fit may hold: one that leaks fails alone, and a process that is full stops."""

from __future__ import annotations

import mmap
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from harness import registry
from harness.errors import RunStopped
from harness.run import executors, limits, resources
from harness.run.executors import Resources, SerialExecutor
from harness.run.limits import FitLimits, FitTooLarge, GroupLimit, ended_after
from methods._nn import trainer
from tests.system import planted
from tests.unit.harness.test_executors import DATA, cheap, driven

pytestmark = pytest.mark.skipif(resources.memory_mb() == 0, reason="the system does not tell")


def test_memory_that_is_held_and_memory_that_there_is() -> None:
    before = resources.memory_mb()
    with mmap.mmap(-1, 100 * 2**20) as large:  # an array may lie in memory that was freed before
        large.write(b"1" * len(large))
        assert 90 < resources.memory_mb() - before < 210
        assert len(large) / 2**20 < resources.usable_memory_mb() < 2**24


def test_what_a_control_group_grants_is_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(resources, "_CGROUP", tmp_path)
    (tmp_path / "cgroup").write_text("0::/job\n")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "memory.max").write_text(f"{64 * 2**20}\n")
    assert resources.usable_memory_mb() == 64
    (tmp_path / "job" / "memory.max").write_text("max\n")
    assert resources.usable_memory_mb() > 64


def test_a_body_that_grows_is_ended_and_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOOK_SECONDS", 0.02)
    most = resources.memory_mb() + 64

    def grow() -> None:
        kept = []
        while len(kept) < 256:
            kept.append(mmap.mmap(-1, 2**22))  # an array may lie in memory that was freed before
            kept[-1].write(b"1" * 2**22)
            time.sleep(0.005)

    with pytest.raises(FitTooLarge) as over, ended_after(60.0, most):
        grow()
    assert over.value.mib > over.value.most == most
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_limit_of_time_holds_beside_one_of_memory() -> None:
    with pytest.raises(limits.FitTimeout), ended_after(0.1, 2.0**30):
        time.sleep(60)


def test_serial_ends_the_fit_that_leaks_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(executors, "execute", planted.leaks)
    serial = SerialExecutor({"tiny": DATA}, Resources())
    for key in ("svm", "logistic_regression", "majority"):
        registry.load_method(key)  # their libraries take memory too
    most = FitLimits(mib=resources.memory_mb() + 400)
    records = driven(tmp_path, cheap(), serial, most)
    assert sorted(record.status for record in records.values()) == ["failed", *["ok"] * 6]
    (bad,) = (record for record in records.values() if record.status == "failed")
    assert bad.job["config"]["C"] == 1.0
    assert "--fit-memory" in bad.reason


def test_memory_that_was_freed_counts_no_longer() -> None:
    trainer.keep_freed_memory()
    before = resources.memory_mb()
    kept = [np.ones(2**19) for _ in range(100)]  # 4 MiB each
    del kept
    resources.return_freed_memory()
    assert resources.memory_mb() < before + 100


def test_a_process_that_is_full_begins_no_fit() -> None:
    serial = SerialExecutor({"tiny": DATA}, Resources())
    with pytest.raises(RunStopped, match="--fit-memory"):
        serial.start(cheap()[0], None, GroupLimit(60.0, mib=1.0))
