"""--suite, --submit and --against: a row beside stored rows on identical trials, and only those."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.report.figures.table import RowPlot
from harness.store import code_digest
from harness.store.suite import DEFAULT, STORED, find_suite
from tests.system import stored
from tests.system.command_line import SERIAL, SMOKE, CommandLine, places


def undrawn(_: RowPlot) -> None:
    """Figures take most of a report's time, and none of these tests looks at one."""
    raise ValueError("not drawn in this test")


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RowPlot, "draw", undrawn)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``first/results`` with a run of two rows, ``tiny/`` the suite of its trials with both."""
    folder = tmp_path_factory.mktemp("world")
    asked = (*SMOKE, "--method", "logistic_regression", "majority", "--trials", "4", *SERIAL)
    first = ("--results", str(folder / "first" / "results"))
    rows = ("logistic_regression", "majority")
    stored.without_reports(
        (*asked, *places(folder / "first")),
        ("--define-suite", str(folder / "tiny"), *first),
        ("--submit", *rows, "--suite", str(folder / "tiny"), *first),
    )
    return folder


def csv_of(folder: Path, name: str) -> list[dict[str, str]]:
    (path,) = (folder / "reports").glob(f"*/table2/{name}")
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def values(results: Path, method: str) -> dict[int, float]:
    """Trial -> test accuracy of the chosen candidate, from the records."""
    found: dict[int, Any] = {}
    for line in stored.records(results):
        best = found.get(line["job"]["trial"])
        if line["job"]["method"] == method and (best is None or line["score"] > best["score"]):
            found[line["job"]["trial"]] = line
    return {trial: line["metrics"]["test_accuracy"] for trial, line in found.items()}


def head_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8").splitlines()[0])


def test_a_row_is_run_on_the_suites_trials_and_stands_beside_the_stored_rows(
    world: Path, tmp_path: Path, said: CommandLine
) -> None:
    status, out, _ = said(
        "--suite", world / "tiny", "--method", "svm", "--without", "svm_all_labels",
        "--against", "reference", *SERIAL, *places(tmp_path),
    )  # fmt: skip
    assert status == 0
    methods = {line["job"]["method"] for line in stored.records(tmp_path / "results")}
    assert methods == {"svm"}  # nothing else ran
    table = {line["row_key"] if "row_key" in line else line["row"]: line for line in
             csv_of(tmp_path, "against.csv")}  # fmt: skip
    assert {line["row"]: line["source"] for line in table.values()} == {
        "SVM": "run now",
        "Logistic regression": "stored, not verified",
        "Majority vote": "stored, not verified",
    }
    mine, theirs = values(tmp_path / "results", "svm"), values(world / "first/results",
                                                               "logistic_regression")  # fmt: skip
    assert mine.keys() == theirs.keys() == {0, 1, 2, 3}
    pairs = {line["row"]: line for line in csv_of(tmp_path, "against_paired.csv")}
    assert pairs.keys() == {"Logistic regression", "Majority vote"}
    line = pairs["Logistic regression"]
    differences = np.array([mine[trial] - theirs[trial] for trial in range(4)])
    assert float(line["mean_difference"]) == pytest.approx(differences.mean(), abs=2e-6)
    assert (line["pairs"], line["pairs_expected"]) == ("4", "4")
    # Nadeau and Bengio, with all training rows, although these rows see the labelled ones alone.
    from scipy import stats

    half = stats.t.ppf(0.975, 3) * differences.std(ddof=1) * np.sqrt(1 / 4 + 359 / 1078)
    assert float(line["corrected_high"]) == pytest.approx(differences.mean() + half, abs=1e-5)
    (page,) = (tmp_path / "reports").glob("*/table2/index.html")
    (text,) = (tmp_path / "reports").glob("*/table2/table2.md")
    for report in (page.read_text("utf-8"), text.read_text("utf-8")):
        assert report.count("stored, not verified") >= 4  # in the table and in the differences
        assert "run now" in report
    assert "best stored row Logistic regression" in out


@pytest.mark.slow
def test_a_stored_row_that_is_run_again_differs_by_nothing(
    world: Path, tmp_path: Path, said: CommandLine
) -> None:
    argv = ("--suite", world / "tiny", "--method", "majority", *SERIAL, *places(tmp_path))
    said(*argv, "--against", "reference")
    pairs = {line["row_key"]: line for line in csv_of(tmp_path, "against_paired.csv")}
    assert float(pairs["stored:majority"]["mean_difference"]) == 0


def test_a_results_folder_is_compared_with_on_identical_trials(
    world: Path, tmp_path: Path, said: CommandLine
) -> None:
    argv = (*SMOKE, "--method", "majority", "--trials", "3", *SERIAL, *places(tmp_path))
    _, out, _ = said(*argv, "--against", world / "first" / "results")
    pairs = csv_of(tmp_path, "against_paired.csv")
    assert {line["pairs"] for line in pairs} == {"3"}
    assert "1 trial stored but not run" in out
    # Reports that are made again keep the comparison, and take another one.
    said("--report-only", *places(tmp_path))
    assert csv_of(tmp_path, "against_paired.csv") == pairs
    status, out, _ = said("--report-only", "--against", world / "tiny", *places(tmp_path))
    assert status == 0
    assert "against tiny:" in out


OTHER: dict[str, tuple[tuple[str, ...], str]] = {
    "seed": (("--seed", "5"), "seed 5, stored 0"),
    "views": (("--dataset", "digits:left"), "nothing is stored"),
    "labels": (("--label-percent", "7"), "nothing is stored"),
}


SLOW = ("views", "labels")


@pytest.mark.parametrize(
    "what", [pytest.param(x, marks=[pytest.mark.slow] if x in SLOW else []) for x in OTHER]
)
def test_trials_that_are_not_identical_are_not_compared(
    what: str, world: Path, tmp_path: Path, said: CommandLine
) -> None:
    more, words = OTHER[what]
    argv = (*SMOKE, "--method", "majority", "--trials", "2", *SERIAL, *places(tmp_path), *more)
    status, out, _ = said(*argv, "--against", world / "tiny")
    assert status == 0
    assert "not compared: digits" in out
    assert words in out
    assert not list((tmp_path / "reports").glob("*/table2/against*.csv"))


def test_stored_trials_that_drew_other_rows_are_left_out_one_by_one(
    world: Path, tmp_path: Path, said: CommandLine
) -> None:
    shutil.copytree(world / "tiny", tmp_path / "tiny")
    for path in (tmp_path / "tiny").glob("*.jsonl"):
        head, *trials = map(json.loads, path.read_text().splitlines())
        trials[1]["drawn"] = "0" * 16
        path.write_text("".join(json.dumps(line) + "\n" for line in (head, *trials)))
    argv = (*SMOKE, "--method", "majority", "--trials", "4", *SERIAL, *places(tmp_path))
    _, out, _ = said(*argv, "--against", tmp_path / "tiny")
    assert "1 trial with other rows" in out
    assert {line["pairs"] for line in csv_of(tmp_path, "against_paired.csv")} == {"3"}


def test_a_stored_row_of_other_code_is_marked(
    world: Path, tmp_path: Path, said: CommandLine
) -> None:
    shutil.copytree(world / "tiny", tmp_path / "tiny")
    path = tmp_path / "tiny" / "logistic_regression.jsonl"
    head, *trials = path.read_text().splitlines()
    changed = json.loads(head)
    changed["code"]["methods/base.py"] = "0" * 12
    path.write_text("\n".join((json.dumps(changed), *trials)) + "\n")
    argv = (*SMOKE, "--method", "majority", "--trials", "4", *SERIAL, *places(tmp_path))
    _, out, _ = said(*argv, "--against", tmp_path / "tiny")
    assert ", by other code, difference" in out
    sources = {line["row"]: line["source"] for line in csv_of(tmp_path, "against_paired.csv")}
    assert sources == {
        "Logistic regression": "stored, not verified, by other code",
        "Majority vote": "stored, not verified",
    }
    # The same of another results folder, of which one record was made by other code.

    def of_other_code(record: dict[str, Any]) -> None:
        if record["job"]["method"] == "majority" and record["job"]["trial"] == 0:
            record["digests"]["methods/base.py"] = "0" * 12

    stored.copy(world / "first" / "results", tmp_path / "older", of_other_code)
    said("--report-only", "--against", tmp_path / "older", *places(tmp_path))
    sources = {line["row"]: line["source"] for line in csv_of(tmp_path, "against_paired.csv")}
    assert sources["Majority vote"].endswith(", by other code")
    assert not sources["Logistic regression"].endswith(", by other code")


# ---------------------------------------------------------------- what a suite fixes


@pytest.mark.parametrize(
    "more",
    [("--trials", "3"), ("--seed", "1"), ("--budget", "paper"), ("--dataset", "mfeat"),
     ("--label-percent", "5"), ("--protocol", "figure3")],
)  # fmt: skip
def test_what_the_suite_fixes_cannot_be_set(
    more: tuple[str, ...], world: Path, tmp_path: Path, said: CommandLine
) -> None:
    argv = ("--suite", world / "tiny", "--method", "majority", *more, "--dry-run")
    status, _, err = said(*argv, *places(tmp_path))
    assert (status, err.count("\n")) == (2, 1)
    assert more[0] in err


@pytest.mark.slow
def test_a_suite_and_its_flags_typed_out_are_one_run(
    world: Path, tmp_path: Path, said: CommandLine
) -> None:
    said("--suite", world / "tiny", "--method", "majority", *SERIAL, *places(tmp_path))
    argv = (*SMOKE, "--dataset", "digits", "--label-percent", "2", "--trials", "4", "--seed", "0")
    said(*argv, "--method", "majority", *SERIAL, *places(tmp_path))
    assert len(list((tmp_path / "results" / "runs").glob("*.json"))) == 1


@pytest.mark.parametrize(
    "argv",
    [("--suite", "core-0", "--dry-run"), ("--protocol", "table2", "--against", "core-0"),
     ("--submit", "svm", "--suite", "core-0"), ("--submit", "no_such_row"),
     ("--submit", "../x", "--suite", "core-1"), ("--define-suite", "x")],
)  # fmt: skip
def test_what_is_not_there_is_one_sentence(
    argv: tuple[str, ...], tmp_path: Path, said: CommandLine
) -> None:
    status, _, err = said(*argv, *places(tmp_path))
    assert (status, err.count("\n")) == (2, 1)


# ---------------------------------------------------------------- rows


def test_the_file_of_a_row_says_what_it_is_made_from(world: Path) -> None:
    path = world / "tiny" / "logistic_regression.jsonl"
    head, *trials = map(json.loads, path.read_text("utf-8").splitlines())
    run = stored.manifest(world / "first" / "results")
    assert (head["row"], head["verified"]) == ("logistic_regression", None)
    assert (head["revision"], head["date"][:10]) == (run["revision"], run["ended"][:10])
    assert str(world) not in path.read_text("utf-8")  # no path of the machine
    assert head["code"] == code_digest.digests(["logistic_regression"])
    assert {line["trial"]: line["accuracy"] for line in trials} == pytest.approx(
        values(world / "first" / "results", "logistic_regression"), abs=1e-6
    )
    suite = json.loads((world / "tiny" / "suite.json").read_text("utf-8"))
    (data,) = suite["data"]
    assert data["draws"]["2"] == [line["drawn"] for line in trials]
    assert (data["train"], data["test"]) == (1078, 359)
    assert path.stat().st_size < 10_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["job"].update(data="feed"), "feed"),
        (lambda r: r.update(drawn="0" * 16), "4 trials"),
        (lambda r: r["digests"].update({"methods/base.py": "0" * 12}), "methods/base.py"),
    ],
)
def test_a_row_of_other_trials_or_other_code_is_refused(
    change: stored.Change, words: str, world: Path, tmp_path: Path, said: CommandLine
) -> None:
    results = stored.copy(world / "first" / "results", tmp_path / "results", change)
    shutil.copytree(world / "tiny", tmp_path / "tiny")
    before = (tmp_path / "tiny" / "majority.jsonl").read_bytes()
    status, _, err = said(
        "--submit", "majority", "--suite", tmp_path / "tiny", "--results", results
    )
    assert (status, err.count("\n")) == (2, 1)
    assert words in err
    assert (tmp_path / "tiny" / "majority.jsonl").read_bytes() == before


def test_a_row_that_lacks_trials_is_refused(world: Path, tmp_path: Path, said: CommandLine) -> None:
    said(*SMOKE, "--method", "majority", "--trials", "3", *SERIAL, *places(tmp_path))
    argv = ("--submit", "majority", "--suite", world / "tiny")
    status, _, err = said(*argv, "--results", tmp_path / "results")
    assert (status, err.count("\n")) == (2, 1)


def test_a_suite_never_changes(world: Path, said: CommandLine) -> None:
    status, _, err = said(
        "--define-suite", world / "tiny", "--results", world / "first" / "results"
    )
    assert (status, err.count("\n")) == (2, 1)


# ---------------------------------------------------------------- the mark of a maintainer


def verify(world: Path, results: Path, suite: Path, said: CommandLine) -> tuple[int, str, str]:
    return said(
        "--submit", "logistic_regression", "--verified-by", "A. Maintainer",
        "--suite", suite, "--results", results,
    )  # fmt: skip


def test_a_second_run_with_the_same_values_verifies_a_row(
    world: Path, tmp_path: Path, said: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(world / "tiny", tmp_path / "tiny")
    monkeypatch.setattr(code_digest, "revision", lambda: "cafe12345678")
    path = tmp_path / "tiny" / "logistic_regression.jsonl"
    before = path.read_text("utf-8").splitlines()
    status, out, _ = verify(world, world / "first" / "results", tmp_path / "tiny", said)
    assert status == 0
    assert "4 of 4 trials equal" in out
    mark = head_of(path)["verified"]
    assert (mark["by"], mark["commit"], mark["most"]) == ("A. Maintainer", "cafe12345678", 0)
    assert path.read_text("utf-8").splitlines()[1:] == before[1:]  # the values stay those submitted
    argv = (*SMOKE, "--method", "majority", "--trials", "4", *SERIAL, *places(tmp_path))
    said(*argv, "--against", tmp_path / "tiny")
    sources = {line["row"]: line["source"] for line in csv_of(tmp_path, "against.csv")}
    assert sources["Logistic regression"] == f"stored, verified {mark['date']}"


def test_other_values_verify_nothing(
    world: Path, tmp_path: Path, said: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def better(record: dict[str, Any]) -> None:
        record["metrics"]["test_accuracy"] += 0.02

    monkeypatch.setattr(code_digest, "revision", lambda: "cafe12345678")
    shutil.copytree(world / "tiny", tmp_path / "tiny")
    results = stored.copy(world / "first" / "results", tmp_path / "results", better)
    assert verify(world, results, tmp_path / "tiny", said)[0] == 1
    assert head_of(tmp_path / "tiny" / "logistic_regression.jsonl")["verified"] is None


@pytest.mark.parametrize("revision", ["cafe12345678+changes", "unknown", "cafe+unknown"])
def test_only_a_clean_checkout_verifies(
    revision: str, world: Path, tmp_path: Path, said: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_digest, "revision", lambda: revision)
    status, _, err = verify(world, world / "first" / "results", world / "tiny", said)
    assert (status, err.count("\n")) == (2, 1)


# ---------------------------------------------------------------- the project's own suite


def test_the_rows_of_the_projects_suite_are_whole() -> None:
    suite = find_suite(DEFAULT)
    assert suite.folder == STORED / DEFAULT
    rows = suite.rows()
    assert len(rows) >= 5
    wanted = {
        (data.key, percent, trial, drawn)
        for data in suite.data
        for percent in suite.label_percent
        for trial, drawn in enumerate(data.draws[f"{percent:g}"])
    }
    assert len(wanted) == 3 * 2 * 20
    for row in rows:
        found = {(t["dataset"], t["label_percent"], t["trial"], t["drawn"]) for t in row.trials}
        assert found == wanted, row.row
        assert (suite.folder / f"{row.row}.jsonl").stat().st_size < 2**20
        assert all(0 <= t["accuracy"] <= 1 for t in row.trials if t["status"] == "ok")


@pytest.mark.slow
def test_the_projects_suite_draws_the_rows_that_it_says(tmp_path: Path, said: CommandLine) -> None:
    status, _, _ = said("--suite", DEFAULT, "--method", "majority", *SERIAL, *places(tmp_path))
    assert status == 0
    suite = find_suite(DEFAULT)
    drawn = {
        (line["data_key"], line["job"]["scenario"]["label_fraction"], line["job"]["trial"]):
            line["drawn"]
        for line in stored.records(tmp_path / "results")
    }  # fmt: skip
    for data in suite.data:
        for percent in suite.label_percent:
            for trial, digest in enumerate(data.draws[f"{percent:g}"]):
                assert drawn[data.key, percent / 100, trial] == digest


@pytest.mark.slow
def test_a_new_method_of_one_file_stands_in_the_reference_table(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    for name in ("datasets", "harness", "methods", "protocols", "docs/results"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "run_all.py", copy)
    example = re.search(r"```python\n(.*?)```", (root / "CONTRIBUTING.md").read_text("utf-8"), re.S)
    assert example is not None
    (copy / "methods/reference/nearest_neighbours.py").write_text(example[1], "utf-8")
    done = subprocess.run(
        [sys.executable, "run_all.py", "--suite", "core-1", "--method", "nearest_neighbours",
         "--against", "reference", "--dataset", "digits", *SERIAL],
        cwd=copy, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    table = csv_of(copy, "against.csv")
    rows = {line["row"] for line in table if line["source"] == "run now"}
    assert rows == {"Nearest neighbours"}
    stored_rows = {(line["paradigm"], line["row"]) for line in table if line["source"] != "run now"}
    pairs = [line for line in csv_of(copy, "against_paired.csv") if line["pairs"] == "20"]
    assert len(pairs) == 2 * len(stored_rows)  # both columns of digits
    assert all(line["corrected_low"] for line in pairs)
