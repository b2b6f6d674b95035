"""What every test may rely on: one thread a process, a patient Hypothesis, the root of the tree."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

# Before numpy or torch is imported: the Makefile says the same, this serves a bare `pytest`.
from harness.run.threads import set_environment

set_environment()

import pytest  # noqa: E402 - after the threads are set

with contextlib.suppress(ImportError):  # tests of a GPU run without it
    from hypothesis import settings

    # Examples train and solve, so their time says nothing; in CI the same examples come each time.
    settings.register_profile(
        "project", deadline=None, print_blob=True, derandomize="CI" in os.environ
    )
    settings.load_profile("project")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the checkout."""
    return ROOT


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of a GPU are skipped where there is none, with the reason."""
    if item.get_closest_marker("gpu"):
        import torch  # most tests never load it

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch = sys.modules.get("torch")  # most tests never load it
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
