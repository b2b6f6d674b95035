"""What a fit costs and on what it ran: peak memory, device, versions."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def forget_peak_memory(device: str) -> str:
    """Start to measure anew; says since when the peak counts: ``stack``, or ``process``.

    Only Linux can forget the peak of main memory. Elsewhere it is that of the process since its
    start, so of all fits before as well.
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

    It counts all that lies in memory, libraries and data included.
    """
    with suppress(OSError, StopIteration):
        lines = _STATUS.read_text().splitlines()
        found = next(line for line in lines if line.startswith("VmHWM:"))
        return round(int(found.split()[1]) / 1024, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1)


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
    """Versions of Python and of the libraries that shape numbers."""
    import sklearn

    found = {"python": sys.version.split()[0], "numpy": np.__version__}
    found["scikit-learn"] = sklearn.__version__
    if "torch" in sys.modules:
        found["torch"] = str(sys.modules["torch"].__version__)
    return found
