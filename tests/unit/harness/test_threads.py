"""One thread in every library, whenever it was loaded: looked at in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from harness.registry import ROOT
from harness.run.threads import ENVIRONMENT

LOOK = """
from threadpoolctl import threadpool_info
def look(when):
    seen[when] = [[pool["internal_api"], pool["num_threads"]] for pool in threadpool_info()]
"""
SERIAL = """
import json, os
import numpy as np
seen = {}
look("before")
from harness.run import executors, worker
from tests.unit.harness.test_executors import DATA, JobGroup, drained, jobs
pool = executors.SerialExecutor({"tiny": DATA}, executors.Resources())
look("started")
alone = worker.fit_alone
def fit(*given):
    import scipy.linalg, sklearn, torch
    look("inside a fit")
    return alone(*given)
worker.fit_alone = fit
drained(pool, [JobGroup(jobs("svm", 1))])
print(json.dumps(seen))
"""
WORKER = """
import json
import numpy as np
seen = {}
look("before")
from harness.run import executors
from tests.unit.harness.test_executors import DATA, JobGroup, jobs
for _ in executors._execute_in_worker(JobGroup(jobs("tsvm", 1)), DATA, "cpu", None):
    look("inside a stack")
print(json.dumps(seen))
"""


def ran(program: str) -> dict[str, list[tuple[str, int]]]:
    """What a fresh Python says that was told no number of threads."""
    told: dict[str, Any] = {k: v for k, v in os.environ.items() if k not in ENVIRONMENT}
    done = subprocess.run(
        [sys.executable, "-c", LOOK + program],
        cwd=ROOT,
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("program", "later"),
    [(SERIAL, ("started", "inside a fit")), (WORKER, ("inside a stack",))],
    ids=["serial", "worker"],
)
def test_every_library_has_one_thread_though_numpy_loaded_first(
    program: str, later: tuple[str, ...]
) -> None:
    seen = ran(program)
    if all(threads == 1 for _, threads in seen["before"]):
        pytest.skip("a machine of one core, or a numpy without threads")
    for when in later:
        assert {threads for _, threads in seen[when]} == {1}, f"{when}: {seen[when]}"
        assert len(seen[when]) >= len(seen["before"])
