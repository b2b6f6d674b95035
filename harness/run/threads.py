"""One thread a process: the harness takes its speed from stacked trials and from processes."""

from __future__ import annotations

import os
import sys

from threadpoolctl import threadpool_limits

ENVIRONMENT: dict[str, str] = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
)
"""Read by a library as it loads. Two threads that fight over one core are several times slower
than one."""


def one_thread() -> None:
    """Limit every library that has loaded, and by the environment those that will load later.

    A library that has loaded no longer reads the environment: OpenBLAS would keep a thread a core.
    """
    os.environ.update(ENVIRONMENT)
    threadpool_limits(1)
    # torch may have threads of its own kind, which threadpoolctl does not know.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
