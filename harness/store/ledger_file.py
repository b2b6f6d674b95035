"""A ledger file that one process alone writes, held by a lock.

``flock`` where the file system has it: the kernel drops it when the process ends, however it ends.
Elsewhere (NFS, Lustre) a lock file beside the ledger, made so that only one process can make it; it
names host and process, and one whose process is dead is taken over. The two kinds use ledgers of
different names, since neither sees the other's lock.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from contextlib import suppress
from io import FileIO
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: --help, --list and reports need no ledger
    fcntl = None

MOST = 1000
"""Ledgers of a folder that may be held at once."""
HELD = (errno.EAGAIN, errno.EACCES)
"""What ``flock`` says of a file that another process has locked; anything else is a failure."""


class LedgerFile:
    """An open ledger, for appending, held until :meth:`close`.

    ``lock``  the lock file that holds it, None under flock.
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
            self.lock.unlink(missing_ok=True)


def open_ledger(folder: Path) -> tuple[LedgerFile, str]:
    """The first ledger of ``folder`` that no other process holds, and a warning ("" without one).

    Raises OSError where the folder cannot be written, or all ledgers are held.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, "fits run on Linux and macOS; on Windows use WSL", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    warning = ""
    for number in range(MOST):
        path = folder / f"ledger-{number:03d}.jsonl"
        handle = path.open("a+b", buffering=0)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.close()
            if error.errno in HELD:
                continue
            warning = (
                f"{folder} is on a file system without flock ({error.strerror}); a lock file "
                "stands in for it"
            )
            break
        return LedgerFile(_ready(handle)), ""
    for number in range(MOST if warning else 0):
        path = folder / f"ledger-by-file-{number:03d}.jsonl"
        lock = path.with_suffix(".lock")
        if _take(lock):
            return LedgerFile(_ready(path.open("a+b", buffering=0)), lock), warning
    raise OSError(errno.EAGAIN, f"{MOST} other processes hold its ledgers", str(folder))


def _ready(handle: FileIO) -> FileIO:
    """A writer killed in mid-line leaves half of it: end it, so that ours starts on its own."""
    if handle.seek(0, os.SEEK_END) > 0:
        handle.seek(-1, os.SEEK_END)
        if handle.read(1) != b"\n":
            handle.write(b"\n")
    return handle


def _take(lock: Path) -> bool:
    """Make the lock file, or take it over from a dead process. False if a live one has it."""
    if _make(lock):
        return True
    if not _is_stale(lock):
        return False
    guard = lock.with_suffix(".takeover")  # so that of two who see a dead owner one takes over
    if not _make(guard):
        return False
    try:
        if _is_stale(lock):
            lock.unlink(missing_ok=True)
        return _make(lock)
    finally:
        guard.unlink(missing_ok=True)


def _make(lock: Path) -> bool:
    """Make a file that names this process; False if it is there."""
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
    """Whether it names a process of this host that is dead; of others nothing is known."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        owner = json.loads(lock.read_bytes())
        if owner["host"] == socket.gethostname():
            try:
                os.kill(int(owner["pid"]), 0)
            except ProcessLookupError:
                return True
    return False
