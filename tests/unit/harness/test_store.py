"""The store: arrays before the record that names them; nothing half written is believed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.registry import ROOT
from harness.store.record import Outcome, Record
from harness.store.store import Store, StoreError

NO_FLOCK = """
import errno, fcntl
def flock(*_): raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = flock
"""


def record(name: str = "job", **changes: object) -> Record:
    plain: dict = {"id": name, "job": {}, "data_key": "d", "status": "ok"}
    return Record(**(plain | changes))


def outcome(name: str = "job", **arrays: np.ndarray) -> Outcome:
    return Outcome(record(name), arrays)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def test_an_empty_folder_holds_no_records(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert store.records() == {}
    assert store.checkpoints() == []
    assert not (tmp_path / "none").exists()  # reading makes nothing


def test_arrays_come_back_and_their_digest_is_in_the_record(store: Store) -> None:
    arrays = {"codes": np.arange(6.0).reshape(2, 3), "test_predictions": np.array([1, 2], np.int16)}
    kept = store.append(outcome(**arrays))
    assert len(kept.arrays or "") == 64
    assert store.records() == {"job": kept}
    for name, value in store.arrays(kept).items():
        np.testing.assert_array_equal(value, arrays[name])
        assert value.dtype == arrays[name].dtype


def test_no_arrays_no_file(store: Store, tmp_path: Path) -> None:
    kept = store.append(outcome())
    assert kept.arrays is None
    assert not (tmp_path / "arrays").exists()


def test_arrays_that_were_changed_or_lost_are_refused(store: Store, tmp_path: Path) -> None:
    kept = store.append(outcome(x=np.ones(3)))
    (path,) = (tmp_path / "arrays").iterdir()
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="is not the file that its record names"):
        store.arrays(kept)
    path.unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        store.arrays(kept)


def test_arrays_are_named_by_content_so_that_a_second_fit_leaves_the_first_whole(
    store: Store, tmp_path: Path
) -> None:
    other = Store(tmp_path)
    first, second = store.append(outcome(x=np.zeros(3))), other.append(outcome(x=np.ones(3)))
    again = other.append(outcome("else", x=np.zeros(3)))
    other.close()
    assert first.arrays == again.arrays != second.arrays
    assert len(list((tmp_path / "arrays").iterdir())) == 2
    assert store.arrays(first)["x"].sum() == 0
    assert store.arrays(second)["x"].sum() == 3
    assert store.records()["job"] == first  # of equals the first counts, with its own arrays


def test_arrays_that_no_record_names_are_listed_and_kept(store: Store, tmp_path: Path) -> None:
    store.append(outcome(x=np.zeros(3)))
    store.append(Outcome(record(generation=1), {"x": np.ones(3)}))
    lone = tmp_path / "arrays" / f"{'0' * 64}.npz"
    lone.write_bytes(b"left by a driver that was killed")
    assert store.unnamed_arrays() == [lone]
    assert len(list((tmp_path / "arrays").iterdir())) == 3


WRITER = """
import sys
from pathlib import Path
import numpy as np
from harness.store.record import Outcome, Record
from harness.store.store import Store
store = Store(Path(sys.argv[1]))
store.open()
print("open", flush=True)
sys.stdin.read(1)  # until both are here
for i in range(40):
    record = Record(f"job-{i}", {}, "d", "ok", reason=sys.argv[2])
    store.append(Outcome(record, {"x": np.full(i + 1, float(sys.argv[2])), "i": np.array(i)}))
