"""What a fit costs: the peak of one fit is not that of the fit before it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run import resources

PROGRAM = """
import numpy as np
from harness.run import resources

assert resources.forget_peak_memory("cpu") == "stack"
print(resources.peak_memory_mb())
large = np.ones(200 * 2**17)  # 200 MiB, touched
print(resources.peak_memory_mb())
del large
resources.forget_peak_memory("cpu")
print(resources.peak_memory_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can forget a peak")
def test_a_peak_is_forgotten_before_the_next_fit(root: Path) -> None:
    # In a process of its own: one that has trained keeps freed memory and uses it again.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=True
    )
    before, peak, after = (float(line) for line in done.stdout.split())
    assert 190 < peak - before < 250
    assert after < peak - 150


def test_where_a_peak_cannot_be_forgotten_the_record_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(resources, "_CLEAR", tmp_path / "no" / "such")
    monkeypatch.setattr(resources, "_STATUS", tmp_path / "nor this")
    assert resources.forget_peak_memory("cpu") == "process"
    assert resources.peak_memory_mb() > 10  # of the whole process


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 cores without limits, its control groups in the folder returned."""
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setattr(resources, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(resources, "_CGROUP", tmp_path / "fs")
    return tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_a_limit_every_core_may_be_used(machine: Path) -> None:
    assert resources.usable_cores() == 16
    put(machine / "cgroup", "0::/user/a\n")
    put(machine / "fs/user/a/cpu.max", "max 100000\n")
    assert resources.usable_cores() == 16


def test_affinity_and_slurm_limit_the_cores(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 4}, raising=False)
    assert resources.usable_cores() == 3
    for said, cores in (("2", 2), ("8", 3), ("many", 3), ("0", 1)):
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", said)
        assert resources.usable_cores() == cores


@pytest.mark.parametrize(
    ("quota", "cores"), [("400000", 4), ("250000", 2), ("50000", 1), ("max", 16), ("junk", 16)]
)
@pytest.mark.parametrize("where", ["user/a", "user", ""])
def test_a_quota_of_any_control_group_above_limits_the_cores(
    machine: Path, quota: str, cores: int, where: str
) -> None:
    put(machine / "cgroup", "12:devices:/x\n0::/user/a\n")
    put(machine / "fs" / where / "cpu.max", f"{quota} 100000\n")
    assert resources.usable_cores() == cores


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize(("quota", "cores"), [("300000", 3), ("-1", 16)])
def test_so_does_one_of_version_1(machine: Path, mount: str, quota: str, cores: int) -> None:
    put(machine / "cgroup", "4:cpu,cpuacct:/job\n1:name=systemd:/job\n")
    put(machine / "fs" / mount / "job/cpu.cfs_quota_us", f"{quota}\n")
    put(machine / "fs" / mount / "job/cpu.cfs_period_us", "100000\n")
    assert resources.usable_cores() == cores


def test_a_cpu_has_no_gpu_memory() -> None:
    assert resources.peak_gpu_memory_mb("cpu") == 0.0
    assert resources.device_name("cpu") == "cpu"
