"""What a fit costs: the peak of one fit is not that of the fit before it."""

from __future__ import annotations

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


def test_a_cpu_has_no_gpu_memory() -> None:
    assert resources.peak_gpu_memory_mb("cpu") == 0.0
    assert resources.device_name("cpu") == "cpu"
