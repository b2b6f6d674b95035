"""What a run stores and what later runs make of it: nothing twice, lost or silent."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.report import publish, write
from harness.run import executors
from harness.store import code_digest
from harness.store.claims import Claims
from harness.store.store import Store, StoreError
from tests.system import planted
from tests.system.command_line import CHEAP, SERIAL, SMOKE, CommandLine, change_source, lines

ONE = (*SMOKE, "--method", "majority", *SERIAL)
LR = (*SMOKE, "--method", "logistic_regression", *SERIAL)


def test_a_second_call_trains_nothing(cli: CommandLine, tmp_path: Path) -> None:
    cli(*ONE)
    first = lines(tmp_path)
    start = time.monotonic()
    status, out, _ = cli(*ONE)
    assert status == 0
    assert "1 stored, 0 to run" in out
    assert time.monotonic() - start < 5
    assert lines(tmp_path) == first


def test_more_trials_run_only_the_new_ones(cli: CommandLine, tmp_path: Path) -> None:
    cli(*LR, "--trials", "1")
    first = lines(tmp_path)
    _, out, _ = cli(*LR, "--trials", "2")
    assert f"{len(first)} stored, {len(first)} to run" in out
    added = lines(tmp_path)[len(first) :]
    assert {line["job"]["trial"] for line in added} == {1}
    assert cli(*LR, "--trials", "1")[1].count("0 to run") == 1


def test_force_supersedes_and_the_newer_counts(cli: CommandLine, tmp_path: Path) -> None:
    cli(*ONE)
    _, out, _ = cli(*ONE, "--force")
    assert "0 stored, 1 to run" in out
    assert [line["generation"] for line in lines(tmp_path)] == [0, 1]
    assert "1 stored, 0 to run" in cli(*ONE)[1]


def test_stale_records_run_again_unless_accepted(cli: CommandLine, tmp_path: Path) -> None:
    cli(*ONE)
    change_source(tmp_path)
    _, out, _ = cli(*ONE, "--dry-run")
    assert "stale: 1 record, changed: methods/base.py (run again)" in out
    assert "1 stale,    1 to run" in out
    _, out, _ = cli(*ONE, "--accept-stale")
    assert "stale: 1 record" in out
    assert "run again" not in out
    assert "0 to run" in out
    assert len(lines(tmp_path)) == 1
    cli(*ONE)
    assert [line["generation"] for line in lines(tmp_path)] == [0, 1]
    assert code_digest.digests(["majority"]) == lines(tmp_path)[1]["digests"]
    assert "stale" not in cli(*ONE)[1]


def test_failed_fits_are_left_alone_until_asked(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(executors, "execute", planted.raises)
        _, out, _ = cli(*LR)
    assert "failed: logistic_regression" in out
    assert "ArithmeticError: planted: [/this] fit broke" in out
    _, out, _ = cli(*LR)
    assert re.search("failed before: 1 fit\\b.*--retry-failed", out)
    assert "0 to run" in out
    assert "1 to run" in cli(*LR, "--retry-failed")[1]
    statuses = [line["status"] for line in lines(tmp_path)]
    assert sorted(statuses) == ["failed", "ok", "ok"]
    assert "failed before" not in cli(*LR)[1]


def test_garbage_in_the_ledger_is_said_and_passed_over(cli: CommandLine, tmp_path: Path) -> None:
    cli(*ONE)
    ledger = tmp_path / "results" / "records" / "ledger-000.jsonl"
    good = ledger.read_bytes()
    junk = b'\x00\xff\x00\n{"id": 3}\n[]\nnull\n{"id":'
    ledger.write_bytes(b"not json\n" + good + junk)
    status, out, _ = cli(*LR)
    assert status == 0
    assert "ledger: line 1 of ledger-000.jsonl is not a record and was ignored" in out
    assert "last line of ledger-000.jsonl" in out
    assert "plan: 1 cell, " in out
    assert "1 stored, 0 to run" in cli(*ONE)[1]
    assert ledger.read_bytes().startswith(b"not json\n" + good + junk + b"\n{")


def test_lost_arrays_of_an_earlier_stage_are_made_again(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = (*SMOKE, "--method", "smvae_authors2017", *SERIAL)
    _, out, _ = cli(*chain)
    before = lines(tmp_path)
    assert {line["job"]["method"] for line in before} == {"mvae", "smvae"}
    ledger = tmp_path / "results" / "records" / "ledger-000.jsonl"
    kept = [line for line in ledger.read_text().splitlines() if '"method": "mvae"' in line]
    ledger.write_text("".join(line + "\n" for line in kept))  # as if stopped after stage one
    first, second = ([line for line in before if line["job"]["method"] == "mvae"])[:2]
    arrays = tmp_path / "results" / "arrays"
    gone, damaged = (arrays / f"{line['arrays']}.npz" for line in (first, second))
    was = gone.read_bytes()
    gone.unlink()
    damaged.write_bytes(b"damaged")
    status, out, _ = cli(*chain)
    assert status == 0
    assert out.count("are missing or damaged: it runs again") == 2
    assert gone.read_bytes() == was
    again = {line["id"]: line["generation"] for line in lines(tmp_path)}
    assert again[first["id"]] == again[second["id"]] == 1
    assert "0 to run" in cli(*chain)[1]


def test_a_full_disk_is_one_sentence(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = 0

    def full(descriptor: int) -> None:
        nonlocal done
        done += 1
        if done > 4:  # arrays and line of two fits
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        status, _, err = cli(*CHEAP, *SERIAL)
    assert status == 1
    assert err.count("\n") == 1
    assert "cannot be written (No space left on device); 2 fits of this run stored, 9 left" in err
    assert not list((tmp_path / "results" / "arrays").glob(".*"))
    assert cli(*CHEAP, *SERIAL)[0] == 0
    assert len(lines(tmp_path)) == 11


def test_a_disk_that_turns_read_only_is_one_sentence(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be written, flushed or deleted any more, once two fits are stored."""
    flush, done = os.fsync, 0

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system")

    def turns(descriptor: int) -> None:
        nonlocal done
        done += 1
        if done > 6:  # the manifest with its arrays, then arrays and line of two fits
            patch.setattr(Path, "unlink", refused)
            refused()
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", turns)
        status, _, err = cli(*CHEAP, *SERIAL)
    assert status == 1
    assert "cannot be written (Read-only file system)" in err
    assert err.count("\n") == 1
    stored = len(lines(tmp_path))
    assert f"{stored} fit" in err
    assert cli(*CHEAP, *SERIAL)[0] == 0
    assert len(lines(tmp_path)) == 11


