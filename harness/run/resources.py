"""Resources of a fit: usable cores, peak memory, device, library versions."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

try:
    import resource
except ImportError:  # Windows
    resource = None

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_STATM = Path("/proc/self/statm")
_GROUPS, _CGROUP = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Cores that this process may use, at least 1.

    The minimum of the machine's cores, the affinity of the process, the CPU quota of its control
    groups (rounded down) and ``SLURM_CPUS_PER_TASK``.
    """
    limits = [float(os.cpu_count() or 1), *_in_groups("cpu", _quota)]
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        limits.append(len(os.sched_getaffinity(0)))
    with suppress(KeyError, ValueError):
        limits.append(int(os.environ["SLURM_CPUS_PER_TASK"]))
    return max(1, int(min(limits)))


def _in_groups(what: str, limit: Callable[[Path, int], float]) -> Iterator[float]:
    """The limits that the control groups above this process set on ``what``: cpu or memory.

    ``limit``  reads it from a group's folder, given the version of control groups (1 or 2).

    Inside a container the path in ``/proc/self/cgroup`` may be that of the host, so the root
    counts too.
    """
    try:
        lines = _GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and what not in controllers.split(","):
            continue
        version = 1 if controllers else 2
        for root in {_CGROUP / name for name in ((controllers, what) if version == 1 else ("",))}:
            place = root / path.lstrip("/")
            for folder in (place, *place.parents):
                if folder.is_relative_to(root):
                    with suppress(OSError, ValueError, ZeroDivisionError):
                        yield limit(folder, version)


def _quota(folder: Path, version: int) -> float:
    """Cores' worth of CPU time that a control group grants: ``cpu.max``; version 1 has two files.

    Raises OSError or ValueError where it sets no limit.
    """
    if version == 2:
        quota, period = (folder / "cpu.max").read_text().split()
        return int(quota) / int(period)  # "max" is no number
    quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    if int(quota) <= 0:
        raise ValueError("no limit")
    return int(quota) / int(period)


def forget_peak_memory(device: str) -> str:
    """Reset the peaks; returns when measurement starts: ``stack`` (now), or ``process``.

    Only Linux can reset the peak of main memory. Elsewhere it is the peak since the process
    started, so earlier fits count too.
    """
    if device != "cpu":
        import torch

        torch.cuda.reset_peak_memory_stats()
    try:
        _CLEAR.write_text("5")
    except OSError:
        return "process"
    return "stack"


def peak_memory_mb() -> float:
    """The most main memory that this process held since :func:`forget_peak_memory`, in MiB.

    Includes libraries and data. 0 where the system does not report it.
    """
    with suppress(OSError, StopIteration):
        lines = _STATUS.read_text().splitlines()
        peak_line = next(line for line in lines if line.startswith("VmHWM:"))
        return round(int(peak_line.split()[1]) / 1024, 1)
    if resource is None:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1)


def memory_mb() -> float:
    """Main memory that this process holds now, in MiB; 0 where the system does not report it."""
    with suppress(OSError):
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2
    return 0.0


def return_freed_memory() -> None:
    """Hand memory that was freed back to the system, where the C library can (glibc).

    Training tells it to keep such memory (``methods._nn.trainer.keep_freed_memory``), which would
    else count as held.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def usable_memory_mb() -> float:
    """Main memory of this machine, or of the control group of this process if less, in MiB.

    Infinite where the system does not report it.
    """
    sizes = [float("inf")]
    with suppress(OSError, ValueError, AttributeError):  # AttributeError: Windows
        sizes.append(float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    sizes += _in_groups("memory", _memory)
    return min(sizes) / 1024**2


def _memory(folder: Path, version: int) -> float:
    """Bytes that one control group may hold. OSError or ValueError where it sets no limit."""
    name = "memory.max" if version == 2 else "memory.limit_in_bytes"
    return float(int((folder / name).read_text()))  # "max" is no number


def peak_gpu_memory_mb(device: str) -> float:
    """The most GPU memory of tensors since :func:`forget_peak_memory`, in MiB; 0 on a CPU."""
    if device == "cpu":
        return 0.0
    import torch

    return round(torch.cuda.max_memory_allocated() / 1024**2, 1)


def device_name(device: str) -> str:
    """``cpu``, or the name of the GPU."""
    if device == "cpu":
        return "cpu"
    import torch  # only where a GPU is asked for: listing and shallow methods need no torch

    return torch.cuda.get_device_name()


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that affect numbers."""
    import sklearn

    numbers = {"python": sys.version.split()[0], "numpy": np.__version__}
    numbers["scikit-learn"] = sklearn.__version__
    if "torch" in sys.modules:
        numbers["torch"] = str(sys.modules["torch"].__version__)
    return numbers
