"""Files that only one process holds: a ledger that it writes, a search that it runs.

The lock of a ledger is ``flock`` where the file system supports it: the kernel releases it when the
process ends for any reason. Elsewhere (NFS, Lustre) it is a lock file beside the ledger that only
one process can create; it names host and process, and is taken over if that process is dead. The
two kinds use ledgers of different names, since neither respects the other's lock.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from contextlib import suppress
from io import FileIO
from pathlib import Path

from harness.store.files import end_last_line

try:
    import fcntl
except ImportError:  # Windows: --help, --list and reports need no ledger
    fcntl = None

MOST = 1000
"""Ledgers of a folder that may be held at once."""
HELD = (errno.EAGAIN, errno.EACCES)
"""Errors of ``flock`` for a file that another process has locked; others are failures."""


class LedgerFile:
    """An open ledger for appending, locked until :meth:`close`.

    ``lock``  its lock file, None under flock.
    """

    def __init__(self, handle: FileIO, lock: Path | None = None) -> None:
        self.handle, self.lock = handle, lock

    def append(self, line: bytes) -> None:
        """Write a whole line, newline included; on disk when this returns."""
        while line:  # unbuffered: a full disk takes less than it was given
            line = line[self.handle.write(line) :]
        os.fsync(self.handle.fileno())

    def close(self) -> None:
        self.handle.close()
        if self.lock is not None:
            with suppress(OSError):  # it names a process that will have ended
                self.lock.unlink()


def open_ledger(folder: Path) -> tuple[LedgerFile, str]:
    """The first ledger of ``folder`` that no other process holds, and a warning ("" without one).

    Raises OSError where the folder cannot be written, or all ledgers are held.
    """
    _check_locks(folder)
    folder.mkdir(parents=True, exist_ok=True)
    warning = ""
    for number in range(MOST):
        path = folder / f"ledger-{number:03d}.jsonl"
        handle = path.open("a+b", buffering=0)
        try:
            if not _lock(handle):
                handle.close()
                continue
        except OSError as error:
            handle.close()
            warning = (
                f"{folder} is on a file system without flock ({error.strerror}); a lock file "
                "is used instead"
            )
            break
        return LedgerFile(_ready(handle)), ""
    for number in range(MOST if warning else 0):
        path = folder / f"ledger-by-file-{number:03d}.jsonl"
        lock = path.with_suffix(".lock")
        if _take(lock):
            return LedgerFile(_ready(path.open("a+b", buffering=0)), lock), warning
    raise OSError(errno.EAGAIN, f"{MOST} other processes hold its ledgers", str(folder))


def locked(path: Path) -> FileIO | None:
    """A file that this process holds until it is closed; None if another process holds it.

    A file system without locks holds nothing. Raises OSError where the file cannot be written.
    """
    _check_locks(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("ab", buffering=0)
    with suppress(OSError):
        if not _lock(handle):
            handle.close()
            return None
    return handle


def _check_locks(path: Path) -> None:
    if fcntl is None:
        raise OSError(errno.ENOSYS, "fits run on Linux and macOS; on Windows use WSL", str(path))


def _lock(handle: FileIO) -> bool:
    """False if another process holds it. Raises OSError on a file system without flock."""
    assert fcntl is not None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            return False
        raise
    return True


def _ready(handle: FileIO) -> FileIO:
    """The file with its last line complete, whatever a killed writer left."""
    end_last_line(handle)
    return handle


def _take(lock: Path) -> bool:
    """Create the lock file, or take it over from a dead process. False if a live one has it."""
    if _make(lock):
        return True
    if not _is_stale(lock):
        return False
    guard = lock.with_suffix(".takeover")  # only one of two processes may take over
    if not _make(guard):
        return False
    try:
        if _is_stale(lock):
            lock.unlink(missing_ok=True)
        return _make(lock)
    finally:
        guard.unlink(missing_ok=True)


def _make(lock: Path) -> bool:
    """Create a file that names this process; False if it exists."""
    owner = json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode()
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    try:
        os.write(descriptor, owner)
    finally:
        os.close(descriptor)
    return True


def _is_stale(lock: Path) -> bool:
    """Whether it names a dead process of this host; False for other hosts."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        owner = json.loads(lock.read_bytes())
        if owner["host"] == socket.gethostname():
            try:
                os.kill(int(owner["pid"]), 0)
            except ProcessLookupError:
                return True
    return False
