"""Whole runs that are killed, interrupted or doubled: nothing lost, nothing counted twice."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from harness.store.record import Record
from harness.store.store import Store
from tests.system import planted
from tests.system.command_line import (
    CHEAP,
    PLANTED,
    RAY,
    ROOT,
    SERIAL,
    SMOKE,
    change_source,
    ended,
    lines,
    mine,
    most_ok,
    places,
    run,
    signal_group,
    start,
    table,
    until,
)

pytestmark = pytest.mark.slow
on_ray = pytest.mark.xdist_group("ray")  # one at a time: each starts a Ray of its own

FITS = 11
EXECUTORS = {"serial": SERIAL, "ray": RAY}


@pytest.fixture(scope="session")  # xdist runs tests of other modules between two of a group
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The table of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(*CHEAP, *SERIAL, *places(folder)).returncode == 0
    assert len(lines(folder)) == FITS
    return table(folder)


def gone(leader: int) -> bool:
    return not mine(leader, agents=False)


@pytest.mark.parametrize("executor", ["serial", pytest.param("ray", marks=on_ray)])
def test_a_killed_driver_loses_only_what_was_in_flight(
    executor: str, tmp_path: Path, whole: list[dict[str, str]]
) -> None:
    argv = (*CHEAP, *EXECUTORS[executor], *places(tmp_path))
    process = start(*argv, fault="slow")
    until(lambda: len(lines(tmp_path)) >= 3)
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    until(lambda: gone(process.pid), 15)  # Ray's processes follow their driver
    kept = lines(tmp_path)
    assert 3 <= len(kept) < FITS
    again = run(*argv)
    assert again.returncode == 0, again.stderr
    assert f"{len(kept)} stored, {FITS - len(kept)} to run" in again.stdout
    assert lines(tmp_path)[: len(kept)] == kept
    assert len(lines(tmp_path)) == FITS
    assert most_ok(tmp_path) == 1
    assert table(tmp_path) == whole


@pytest.mark.parametrize(
    ("executor", "number"),
    [("serial", signal.SIGINT), pytest.param("ray", signal.SIGTERM, marks=on_ray)],
)
def test_a_stopped_driver_says_what_is_stored_and_resumes(
    executor: str, number: int, tmp_path: Path, whole: list[dict[str, str]]
) -> None:
    argv = (*CHEAP, *EXECUTORS[executor], *places(tmp_path))
    process = start(*argv, fault="slow")
    until(lambda: len(lines(tmp_path)) >= 2)
    process.send_signal(number)
    status, out, err = ended(process)
    assert status == 130
    assert "Traceback" not in out + err
    kept = lines(tmp_path)
    said = f"interrupted: {len(kept)} fits of this run stored, {FITS - len(kept)} left"
    assert said in err
    assert f"python run_all.py {shlex.join(argv)}" in err
    until(lambda: gone(process.pid), 15)
    again = run(*argv)
    assert again.returncode == 0, again.stderr
    assert most_ok(tmp_path) == 1
    assert table(tmp_path) == whole


@on_ray
@pytest.mark.parametrize("moment", [0.3, 1.0, 2.5, 4.0, 7.0])
def test_ctrl_c_at_any_moment_ends_without_traceback_or_orphan(
    moment: float, tmp_path: Path
) -> None:
    """To the whole process group, as a terminal does; Ray's start-up is among the moments."""
    process = start(*CHEAP, *RAY, *places(tmp_path), fault="slow")
    time.sleep(moment)
    signal_group(process, signal.SIGINT)
    status, out, err = ended(process)
    until(lambda: gone(process.pid), 15)
    if "interrupted" not in err:  # before main handled signals: the interpreter printed it
        assert "plan:" not in out
        return
    assert status == 130
    assert "Traceback" not in out + err
    assert err.count("rerun the command to resume: python run_all.py") == 1


def test_ctrl_c_while_the_report_is_written(tmp_path: Path) -> None:
    status, out, err = 0, "", ""
    for delay in (0.3, 0.1, 0.0):  # a report that is done before the signal is tried sooner
        folder = tmp_path / f"after-{delay}"
        process = start(*CHEAP, *SERIAL, *places(folder))
        until(lambda folder=folder: len(lines(folder)) == FITS)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        status, out, err = ended(process)
        if status != 0:
            break
    assert status == 130
    assert "Traceback" not in out + err
    assert "fit" in err
    assert "stored" in err


@on_ray
def test_ray_leaves_the_driver_in_reach_of_its_makefile(tmp_path: Path) -> None:
    """Under make the run is no group leader: Ctrl-C must still arrive after Ray has started."""
    argv = shlex.join([*PLANTED, "slow", *CHEAP, *RAY, *places(tmp_path)])
    pipe = subprocess.PIPE
    parent = subprocess.Popen(
        ["sh", "-c", f"trap : INT; {argv}; exit $?"],
        cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True,
    )  # fmt: skip
    until(lambda: len(lines(tmp_path)) >= 1)
    signal_group(parent, signal.SIGINT)
    status, _, err = ended(parent)
    assert status == 130
    assert "interrupted: " in err


