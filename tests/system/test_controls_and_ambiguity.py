"""The protocols on simulated controls and on open choices, run from the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.system.command_line import SERIAL, CommandLine, lines, places, run

CONTROLS = ("--protocol", "controls", "--budget", "smoke", *SERIAL)
AMBIGUITY = ("--protocol", "ambiguity", "--budget", "smoke", *SERIAL)


def test_a_part_of_the_controls_runs(cli: CommandLine, tmp_path: Path) -> None:
    data = ("synthetic_small:a,noise", "synthetic_small:o,m")
    status, out, _ = cli(*CONTROLS, "--dataset", *data, "--method", "noise_smvae", "missing_*")
    assert status == 0, out
    made = lines(tmp_path)
    assert {line["status"] for line in made} == {"ok"}
    weighed = [line["facts"] for line in made if line["job"]["method"] == "smvae"]
    assert all(0 < facts["weight_1"] < 1 for facts in weighed)
    imputed = {line["job"]["method"] for line in made if "nmse" in line["metrics"]}
    assert imputed == {"simvae", "ridge_impute", "mean_impute"}


def test_a_data_set_of_which_nothing_is_known_is_refused(cli: CommandLine) -> None:
    status, _, err = cli(*CONTROLS, "--dataset", "digits")
    assert status == 2
    assert "synthetic_small:a,b" in err
    assert "Traceback" not in err


def test_some_open_choices_run(cli: CommandLine, tmp_path: Path) -> None:
    status, out, _ = cli(*AMBIGUITY, "--method", "smvae_last_epoch", "m2_init", "m2_authors2017")
    assert status == 0, out
    epochs = {line["job"]["method"]: line["epoch"] for line in lines(tmp_path)}
    assert epochs["smvae"] == 5  # the last of a smoke run
    assert len(lines(tmp_path)) == 5  # two learning rates, but the profile of 2017 has its own


@pytest.mark.slow
def test_all_controls_are_judged_on_one_page(tmp_path: Path) -> None:
    made = run(*CONTROLS, "--trials", "3", *places(tmp_path))
    assert made.returncode == 0, made.stderr
    (folder,) = (tmp_path / "reports").glob("*/controls")
    assert (folder / "figures" / "controls.svg").is_file()
    with (folder / "paired.csv").open(newline="") as handle:
        effects = list(csv.DictReader(handle))
    assert len(effects) == 24
    assert sum(line["verdict"] != "" for line in effects) == 21
    means = next(line for line in effects if line["line"] == "Column means, NMSE")
    assert means["verdict"] == "passed"


@pytest.mark.slow
def test_all_open_choices_are_drawn_for_a_data_set(tmp_path: Path) -> None:
    made = run(*AMBIGUITY, *places(tmp_path), timeout=900)
    assert made.returncode == 0, made.stderr
    (folder,) = (tmp_path / "reports").glob("*/ambiguity")
    assert (folder / "figures" / "ambiguity_digits-left-right.svg").is_file()
    with (folder / "paired.csv").open(newline="") as handle:
        panels = [line["panel"] for line in csv.DictReader(handle)]
    assert panels.count("claim: SMVAE minus M2") == panels.count("claim: SMVAE minus best baseline")
