"""Executors of job groups: this process, or Ray with several processes, GPUs or machines.

Both have one interface: ``start(group)`` while a slot is free, ``next()`` for the next event. Only
this module uses Ray, which is imported when a Ray executor is made.
"""

from __future__ import annotations

import gc
import os
import shlex
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol

from datasets.base import Dataset
from harness import registry
from harness.errors import RunStopped, UsageError
from harness.registry import ROOT
from harness.run.limits import MEMORY_SHARE, FitTimeout, FitTooLarge, GroupLimit, ended_after
from harness.run.resources import memory_mb, return_freed_memory, usable_cores, usable_memory_mb
from harness.run.terminal import ENDING
from harness.run.threads import ENVIRONMENT, one_thread
from harness.run.worker import JobGroup, execute
from harness.store.record import Outcome
from methods.base import Checkpoint, Progress

LOOK_SECONDS = 5.0
"""How often a cluster is asked for nodes that joined or left."""
SERIAL_SECONDS = 60.0
"""By default a plan with less estimated work than this runs in this process."""


@dataclass(frozen=True)
class Started:
    """A worker has started with the group; before this event the group waits for a worker."""


@dataclass(frozen=True)
class Ended:
    """The group ran to its end."""


@dataclass(frozen=True)
class Lost:
    """The group failed as a whole: its worker died (killed, out of memory) or raised."""

    reason: str
    trace: str = ""


@dataclass(frozen=True)
class Overdue:
    """The group ran over its limit and was ended."""

    limit: GroupLimit


@dataclass(frozen=True)
class TooLarge:
    """The group's process held ``held`` MiB of memory, may hold ``most``, and was ended."""

    limit: GroupLimit
    held: float
    most: float


WorkerEvent = Outcome | Progress | Checkpoint | Started | Ended | Lost | Overdue | TooLarge


class Executor(Protocol):
    """Runs job groups; ``free`` is the number of groups that may start now."""

    @property
    def free(self) -> int: ...

    def takes(self, group: JobGroup) -> bool:
        """Whether this group may start now; one on a GPU also needs a share of one."""
        ...

    def start(
        self, group: JobGroup, state: bytes | None = None, limit: GroupLimit | None = None
    ) -> None:
        """Run a group, from the checkpoint ``state`` if there is one, for at most ``limit``."""
        ...

    def next(self, timeout: float) -> tuple[JobGroup, WorkerEvent] | None:
        """The next event, or None after ``timeout`` seconds without one.

        Raises RunStopped if the executor itself has failed.
        """
        ...

    def why_waiting(self) -> str:
        """One sentence on why a group has no worker yet; "" if unknown."""
        ...

    def close(self) -> None: ...


class _Clock:
    """The deadline of a group by ``time.monotonic``; ``inf`` without a limit."""

    def __init__(self, limit: GroupLimit | None) -> None:
        self.limit, self.deadline = limit, float("inf")

    def observe(self, event: object) -> None:
        """Set the deadline when the worker starts, and after each fit if limits are per fit."""
        again = isinstance(event, Outcome) and self.limit is not None and self.limit.per_fit
        if self.limit is not None and (again or isinstance(event, Started)):
            self.deadline = time.monotonic() + self.limit.seconds


@dataclass(frozen=True)
class Resources:
    """What an executor may use.

    ``workers``       parallel fits; None: ``usable_cores``, or what a cluster has.
    ``gpus_per_job``  may be a fraction.
    ``gpus``          number of GPUs to announce to a local Ray; None: all that it finds.
    """

    device: str = "cpu"
    workers: int | None = None
    gpus_per_job: float = 1.0
    address: str | None = None
    gpus: int | None = None