def test_a_killed_neural_stack_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    argv = (*SMOKE, "--method", "m2_left", *SERIAL)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(*argv, *places(whole)).returncode == 0
    process = start(*argv, *places(cut), fault="checkpoints")
    kept = cut / "results" / "checkpoints"
    until(lambda: kept.is_dir() and list(kept.glob("[!.]*.bin")))
    process.kill()
    ended(process)
    assert list(kept.glob("[!.]*.bin"))
    before = len(lines(cut))
    again = run(*argv, *places(cut), fault="checkpoints")
    assert again.returncode == 0, again.stderr
    resumed = re.findall(r"resumed after epoch (\d+)", again.stderr)
    assert len(resumed) == 1
    assert int(resumed[0]) >= 1
    assert len(lines(cut)) > before
    assert most_ok(cut) == 1
    assert not list(kept.glob("[!.]*.bin"))
    assert table(cut) == table(whole)
    same = ("id", "score", "epoch", "metrics", "facts", "arrays")
    left, right = (
        sorted(([line[name] for name in same] for line in lines(folder)), key=str)
        for folder in (whole, cut)
    )
    assert left == right  # the arrays byte for byte: their digests are among the names


def all_arrays_are_whole(folder: Path) -> bool:
    """Whether every record of every ledger, superseded ones too, has its own arrays."""
    store = Store(folder / "results")
    known = {field.name for field in fields(Record)}
    for line in lines(folder):
        store.arrays(Record(**{name: line[name] for name in line if name in known}))
    return store.unnamed_arrays() == []


