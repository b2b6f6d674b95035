"""--tune as its user meets it: what it stores, writes and refuses."""

from __future__ import annotations

import json
import shlex
import signal
import tomllib
from pathlib import Path

import pytest

from methods.reference.logistic_regression import LogisticRegression
from tests.system.command_line import (
    SERIAL,
    SMOKE,
    CommandLine,
    ended,
    mine,
    places,
    run,
    signal_group,
    start,
    until,
)

TUNE = ("--tune", "logistic_regression", "--dataset", "digits", "--tune-draws", "2")


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_search_resumes_and_its_file_runs(tmp_path: Path) -> None:
    results = ("--results", str(tmp_path / "results"))
    argv = (*TUNE, "--workers", "2", *results)
    done = run(*argv, "--tune-settings", "3")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results" / "tuning").glob("*.jsonl")
    first = path.read_text().splitlines()
    assert len(first) == 3
    path.write_text("\n".join(first[:2]) + "\n" + first[2][:20])  # the last line was cut
    more = run(*argv, "--tune-settings", "5")
    assert more.returncode == 0, more.stderr
    lines = [json.loads(line) for line in path.read_text().splitlines() if line[-1] == "}"]
    settings = [line["settings"] for line in lines]
    assert len(settings) == 5
    assert all(settings.count(one) == 1 for one in settings)
    assert lines[:2] == [json.loads(line) for line in first[:2]]
    (file,) = path.parent.glob("*.toml")
    written = tomllib.loads(file.read_text())
    pinned = [text.partition("=") for text in written["set"]]
    chosen = {name.partition(".")[2]: float(value) for name, _, value in pinned}
    best = max(line["score"] for line in lines)
    default = {name: getattr(LogisticRegression.Config(), name) for name in chosen}
    assert best in [line["score"] for line in lines if (line["settings"] or default) == chosen]
    table = run(*SMOKE, "--method", "logistic_regression", "--config", str(file),
                *SERIAL, *places(tmp_path))  # fmt: skip
    assert table.returncode == 0, table.stderr
    (page,) = (tmp_path / "reports").glob("*/table2/table2.md")
    assert written["tuned"] in page.read_text("utf-8").replace("\\", "")


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_search_ends_on_ctrl_c_and_after_its_hours(tmp_path: Path) -> None:
    argv = (*TUNE, "--workers", "2", "--tune-settings", "200", "--results", str(tmp_path))

    def done() -> list[str]:
        files = tmp_path.glob("tuning/*.jsonl")
        return [line for path in files for line in path.read_text().splitlines()]

    process = start(*argv)
    until(lambda: len(done()) >= 2)
    second = run(*argv)
    assert second.returncode == 2
    assert "another process" in second.stderr
    signal_group(process, signal.SIGINT)
    status, out, err = ended(process)
    assert status == 130
    assert "Traceback" not in out + err
    assert f"python run_all.py {shlex.join(argv)}" in err
    assert not list(tmp_path.glob("tuning/*.toml"))  # it is not complete
    until(lambda: not mine(process.pid, agents=False), 15)
    before = done()
    assert 2 <= len(before) < 200
    more = run(*argv, "--tune-hours", "0.0004")  # 1.4 s of fits
    assert more.returncode == 0, more.stderr
    assert done()[: len(before)] == before
    assert len(done()) < 200
    assert list(tmp_path.glob("tuning/*.toml"))


def test_a_dry_run_searches_nothing(cli: CommandLine, tmp_path: Path) -> None:
    few, many = (
        cli(*TUNE[:1], "smvae", *TUNE[2:], "--tune-settings", number, "--dry-run")
        for number in ("2", "200")
    )
    assert few[0] == many[0] == 0, few[2] + many[2]
    assert "core-minute" in few[1]
    assert "core-hour" in many[1]
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ("--tune", "mae"),
        ("--tune", "majority"),
        ("--tune", "svm", "--dataset", "digits", "watch"),
        ("--tune", "svm", "--set", "m2.c=1"),
        ("--tune", "svm", "--protocol", "table2"),
        ("--tune-draws", "3", "--protocol", "table2"),
        ("--protocol", "table2", "--tuned", "by hand"),
        ("--tune", "svm", "--label-percent", "2", "5"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    argv: tuple[str, ...], cli: CommandLine, tmp_path: Path
) -> None:
    status, _, err = cli(*argv)
    assert status == 2
    assert err.startswith("run_all.py: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "results").exists()
