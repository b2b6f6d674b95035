from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from harness.analysis.statistics import decision, paired, possible, summarise
from harness.report import format as fmt
from tests.unit.harness.fake_trials import trials_of

FEW = settings(max_examples=20)


@st.composite
def tables(draw: st.DrawFn, rows: int = 3, whole: bool = False) -> pd.DataFrame:
    """Draw a small table of trials; unless ``whole``, any trial may lack a number."""
    n = draw(st.integers(1, 6))
    # Accuracies are counts over the test rows.
    counts = st.lists(st.integers(0, 90), min_size=n, max_size=n)
    keys = ["ours", *(f"row{i}" for i in range(1, rows))]
    table = trials_of({key: [c / 100 for c in draw(counts)] for key in keys})
    if not whole:
        status = st.sampled_from(["ok", "ok", "ok", "failed", "missing", "skipped"])
        table["status"] = [draw(status) for _ in range(len(table))]
        table["accuracy"] = table["accuracy"].where(table["status"] == "ok")
    return table


@FEW
@given(tables(), st.integers(0, 1000))
def test_the_order_of_lines_means_nothing(trials: pd.DataFrame, seed: int) -> None:
    shuffled = trials.sample(frac=1, random_state=seed)
    assert_frame_equal(summarise(shuffled), summarise(trials))
    assert_frame_equal(paired(shuffled, "ours"), paired(trials, "ours"))


@FEW
@given(tables())
def test_a_mean_stands_exactly_where_no_trial_lacks(trials: pd.DataFrame) -> None:
    summary = summarise(trials)
    whole = summary["trials"] == summary["trials_expected"]
    assert (summary["mean"].notna() == whole).all()
    assert (summary["sd"].notna() == (whole & (summary["trials"] > 1))).all()
    assert summary["trials_expected"].sum() == len(trials)
    assert summary["trials"].sum() == (trials["status"] == "ok").sum()


@FEW
@given(tables(whole=True), st.integers(1, 10))
def test_a_shift_moves_means_and_no_difference(trials: pd.DataFrame, percent: int) -> None:
    shifted = trials.assign(accuracy=trials["accuracy"] + percent / 100)
    before, after = summarise(trials), summarise(shifted)
    np.testing.assert_allclose(after["mean"], before["mean"] + percent / 100)
    np.testing.assert_allclose(after["sd"], before["sd"], atol=1e-12)
    assert_frame_equal(paired(shifted, "ours"), paired(trials, "ours"), atol=1e-9)


@FEW
@given(tables(rows=4).map(lambda table: table.assign(n_train=60, n_test=20)))
def test_intervals_and_p_values_are_coherent(trials: pd.DataFrame) -> None:
    lines = paired(trials, "ours")
    for name in ("t_p", "wilcoxon_p"):
        raw, adjusted = lines[name].to_numpy(float), lines[f"{name}_holm"].to_numpy(float)
        assert (np.isnan(raw) == np.isnan(adjusted)).all()
        there = ~np.isnan(raw)
        assert (adjusted[there] >= raw[there]).all()
        assert (adjusted[there] <= 1).all()
    for line in lines.dropna(subset=["low"]).itertuples():
        assert line.corrected_low < line.low < line.mean_difference
        assert line.mean_difference < line.high < line.corrected_high
        # The interval and the t test are one statement.
        if abs(line.t_p - 0.05) > 1e-9:
            assert (line.low > 0 or line.high < 0) == (line.t_p < 0.05)
        if line.corrected_low <= 0 <= line.corrected_high:
            assert line.decision == "undecided"
    assert (lines.loc[lines["pairs"] < 3, "decision"] == "").all()
    few = lines.loc[lines["pairs"] < 3, ["mean_difference", "t_p", "wilcoxon_p"]]
    assert few.isna().to_numpy().all()


@FEW
@given(tables())
def test_a_trial_without_a_number_is_no_agreement(trials: pd.DataFrame) -> None:
    lacking = trials["status"] != "ok"
    assume(lacking.any())
    dropped = trials.copy()
    # The same trials taken out of every row: nothing but the count of planned pairs may move.
    gone = set(trials.loc[lacking & (trials["row_key"] == "ours"), "trial"])
    left = dropped[~dropped["trial"].isin(gone)]
    columns = ["row_key", "pairs", "mean_difference", "low", "high", "t_p", "wilcoxon_p"]
    with_them = paired(trials, "ours")[columns]
    if len(left):
        assert_frame_equal(with_them, paired(left, "ours")[columns])
    else:
        assert (with_them["pairs"] == 0).all()


@FEW
@given(tables(rows=2, whole=True))
def test_swapping_the_two_rows_mirrors_the_difference(trials: pd.DataFrame) -> None:
    assume(len(trials) >= 6)
    one, two = paired(trials, "ours").iloc[0], paired(trials, "row1").iloc[0]
    assert one["mean_difference"] == pytest.approx(-two["mean_difference"])
    assert one["low"] == pytest.approx(-two["high"], nan_ok=True)
    assert one["t_p"] == pytest.approx(two["t_p"], nan_ok=True)
    assert one["wilcoxon_p"] == pytest.approx(two["wilcoxon_p"])


ENDS = st.floats(-3, 3)


@given(ENDS, ENDS, st.sampled_from(["accuracy", "macro_f1", "weight_0"]), st.booleans())
def test_a_printed_interval_lies_in_what_is_possible_and_is_else_as_computed(
    one: float, two: float, column: str, difference: bool
) -> None:
    low, high = sorted((one, two))
    least = -1 if difference else 0
    ends = possible(low, high, column, difference=difference)
    assert least <= ends[0] <= ends[1] <= 1
    for end, cut in zip((low, high), ends, strict=True):
        assert cut == end or not least <= end <= 1
    assert possible(*ends, column, difference=difference) == ends
    text = fmt.signed if difference else fmt.accuracy
    printed = fmt.interval(low, high, text, column).replace("−", "-").split(" to ")
    assert all(least <= float(end) <= 1 for end in printed)


@given(ENDS, ENDS)
def test_errors_are_cut_at_zero_and_other_values_not_at_all(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert possible(low, high, "nmse") == (max(low, 0), max(high, 0))
    for column in ("nll", "seconds"):
        assert possible(low, high, column) == (low, high)
    assert possible(low, high, "nmse", difference=True) == (low, high)
    assert np.isnan(possible(np.nan, np.nan)).all()


@FEW
@given(tables(rows=4))
def test_cut_intervals_decide_as_the_computed_ones(trials: pd.DataFrame) -> None:
    for line in paired(trials, "ours").to_dict("records"):
        cut = dict(line)
        for kind in ("", "corrected_"):
            low, high = f"{kind}low", f"{kind}high"
            cut[low], cut[high] = possible(line[low], line[high], difference=True)
        assert decision(cut) == line["decision"]