@pytest.mark.parametrize(
    "executors", [("serial", "serial"), pytest.param(("serial", "ray"), marks=on_ray)]
)
def test_two_drivers_of_one_folder_share_the_work(
    executors: tuple[str, str],
    tmp_path: Path,
    whole: list[dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each fit is computed once, by one of the two; both end well, with the whole table."""
    gate, claims = tmp_path / "gate", tmp_path / "results" / "claims"
    monkeypatch.setenv(planted.GATE, str(gate))
    drivers = []
    for name, executor in zip(("reports", "other/reports"), executors, strict=True):
        argv = (*CHEAP, *EXECUTORS[executor], *places(tmp_path)[:2])
        drivers.append(start(*argv, "--reports", str(tmp_path / name), fault="gated"))
        until(lambda: len(list(claims.glob("driver-*.json"))) == len(drivers))
    gate.touch()
    outputs = []
    for process in drivers:
        status, out, err = ended(process)
        assert status == 0, err
        assert f"{FITS}/{FITS} fits; done" in out
        outputs.append(out)
    assert f"pid {drivers[0].pid} on " in outputs[1]
    assert "--method svm logistic_regression majority" in outputs[1]
    counts = Counter(line["id"] for line in lines(tmp_path))
    assert sorted(counts.values()) == [1] * FITS
    assert all_arrays_are_whole(tmp_path)
    ledgers = list((tmp_path / "results" / "records").glob("*.jsonl"))
    assert all(path.stat().st_size for path in ledgers)  # each has done some of it
    assert len(ledgers) == 2
    assert table(tmp_path) == table(tmp_path / "other") == whole
    assert [path.name for path in claims.iterdir()] == ["jobs.lock"]


def test_what_a_killed_driver_had_claimed_goes_to_the_other(
    tmp_path: Path, whole: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(planted.GATE, str(tmp_path / "it hangs"))
    first = start(*CHEAP, *SERIAL, *places(tmp_path), fault="hangs")
    until(lambda: (tmp_path / "it hangs").exists())
    second = start(*CHEAP, *SERIAL, *places(tmp_path))
    # two fits are logistic regressions, and with one of them the first driver hangs
    until(lambda: sum(x["job"]["method"] != "logistic_regression" for x in lines(tmp_path)) == 9)
    time.sleep(3)
    assert second.poll() is None
    assert len(lines(tmp_path)) < FITS
    first.kill()
    ended(first)
    status, _, err = ended(second)
    assert status == 0, err
    assert sorted(Counter(line["id"] for line in lines(tmp_path)).values()) == [1] * FITS
    assert table(tmp_path) == whole


@pytest.mark.parametrize("executor", ["serial", pytest.param("ray", marks=on_ray)])
def test_a_fit_over_its_limit_fails_and_the_rest_goes_on(executor: str, tmp_path: Path) -> None:
    fault = {"serial": "hangs", "ray": "spins"}[executor]
    argv = (*CHEAP, *EXECUTORS[executor], *places(tmp_path), "--fit-timeout", "0.1")
    done = run(*argv, fault=fault)
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    (bad,) = (line for line in lines(tmp_path) if line["status"] == "failed")
    assert "0.1 min" in bad["reason"]
    assert bad["job"]["config"]["C"] == 1.0
    assert len(lines(tmp_path)) == FITS


@on_ray
def test_a_closed_terminal_ends_a_run_with_the_resume_line(tmp_path: Path) -> None:
    argv = (*CHEAP, *RAY, *places(tmp_path))
    process = start(*argv, fault="slow")
    until(lambda: len(lines(tmp_path)) >= 2)
    signal_group(process, signal.SIGHUP)
    status, out, err = ended(process)
    assert status == 130
    assert "Traceback" not in out + err
    assert f"python run_all.py {shlex.join(argv)}" in err
    until(lambda: gone(process.pid), 15)


@on_ray
@pytest.mark.parametrize("daemon", ["gcs_server", "raylet"])
def test_a_ray_that_breaks_ends_a_run_with_the_resume_line(
    daemon: str, tmp_path: Path, whole: list[dict[str, str]]
) -> None:
    argv = (*CHEAP, *RAY, *places(tmp_path))
    process = start(*argv, fault="slow")
    until(lambda: len(lines(tmp_path)) >= 2)
    programs = {
        pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
        for pid in mine(process.pid)
    }
    workers = [n for n in programs.values() if n.startswith("ray::") and "Agent" not in n]
    assert workers  # gone() below sees them too
    (broken,) = (pid for pid, name in programs.items() if Path(name).name == daemon)
    os.kill(broken, signal.SIGKILL)
    status, out, err = ended(process)
    stored = len(lines(tmp_path))
    assert status == 1
    assert "Traceback" not in out + err
    assert f"{stored} fits of this run stored, {FITS - stored} left" in err
    assert f"python run_all.py {shlex.join(argv)}" in err
    until(lambda: gone(process.pid), 15)
    assert run(*CHEAP, *SERIAL, *places(tmp_path)).returncode == 0
    assert {line["status"] for line in lines(tmp_path)} == {"ok"}  # nothing was called a failure
    assert table(tmp_path) == whole


@on_ray
def test_a_checkout_whose_path_holds_a_space_runs_on_ray(
    tmp_path: Path, whole: list[dict[str, str]]
) -> None:
    """With an interpreter whose path holds it too, as `make env` would give it."""
    copy = tmp_path / "a b"
    for folder in ("datasets", "harness", "methods", "protocols"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "run_all.py", copy)
    (copy / ".venv").symlink_to(Path(sys.prefix))
    argv = [*CHEAP, *RAY, *places(tmp_path)]
    done = subprocess.run(
        [str(copy / ".venv" / "bin" / "python"), "run_all.py", *argv],
        cwd=copy, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines(tmp_path)) == FITS
    assert table(tmp_path) == whole


@pytest.mark.parametrize("executor", ["serial", pytest.param("ray", marks=on_ray)])
def test_a_fit_that_raises_is_listed_and_the_rest_goes_on(executor: str, tmp_path: Path) -> None:
    run_ = run(*CHEAP, *EXECUTORS[executor], *places(tmp_path), fault="raises")
    assert run_.returncode == 1, run_.stderr
    assert run_.stderr == ""
    statuses = sorted(line["status"] for line in lines(tmp_path))
    assert statuses == ["failed", *["ok"] * (FITS - 1)]
    (bad,) = (line for line in lines(tmp_path) if line["status"] == "failed")
    assert "planted.py" in bad["trace"]
    assert "planted: [/this] fit broke" in run_.stdout
    (page,) = (tmp_path / "reports").glob("*/table2/index.html")
    assert "(1 failed)" in page.read_text(
        "utf-8"
    )  # the other candidates still give the cell its number


@on_ray
def test_ray_from_another_folder_gives_the_table_of_serial(
    tmp_path: Path, whole: list[dict[str, str]]
) -> None:
    done = run(*CHEAP, *RAY, *places(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert table(tmp_path) == whole
    assert {line["status"] for line in lines(tmp_path)} == {"ok"}
    second = time.monotonic()
    assert run(*CHEAP, *RAY, *places(tmp_path)).returncode == 0
    assert time.monotonic() - second < 20  # no Ray: there is nothing to run
    assert len(lines(tmp_path)) == FITS


def test_a_disk_that_fills_up_is_one_sentence(tmp_path: Path) -> None:
    """A real one: files may not grow past a size that a few records reach."""
    program = "ulimit -f 8; exec " + shlex.join([*PLANTED, "slow", *CHEAP, *SERIAL])
    done = subprocess.run(
        ["bash", "-c", f"{program} {shlex.join(places(tmp_path))}"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=400,
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("run_all.py: ")
    assert "cannot be written (File too large)" in done.stderr
    assert done.stderr.count("\n") == 1
    again = run(*CHEAP, *SERIAL, *places(tmp_path))
    assert again.returncode == 0
    assert most_ok(tmp_path) == 1


def test_records_of_other_code_are_stamped_when_accepted(tmp_path: Path) -> None:
    argv = (*SMOKE, "--method", "majority", *SERIAL, *places(tmp_path))
    assert run(*argv).returncode == 0
    (page,) = (tmp_path / "reports").glob("*/table2/index.html")
    assert "from earlier source" not in page.read_text("utf-8")
    change_source(tmp_path)
    assert run(*argv, "--accept-stale").returncode == 0
    assert "1 stale result from earlier source" in page.read_text("utf-8")
