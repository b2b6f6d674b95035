from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.analysis.statistics import (
    PAIRED_COLUMNS,
    SUMMARY_COLUMNS,
    holm,
    interval,
    paired,
    summarise,
)
from protocols.published import published_table
from tests.unit.harness.fake_trials import trials_of

# Student's sleep data (1908), extra hours with two drugs, scaled into [0, 1].
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]) / 10
# Hollander and Wolfe (1973), p. 29: depression scale before and after a tranquilizer.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]) / 10
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]) / 10


def test_columns_are_the_agreed_ones() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "other": [0.4, 0.7]})
    assert tuple(summarise(trials).columns) == SUMMARY_COLUMNS
    assert tuple(paired(trials, "ours").columns) == PAIRED_COLUMNS


def test_mean_and_sample_sd_of_a_complete_cell() -> None:
    line = summarise(trials_of({"ours": [0.5, 0.6, 0.7]})).iloc[0]
    assert line["mean"] == pytest.approx(0.6)
    assert line["sd"] == pytest.approx(0.1)
    assert (line["trials"], line["trials_expected"]) == (3, 3)


def test_one_trial_has_a_mean_and_no_sd() -> None:
    line = summarise(trials_of({"ours": [0.5]})).iloc[0]
    assert line["mean"] == 0.5
    assert np.isnan(line["sd"])


@pytest.mark.parametrize("status", ["failed", "missing", "skipped"])
def test_a_cell_that_lacks_a_trial_has_no_mean(status: str) -> None:
    trials = trials_of({"ours": [0.5, 0.6, 0.7]})
    trials.loc[1, ["status", "accuracy"]] = [status, np.nan]
    line = summarise(trials).iloc[0]
    assert np.isnan(line["mean"])
    assert np.isnan(line["sd"])
    assert (line["trials"], line["trials_expected"]) == (2, 3)
    assert line["failed"] == (status == "failed")


def test_counts_that_differ_between_trials_are_shown_as_a_range() -> None:
    trials = trials_of({"ours": [0.5, 0.6]})
    trials["n_labelled"] = [38, 42]
    line = summarise(trials).iloc[0]
    assert line["n_labelled"] == "38-42"
    assert line["candidates"] == 4


def test_published_numbers_need_a_paper_name() -> None:
    trials = trials_of({"smvae": [0.5, 0.6]}, percent=1.0).assign(published="SMVAE")
    table = published_table("table2")
    with_name = summarise(trials, table, {"data": "SEED"}).iloc[0]
    assert (with_name["published_mean"], with_name["published_sd"]) == (0.880, 0.033)
    assert np.isnan(summarise(trials, table, {}).iloc[0]["published_mean"])


def test_published_table_has_every_printed_number() -> None:
    table = published_table("table2")
    assert table is not None
    assert len(table) == 84
    assert not table.duplicated(["dataset", "paradigm", "row", "labelled_percent"]).any()
    assert published_table("figure3") is None


def test_sleep_data_gives_the_published_t_test() -> None:
    line = _pair(0.2 + SLEEP, np.full(10, 0.2))
    assert line["t_p"] == pytest.approx(0.00283, abs=5e-6)
    assert line["low"] == pytest.approx(0.07001142, abs=1e-8)
    assert line["high"] == pytest.approx(0.24598858, abs=1e-8)
    assert line["decision"] == "higher"


def test_depression_data_gives_the_published_signed_rank_test() -> None:
    assert _pair(BEFORE, AFTER)["wilcoxon_p"] == pytest.approx(0.03906, abs=5e-6)


def test_p_values_are_scipys() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.uniform(0.4, 0.6, (2, 12))
    line = _pair(left, right)
    assert line["t_p"] == pytest.approx(stats.ttest_rel(left, right).pvalue)
    assert line["wilcoxon_p"] == pytest.approx(stats.wilcoxon(left, right).pvalue)
    expected = stats.ttest_rel(left, right).confidence_interval(0.95)
    assert (line["low"], line["high"]) == pytest.approx((expected.low, expected.high))


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


