"""SIGKILL at random moments: of the driver, at any time or at a step of storing, or of a worker."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from tests.system import planted
from tests.system.command_line import CHEAP, RAY, SERIAL, ended, places, start, until
from tests.system.endurance.judge import Row, Whole, killed, living, marked, readable

IN_A_ROW = 5
"""At most so many kills before a run may end."""
RAY_SHARE = 0.1
"""Of the moments, those on Ray: half kill the driver, half a worker."""
WRITES_PER_FIT, OTHER_WRITES = 7, 60


def rows(
    moments: int, chance: random.Random, whole: Whole, at: Path, *, ray: bool
) -> Iterator[Row]:
    on_ray = round(RAY_SHARE * moments) if ray else 0
    timed = (moments - on_ray) // 2
    yield series("driver killed at a random time", timed, Timed(chance, whole), whole, at / "time")
    rest = moments - on_ray - timed
    yield series(
        "driver killed at a step of storing", rest, AtWrite(chance, whole), whole, at / "write"
    )
    drivers = on_ray // 2
    if drivers:
        yield series("driver of a Ray run killed", drivers, OnRay(chance), whole, at / "ray")
    if on_ray - drivers:
        yield workers(on_ray - drivers, chance, whole, at / "workers")


def series(name: str, moments: int, kill: Kill, whole: Whole, at: Path) -> Row:
    """Kills, a few in each folder, which is then finished and judged."""
    row, folders, kept = Row(name), 0, 0
    while row.tried < moments:
        folder = at / str(folders)
        folders += 1
        for _ in range(min(kill.chance.randint(1, IN_A_ROW), moments - row.tried)):
            before = [record.line() for record in readable(folder)]
            if not kill(folder):
                break  # the run had ended before the moment came
            row.tried += 1
            now = [record.line() for record in readable(folder)]
            row.expect(now[: len(before)] == before, f"{folder.name}: a stored record changed")
            kept += len(now) - len(before)
        whole.finish(row, folder)
        print(f"  {name}: {row.tried} of {moments}", flush=True)
    row.note = f"{folders} runs; {kept} fits were stored before a kill"
    return row


class Kill(ABC):
    """Starts a run and kills it; False if it ended before."""

    def __init__(self, chance: random.Random, whole: Whole | None = None) -> None:
        self.chance, self.whole = chance, whole

    @abstractmethod
    def __call__(self, folder: Path) -> bool: ...


class Timed(Kill):
    """After a random time; every second one a little after a record has been stored."""

    def __call__(self, folder: Path) -> bool:
        assert self.whole is not None
        process, stored = start(*CHEAP, *SERIAL, *places(folder)), len(readable(folder))
        if self.chance.random() < 0.5:
            wait_for_records(folder, stored + self.chance.randint(1, 6), process)
            time.sleep(self.chance.uniform(0.0, 0.05))
        else:
            time.sleep(self.chance.uniform(0.0, self.whole.seconds))
        process.kill()
        return ended(process)[0] == -signal.SIGKILL


class AtWrite(Kill):
    """At a random step of writing arrays, records, manifests and reports: before or after a flush
    or a renaming, or with half a line written."""

    def __call__(self, folder: Path) -> bool:
        assert self.whole is not None
        left = len(self.whole.numbers) - len({record.id for record in readable(folder)})
        os.environ[planted.POINT] = str(self.chance.randrange(WRITES_PER_FIT * left + OTHER_WRITES))
        process = start(*CHEAP, *SERIAL, *places(folder), fault="dies_at_write")
        return ended(process)[0] == -signal.SIGKILL


class OnRay(Kill):
    """The driver of a run on Ray, whose processes must follow it."""

    def __call__(self, folder: Path) -> bool:
        marked(folder)
        process, stored = start(*CHEAP, *RAY, *places(folder), fault="slow"), len(readable(folder))
        if self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(0.0, 8.0))
        else:
            wait_for_records(folder, stored + self.chance.randint(1, 3), process)
        process.kill()
        ended(process)
        until(lambda: not living(folder), 15)
        return process.returncode == -signal.SIGKILL


def workers(moments: int, chance: random.Random, whole: Whole, at: Path) -> Row:
    """Workers killed while they fit; the run itself must end well."""
    row, folders = Row("worker of a Ray run killed"), 0
    while row.tried < moments and folders < 3 * moments:
        folder = at / str(folders)
        folders += 1
        marked(folder)
        process = start(*CHEAP, *RAY, *places(folder), fault="slow")
        for _ in range(min(2, moments - row.tried)):
            wait_for_records(folder, len(readable(folder)) + chance.randint(1, 3), process)
            time.sleep(chance.uniform(0.0, 0.4))
            busy = living(folder, b"ray::slow_in_worker")
            if busy and process.poll() is None:
                killed(chance.choice(busy), signal.SIGKILL)
                row.tried += 1
        status, _, err = ended(process)
        row.expect(status == 0, f"exit status {status}: {err.strip()[-200:]}")
        whole.judge(row, folder)
        print(f"  {row.name}: {row.tried} of {moments}", flush=True)
    row.expect(row.tried == moments, f"only {row.tried} workers were met at work")
    row.note = f"{folders} runs, each ended by itself"
    return row


def wait_for_records(folder: Path, n: int, process: subprocess.Popen[str]) -> None:
    """Wait until ``n`` records are there or the process has ended."""
    until(lambda: process.poll() is not None or len(readable(folder)) >= n)