class SerialExecutor:
    """One group at a time in this process; does not need Ray.

    Limits are enforced by :func:`~harness.run.limits.ended_after`, which cannot interrupt compiled
    code. What a method leaks for good stays in this process: the run then stops, before the next
    fit.
    """

    def __init__(self, data: Mapping[str, Dataset], resources: Resources) -> None:
        self._data, self._device = data, resources.device
        self._current: tuple[JobGroup, Iterator[Any], _Clock] | None = None
        one_thread()

    @property
    def free(self) -> int:
        return 0 if self._current else 1

    def takes(self, group: JobGroup) -> bool:
        return self.free > 0

    def start(
        self, group: JobGroup, state: bytes | None = None, limit: GroupLimit | None = None
    ) -> None:
        _check_leak(limit)
        registry.load_method(group.jobs[0].method)  # first, so that its libraries are limited too
        one_thread()
        events = execute(group, self._data[group.jobs[0].data_key], self._device, state)
        self._current = (group, chain([Started()], events), _Clock(limit))

    def next(self, timeout: float) -> tuple[JobGroup, WorkerEvent] | None:
        if self._current is None:
            return None
        group, events, clock = self._current
        left = clock.deadline - time.monotonic()
        try:
            seconds, most = None if left == float("inf") else left, _most_mib(clock.limit)
            with ended_after(seconds, most), _exits_refused():
                event = next(events)
        except StopIteration:
            self._current = None
            return group, Ended()
        except FitTimeout:
            assert clock.limit is not None
            self._current = None
            return group, Overdue(clock.limit)
        except FitTooLarge as error:
            assert clock.limit is not None
            self._current = None
            return group, TooLarge(clock.limit, error.mib, error.most)
        except (Exception, SystemExit) as error:  # as on Ray: the other groups continue
            self._current = None
            return group, _raised(error, traceback.format_exc())
        clock.observe(event)
        return group, event

    def why_waiting(self) -> str:
        return ""  # it never waits for a worker

    def close(self) -> None:
        self._current = None


class RayExecutor:
    """Groups as Ray tasks that stream their events back; one core each, or a share of a GPU."""

    def __init__(self, data: Mapping[str, Dataset], resources: Resources) -> None:
        # Nobody reads events of tasks, which Ray at its end would wait 5 s to send to a server
        # that the same signal may have ended. Ray reads this as it is imported.
        os.environ.setdefault("RAY_task_events_shutdown_flush_timeout_ms", "100")
        import ray

        self._ray: Any = ray
        try:
            _connect(ray, resources)
            self._slots, self._shares = _slots(ray, resources)
        except (UsageError, KeyboardInterrupt):
            ray.shutdown()
            raise
        self._data = {key: ray.put(dataset) for key, dataset in data.items()}
        self._resources = resources
        self._gpus = resources.gpus_per_job if resources.device == "cuda" else 0
        self._looked = time.monotonic()
        self._task: Any = ray.remote(_execute_in_worker)
        self._running: dict[Any, tuple[JobGroup, _Clock]] = {}

    @property
    def free(self) -> int:
        if self._resources.address and time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            with suppress(UsageError):  # its GPUs have left: groups wait for others
                self._slots, self._shares = _slots(self._ray, self._resources)
        return self._slots - len(self._running)

    def takes(self, group: JobGroup) -> bool:
        if self.free <= 0:
            return False
        on_gpu = sum(self._on_gpu(other) for other, _ in self._running.values())
        return not self._on_gpu(group) or on_gpu < self._shares

    def _on_gpu(self, group: JobGroup) -> bool:
        """Whether a group trains on a GPU: methods that are not stacked use the processor."""
        return self._gpus > 0 and registry.is_stacked(registry.load_method(group.jobs[0].method))

    def start(
        self, group: JobGroup, state: bytes | None = None, limit: GroupLimit | None = None
    ) -> None:
        data = self._data[group.jobs[0].data_key]
        mib = limit.mib if limit else None
        on_gpu = self._on_gpu(group)
        task = self._task.options(
            num_cpus=1,
            num_gpus=self._gpus if on_gpu else 0,
            max_retries=0,  # the driver retries what has no record yet, from the last checkpoint
            num_returns="streaming",
        )
        stream = task.remote(group, data, "cuda" if on_gpu else "cpu", state, mib)
        self._running[stream] = group, _Clock(limit)

    def next(self, timeout: float) -> tuple[JobGroup, WorkerEvent] | None:
        if not self._running:
            return None
        self._check_daemons()
        if overdue := self._end_overdue():
            return overdue
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout)
        if not ready:
            return None
        group, clock = self._running[ready[0]]
        try:
            event = self._ray.get(ready[0].__next__())
        except StopIteration:
            del self._running[ready[0]]
            return group, Ended()
        except self._ray.exceptions.RayTaskError as error:
            del self._running[ready[0]]
            return group, _raised(error.cause or error, str(error))
        except self._ray.exceptions.RayError as error:
            self._check_daemons()  # without them no worker can run
            del self._running[ready[0]]
            return group, Lost(_first_line(error))
        if isinstance(event, FitTooLarge):  # the worker is ended: it may hold on to the memory
            assert clock.limit is not None
            self._ray.cancel(ready[0], force=True)
            del self._running[ready[0]]
            return group, TooLarge(clock.limit, event.mib, event.most)
        clock.observe(event)
        return group, event

    def why_waiting(self) -> str:
        total, free = self._ray.cluster_resources(), self._ray.available_resources()
        needed = "1 CPU" + (f" and {self._gpus:g} GPU" if self._gpus else "")
        kinds = ("CPU", "GPU") if self._gpus else ("CPU",)
        offered = ", ".join(f"{free.get(k, 0):g} of {total.get(k, 0):g} {k} free" for k in kinds)
        nodes = self._ray.nodes()
        alive = sum(bool(node["Alive"]) for node in nodes)
        text = f"a group needs {needed}, Ray has {offered} on {alive} of {len(nodes)} nodes"
        if self._resources.address:
            return f"{text}; the cluster is at {self._resources.address}"
        logs = _logs(self._ray)
        line = _last_error_line(logs)
        return (
            f"{text}; workers run {sys.executable} with the code in {ROOT}; "
            + (f"last error output of a worker: {line}; " if line else "")
            + f"Ray's logs: {logs}"
        )

    def close(self) -> None:
        self._ray.shutdown()

    def _end_overdue(self) -> tuple[JobGroup, Overdue] | None:
        """End the worker of a group that is over its limit, also if it hangs in compiled code."""
        now = time.monotonic()
        for stream, (group, clock) in self._running.items():
            if clock.deadline < now:
                assert clock.limit is not None
                self._ray.cancel(stream, force=True)
                del self._running[stream]
                return group, Overdue(clock.limit)
        return None

    def _check_daemons(self) -> None:
        """Raise RunStopped if a daemon of the Ray started by this run has ended."""
        node = self._ray._private.worker._global_node
        dead = [] if self._resources.address or node is None else node.dead_processes()
        needed = sorted({name for name, _ in dead} & {"gcs_server", "raylet"})
        if needed:
            raise RunStopped(f"Ray failed: its process {' and '.join(needed)} has ended")


