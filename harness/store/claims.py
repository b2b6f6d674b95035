"""Several drivers in one results folder: who they are, which jobs each runs, what they stored.

A driver claims a job before it starts it. A claim is a lock on one byte of a file, at a position
given by the job's id; the system drops it when the driver ends, however it ends. Layout::

    results/claims/jobs.lock         empty; only its bytes are locked
    results/claims/driver-000.json   pid, host, command and start of a driver, locked while it lives

The locks are POSIX record locks (``fcntl``), which NFS carries between machines. They belong to a
process, so one process may hold one :class:`Claims` a folder. Where the file system has none, every
claim is granted and :attr:`Claims.problem` says so.
"""

from __future__ import annotations

import datetime
import errno
import json
import os
import shlex
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from harness.store.record import Record
from harness.store.seal import opened

try:
    import fcntl
except ImportError:  # Windows: no record locks
    fcntl = None

HELD = (errno.EAGAIN, errno.EACCES)
"""POSIX errors if another process holds the lock; any other error means no locks."""
MOST_DRIVERS = 1000


@dataclass(frozen=True)
class DriverNote:
    """A driver's entry in the folder. ``since`` is a time in UTC, to the second."""

    pid: int
    host: str
    command: str
    since: str

    def sentence(self) -> str:
        """One line: process, host, start and command."""
        return f"pid {self.pid} on {self.host} since {self.since}: {self.command}"


class Claims:
    """Claims of one driver in a results folder, and the entries and records of other drivers.

    Create it before reading the records, so that :meth:`news` misses no record appended later. It
    writes and locks nothing before :meth:`enter`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem = ""
        self._sizes = {path: path.stat().st_size for path in self._ledgers()}
        self._jobs: FileIO | None = None
        self._note: tuple[Path, FileIO] | None = None
        self._taken: set[str] = set()

    def enter(self, command: Sequence[str] = ()) -> list[DriverNote]:
        """Register this driver; returns the other running drivers."""
        if fcntl is None:
            self.problem = "this system has no record locks; a second driver here repeats the work"
            return []
        folder = self.folder / "claims"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._jobs = (folder / "jobs.lock").open("a+b", buffering=0)
            self._sign(folder, command)
            return self.others()
        except OSError as error:
            self.close()
            self.problem = (
                f"{folder} takes no locks ({error.strerror}); a second driver here repeats the work"
            )
            return []

    def others(self) -> list[DriverNote]:
        """The other drivers that run in this folder now."""
        return [] if self._note is None else running(self.folder, self._note[0]) or []

    def take(self, ids: Iterable[str]) -> set[str]:
        """Claim jobs; returns the ids that this driver holds, including earlier claims."""
        wanted = set(ids)
        if self._jobs is None:
            return wanted
        for name in sorted(wanted - self._taken):
            if _lock(self._jobs, _position(name)):
                self._taken.add(name)
        return wanted & self._taken

    def release(self, ids: Iterable[str]) -> None:
        """Release claims, once the jobs have records or wait to run again."""
        for name in sorted(self._taken.intersection(ids)):
            if fcntl is not None and self._jobs is not None:
                fcntl.lockf(self._jobs, fcntl.LOCK_UN, 1, _position(name))
            self._taken.discard(name)

    def news(self) -> list[Record]:
        """Records that any ledger has got since the last call, those of this driver included.

        Lines that are not records are passed over: ``Store.records`` reports them.
        """
        if self._note is None:
            return []
        return [record for path in self._ledgers() for record in self._added(path)]

    def close(self) -> None:
        """Give back every claim and leave."""
        for handle in (self._jobs, self._note[1] if self._note else None):
            if handle is not None:
                handle.close()
        if self._note is not None:
            with suppress(OSError):  # it is unlocked, and so of nobody; the next driver takes it
                self._note[0].unlink()
        self._jobs, self._note = None, None
        self._taken.clear()

    def _ledgers(self) -> list[Path]:
        return sorted((self.folder / "records").glob("*.jsonl"))

    def _added(self, path: Path) -> Iterator[Record]:
        start = self._sizes.get(path, 0)
        if path.stat().st_size <= start:
            return
        with path.open("rb") as handle:
            handle.seek(start)
            lines, newline, _ = handle.read().rpartition(b"\n")  # the rest is read later
        self._sizes[path] = start + len(lines) + len(newline)
        for line in lines.split(b"\n"):
            with suppress(ValueError):
                yield Record.parse(opened(line))

    def _sign(self, folder: Path, command: Sequence[str]) -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        note = DriverNote(os.getpid(), socket.gethostname(), shlex.join(command), now)
        for number in range(MOST_DRIVERS):
            path = folder / f"driver-{number:03d}.json"
            with ExitStack() as opened:
                handle = opened.enter_context(path.open("a+b", buffering=0))
                # The owner of a locked file may remove it between our two calls.
                if _lock(handle) and path.exists() and path.stat().st_ino == _inode(handle):
                    handle.truncate(0)
                    handle.write(json.dumps(asdict(note)).encode())
                    self._note = path, handle
                    opened.pop_all()  # stays open, and so locked
                    return
        raise OSError(errno.EMFILE, f"{MOST_DRIVERS} drivers are here")


def running(folder: Path, own: Path | None = None) -> list[DriverNote] | None:
    """The drivers that run in a results folder, but for the entry ``own``; None if locks fail here.

    A process that has entered must name its own entry: closing the file again would unlock it.
    """
    if fcntl is None:
        return None
    drivers = []
    for path in sorted((folder / "claims").glob("driver-*.json")):
        if path == own:
            continue
        try:
            with path.open("r+b", buffering=0) as handle:
                if not _lock(handle):
                    drivers.append(DriverNote(**json.loads(handle.read())))
        except FileNotFoundError:  # it has just ended
            continue
        except OSError:
            if own is None:
                return None
        except (ValueError, TypeError):  # a file that is no entry
            continue
    return drivers


def _inode(handle: FileIO) -> int:
    return os.fstat(handle.fileno()).st_ino


def _position(job_id: str) -> int:
    """Byte position of a job's lock: 60 bits of its id, so collisions are very unlikely."""
    return int(job_id[:15], 16)


def _lock(handle: Any, position: int = 0) -> bool:
    """Lock one byte for this process; False if another holds it. OSError where locks fail."""
    assert fcntl is not None
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, position)
    except OSError as error:
        if error.errno in HELD:
            return False
        raise
    return True
