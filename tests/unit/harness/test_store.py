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
        "the cut last line of ledger-000.jsonl is not a record and was ignored",
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