def choose_executor(
    named: str | None, address: str | None, workers: int | None, seconds: float
) -> tuple[str, str]:
    """The executor of a run and the reason for it.

    ``named``    ``--executor``.   ``seconds`` estimated work of the plan, in core-seconds.
    """
    if named:
        return named, "as given"
    if address:
        return "ray", "--address names a cluster"
    if workers and workers > 1:
        return "ray", f"--workers asks for {workers}"
    if seconds < SERIAL_SECONDS:
        return "serial", "less than a minute of work by estimate, and Ray takes 10 s to start"
    return "ray", "more than a minute of work by estimate"


def open_executor(executor: str, data: Mapping[str, Dataset], resources: Resources) -> Executor:
    """The executor called ``serial`` or ``ray``."""
    if executor == "serial":
        return SerialExecutor(data, resources)
    return RayExecutor(data, resources)


def _most_mib(limit: GroupLimit | None) -> float | None:
    """Memory that a process of fits may hold, in MiB; None without a limit."""
    if limit is None:
        return None
    return limit.mib or MEMORY_SHARE * usable_memory_mb()


def _check_leak(limit: GroupLimit | None) -> None:
    """Raise RunStopped if this process holds too much memory before a group has begun."""
    most = _most_mib(limit)
    if most is None or memory_mb() <= most:
        return
    gc.collect()
    return_freed_memory()
    if (held := memory_mb()) > most:
        raise RunStopped(
            f"this process holds {held:.0f} MiB of memory before the next fit begins, and may hold "
            f"{most:.0f}: a fit before it kept them, or --fit-memory is too small; the next run "
            "starts without them"
        )