@pytest.mark.parametrize("what", ["claims", "checkpoint"])
def test_what_cannot_be_deleted_ends_no_run_with_a_traceback(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, again, store = Claims(tmp_path), Claims(tmp_path), Store(tmp_path)
    claims.enter()
    store.save_checkpoint("group", {}, b"state")

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refused)
    if what == "checkpoint":
        with pytest.raises(StoreError, match="Read-only file system"):
            store.drop_checkpoint("group")
    claims.close()
    assert again.enter() == []  # the entry that is left is nobody's
    again.close()


def test_a_disk_that_fills_up_under_the_report_is_one_sentence(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    def published(*_: Any) -> int:
        write.write_file(Path("anywhere") / "table2.csv", b"")
        return 0

    monkeypatch.setattr(publish, "publish", published)
    monkeypatch.setattr(write, "_write_whole", full)
    status, _, err = cli(*ONE)
    assert status == 1
    assert "table2.csv cannot be written (No space left on device); every fit is stored" in err
    assert "python run_all.py --protocol table2" in err
    assert err.count("\n") == 2


def test_a_record_with_a_flipped_bit_is_said_and_made_again(
    cli: CommandLine, tmp_path: Path
) -> None:
    cli(*ONE)
    ledger = tmp_path / "results" / "records" / "ledger-000.jsonl"
    (good,) = lines(tmp_path)
    text = f'"test_accuracy": {good["metrics"]["test_accuracy"]}'
    assert text in ledger.read_text()
    ledger.write_text(ledger.read_text().replace(text, '"test_accuracy": 0.75'))
    assert lines(tmp_path)[0]["metrics"]["test_accuracy"] == 0.75  # JSON as good as any
    status, out, _ = cli(*ONE)
    assert status == 0
    assert "ledger: line 1 of ledger-000.jsonl" in out
    assert "0 stored, 1 to run" in out
    again = lines(tmp_path)[1]
    assert (again["score"], again["metrics"]) == (good["score"], good["metrics"])


def test_an_interrupt_says_what_is_stored_and_how_to_go_on(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = planted.real.execute

    def stopped(*arguments: Any) -> Iterator[Any]:
        yield next(real(*arguments))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(executors, "execute", stopped)
        status, _, err = cli(*CHEAP, *SERIAL, "--trials", "2")
    assert status == 130
    assert "interrupted: 1 fit of this run stored, 21 left\n" in err
    assert "python run_all.py --protocol table2 --budget smoke --method svm" in err
    assert len(lines(tmp_path)) == 1
    assert cli(*CHEAP, *SERIAL, "--trials", "2")[0] == 0
    assert len(lines(tmp_path)) == 22


def test_an_interrupted_report_is_said(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "publish", stopped)
    status, _, err = cli(*ONE)
    assert status == 130
    assert "interrupted: every fit is stored, the report is not complete" in err
