"""Effects against hand-made trials: contrasts, known values, best rows, intervals, verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.analysis.effects import Effect, effects, verdict
from harness.analysis.statistics import interval
from tests.unit.harness.fake_trials import trials_of

A, B, C = (np.array(v) for v in ([0.8, 0.82, 0.84], [0.7, 0.75, 0.71], [0.5, 0.51, 0.6]))


def table(**changes: object) -> pd.DataFrame:
    made = trials_of({"a": A, "b": B, "c": C}, 2.0)
    return made.assign(tuning_accuracy=made["row_key"].map({"a": 0.7, "b": 0.6, "c": 0.65}))


def only(effect: Effect, trials: pd.DataFrame | None = None, **known: float) -> dict:
    made = table() if trials is None else trials
    (line,) = effects(made, [effect], {made["dataset"].iloc[0]: known}).to_dict("records")
    return line


def test_a_combination_is_taken_trial_by_trial() -> None:
    effect = Effect("one", "all", {"a": 0.5, "b": 0.5, "c": -1.0})
    line, differences = only(effect), 0.5 * (A + B) - C
    assert line["measured"] == pytest.approx((A.mean() + B.mean()) / 2)
    assert line["expected"] == pytest.approx(C.mean())
    assert line["difference"] == pytest.approx(differences.mean())
    assert (line["low"], line["high"]) == pytest.approx(interval(differences))
    assert line["verdict"] == ""


def test_a_known_value_is_subtracted_by_name_and_must_be_known() -> None:
    effect = Effect("one", "all", {"a": 1.0}, less="bayes_accuracy")
    line = only(effect, bayes_accuracy=0.9)
    assert (line["expected"], line["difference"]) == pytest.approx((0.9, A.mean() - 0.9))
    with pytest.raises(ValueError, match="bayes_accuracy"):
        only(effect)


def test_the_best_row_is_that_of_the_highest_tuning_accuracy_not_of_the_highest_test() -> None:
    line = only(Effect("one", "all", {"a": 1.0}, best_of=("b", "c")))
    assert line["against"] == "C"  # the title of row c
    assert line["difference"] == pytest.approx((A - C).mean())


def test_a_missing_trial_leaves_no_number_and_no_verdict() -> None:
    short = table()
    short.loc[(short["row_key"] == "b") & (short["trial"] == 1), ["status", "accuracy"]] = (
        "failed",
        np.nan,
    )
    line = only(Effect("one", "all", {"a": 1.0, "b": -1.0}, within=(0.0, None)), short)
    assert (line["trials"], line["trials_expected"], line["verdict"]) == (2, 3, "")
    assert np.isnan(line["difference"])


def test_an_effect_of_rows_that_were_not_planned_has_no_line() -> None:
    assert effects(table(), [Effect("one", "all", {"a": 1.0, "z": -1.0})], {}).empty


def test_overlap_of_training_sets_widens_the_interval_that_judges() -> None:
    sizes = table().assign(n_train=60, n_test=60)
    effect = Effect("one", "all", {"a": 1.0, "b": -1.0}, within=(0.0, None))
    assert only(effect)["verdict"] == "passed"
    line = only(effect, sizes)
    assert (line["corrected_low"], line["corrected_high"]) == pytest.approx(interval(A - B, 1.0))
    assert line["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("low", "high", "within", "word"),
    [
        (0.1, 0.2, (0.0, None), "passed"),
        (-0.1, 0.2, (0.0, None), "undecided"),
        (-0.2, -0.1, (0.0, None), "failed"),
        (-0.01, 0.01, (-0.05, 0.05), "passed"),
        (0.06, 0.07, (-0.05, 0.05), "failed"),
        (0.04, 0.07, (-0.05, 0.05), "undecided"),
        (-9.0, 9.0, (), ""),
        (np.nan, np.nan, (0.0, None), ""),
    ],
)
def test_a_verdict_says_where_the_interval_lies(
    low: float, high: float, within: tuple, word: str
) -> None:
    assert verdict(low, high, within) == word