@contextmanager
def _exits_refused() -> Iterator[None]:
    """Let ``os._exit`` raise SystemExit here, so that no method ends the run without a word.

    A process that a method forks may end so.
    """
    end, here = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != here:
            end(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = end


def _raised(error: BaseException, trace: str) -> Lost:
    return Lost(_first_line(error, f"{type(error).__name__}: "), trace)


def _first_line(error: BaseException, prefix: str = "") -> str:
    lines = f"{prefix}{error}".strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def _logs(ray: Any) -> Path:
    """Where the Ray of this run writes its logs."""
    return Path(ray._private.worker._global_node.get_logs_dir_path())


def _last_error_line(logs: Path) -> str:
    """The last line of the newest worker log of standard error that is not empty; else ""."""
    with suppress(OSError):
        written = [path for path in logs.glob("worker-*.err") if path.stat().st_size]
        if written:
            newest = max(written, key=lambda path: path.stat().st_mtime)
            return newest.read_text("utf-8", "replace").strip().splitlines()[-1][:200]
    return ""


def _execute_in_worker(
    group: JobGroup, data: Dataset, device: str, state: bytes | None, mib: float | None = None
) -> Iterator[Outcome | Progress | Checkpoint | Started | FitTooLarge]:
    """Run a group in a worker; a module-level function, so that it pickles by reference.

    ``mib``  memory that the worker may hold; over it, :class:`FitTooLarge` is the last event.
    """
    yield Started()
    registry.load_method(group.jobs[0].method)  # first, so that its libraries are limited too
    one_thread()
    last, most = 0.0, mib or MEMORY_SHARE * usable_memory_mb()
    for event in _within(execute(group, data, device, state), most):
        if isinstance(event, Progress) and time.monotonic() - last < 1.0:
            continue  # one update per second is enough
        last = time.monotonic()
        yield event


def _within(events: Iterator[Any], most: float) -> Iterator[Any]:
    """The events, as long as the process holds at most ``most`` MiB; then FitTooLarge."""
    while True:
        try:
            with ended_after(None, most):
                event = next(events)
        except StopIteration:
            return
        except FitTooLarge as error:
            yield error
            return
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
        _check_reachable(resources.address)
        settings["address"] = resources.address
        settings["runtime_env"] = {
            "env_vars": ENVIRONMENT,
            "working_dir": str(ROOT),
            "excludes": ["results", "reports", "cache", ".git", ".venv"],
        }
    else:
        settings["address"] = "local"
        # Ray passes this to a shell, which would split a path at a space.
        settings["runtime_env"]["py_executable"] = shlex.quote(sys.executable)
        settings["num_cpus"] = resources.workers or usable_cores()
        settings["include_dashboard"] = False
        settings["object_store_memory"] = 512 * 1024**2
        if resources.device == "cuda" and resources.gpus is not None:
            settings["num_gpus"] = resources.gpus
    group = os.getpgrp()
    try:
        with _interrupts_deferred():
            ray.init(**settings)
    except SystemExit as error:  # raised by Ray on SIGTERM while it starts
        raise KeyboardInterrupt from error
    except Exception as error:  # Ray also raises bare Exception when it starts slowly
        where = f"at {resources.address}" if resources.address else "on this machine"
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"Ray cannot be reached or started {where} ({reason}); --executor serial needs no Ray"
        ) from error
    if os.getpgrp() != group:  # on macOS Ray leaves it, and Ctrl-C under make would not arrive
        with suppress(PermissionError):
            os.setpgid(0, group)


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Defer the first interrupt to the end: interrupting Ray as it starts may crash the process."""
    received: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    heeded = (n for n in ENDING if signal.getsignal(n) is not signal.SIG_IGN)
    before = {number: signal.signal(number, wait) for number in (signal.SIGINT, *heeded)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt


def _check_reachable(address: str) -> None:
    """Raise UsageError if no server answers: Ray would wait for minutes and then exit."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit()) or "://" in host:
        return  # "auto" or Ray's own scheme: Ray checks these
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"no Ray cluster answers at {address} ({error})") from error


def _slots(ray: Any, resources: Resources) -> tuple[int, int]:
    """How many groups run at once, and how many of these on a GPU.

    Groups beyond these wait here, so that their order is known. On a cluster ``workers`` counts
    also while its nodes are yet to come: groups that wait in Ray are what makes it start nodes.
    """
    offered = ray.cluster_resources()
    cores = max(1, int(offered.get("CPU", 1)))
    wanted = resources.workers
    slots = wanted if wanted and resources.address else min(cores, wanted or cores)
    if resources.device != "cuda":
        return slots, 0
    gpus = float(offered.get("GPU", 0))
    if gpus < resources.gpus_per_job:
        if wanted and resources.address:
            return slots, slots
        raise UsageError(
            f"--device cuda asks for {resources.gpus_per_job:g} GPU a job, Ray offers {gpus:g};"
            " use --device cpu or a smaller --gpus-per-job"
            + ("; --workers N waits for nodes" if resources.address else "")
        )
    shares = int(gpus / resources.gpus_per_job + 1e-9)
    return slots, min(slots, shares)
