"""Ledgers: one writer each, under flock and where there is none."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.registry import ROOT
from harness.store import ledger_file
from harness.store.ledger_file import LedgerFile, open_ledger
from harness.store.record import Outcome, Record
from harness.store.store import Store, StoreError

OUTCOME = Outcome(Record("a", {}, "d", "ok"), {})


def refuse(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let flock fail with an error of that number."""

    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(ledger_file.fcntl, "flock", flock)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[LedgerFile]]:
    found: list[LedgerFile] = []
    yield found
    for ledger in found:
        ledger.close()


NO_FLOCK = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL]


@pytest.mark.parametrize("number", NO_FLOCK)
def test_without_flock_a_lock_file_holds_the_ledger_and_one_sentence_says_so(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(number, monkeypatch)
    one, two = Store(tmp_path), Store(tmp_path)
    one.append(OUTCOME)
    two.append(OUTCOME)
    assert len(one.warnings) == len(two.warnings) == 1
    assert os.strerror(number) in one.warnings[0]
    files = {path.name for path in (tmp_path / "records").iterdir() if path.stat().st_size}
    assert files == {f"ledger-by-file-{n:03d}.{kind}" for n in (0, 1) for kind in ("jsonl", "lock")}
    one.close()
    two.close()
    assert not list((tmp_path / "records").glob("*.lock"))
    assert set(Store(tmp_path).records()) == {"a"}


@pytest.mark.parametrize("number", ledger_file.HELD)
def test_a_held_ledger_is_left_to_its_holder(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_file, "MOST", 3)
    refuse(number, monkeypatch)
    with pytest.raises(StoreError):
        Store(tmp_path).open()
    assert not list(tmp_path.rglob("*by-file*"))


def dead() -> int:
    """The number of a process that was."""
    return int(subprocess.check_output([sys.executable, "-c", "import os; print(os.getpid())"]))


def lock_of(folder: Path, **owner: object) -> Path:
    path = folder / "ledger-by-file-000.lock"
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()} | owner))
    return path


@pytest.mark.parametrize(
    ("owner", "number"),
    [("dead", "000"), ("alive", "001"), ("elsewhere", "001"), ("unreadable", "001")],
)
def test_the_lock_file_of_a_dead_process_is_taken_over_and_no_other(
    owner: str,
    number: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[LedgerFile],
) -> None:
    refuse(errno.ENOLCK, monkeypatch)
    changes = {"dead": {"pid": dead()}, "elsewhere": {"host": "another", "pid": dead()}}
    lock = lock_of(tmp_path, **changes.get(owner, {}))
    if owner == "unreadable":
        lock.write_text("")
    ledger, _ = open_ledger(tmp_path)
    opened.append(ledger)
    assert ledger.lock == tmp_path / f"ledger-by-file-{number}.lock"
    assert json.loads(ledger.lock.read_text())["pid"] == os.getpid()
    assert not list(tmp_path.glob("*.takeover"))


def test_of_two_that_see_a_dead_owner_one_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[LedgerFile]
) -> None:
    refuse(errno.ENOLCK, monkeypatch)
    lock = lock_of(tmp_path, pid=dead())
    lock.with_suffix(".takeover").write_text("{}")  # another is at it
    ledger, _ = open_ledger(tmp_path)
    opened.append(ledger)
    assert ledger.lock == tmp_path / "ledger-by-file-001.lock"


def test_a_killed_writer_leaves_half_a_line_and_the_next_starts_on_its_own(
    tmp_path: Path, opened: list[LedgerFile]
) -> None:
    (tmp_path / "ledger-000.jsonl").write_bytes(b'{"whole": 1}\n{"ha')
    ledger, warning = open_ledger(tmp_path)
    opened.append(ledger)
    assert warning == ""
    ledger.append(b"{}\n")
    assert (tmp_path / "ledger-000.jsonl").read_bytes() == b'{"whole": 1}\n{"ha\n{}\n'


WINDOWS = """
import sys
for name in ("fcntl", "resource"):
    sys.modules[name] = None  # as on Windows: the import fails
import run_all
from pathlib import Path
from harness import experiment, listing
from harness.run.resources import peak_memory_mb
from harness.store.store import Store, StoreError
assert listing.entries("methods")
assert Store(Path(sys.argv[1])).records() == {}
try:
    Store(Path(sys.argv[1])).open()
except StoreError as error:
    print(error)
"""


def test_without_fcntl_everything_loads_and_a_run_is_refused_in_one_sentence(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "Linux" in done.stdout
