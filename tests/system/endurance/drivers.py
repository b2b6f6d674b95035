"""Signals, two drivers of one folder, a clock that jumps, a node that is lost."""

from __future__ import annotations

import os
import random
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.command_line import (
    CHEAP,
    SERIAL,
    ended,
    places,
    run,
    signal_group,
    start,
    table,
    until,
)
from tests.system.endurance.judge import (
    EXECUTORS,
    RESUME,
    Row,
    Whole,
    clear,
    last,
    living,
    marked,
    readable,
)
from tests.system.endurance.kills import wait_for_records

SECONDS_TO_END = 10.0
"""After a signal no process of the run may be left longer."""


def rows(
    chance: random.Random, executors: tuple[str, ...], whole: Whole, at: Path
) -> Iterator[Row]:
    yield two(chance, whole, at / "two")
    yield jumping(whole, at / "clock")
    for executor in executors:
        for to_group in (True, False):
            yield stopped(executor, chance, to_group, whole, at / f"{executor}-{to_group}")
    if "ray" in executors:
        yield lost_node(whole, at / "node")


def two(chance: random.Random, whole: Whole, at: Path) -> Row:
    """Two drivers of one folder; every second time one of them is killed."""
    row = Row("two drivers in one folder", tried=4)
    for number in range(row.tried):
        folder = at / str(number)
        own = (*places(folder)[:2], "--reports", str(folder / "other" / "reports"))
        first = start(*CHEAP, *SERIAL, *own, fault="slow")
        time.sleep(chance.uniform(0, 1))
        second = start(*CHEAP, *SERIAL, *places(folder), fault="slow")
        if number % 2:
            wait_for_records(folder, chance.randint(1, 6), first)
            first.kill()
        for process in (first, second):
            status, _, err = ended(process)
            fine = status in (0, -signal.SIGKILL) if process is first else status == 0
            row.expect(fine, f"exit status {status}: {last(err)}")
        whole.judge(row, folder)
    row.note = "two of four with the first one killed"
    return row


def jumping(whole: Whole, folder: Path) -> Row:
    """The wall clock jumps by up to a year at each reading, in a run that is killed and resumed."""
    row = Row("wall clock that jumps by up to a year", tried=2)
    process = start(*CHEAP, *SERIAL, *places(folder), fault="clock")
    wait_for_records(folder, 4, process)
    process.kill()
    ended(process)
    done = run(*CHEAP, *SERIAL, *places(folder), fault="clock")
    row.expect(done.returncode == 0, f"exit status {done.returncode}: {last(done.stderr)}")
    whole.judge(row, folder)
    return row


def stopped(executor: str, chance: random.Random, to_group: bool, whole: Whole, at: Path) -> Row:
    """SIGINT, SIGTERM, SIGHUP; to the process group, as a terminal does, or to the driver alone."""
    whom = "the group" if to_group else "the driver alone"
    row = Row(f"stop signals to {whom}, {executor}", tried=3)
    longest = 0.0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        folder = at / number.name
        argv = (*CHEAP, *EXECUTORS[executor], *places(folder))
        marked(folder)
        process = start(*argv, fault="slow")
        wait_for_records(folder, chance.randint(1, 5), process)
        sent = time.monotonic()
        signal_group(process, number) if to_group else process.send_signal(number)
        status, _, err = ended(process)
        clear(row, status, err, expected=130)
        row.expect(f"{RESUME} {shlex.join(argv)}" in err, f"no resume line: {last(err)}")
        stored = len(readable(folder))
        row.expect(f"{stored} fit" in err, f"{number.name}: {stored} are stored: {err[:200]}")
        while living(folder) and time.monotonic() - sent < 60:
            time.sleep(0.1)
        longest = max(longest, time.monotonic() - sent)
        whole.finish(row, folder)
    row.expect(longest <= SECONDS_TO_END, f"a process was left for {longest:.0f} s")
    row.note = f"the last process of a run ended {longest:.1f} s after the signal"
    return row


def lost_node(whole: Whole, folder: Path) -> Row:
    """Two Ray nodes on loopback; the one without the head is killed while it fits."""
    row = Row("a node lost in mid-run (two Ray nodes)", tried=1)
    folder.mkdir(parents=True)
    with cluster(folder) as (address, second):
        process = start(*CHEAP, "--address", address, *places(folder), fault="slow", cwd=folder)
        wait_for_records(folder, 3, process)
        os.killpg(second.pid, signal.SIGKILL)
        status, out, err = ended(process, 400)
    row.expect(status == 0, f"exit status {status}: {last(err)}")
    row.note = "fits of the lost node ran again" if "was lost" in out else "no fit was on it"
    whole.judge(row, folder)
    row.expect(table(folder) == whole.table, "another table")
    return row


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A head and a second node, of one core each, in process groups of their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ.update(token)
    nodes: list[subprocess.Popen[bytes]] = []

    def node(*argv: str) -> None:
        ray = str(Path(sys.executable).with_name("ray"))
        nodes.append(
            subprocess.Popen(
                [ray, "start", *argv, "--block", "--num-cpus", "1",
                 "--object-store-memory", str(128 * 1024**2)],
                cwd=folder, start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            )
        )  # fmt: skip

    try:
        node("--head", "--port", str(port), "--include-dashboard", "false")
        until(lambda: answers(port), 90)
        time.sleep(5)
        node("--address", f"127.0.0.1:{port}")
        time.sleep(15)
        yield f"127.0.0.1:{port}", nodes[1]
    finally:
        for process in nodes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        for name in token:
            del os.environ[name]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
