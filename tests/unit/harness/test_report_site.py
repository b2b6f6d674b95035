"""What a reader asks first, the trials behind a number, marks of rows, and pages that reload."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from statsmodels.stats.power import TTestPower

from harness.analysis.detectable import detectable
from harness.layout import Layout
from harness.report import answer, cost, later, places, reach
from harness.report import watch as watching
from harness.report.kind import Given
from harness.report.marks import KNOWN, OURS, mark_of
from harness.report.write import contents
from harness.store import manifest as manifests
from harness.store.store import Store
from tests.unit.harness.fake_records import with_stages
from tests.unit.harness.fake_trials import trials_of
from tests.unit.harness.test_report import META, NOTE, made_of

ROOT = Path(__file__).resolve().parents[3]
LEVELS = {"ours": [0.50, 0.52, 0.51], "best": [0.70, 0.73, 0.71], "near": [0.69, 0.73, 0.72]}


def files(trials: pd.DataFrame, **more: Any) -> dict[str, bytes]:
    return contents(Given(META, Layout("table"), trials, **more), ())


def data_of(made: dict[str, bytes], file: str) -> Any:
    """What a data file hands to the page."""
    text = made[file].decode()
    assert text.startswith(f'reportData("{file}",')
    return json.loads(text[text.index(",") + 1 : text.rindex(")")])


def test_the_summary_says_who_leads_and_how_far_the_reference_is_behind() -> None:
    (line,) = json.loads(files(trials_of(LEVELS))["summary.json"])["lines"]
    assert line.startswith("Data, 2 %: BEST .713 [")
    assert "OURS .510, 20.3 points behind, decided" in line


def test_a_leader_that_is_the_reference_is_measured_against_the_runner_up() -> None:
    trials = trials_of({"ours": [0.9, 0.91, 0.92], "other": [0.5, 0.52, 0.51]})
    (line,) = json.loads(files(trials)["summary.json"])["lines"]
    assert "OURS .910" in line
    assert "40.0 points ahead of OTHER, decided" in line


def brief(trials: pd.DataFrame, most: int = 7) -> list[str]:
    notes = [replace(NOTE, key=key, title=key) for key in dict.fromkeys(trials["dataset"])]
    return made_of(trials, replace(META, datasets=tuple(notes))).kind.brief_lines(most)


def test_a_terminal_names_the_leader_of_each_block_and_what_is_decided() -> None:
    blocks = {"ours": "inductive", "best": "reference", "near": "reference"}
    trials = trials_of(LEVELS)
    (line,) = brief(trials.assign(block=trials["row_key"].map(blocks)))
    overall, inductive, reference = line.rsplit("; ", 2)
    assert overall.startswith("data, 2 %: BEST .713 [")
    assert overall.endswith("decided")
    assert inductive == "inductive: OURS .510"
    assert reference == "reference: BEST .713, undecided"
    (line,) = brief(trials.assign(block="inductive"))
    assert "inductive:" not in line, "one block is that of all rows"


@pytest.mark.parametrize(("most", "shown"), [(6, "abcabc"), (5, "abca+"), (4, "abc+"), (2, "a+")])
def test_a_terminal_shows_a_line_of_each_data_set_first_and_counts_the_others(
    most: int, shown: str
) -> None:
    parts = [
        trials_of(LEVELS, percent).assign(dataset=key, dataset_order=order)
        for order, key in enumerate("abc")
        for percent in (2.0, 10.0)
    ]
    lines = brief(pd.concat(parts, ignore_index=True), most)
    assert len(lines) <= most
    ended = [line for line in lines if line.startswith("...")]
    assert sorted(line[0] for line in lines if line not in ended) == sorted(shown.strip("+"))
    if ended:
        assert lines[-1:] == ended
        assert f" {7 - most} column" in ended[0]


def test_rows_of_one_title_are_told_apart() -> None:
    trials = trials_of({"a": [0.5], "b": [0.4], "c": [0.3]}).assign(row=["X", "X", "Y"])
    names = places.names_of(trials.assign(block=["one", "two", "two"]))
    assert names == {"a": "X (one)", "b": "X (two)", "c": "Y"}
    assert len(set(places.names_of(trials).values())) == 3


def test_cost_counts_every_trial_and_failures_are_named() -> None:
    trials = trials_of(LEVELS).assign(seconds=1200.0)
    assert cost.total(trials).startswith("3.0 core-hours in 9 trials")
    assert answer.failed(trials) == "Nothing."
    trials.loc[0, "status"] = "failed"
    assert answer.failed(trials) == "OURS: 1 trial failed."


def test_time_on_a_gpu_is_not_counted_as_time_of_cores() -> None:
    trials = trials_of(LEVELS).assign(seconds=1200.0, device="cpu")
    assert cost.comparable(trials) == ""
    trials.loc[trials["row_key"] == "best", "device"] = "NVIDIA H200"
    assert cost.total(trials).startswith("2.0 core-hours and 60 minutes on NVIDIA H200 in 9 trials")
    assert "one core and NVIDIA H200" not in cost.total(trials.iloc[:3])
    assert "NVIDIA H200 and one core" in cost.comparable(trials)
    assert "core-" not in cost.total(trials.assign(device="NVIDIA H200"))


def test_every_candidate_of_every_stage_is_in_the_data_file_of_its_row() -> None:
    trials, records = with_stages(trials_of(LEVELS))
    made = files(trials, records=records)
    row = data_of(made, "data/data-2.js")
    assert row["key"] == "best"
    first = row["cells"]["best|2"]["trials"][0]
    impute, fit = first["stages"]
    assert (impute["method"], fit["method"]) == ("impute", "fit")
    ((low, high),) = fit["groups"]
    assert (low["settings"], low["chosen"], low["score"]) == ("c = 0.1", False, ".500")
    assert (high["settings"], high["chosen"], high["score"]) == ("c = 0.5", True, ".600")
    assert fit["settings"] == "batch = 100"
    assert b'href="#cell/data/best|2"' in made["index.html"]


def test_learning_curves_are_thinned_and_a_missing_file_is_no_error() -> None:
    trials, records = with_stages(trials_of({"ours": [0.5] * 5}))
    records = {name: replace(record, arrays="x") for name, record in records.items()}
    read: list[str] = []

    def arrays(record: Any) -> dict[str, np.ndarray]:
        read.append(record.id)
        if len(read) == 2:
            raise ValueError("gone")
        return {"loss": np.linspace(1, 0, 1000), "test_predictions": np.zeros(9)}

    row = data_of(files(trials, records=records, arrays=arrays), "data/data-1.js")
    told = [trial.get("curves") for trial in row["cells"]["ours|2"]["trials"]]
    assert [sorted(curves or ()) for curves in told] == [["loss"], [], ["loss"], [], []]
    assert told[0]["loss"]["n"] == 1000
    assert len(told[0]["loss"]["y"]) == 200


def test_a_long_table_is_a_data_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "LONG", 5)
    made = files(trials_of(LEVELS))
    (file,) = (name for name in made if "-list-" in name)
    rows = data_of(made, file)
    assert len(rows) == 9
    assert any(isinstance(cell, dict) and cell.get("link") for cell in rows[0]["cells"])
    assert f'data-later="{file}"'.encode() in made["index.html"]


def test_trials_csv_has_every_trial_and_nothing_nested() -> None:
    trials, records = with_stages(trials_of(LEVELS))
    table = pd.read_csv(StringIO(files(trials, records=records)["trials.csv"].decode()))
    assert len(table) == 9
    assert {"row_key", "trial", "status", "accuracy", "seconds"} <= set(table.columns)
    assert "stages" not in table.columns


def test_what_a_run_cannot_tell_follows_from_its_facts() -> None:
    def cannot(trials: pd.DataFrame, **more: Any) -> str:
        meta = replace(META, **more)
        compared = made_of(trials, meta).kind.compared
        (table,) = reach.section(meta, meta.datasets, trials, compared).blocks
        lines = [tuple(cell.text for cell in row.cells) for row in table.rows]
        return " ".join(text for word, text in lines if word == "cannot")

    one = trials_of({"ours": [0.5], "best": [0.7]})
    assert "smoke run" in cannot(one)
    assert "no interval" in cannot(one)
    assert "no interval" not in cannot(trials_of(LEVELS))
    assert "smoke" not in cannot(trials_of(LEVELS), budget="paper")
    simulated = (replace(NOTE, kind="simulated"),)
    assert "simulated" in cannot(one, datasets=simulated)
    assert "stale" not in cannot(one)
    assert "earlier" in cannot(one.assign(stale=True))


@pytest.mark.parametrize(("n", "ratio"), [(3, 0.0), (5, 0.25), (20, 0.25)])
def test_the_detectable_difference_is_that_of_statsmodels(n: int, ratio: float) -> None:
    effect = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)
    widened = 2.0 * np.sqrt(1 / n + ratio) * effect * np.sqrt(n)
    assert detectable(2.0, n, ratio, power=0.8) == pytest.approx(widened, rel=1e-3)
    assert np.isnan(detectable(2.0, 2, power=0.8))


def test_known_rows_have_marks_that_differ() -> None:
    keys = [*OURS, *KNOWN]
    looks = {(mark.hue, mark.shape) for mark in map(mark_of, keys)}
    assert len(looks) == len(set(keys)) == len(keys)
    assert mark_of("a user's row") == mark_of("a user's row")
    assert mark_of("smvae_transductive") == replace(mark_of("smvae"), hollow=True)
    assert mark_of("dccae_smvae") == mark_of("dccae")


def test_watching_ends_with_the_run_and_reloads_only_while_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, told = ["running", "running", "finished"], list[Any]()

    class Run:
        id, jobs, protocols, command, state = "run", ("a",), (), "", "running"

    monkeypatch.setattr(watching.manifests, "chosen", lambda *_: [Run()])
    monkeypatch.setattr(watching, "state_of", lambda *_: states.pop(0))
    monkeypatch.setattr(watching.publish, "publish", lambda *a: told.append(a[5].refresh))
    monkeypatch.setattr(watching.publish, "page_of", lambda *_: "page")
    monkeypatch.setattr(watching.publish, "rebuild", lambda *_: told.append("last") or 0)
    waited: list[float] = []
    assert watching.watch(tmp_path, tmp_path, "last", Console(quiet=True), waited.append) == 0
    assert told == [watching.SECONDS, "last"], "nothing new is not drawn again"
    assert waited == [watching.SECONDS] * 2


def test_a_page_reloads_only_where_it_is_watched() -> None:
    trials = trials_of(LEVELS)
    given = Given(replace(META, refresh=20), Layout("table"), trials)
    assert b'http-equiv="refresh" content="20"' in contents(given, ())["index.html"]
    assert b"http-equiv" not in files(trials)["index.html"]


def test_the_demonstration_has_a_record_of_every_fit(tmp_path: Path) -> None:
    with tarfile.open(ROOT / "docs" / "results" / "demo" / "results.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    store = Store(tmp_path / "results")
    runs, bad = manifests.known(store.folder)
    records = store.records()
    assert (len(runs), bad, store.warnings) == (3, [], [])
    assert {job for run in runs for job in run.jobs} == set(records)
    curves = [record for record in records.values() if record.job["method"] == "smvae"]
    assert any((store.folder / "arrays" / f"{record.arrays}.npz").is_file() for record in curves)
