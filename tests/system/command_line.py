"""Run the command line as a process: start it, watch what it stores, read what it wrote."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, str(ROOT / "run_all.py"))
PLANTED = (sys.executable, str(ROOT / "tests" / "system" / "planted.py"))
SMOKE = ("--protocol", "table2", "--budget", "smoke")
CHEAP = (*SMOKE, "--method", "svm", "logistic_regression", "majority")
SERIAL = ("--executor", "serial")
RAY = ("--executor", "ray", "--workers", "2")
CommandLine = Callable[..., tuple[int, str, str]]
"""Arguments in; status, stdout, stderr out."""


def places(folder: Path) -> tuple[str, ...]:
    return ("--results", str(folder / "results"), "--reports", str(folder / "reports"))


def run(*argv: str, cwd: Path = ROOT, timeout: float = 400, fault: str = "") -> Any:
    """Run to the end; stdout, stderr, returncode."""
    head = (*PLANTED, fault) if fault else COMMAND
    return subprocess.run(
        [*head, *argv], cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False
    )


def start(*argv: str, fault: str = "", cwd: Path = ROOT) -> subprocess.Popen[str]:
    """Start in a session of its own, which is how ``mine`` finds all its processes."""
    head = (*PLANTED, fault) if fault else COMMAND
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*head, *argv], cwd=cwd, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    """Every record of every ledger, cut lines left out."""
    records = []
    for path in sorted((folder / "results" / "records").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            try:
                records.append(json.loads(line))
            except ValueError:
                continue
    return records


def most_ok(folder: Path) -> int:
    """The largest number of ok records that any one job has."""
    counts = Counter(line["id"] for line in lines(folder) if line["status"] == "ok")
    return max(counts.values(), default=0)


def table(folder: Path) -> list[dict[str, str]]:
    """The table that the run wrote, without columns that depend on time, machine or commit."""
    (path,) = (folder / "reports").glob("*/table2/table2.csv")
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    moving = ("second", "memory", "revision", "date", "command")
    return [{k: v for k, v in row.items() if not any(m in k for m in moving)} for row in rows]


def change_source(folder: Path) -> None:
    """As if the records had been made by other code."""
    for path in (folder / "results" / "records").glob("*.jsonl"):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        for record in records:
            record["digests"]["methods/base.py"] = "0" * 12
            del record["crc32"]  # a line of an earlier ledger has none
        path.write_text("".join(json.dumps(record) + "\n" for record in records))


def until(true: Callable[[], object], seconds: float = 180) -> None:
    """Wait until ``true()``. Raises TimeoutError after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"did not happen within {seconds} s")
        time.sleep(0.05)


def mine(leader: int, *, agents: bool = True) -> list[int]:
    """Living processes of a session: Ray's workers leave the driver's group, not its session.

    ``agents``  count Ray's two agents: they hold no work, and outlive a killed Ray by a minute.
    """
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = entry.joinpath("stat").read_text().rpartition(")")[2].split()
            name = entry.joinpath("cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        state, session = fields[0], int(fields[3])
        if session == leader and state != "Z" and (agents or not is_agent(name)):
            pids.append(int(entry.name))
    return pids


def is_agent(command: bytes) -> bool:
    """Whether a line of /proc/*/cmdline is that of one of Ray's two agents.

    Other processes of Ray have the word in their arguments.
    """
    words = command.split(b"\0")
    if words[0].startswith(b"ray::"):
        return b"Agent" in words[0]
    scripts = [word for word in words[1:4] if word.endswith(b".py")]
    return any(script.endswith((b"/agent.py", b"/agent/main.py")) for script in scripts)


def ended(process: subprocess.Popen[str], timeout: float = 180) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def signal_group(process: subprocess.Popen[str], number: int) -> None:
    """As the terminal does on Ctrl-C: to every process of the foreground group."""
    os.killpg(process.pid, number)
