"""--export and --merge: a run goes on elsewhere without a fit, beside a live driver too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.report import publish
from tests.system import planted, stored
from tests.system.command_line import (
    CHEAP,
    ROOT,
    SERIAL,
    SMOKE,
    CommandLine,
    ended,
    lines,
    places,
    start,
    until,
)
from tests.system.test_report_alone import PROGRAM

ASKED = (*SMOKE, "--method", "logistic_regression", "majority", *SERIAL)


@pytest.fixture(autouse=True)
def _no_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "publish", lambda *_: 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    stored.without_reports((*ASKED, *places(folder)))
    return folder / "results"


def test_a_run_goes_on_from_merged_records_and_fits_nothing(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    archive = tmp_path / "a.zip"
    assert said("--export", archive, "--results", made)[0] == 0
    assert said("--merge", archive, "--results", tmp_path / "results")[0] == 0
    before = lines(tmp_path)
    assert len(before) == len(stored.records(made)) == 3
    status, out, _ = said(*ASKED, *places(tmp_path))
    assert status == 0
    assert "3 stored, 0 to run" in out
    status, out, _ = said(*ASKED, "--trials", "2", *places(tmp_path))
    assert "3 stored, 3 to run" in out  # and it goes on from there
    assert {line["id"] for line in before} < {line["id"] for line in lines(tmp_path)}
    status, out, _ = said("--merge", archive, "--results", tmp_path / "results")
    assert "0 records taken, 3 here already" in out


def test_a_folder_is_a_source_too(made: Path, tmp_path: Path, said: CommandLine) -> None:
    assert said("--merge", made, "--results", tmp_path / "results")[0] == 0
    assert "0 to run" in said(*ASKED, *places(tmp_path))[1]


def test_a_record_with_an_edited_job_is_refused_and_the_others_are_taken(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    def change(record: dict[str, Any]) -> None:
        if record["job"]["method"] == "majority":
            record["job"]["trial"] = 5

    source = stored.copy(made, tmp_path / "edited", change)
    status, out, _ = said("--merge", source, "--results", tmp_path / "results")
    assert status == 1
    assert "refused 1 record" in out
    assert {line["job"]["method"] for line in lines(tmp_path)} == {"logistic_regression"}


def test_results_that_differ_are_told_and_those_here_stay(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    def change(record: dict[str, Any]) -> None:
        record["score"] = 0.125

    source = stored.copy(made, tmp_path / "other", change)
    shutil.copytree(made, tmp_path / "results")
    status, out, _ = said("--merge", source, "--results", tmp_path / "results")
    assert status == 1
    assert out.count("has the score") == 3
    assert all(line["score"] != 0.125 for line in lines(tmp_path))
    assert said("--merge", made, "--results", tmp_path / "results")[0] == 0


@pytest.mark.parametrize(
    "argv",
    [
        ("--merge", "{0}/none.zip"), ("--merge", "{0}"), ("--merge", "{0}/text.zip"),
        ("--merge", "{0}/text.zip", "{0}/results"), ("--merge", "{0}/results"),
        ("--export", "{0}/x.zip"), ("--export", "{0}"), ("--export", "{0}/text.zip/x.zip"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(
    argv: tuple[str, ...], tmp_path: Path, said: CommandLine
) -> None:
    (tmp_path / "text.zip").write_text("not an archive")
    words = [word.format(tmp_path) for word in argv]
    status, out, err = said(*words, "--results", tmp_path / "results")
    assert (status, err.count("\n"), out) == (2, 1, "")
    assert not list(tmp_path.rglob("*.jsonl"))


def test_a_run_that_is_not_there_is_not_exported(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    status, _, err = said("--export", tmp_path / "x.zip", "--run", "no", "--results", made)
    assert (status, err.count("\n")) == (2, 1)
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.slow
def test_a_merge_beside_a_live_driver_saves_its_fits(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    # The driver waits before its first group, until the merge is done; it then runs what is left.
    everything = tmp_path / "everything"
    assert said(*CHEAP, *SERIAL, *places(everything))[0] == 0
    archive = tmp_path / "a.zip"
    assert said("--export", archive, "--results", everything / "results")[0] == 0
    gate = tmp_path / "gate"
    os.environ[planted.GATE] = str(gate)
    try:
        driver = start(*CHEAP, *SERIAL, *places(tmp_path), fault="gated")
    finally:
        del os.environ[planted.GATE]
    until(lambda: list((tmp_path / "results").glob("claims/driver-*.json")))
    status, out, _ = said("--merge", archive, "--results", tmp_path / "results")
    assert status == 0
    assert "11 records taken" in out
    gate.touch()
    status, out, _ = ended(driver)
    assert status == 0
    made_here = (tmp_path / "results" / "records" / "ledger-000.jsonl").read_text().splitlines()
    assert len(made_here) < 11  # the group that it had begun, at the most
    after = {line["id"]: line for line in lines(tmp_path)}
    assert len(after) == 11
    (run,) = (tmp_path / "results" / "runs").glob("*.json")
    assert json.loads(run.read_text())["state"] == "finished"
    assert said(*CHEAP, *SERIAL, *places(tmp_path))[1].count("11 stored, 0 to run") == 1


def test_an_export_beside_a_live_driver_has_what_was_stored(
    made: Path, tmp_path: Path, said: CommandLine
) -> None:
    shutil.copytree(made, tmp_path / "results")
    ledger = tmp_path / "results" / "records" / "ledger-000.jsonl"
    with ledger.open("a") as handle:
        handle.write('{"id": "half a li')  # a driver is writing it
    status, out, _ = said("--export", tmp_path / "a.zip", "--results", tmp_path / "results")
    assert status == 0
    assert "3 records" in out


@pytest.mark.slow
def test_a_merge_of_records_without_nets_loads_no_torch(made: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(blocked=("torch", "ray")), "--merge", str(made),
         "--results", str(tmp_path / "results")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(lines(tmp_path)) == 3
