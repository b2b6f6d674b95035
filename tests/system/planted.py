"""Workers with a planted fault, on the command line: ``python planted.py FAULT arguments``.

A fault wraps ``execute`` in the process that trains: this one, or a Ray worker, which imports this
module by name. The rest of the run is the real one.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.base import Dataset  # noqa: E402 - after the path is set
from harness.run import executors  # noqa: E402 - the same
from harness.run import worker as real  # noqa: E402 - the same
from harness.run.worker import JobGroup  # noqa: E402 - the same
from harness.store.record import Outcome  # noqa: E402 - the same
from methods.base import Checkpoint  # noqa: E402 - the same

FIRST = "PLANTED_FIRST"
"""Environment variable: a file that the first victim makes, so that the second is spared."""
GATE = "PLANTED_GATE"
"""Environment variable: a file that opens the gate of ``gated``, or tells that a fit hangs."""


def victim(group: JobGroup) -> bool:
    return any(
        job.config.get("C") == 1.0 and job.method == "logistic_regression" for job in group.jobs
    )


def slow(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    for event in real.execute(group, data, device, state):
        yield event
        time.sleep(0.4 * isinstance(event, Outcome))


def dies(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    if victim(group):
        os.kill(os.getpid(), signal.SIGKILL)
    yield from real.execute(group, data, device, state)


def dies_once(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    first = Path(os.environ[FIRST])
    if victim(group) and not first.exists():
        first.touch()
        os._exit(1)
    yield from real.execute(group, data, device, state)


def breaks(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    if victim(group):
        raise ArithmeticError("planted: the stack broke")
    yield from real.execute(group, data, device, state)


def gated(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    """Nothing begins before the test has made a file."""
    while not Path(os.environ[GATE]).exists():
        time.sleep(0.1)
    yield from slow(group, data, device, state)


def hangs(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    """The victim's group never ends, in a call that Python may break off."""
    if victim(group):
        yield from _before_the_victim(group, data, device)
        if GATE in os.environ:
            Path(os.environ[GATE]).touch()
        time.sleep(600)
    yield from real.execute(group, data, device, state)


def spins(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    """The victim's group never ends, in compiled code that holds the interpreter's lock."""
    if victim(group):
        yield from _before_the_victim(group, data, device)
        re.match("(a+)+$", "a" * 60 + "b")
    yield from real.execute(group, data, device, state)


def _before_the_victim(group: JobGroup, data: Dataset, device: str) -> Iterator[Any]:
    """The outcomes of the jobs that come before the one at fault."""
    good = itertools.takewhile(lambda job: not victim(JobGroup((job,))), group.jobs)
    if jobs := tuple(good):
        yield from real.execute(JobGroup(jobs), data, device)


def raises(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    fit = real._fit

    def planted(method: Any, task: Any, problem: Any) -> Any:
        if victim(JobGroup((task.job,))):
            raise ArithmeticError("planted: [/this] fit broke")
        return fit(method, task, problem)

    real._fit = planted
    try:
        yield from real.execute(group, data, device, state)
    finally:
        real._fit = fit


def checkpoints(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    """A checkpoint after every epoch, with time to be killed, and a word when one is resumed."""
    from methods._nn import trainer

    trainer.CHECKPOINT_SECONDS = 0.0
    restore = trainer._restore

    def told(*arguments: Any) -> Any:
        found = restore(*arguments)
        print(f"resumed after epoch {found.epoch}", file=sys.stderr, flush=True)
        return found

    trainer._restore = told
    try:
        for event in real.execute(group, data, device, state):
            yield event
            time.sleep(0.3 * isinstance(event, Checkpoint))
    finally:
        trainer._restore = restore


def facts(
    group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
) -> Iterator[Any]:
    """What a worker sees, as the arrays of no fit."""
    import datasets

    time.sleep(1.0)
    yield {
        "devices": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        "pid": os.getpid(),
        "start": time.time() - 1.0,
        "end": time.time(),
        "datasets": str(datasets.__file__),
        "cwd": os.getcwd(),
        "threads": _threads(),
    }


def _threads() -> list[Any]:
    import torch

    return [torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")]


def worker(fault: str) -> Any:
    """A stand-in for the function that Ray runs; by name, so that it pickles by reference."""
    return globals()[f"{fault}_in_worker"]


def _stand_in(fault: str) -> Any:
    def run(group: JobGroup, data: Dataset, device: str, state: bytes | None) -> Iterator[Any]:
        executors.execute = globals()[fault]
        try:
            yield from REAL(group, data, device, state)
        finally:
            executors.execute = real.execute

    run.__name__ = run.__qualname__ = f"{fault}_in_worker"
    return run


REAL = executors._execute_in_worker
FAULTS = (
    "slow",
    "dies",
    "dies_once",
    "breaks",
    "raises",
    "checkpoints",
    "facts",
    "gated",
    "hangs",
    "spins",
)
for _fault in FAULTS:
    globals()[f"{_fault}_in_worker"] = _stand_in(_fault)


def main(fault: str, argv: list[str]) -> int:
    import run_all

    executors.execute = globals()[fault]
    executors._execute_in_worker = worker(fault)
    return run_all.main(argv)


if __name__ == "__main__":
    from tests.system import planted  # by its importable name: workers must find it

    sys.exit(planted.main(sys.argv[1], sys.argv[2:]))
