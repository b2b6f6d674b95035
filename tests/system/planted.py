"""Workers with a planted fault, on the command line: ``python planted.py FAULT arguments``.

A fault wraps ``execute`` in the process that trains: this one, or a Ray worker, which imports this
module by name. The rest of the run is the real one.
"""

from __future__ import annotations

import datetime
import itertools
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402 - after the path is set

from datasets.base import Dataset  # noqa: E402 - the same
from harness.run import driver, executors  # noqa: E402 - the same
from harness.run import worker as real  # noqa: E402 - the same
from harness.run.worker import JobGroup  # noqa: E402 - the same
from harness.store import claims  # noqa: E402 - the same
from harness.store.ledger_file import LedgerFile  # noqa: E402 - the same
from harness.store.record import Outcome  # noqa: E402 - the same
from methods.base import Checkpoint  # noqa: E402 - the same

FIRST = "PLANTED_FIRST"
"""Environment variable: a file that the first victim makes, so that the second is spared."""
POINT = "PLANTED_POINT"
"""Environment variable: the step of storing at which ``dies_at_write`` kills its process."""
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


def _at_fit(fault: Callable[[Any], Any]) -> Any:
    """The victim's fit is handed to ``fault``, whose value takes its place."""

    def run(
        group: JobGroup, data: Dataset, device: str = "cpu", state: bytes | None = None
    ) -> Iterator[Any]:
        fit = real.fit_alone

        def planted(method: Any, task: Any, problem: Any) -> Any:
            fitted = fit(method, task, problem)
            return fault(fitted) if victim(JobGroup((task.job,))) else fitted

        real.fit_alone = planted
        try:
            yield from real.execute(group, data, device, state)
        finally:
            real.fit_alone = fit

    return run


def _raise(fitted: Any) -> Any:
    raise ArithmeticError("planted: [/this] fit broke")


def _nan(fitted: Any) -> Any:
    return _Answering(lambda rows: np.full(rows.n, np.nan), fitted)


def _shapes(fitted: Any) -> Any:
    return _Answering(lambda rows: np.zeros((rows.n, 2)), fitted)


def _leak(fitted: Any) -> Any:
    """Up to 8 GiB, in steps of 16 MiB."""
    kept = []
    for _ in range(512):
        kept.append(np.ones(2**21))
        time.sleep(0.002)
    return fitted


def _exit(fitted: Any) -> Any:
    os._exit(3)


def _quit(fitted: Any) -> Any:
    sys.exit(3)


def _print(fitted: Any) -> Any:
    """8 MiB on each of standard output and error."""
    for _ in range(2**13):
        print("x" * 2**10)
        print("y" * 2**10, file=sys.stderr)
    return fitted


class _Answering:
    """A fit with other predictions."""

    def __init__(self, predict: Any, fitted: Any) -> None:
        self.predict, self.fitted = predict, fitted

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fitted, name)


raises, nan, shapes = _at_fit(_raise), _at_fit(_nan), _at_fit(_shapes)
leaks, exits, quits, prints = _at_fit(_leak), _at_fit(_exit), _at_fit(_quit), _at_fit(_print)


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
    def run(
        group: JobGroup, data: Dataset, device: str, state: bytes | None, mib: float | None = None
    ) -> Iterator[Any]:
        executors.execute = globals()[fault]
        try:
            yield from REAL(group, data, device, state, mib)
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
    "nan",
    "shapes",
    "leaks",
    "exits",
    "quits",
    "prints",
)
for _fault in FAULTS:
    globals()[f"{_fault}_in_worker"] = _stand_in(_fault)


def dies_at_write() -> None:
    """Kill this process at one step of storing: about a flush, about a name, in mid-line."""
    steps, point = itertools.count(), int(os.environ[POINT])

    def step() -> None:
        if next(steps) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            step()
            value = call(*arguments, **named)
            step()
            return value

        return run

    os.fsync, os.replace = counted(os.fsync), counted(os.replace)
    append = LedgerFile.append

    def in_two(ledger: LedgerFile, line: bytes) -> None:
        ledger.handle.write(line[: len(line) // 2])
        step()
        append(ledger, line[len(line) // 2 :])

    LedgerFile.append = in_two


def clock() -> None:
    """The wall clock jumps by up to a year, to and fro, at each reading; the monotonic one not."""
    chance, now, ns = random.Random(0), time.time, time.time_ns

    def jump() -> int:
        return chance.randint(-(10**7) * 3, 10**7 * 3)

    class Jumping(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return super().now(tz) + datetime.timedelta(seconds=jump())

    time.time, time.time_ns = lambda: now() + jump(), lambda: ns() + jump() * 10**9
    stand_in: Any = SimpleNamespace(datetime=Jumping, UTC=datetime.UTC)
    driver.datetime = claims.datetime = stand_in


OF_THE_PROCESS = {"dies_at_write": dies_at_write, "clock": clock}
"""Faults of the driver's process, not of a worker."""


def main(fault: str, argv: list[str]) -> int:
    import run_all

    if fault in OF_THE_PROCESS:
        OF_THE_PROCESS[fault]()
        return run_all.main(argv)
    executors.execute = globals()[fault]
    executors._execute_in_worker = worker(fault)
    return run_all.main(argv)


if __name__ == "__main__":
    from tests.system import planted  # by its importable name: workers must find it

    sys.exit(planted.main(sys.argv[1], sys.argv[2:]))
