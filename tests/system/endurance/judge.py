"""What a results folder must hold after any disturbance: that of a run that nothing disturbed."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.store.record import Record
from harness.store.seal import opened
from tests.system.command_line import (
    CHEAP,
    COMMAND,
    PLANTED,
    RAY,
    ROOT,
    SERIAL,
    is_agent,
    places,
    run,
    table,
)

EXECUTORS: Mapping[str, tuple[str, ...]] = {"serial": SERIAL, "ray": RAY}
MARK = "ENDURANCE_RUN"
RESUME = "rerun the command to resume: python run_all.py"


@dataclass
class Row:
    """One line of the table: a disturbance, how often it was tried, what it cost.

    ``lost``, ``doubled``  trials without a record, records beyond the first of a trial.
    ``wrong``              tables whose numbers differ from those of the undisturbed run.
    ``faults``             what was expected and did not happen; empty for a good row.
    ``left_out``           why it was not tried; "" if it was.
    """

    name: str
    tried: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    note: str = ""
    faults: list[str] = field(default_factory=list)
    left_out: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.faults)

    def expect(self, true: object, what: str) -> None:
        """Note what did not happen."""
        if not true:
            self.faults.append(what)


def readable(folder: Path) -> list[Record]:
    """Every record that the harness would read, superseded ones too."""
    found = []
    for path in sorted((folder / "results" / "records").glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n"):
            try:
                found.append(Record.parse(opened(line)))
            except ValueError:
                continue
    return found


class Whole:
    """The undisturbed run: its trials, their numbers, its table, and the seconds that it took."""

    def __init__(self, folder: Path, argv: tuple[str, ...] = (*CHEAP, *SERIAL)) -> None:
        self.folder, start = folder, time.monotonic()
        done = run(*argv, *places(folder))
        assert done.returncode == 0, done.stderr
        self.seconds = time.monotonic() - start
        self.numbers = {r.id: (r.score, dict(r.metrics)) for r in readable(folder)}
        self.table = table(folder)

    def judge(self, row: Row, folder: Path, failed: int = 0, stored: bool = False) -> None:
        """Add what a finished run has lost, doubled and got wrong.

        ``failed``  fits that were made to fail; their numbers and the table are not compared.
        ``stored``  a damaged copy beside the good one is no doubled trial.
        """
        ok = [record for record in readable(folder) if record.status == "ok"]
        counts = Counter(record.id for record in ok)
        row.lost += len(self.numbers) - len(counts) - failed
        if not stored:
            row.doubled += sum(counts.values()) - len(counts)
        other = any((r.score, dict(r.metrics)) != self.numbers.get(r.id) for r in ok)
        if not failed:
            other = other or table(folder) != self.table
        row.wrong += other

    def finish(self, row: Row, folder: Path, executor: str = "serial") -> None:
        """Run the command once more, to the end, and judge."""
        done = run(*CHEAP, *EXECUTORS[executor], *places(folder))
        row.expect(done.returncode == 0, f"the resumed run ended with {done.returncode}")
        self.judge(row, folder)


def clear(row: Row, status: int, err: str, *, expected: int, resume: bool = True) -> None:
    """A stopped run: its exit status, no traceback, and the line with which to resume."""
    row.expect(status == expected, f"exit status {status}, not {expected}: {last(err)}")
    row.expect("Traceback" not in err, f"a traceback: {last(err)}")
    if resume:
        row.expect("rerun the command to resume" in err, f"no resume line: {last(err)}")


def last(text: str) -> str:
    """The last line of an output."""
    return (text.strip().splitlines() or ["(no output)"])[-1][:160]


def mounts() -> list[str]:
    """The command that starts a process with mounts of its own; empty where that is refused."""
    for command in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        try:
            tried = [*command, "mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/mnt"]
            if subprocess.run(tried, capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            continue
    return []


def mounted(
    script: str, fault: str, argv: tuple[str, ...], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a shell script with mounts of its own; ``$RUN`` in it is the command of the run."""
    head = (*PLANTED, fault) if fault else COMMAND
    command = shlex.join([*head, *argv])
    return subprocess.run(
        [*mounts(), "bash", "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "RUN": command, "AT": str(folder)},
    )  # fmt: skip


def killed(pid: int, number: int) -> None:
    """Send a signal; nothing happens if the process has ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def marked(folder: Path) -> None:
    """Mark the processes of the runs that start from now on with their folder."""
    os.environ[MARK] = str(folder)


def living(folder: Path, word: bytes = b"") -> list[int]:
    """Living processes of the runs marked with a folder whose command line holds a word.

    By their environment: a Ray worker has a process group of its own. Ray's two agents hold no
    work, and outlive a killed Ray by a minute: they do not count.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            own = f"{MARK}={folder}".encode() in entry.joinpath("environ").read_bytes().split(b"\0")
            name = entry.joinpath("cmdline").read_bytes()
        except OSError:
            continue
        if own and name and word in name and not is_agent(name):
            found.append(int(entry.name))
    return found
