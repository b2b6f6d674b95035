"""Gains of a leaky split: closed forms, other libraries, and intervals that cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.analysis.leakage import LEAK_COLUMNS, leaks
from tests.unit.harness.fake_trials import trials_of

SPLITS = {"data": {"window": 1 / 3, "person": 0.25}}
Rows = Mapping[str, Sequence[float]]


def trials(percent: float = 2.0, **splits: Rows) -> pd.DataFrame:
    """Split -> row -> accuracies."""
    parts = [trials_of(rows, percent).assign(at_split=name) for name, rows in splits.items()]
    return pd.concat(parts, ignore_index=True)


def drawn(rows: int = 3, n: int = 8, seed: int = 0, gain: float = 0.1) -> dict[str, Rows]:
    rng = np.random.default_rng(seed)
    keys = [f"row{i}" for i in range(rows)]
    return {
        split: {key: 0.5 + shift + 0.04 * rng.normal(size=n) for key in keys}
        for split, shift in (("window", gain), ("person", 0.0))
    }


def test_columns_are_the_agreed_ones() -> None:
    assert tuple(leaks(trials(**drawn()), SPLITS).columns) == LEAK_COLUMNS


def test_the_gain_and_its_t_interval_are_scipys() -> None:
    given = drawn(rows=1)
    line = leaks(trials(**given), SPLITS).iloc[0]
    leaky, other = (np.array(given[split]["row0"]) for split in ("window", "person"))
    known = stats.ttest_1samp(leaky - other, 0.0)
    span = known.confidence_interval(0.95)
    assert line["t_p"] == pytest.approx(known.pvalue)
    assert (line["low"], line["high"]) == pytest.approx((span.low, span.high))
    assert line["difference"] == pytest.approx(leaky.mean() - other.mean())
    assert (line["leaky_mean"], line["leaky_sd"]) == pytest.approx(
        (leaky.mean(), leaky.std(ddof=1))
    )
    assert (line["mean"], line["sd"]) == pytest.approx((other.mean(), other.std(ddof=1)))
    assert (line["leaky_split"], line["split"], line["decision"]) == ("window", "person", "higher")


def test_the_corrected_interval_is_nadeau_and_bengios_by_hand() -> None:
    # Differences .10 .12 .08 .14 .06: mean .10, variance .001; t(4) at 97.5 % is 2.776445;
    # half = 2.776445 sqrt(.001 (1/5 + 1/3)) = .064119
    given = {
        "window": {"svm": [0.60, 0.72, 0.58, 0.74, 0.66]},
        "person": {"svm": [0.50, 0.60, 0.50, 0.60, 0.60]},
    }
    line = leaks(trials(**given), SPLITS).iloc[0]
    assert line["corrected_low"] == pytest.approx(0.10 - 0.064119, abs=1e-6)
    assert line["corrected_high"] == pytest.approx(0.10 + 0.064119, abs=1e-6)


def test_a_fixed_split_has_no_corrected_interval() -> None:
    line = leaks(trials(**drawn(rows=1)), {"data": {"window": None, "person": 0.25}}).iloc[0]
    assert line[["corrected_low", "corrected_high"]].isna().all()
    assert line["low"] < line["high"]


def test_holm_is_over_the_rows_of_one_pair_of_splits_and_share_of_labels() -> None:
    given = drawn(rows=4, gain=0.03) | {"recording": drawn(rows=4, seed=9)["person"]}
    both = pd.concat([trials(2.0, **given), trials(10.0, **given)], ignore_index=True)
    splits = {"data": {"window": 0.3, "recording": 0.3, "person": 0.3}}
    found = leaks(both, splits)
    assert len(found) == 16
    for _, family in found.groupby(["label_percent", "split"]):
        assert len(family) == 4
        expected = multipletests(family["t_p"], method="holm")[1]
        assert family["t_p_holm"].tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_trials_have_a_difference_and_no_interval(n: int) -> None:
    line = leaks(trials(**drawn(rows=1, n=n)), SPLITS).iloc[0]
    assert line["difference"] == pytest.approx(line["leaky_mean"] - line["mean"])
    assert line[["low", "corrected_low", "t_p", "t_p_holm", "sd_difference"]].isna().all()
    assert line["decision"] == ""


def test_a_trial_that_failed_leaves_its_pair_out_and_its_mean_empty() -> None:
    table = trials(**drawn(rows=1, n=4))
    table.loc[1, ["status", "accuracy"]] = ["failed", np.nan]
    line = leaks(table, SPLITS).iloc[0]
    assert (line["pairs"], line["pairs_expected"]) == (3, 4)
    assert np.isnan(line["leaky_mean"])
    assert (line["leaky_trials"], line["trials"], line["trials_expected"]) == (3, 4, 4)
    kept = table["accuracy"].to_numpy()
    assert line["difference"] == pytest.approx(np.mean((kept[:4] - kept[4:])[[0, 2, 3]]))


def test_the_order_of_the_trials_never_matters() -> None:
    table = trials(**drawn())
    shuffled = table.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(leaks(table, SPLITS), leaks(shuffled, SPLITS))


def test_a_row_that_was_run_under_one_split_alone_is_left_out() -> None:
    table = trials(**drawn())
    lone = (table["row_key"] == "row1") & (table["at_split"] == "person")
    assert leaks(table[~lone], SPLITS)["row_key"].tolist() == ["row0", "row2"]


def test_a_split_that_nobody_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="'person' of data"):
        leaks(trials(**drawn()), {"data": {"window": 0.3}})


def coverage(correlation: float, ratio: float, column: str, leak: float = 0.07) -> float:
    """How often the interval holds the true leak; trials of one split are ``correlation`` alike."""
    rng, n, rows = np.random.default_rng(5), 6, 150
    accuracies = {}
    for split, mean in (("window", 0.5 + leak), ("person", 0.5)):
        shared, own = rng.normal(size=(rows, 1)), rng.normal(size=(rows, n))
        spread = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
        accuracies[split] = dict(zip(map(str, range(rows)), mean + 0.02 * spread, strict=True))
    found = leaks(trials(**accuracies), {"data": {"window": ratio, "person": ratio}})
    low, high = found[f"{column}low"], found[f"{column}high"]
    return float(((low <= leak) & (leak <= high)).mean())


def test_independent_trials_are_covered_at_the_nominal_rate() -> None:
    assert coverage(0.0, 1 / 3, "") == pytest.approx(0.95, abs=0.03)


def test_trials_that_overlap_are_covered_at_the_nominal_rate_once_it_is_corrected() -> None:
    # Their model: correlation n_test / (n_test + n_train), which is 1/4 at a ratio of 1/3.
    assert coverage(0.25, 1 / 3, "corrected_") == pytest.approx(0.95, abs=0.03)
    assert coverage(0.25, 1 / 3, "") < 0.86
