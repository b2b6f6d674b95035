"""Where stacks run: in this process, or on Ray over processes, GPUs and machines.

Both pools have one face: ``start(stack)`` while there is a free slot, ``next()`` for what happened.
The only module that knows Ray; Ray is imported when a Ray pool is made and not before.
"""

from __future__ import annotations

import os
import signal
import socket
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, Protocol

from datasets.base import Dataset
from harness import registry
from harness.errors import UsageError
from harness.registry import ROOT
from harness.run.resources import usable_cores
from harness.run.threads import ENVIRONMENT, one_thread
from harness.run.worker import JobGroup, execute
from harness.store.record import Outcome
from methods.base import Checkpoint, Progress


@dataclass(frozen=True)
class Ended:
    """The stack ran to its end."""


@dataclass(frozen=True)
class Lost:
    """The stack broke as a whole: its worker died (killed, out of memory) or raised."""

    reason: str
    trace: str = ""


WorkerEvent = Outcome | Progress | Checkpoint | Ended | Lost


class Executor(Protocol):
    """Runs stacks; ``free`` says how many more may start now."""

    @property
    def free(self) -> int: ...

    def start(self, stack: JobGroup, state: bytes | None = None) -> None: ...

    def next(self, timeout: float) -> tuple[JobGroup, WorkerEvent] | None:
        """The next happening, or None after ``timeout`` seconds without one."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Resources:
    """What a pool may use. ``workers`` None: ``usable_cores``; ``gpus_per_job`` may be a fraction.

    ``gpus``  number of GPUs to announce to a local Ray, None: as many as it finds.
    """

    device: str = "cpu"
    workers: int | None = None
    gpus_per_job: float = 1.0
    address: str | None = None
    gpus: int | None = None


class SerialExecutor:
    """One stack at a time in this process: no Ray needed, easiest to debug."""

    def __init__(self, data: Mapping[str, Dataset], resources: Resources) -> None:
        self._data, self._device = data, resources.device
        self._current: tuple[JobGroup, Iterator[Any]] | None = None
        one_thread()

    @property
    def free(self) -> int:
        return 0 if self._current else 1

    def start(self, stack: JobGroup, state: bytes | None = None) -> None:
        registry.load_method(stack.jobs[0].method)  # first, so that its libraries are limited too
        one_thread()
        data = self._data[stack.jobs[0].data_key]
        self._current = (stack, iter(execute(stack, data, self._device, state)))

    def next(self, timeout: float) -> tuple[JobGroup, WorkerEvent] | None:
        if self._current is None:
            return None
        stack, events = self._current
        try:
            return stack, next(events)
        except StopIteration:
            self._current = None
            return stack, Ended()
        except Exception as error:  # as on Ray: the other stacks go on
            self._current = None
            return stack, _raised(error, traceback.format_exc())

    def close(self) -> None:
        self._current = None


class RayExecutor:
    """Stacks as Ray tasks that stream their events back; one core each, or a share of a GPU."""

    def __init__(self, data: Mapping[str, Dataset], resources: Resources) -> None:
        import ray

        self._ray: Any = ray
        try:
            _connect(ray, resources)
            self._slots = _slots(ray, resources)
        except (UsageError, KeyboardInterrupt):
            ray.shutdown()
            raise
        self._data = {key: ray.put(dataset) for key, dataset in data.items()}
        self._device = resources.device
        on_gpu = resources.device == "cuda"
        self._task = ray.remote(_execute_in_worker).options(
            num_cpus=1,
            num_gpus=resources.gpus_per_job if on_gpu else 0,
            max_retries=0,  # the driver retries what has no record yet, from the last checkpoint
            num_returns="streaming",
        )
        self._running: dict[Any, JobGroup] = {}

    @property
    def free(self) -> int:
        return self._slots - len(self._running)

    def start(self, stack: JobGroup, state: bytes | None = None) -> None:
        data = self._data[stack.jobs[0].data_key]
        self._running[self._task.remote(stack, data, self._device, state)] = stack

    def next(self, timeout: float) -> tuple[JobGroup, WorkerEvent] | None:
        if not self._running:
            return None
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout)
        if not ready:
            return None
        stream = ready[0]
        stack = self._running[stream]
        try:
            return stack, self._ray.get(stream.__next__())
        except StopIteration:
            del self._running[stream]
            return stack, Ended()
        except self._ray.exceptions.RayTaskError as error:
            del self._running[stream]
            return stack, _raised(error.cause or error, str(error))
        except self._ray.exceptions.RayError as error:
            del self._running[stream]
            return stack, Lost(str(error).strip().splitlines()[0][:300])

    def close(self) -> None:
        self._ray.shutdown()


def open_executor(executor: str, data: Mapping[str, Dataset], resources: Resources) -> Executor:
    """The pool called ``serial`` or ``ray``."""
    if executor == "serial":
        return SerialExecutor(data, resources)
    return RayExecutor(data, resources)


def _raised(error: Exception, trace: str) -> Lost:
    sentence = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return Lost(sentence[:300], trace)


def _execute_in_worker(
    stack: JobGroup, data: Dataset, device: str, state: bytes | None
) -> Iterator[Outcome | Progress | Checkpoint]:
    """Runs on a worker; a module-level function, so that it pickles by reference."""
    registry.load_method(stack.jobs[0].method)  # first, so that its libraries are limited too
    one_thread()
    last = 0.0
    for event in execute(stack, data, device, state):
        if isinstance(event, Progress) and time.monotonic() - last < 1.0:
            continue  # a tick a second is enough for a display
        last = time.monotonic()
        yield event


def _connect(ray: Any, resources: Resources) -> None:
    settings: dict[str, Any] = {
        "runtime_env": {"env_vars": {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}},
        "logging_level": "ERROR",
        "log_to_driver": False,
        "ignore_reinit_error": False,
    }
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if resources.address:
        _knock(resources.address)
        settings["address"] = resources.address
        settings["runtime_env"] = {
            "env_vars": ENVIRONMENT,
            "working_dir": str(ROOT),
            "excludes": ["results", "reports", "cache", ".git", ".venv"],
        }
    else:
        settings["address"] = "local"
        settings["num_cpus"] = resources.workers or usable_cores()
        settings["include_dashboard"] = False
        settings["object_store_memory"] = 512 * 1024**2
        if resources.device == "cuda" and resources.gpus is not None:
            settings["num_gpus"] = resources.gpus
    group = os.getpgrp()
    try:
        with _patient():
            ray.init(**settings)
    except SystemExit as error:  # Ray's own answer to SIGTERM while it starts
        raise KeyboardInterrupt from error
    except Exception as error:  # Ray raises bare exceptions too, when it is slow to start
        where = f"at {resources.address}" if resources.address else "on this machine"
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"Ray cannot be reached or started {where} ({reason}); --executor serial needs no Ray"
        ) from error
    if os.getpgrp() != group:  # on macOS Ray leaves it, and so the reach of Ctrl-C under make
        with suppress(PermissionError):
            os.setpgid(0, group)


@contextmanager
def _patient() -> Iterator[None]:
    """The first Ctrl-C waits until the end: a Ray broken off as it starts may crash the process."""
    came: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt

    kept = {number: signal.signal(number, wait) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _knock(address: str) -> None:
    """Raise UsageError where nobody listens: Ray itself would wait for minutes, and then exit."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit()) or "://" in host:
        return  # a word such as auto, or Ray's own scheme: for Ray to judge
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"no Ray cluster answers at {address} ({error})") from error


def _slots(ray: Any, resources: Resources) -> int:
    """How many stacks run at once; Ray would queue more, but then their order is lost to us."""
    offered = ray.cluster_resources()
    slots = int(offered.get("CPU", 1))
    if resources.device == "cuda":
        gpus = float(offered.get("GPU", 0))
        if gpus < resources.gpus_per_job:
            raise UsageError(
                f"--device cuda asks for {resources.gpus_per_job:g} GPU a job, Ray offers {gpus:g};"
                " use --device cpu or a smaller --gpus-per-job"
            )
        whole = int(gpus / resources.gpus_per_job + 1e-9)
        slots = min(slots, whole)
    return max(1, min(slots, resources.workers or slots))