def test_holm_is_statsmodels() -> None:
    p = np.random.default_rng(3).uniform(0, 0.2, 9)
    assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1].tolist())


def test_holm_family_is_one_data_set_and_column() -> None:
    rng = np.random.default_rng(1)
    rows = {name: list(rng.uniform(0.4, 0.6, 5)) for name in ("ours", "a", "b", "c")}
    one = paired(trials_of(rows), "ours")
    twice = pd.concat([trials_of(rows), trials_of(rows, percent=5.0)], ignore_index=True)
    both = paired(twice, "ours")
    assert both["t_p_holm"].tolist() == pytest.approx(2 * one["t_p_holm"].tolist())


def test_fewer_than_three_common_trials_say_nothing() -> None:
    trials = trials_of({"ours": [0.5, 0.6, 0.7], "other": [0.4, 0.5, 0.6]})
    trials.loc[0, ["status", "accuracy"]] = ["failed", np.nan]
    line = paired(trials, "ours").iloc[0]
    assert (line["pairs"], line["pairs_expected"]) == (2, 3)
    assert line["decision"] == ""
    assert line[["mean_difference", "low", "t_p", "wilcoxon_p", "t_p_holm"]].isna().all()


@pytest.mark.parametrize("shift", [0.0, 0.125])
def test_differences_without_spread_are_undecided(shift: float) -> None:
    line = _pair(np.array([0.5, 0.6, 0.7]) + shift, np.array([0.5, 0.6, 0.7]))
    assert line["mean_difference"] == pytest.approx(shift)
    assert line["decision"] == "undecided"
    assert np.isnan(line["low"])
    assert np.isnan(line["t_p"])


def test_ceilings_are_no_partners() -> None:
    trials = trials_of({"ours": [0.5, 0.6, 0.7], "all": [0.8, 0.8, 0.9]})
    trials["all_labels"] = trials["row_key"] == "all"
    assert len(paired(trials, "ours")) == 0


def test_corrected_interval_uses_the_training_pool() -> None:
    rng = np.random.default_rng(2)
    left, right = rng.uniform(0.4, 0.6, (2, 5))
    trials = trials_of({"ours": list(left), "other": list(right)}).assign(n_test=40)
    trials["n_train"] = np.where(trials["row_key"] == "ours", 120, 6)
    line = paired(trials, "ours").iloc[0]
    differences = left - right
    half = stats.t.ppf(0.975, 4) * np.sqrt((1 / 5 + 40 / 120) * differences.var(ddof=1))
    assert line["corrected_high"] == pytest.approx(differences.mean() + half)
    assert (line["corrected_low"], line["corrected_high"]) == pytest.approx(
        interval(differences, 1 / 3)
    )
    blank = paired(trials.assign(n_train=np.nan), "ours").iloc[0]
    assert np.isnan(blank["corrected_low"])


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("status", "fine", "unknown status 'fine'"),
        ("accuracy", np.nan, "accuracy in"),
        ("accuracy", 1.2, "accuracy in"),
        ("trial", 0, "twice"),
    ],
)
def test_a_broken_table_is_refused(column: str, value: object, words: str) -> None:
    trials = trials_of({"ours": [0.5, 0.6]})
    trials[column] = trials[column].astype(object)
    trials.loc[1, column] = value
    with pytest.raises(ValueError, match=words):
        summarise(trials)


def test_a_lacking_column_is_named() -> None:
    with pytest.raises(ValueError, match="lacks the column 'block'"):
        summarise(trials_of({"ours": [0.5]}).drop(columns="block"))


def _pair(left: np.ndarray, right: np.ndarray) -> pd.Series:
    return paired(trials_of({"ours": list(left), "other": list(right)}), "ours").iloc[0]
