"""What the benchmarks share: processor time, memory of child processes, and rows of a table."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """One line of the table of results: what was measured, and what came out, as text."""

    what: str
    value: str


@dataclass(frozen=True)
class Used:
    """What a child process used: processor seconds, peak memory in MiB; its exit status."""

    seconds: float
    peak: float
    status: int


def medians(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median processor seconds of this process for each run, taken in turn after one unmeasured."""
    for run in runs.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            began = time.process_time()
            run()
            taken[name].append(time.process_time() - began)
    return {name: float(np.median(values)) for name, values in taken.items()}


LAUNCH = """
import os, subprocess, sys
quiet = subprocess.DEVNULL
child = subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=quiet, stderr=quiet)
_, status, usage = os.wait4(child.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""A small process between: Linux counts the memory of its parent as the peak of a child."""


def used(arguments: Sequence[str]) -> Used:
    """Run Python with ``arguments`` in the checkout, output thrown away; what it used."""
    said = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCH, *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    status, seconds, peak = said.stdout.split()
    per_mib = 1024 if sys.platform == "linux" else 1024**2  # macOS counts bytes
    return Used(float(seconds), int(peak) / per_mib, int(status))