"""


@pytest.mark.parametrize("flock", [True, False])
def test_two_processes_in_one_folder_lose_and_contradict_nothing(
    tmp_path: Path, flock: bool
) -> None:
    program = WRITER if flock else NO_FLOCK + WRITER
    pipes: dict = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path, name], cwd=ROOT, **pipes)
        for name in ("1", "2")
    ]
    for process in both:
        assert process.stdout.readline() == "open\n"
    for process in both:
        process.stdin.write("g")
        process.stdin.flush()
    assert [process.wait(60) for process in both] == [0, 0]
    for process in both:
        process.stdin.close()
        process.stdout.close()
    store = Store(tmp_path)
    every = [
        Record.parse(line)
        for path in (tmp_path / "records").glob("*.jsonl")
        for line in path.read_text("utf-8").splitlines()
    ]
    assert len(every) == 80
    assert len(store.records()) == 40
    assert store.warnings == []
    for one in every:
        arrays = store.arrays(one)
        assert (arrays["x"] == float(one.reason)).all()
        assert one.id == f"job-{arrays['i']}"
    assert store.unnamed_arrays() == []


def test_a_crash_between_arrays_and_record_leaves_nothing_to_believe(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="cannot be written"):
        store.append(outcome(x=np.ones(3)))
    assert Store(tmp_path).records() == {}
    assert not list((tmp_path / "arrays").glob("*.npz"))


def test_a_record_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from harness.store.store import Store;"
        "from harness.store.record import Outcome, Record;"
        f"Store(Path({str(tmp_path)!r})).append(Outcome(Record('a', {{}}, 'd', 'ok'), {{}}));"
        "os._exit(9)"  # no flush, no close
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 9
    assert set(Store(tmp_path).records()) == {"a"}


def test_a_second_driver_takes_a_second_file_and_the_first_is_free_again_later(
    tmp_path: Path,
) -> None:
    one, two, three = (Store(tmp_path) for _ in range(3))
    one.append(outcome("a"))
    two.append(outcome("b"))
    one.close()
    three.append(outcome("c"))
    names = {p.name: p.read_text().count("\n") for p in (tmp_path / "records").iterdir()}
    assert names == {"ledger-000.jsonl": 2, "ledger-001.jsonl": 1}
    assert set(two.records()) == {"a", "b", "c"}
    two.close()
    three.close()


def test_a_bad_line_in_the_middle_is_named_and_passed_over(store: Store, tmp_path: Path) -> None:
    store.append(outcome("a"))
    store.close()
    path = tmp_path / "records" / "ledger-000.jsonl"
    path.write_bytes(b'{"id": 1}\n\xff\xfe\n\n' + path.read_bytes() + b'{"id": "b", "jo')
    again = Store(tmp_path)
    assert set(again.records()) == {"a"}
    assert again.warnings == [
        "line 1 of ledger-000.jsonl is not a record and was ignored",
        "line 2 of ledger-000.jsonl is not a record and was ignored",
        "the incomplete last line of ledger-000.jsonl is not a record and was ignored",
    ]


def test_a_newer_run_supersedes_and_ok_beats_failed(store: Store) -> None:
    for changes in (
        {"status": "failed", "reason": "first"},
        {"reason": "second"},
        {"status": "failed", "reason": "third"},
    ):
        store.append(Outcome(record(**changes), {}))
    assert store.records()["job"].reason == "second"
    store.append(Outcome(record(status="failed", reason="rerun", generation=1), {}))
    assert store.records()["job"].reason == "rerun"


def test_a_cut_checkpoint_is_none(store: Store, tmp_path: Path) -> None:
    store.save_checkpoint("s", {"jobs": ["a"]}, b"state\nwith lines")
    assert store.checkpoint("s") == ({"jobs": ["a"]}, b"state\nwith lines")
    (tmp_path / "checkpoints" / "s.bin").write_bytes(b'{"jobs": [')
    assert store.checkpoint("s") is None
    store.drop_checkpoint("s")
    store.drop_checkpoint("s")  # twice is no error


def test_a_checkpoint_is_replaced_whole(store: Store, tmp_path: Path) -> None:
    for state in (b"one", b"two"):
        store.save_checkpoint("s", {}, state)
    assert store.checkpoint("s") == ({}, b"two")
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["s.bin"]
