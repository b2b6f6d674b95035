"""One thread per process, and the same bits at any place in memory."""

from __future__ import annotations

import os
import sys

from threadpoolctl import threadpool_limits

ENVIRONMENT: dict[str, str] = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
) | {"MKL_CBWR": "AUTO,STRICT"}
"""Read by a library as it loads, or as it first computes. Fits are sped up by stacked trials and by
several processes: two threads that compete for one core are several times slower than one. Without
MKL_CBWR (conditional numerical reproducibility) Intel's MKL rounds a product differently with the
alignment of its arrays, so that a fit would depend on its place in a stack."""


def set_environment() -> None:
    """Put ``ENVIRONMENT`` in, but for what is set already; before numpy or torch is imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def one_thread() -> None:
    """Limit every loaded library, and through the environment those that load later.

    A loaded library no longer reads the environment: OpenBLAS would keep one thread per core.
    """
    os.environ.update(ENVIRONMENT)
    threadpool_limits(1)
    # torch may have threads that threadpoolctl does not control.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
