"""A file of which 30 % of the rows really lack a view, through the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.system.command_line import SERIAL, SMOKE, CommandLine, lines, places, run, table


def written(folder: Path, *, both: bool = False) -> Path:
    """Two views of 120 rows; 30 % of the rows lack ``eye``, and, if ``both``, 15 % lack ``eeg``."""
    rng = np.random.default_rng(8)
    labels = np.arange(120) % 3
    eeg = rng.normal(3.0 * labels[:, None], 1.0, (120, 6))
    eye = rng.normal(-2.0 * labels[:, None], 1.0, (120, 4))
    order = rng.permutation(120)
    eye[order[:36]] = np.nan
    if both:
        eeg[order[36:54]] = np.nan
    np.savez(folder / "gaps.npz", view_eeg=eeg, view_eye=eye, labels=labels)
    return folder / "gaps.npz"


def test_table_2_and_figures_3_and_4_run_on_it(cli: CommandLine, tmp_path: Path) -> None:
    rows = ("svm", "amgl", "majority", "mean_indicator", "mean_impute", "knn_impute")
    status, out, err = cli(
        *("--protocol", "table2", "figure3", "figure4", "--budget", "smoke", *SERIAL),
        *("--dataset", str(written(tmp_path)), "--method", *rows),
    )
    assert status == 0, out + err
    records = lines(tmp_path)
    assert {record["status"] for record in records} == {"ok"}, out
    judged = [r["metrics"] for r in records if "test_accuracy" in r["metrics"]]
    assert all({"test_accuracy_complete", "test_accuracy_incomplete"} <= m.keys() for m in judged)
    hidden = {
        (r["job"]["scenario"]["missing_fraction"] > 0, "nmse" in r["metrics"])
        for r in records
        if r["job"]["imputes"]
    }
    assert hidden == {(False, False), (True, True)}
    methods = {record["job"]["method"] for record in records}
    assert methods == {"ridge_impute", *rows}


def test_the_complete_rows_alone_or_another_imputer_may_be_asked_for(
    cli: CommandLine, tmp_path: Path
) -> None:
    file = str(written(tmp_path))
    some = (*SMOKE, *SERIAL, "--dataset", file, "--method", "svm")
    for how in ("complete", "mean_impute"):
        status, out, err = cli(*some, "--absent-views", how)
        assert status == 0, out + err
    tops = [record for record in lines(tmp_path) if record["job"]["method"] == "svm"]
    tested = {len(record["job"]["upstream"]): record["metrics"]["n_test"] for record in tops}
    assert tested[1] == 24
    assert tested[0] < 24
    status, _, err = cli(*some, "--absent-views", "svm")
    assert (status, "svm" in err) == (2, True)
    complete = tmp_path / "whole.npz"
    np.savez(complete, view_a=np.eye(30)[:, :4], labels=np.arange(30) % 2)
    status, _, err = cli(*SMOKE, "--dataset", str(complete), "--absent-views", "complete")
    assert (status, "--absent-views" in err) == (2, True)


def test_a_choice_of_views_that_leaves_rows_without_any_is_refused(
    cli: CommandLine, tmp_path: Path
) -> None:
    file = written(tmp_path)
    status, _, err = cli(*SMOKE, "--dataset", f"{file}:eye", "--dry-run")
    assert status == 2
    assert "36 of 120 rows" in err
    whole = ("--data-option", "file.incomplete=leave_out")
    status, _, err = cli(*SMOKE, "--dataset", f"{file}:eye", *whole, "--dry-run")
    assert status == 0, err


@pytest.mark.slow
def test_the_whole_registry_has_a_row_on_it(tmp_path: Path) -> None:
    file = written(tmp_path, both=True)
    done = run(*SMOKE, *SERIAL, "--dataset", str(file), *places(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    records = lines(tmp_path)
    assert {record["status"] for record in records} <= {"ok", "skipped"}
    skipped = {record["job"]["method"] for record in records if record["status"] == "skipped"}
    assert skipped == {"conet", "sdgm_plus"}  # they need a view that no row lacks
    rows = table(tmp_path)
    assert all(row["accuracy_incomplete_mean"] for row in rows if row["mean"])
    assert any("→" in row["row"] for row in rows)
