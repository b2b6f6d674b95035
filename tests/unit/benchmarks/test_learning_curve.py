"""Learning curves are read from stored fits: which fits, which epochs, which rule."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import learning_curve
from harness.store.record import Outcome, Record
from harness.store.store import Store
from methods.generative import m2
from protocols.base import BUDGETS

SCENARIO = {"label_fraction": 0.02, "paradigm": "inductive"}


def stored(folder: Path, trial: int = 0, **settings: Any) -> None:
    """One fit of 60 epochs, scored every 20, best at epoch 40."""
    job = {
        "method": "m2",
        "config": m2.Config(**settings).settings(),
        "scenario": SCENARIO,
        "views": None,
        "seed": 0,
        "training": {"epochs": 60},
        "trial": trial,
    }
    record = Record(f"fit{trial}", job, "digits:left,right", "ok", score=0.7, epoch=40)
    arrays = {
        "scored_epoch": np.array([20.0, 40.0, 60.0]),
        "tuning_score": np.array([0.5, 0.7, 0.6]),
        "bound": np.linspace(9, 8, 60),
        "view_weights": np.full((60, 2), 0.5),
    }
    store = Store(folder)
    store.open()
    store.append(Outcome(record, arrays))
    store.close()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["learning_curve", *arguments])
    learning_curve.main()


def test_a_table_and_a_picture_come_from_stored_fits(tmp_path, monkeypatch, capsys):
    stored(tmp_path, 0)
    stored(tmp_path, 1, c=1.0)
    out = tmp_path / "made" / "curves"
    named = ("--dataset", "digits")  # the views need not be named
    run(monkeypatch, "--results", str(tmp_path), "--out", str(out), "--judge", "smoke", *named)
    table = pd.read_csv(out.with_suffix(".csv"))
    assert table["epoch"].tolist() == 2 * [20, 40, 60]
    assert table[table["chosen"]]["epoch"].tolist() == [40, 40]
    assert table["tuning_score"].tolist() == 2 * [0.5, 0.7, 0.6]
    assert table["bound"].iloc[0] == pytest.approx(np.linspace(9, 8, 60)[19], abs=1e-4)
    assert table["curve"].nunique() == 2
    assert "c 1.0" in table["curve"].iloc[-1]
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "gain" in capsys.readouterr().out


def test_nothing_stored_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="no stored fit"):
        run(monkeypatch, "--results", str(tmp_path), "--out", str(tmp_path / "x"))


@pytest.mark.parametrize(("warmup", "stop"), [(0, 24), (40, 60)])
def test_patience_counts_from_the_end_of_a_warm_up(warmup, stop):
    epochs = list(range(4, 81, 4))
    scores = [1.0, *[0.0] * (len(epochs) - 1)]
    assert learning_curve.stopped(epochs, scores, BUDGETS["preview"], warmup) == stop
