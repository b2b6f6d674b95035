"""Table 1 through the cli: it counts, it fits nothing, and it stands beside protocols that fit."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import run_all
from harness.plan import resolve
from harness.run import executors
from tests.system.command_line import SERIAL, CommandLine, places

DIGITS = ("--dataset", "digits", "--budget", "smoke")


@pytest.fixture(autouse=True)
def _no_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(resolve.DATA_ROOT, raising=False)


@pytest.mark.parametrize("more", [(), ("--report-only",), ("--trials", "3")])
def test_table_1_is_written_without_a_fit(
    more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "open_executor", None)  # no executor is ever opened
    assert run_all.main(["--protocol", "table1", *DIGITS, *more, *places(tmp_path)]) == 0
    (run,) = (path for path in (tmp_path / "reports").iterdir() if path.is_dir())
    assert [path.name for path in run.iterdir()] == ["table1"]
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["runs"]
    (line,) = pd.read_csv(run / "table1" / "table1.csv").to_dict("records")
    assert (line["samples"], line["classes"], line["modalities"]) == (
        *(1797, 10), "left(32), right(32)",
    )  # fmt: skip
    assert line["training_min"] + line["tuning_min"] + line["test_min"] == 1797
    assert line["trials"] == (3 if more == ("--trials", "3") else 1)


def test_table_1_stands_beside_a_table_that_fits(tmp_path: Path) -> None:
    chosen = ("--method", "majority", "--label-percent", "2")
    argv = ["--protocol", "table1", "table2", *DIGITS, *chosen, *SERIAL, *places(tmp_path)]
    assert run_all.main(argv) == 0
    for name in ("table1", "table2"):
        assert len([*(tmp_path / "reports").glob(f"*/{name}/index.html")]) == 1


def test_its_default_data_sets_are_all_that_need_no_file_of_the_users(cli: CommandLine) -> None:
    status, out, _ = cli("--protocol", "table1", "--dry-run")
    assert status == 0
    assert "on mfeat, mnist_hog, watch, digits" in out
    assert "plan: 0 cells, 0 fits" in out


def test_all_protocols_have_table_1_among_them(cli: CommandLine) -> None:
    status, out, _ = cli("--protocol", "all", *DIGITS, "--method", "majority", "--dry-run")
    assert status == 0
    assert "table1: budget smoke" in out
    assert "labels: budget" not in out  # costly and not the paper's: by name only


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("--method", "svm"), "table1 fits no method; leave --method out"),
        (("--without", "svm"), "table1 fits no method; leave --without out"),
        (("--label-percent", "5"), "table1 shows every share of labels; leave --label-percent out"),
        (("--missing-view", "left"), "table1 has no missing views"),
        (("--dataset", "digits", "digit"), "unknown dataset 'digit'; did you mean digits"),
    ],
)
def test_what_it_cannot_do_is_one_sentence_and_status_2(
    argv: tuple[str, ...], sentence: str, cli: CommandLine, tmp_path: Path
) -> None:
    status, _, err = cli("--protocol", "table1", *argv)
    assert (status, err.count("\n")) == (2, 1)
    assert sentence in err
    assert not list(tmp_path.rglob("*.html"))
