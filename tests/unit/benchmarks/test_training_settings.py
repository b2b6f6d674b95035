"""Epochs of development draws are chosen by one half of the tuning rows and scored by the other."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks import training_settings as benchmark


def curve(first: list[float], second: list[float], setting: str = "rate 0.008 W10") -> pd.DataFrame:
    """Lines of one draw, scored every 4 epochs."""
    names = {"method": "m2", "setting": setting, "dataset": "digits", "paradigm": "inductive"}
    lines = [
        {**names, "draw": 0, "epoch": 4 * step, "half_0": a, "half_1": b, "tuning_accuracy": a}
        for step, (a, b) in enumerate(zip(first, second, strict=True), start=1)
    ]
    return pd.DataFrame(lines)


def test_a_half_scores_the_epoch_that_the_other_half_chose() -> None:
    table = curve([0.5, 0.9, 0.6], [0.4, 0.3, 0.8])
    judged = benchmark.judged(table)
    assert judged["digits"].item() == pytest.approx((0.3 + 0.6) / 2)
    assert judged["mean"].item() == judged["digits"].item()


@pytest.mark.parametrize(
    ("setting", "expected"), [("rate 0.008 W10", 0.5), ("rate 0.008 W40", 0.9)]
)
def test_no_epoch_after_the_preview_would_have_stopped_is_chosen(setting, expected) -> None:
    """Patience is 20 epochs from the best or the end of the warm-up; the peak is at epoch 48."""
    scores = [0.5, *[0.4] * 10, 0.9]
    assert benchmark.judged(curve(scores, scores, setting))["digits"].item() == expected


def test_a_half_that_chooses_a_setting_does_not_score_it() -> None:
    low, high = curve([0.5], [0.7], "rate 0.002 W10"), curve([0.6], [0.4])
    names = ("rate 0.002 W10", "rate 0.008 W10")
    judged = benchmark.judged(pd.concat([low, high], ignore_index=True), [names])
    by_setting = judged["digits"].droplevel(["method", "paradigm"])
    # The first half prefers .008, which the second scores .4; the second .002, which has .5.
    assert by_setting[" or ".join(names)] == pytest.approx((0.4 + 0.5) / 2)
    assert by_setting[list(names)].tolist() == pytest.approx([0.6, 0.5])


def test_lines_without_halves_are_left_out() -> None:
    table = curve([0.5], [0.5])
    table[["half_0", "half_1"]] = None
    assert benchmark.judged(table).empty


def test_lines_are_added_under_the_columns_that_a_table_has(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("method,epoch,tuning_accuracy\nm2,5,0.5000\n")
    benchmark._append(path, [{"method": "m2", "epoch": 10, "tuning_accuracy": 0.25, "half_0": 1.0}])
    assert path.read_text().splitlines()[1:] == ["m2,5,0.5000", "m2,10,0.2500"]
