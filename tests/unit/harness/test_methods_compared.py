"""Posteriors and the matrix of pairs against scipy, statsmodels and a posterior by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scikit_posthocs import posthoc_wilcoxon
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.analysis.methods import (
    MATRIX_COLUMNS,
    POSTERIOR_COLUMNS,
    grid,
    matrix,
    posteriors,
)
from harness.analysis.statistics import holm
from tests.unit.harness.fake_trials import trials_of

RNG = np.random.default_rng(11)
ROWS = {key: RNG.normal(mean, 0.02, 15) for key, mean in (("a", 0.7), ("b", 0.69), ("c", 0.6))}


def test_a_posterior_is_the_t_made_by_hand() -> None:
    trials = trials_of(ROWS).assign(n_train=1200, n_test=400)
    table = posteriors(trials, "a")
    assert tuple(table.columns) == POSTERIOR_COLUMNS
    for key in ("b", "c"):
        x = ROWS["a"] - ROWS[key]
        # Corani and Benavoli (2015): correlation 1/4 between trials that test 400 of 1600 rows.
        rho = 400 / (400 + 1200)
        scale = np.sqrt((1 / 15 + rho / (1 - rho)) * x.var(ddof=1))
        by_hand = stats.t(14, loc=x.mean(), scale=scale)
        line = table[table["row_key"] == key].iloc[0]
        assert line["p_worse"] == pytest.approx(by_hand.cdf(-0.01))
        assert line["p_better"] == pytest.approx(by_hand.sf(0.01))
        assert line["p_equal"] == pytest.approx(by_hand.cdf(0.01) - by_hand.cdf(-0.01))
        assert (line["low"], line["high"]) == pytest.approx(by_hand.interval(0.95))


def test_a_posterior_integrates_to_its_probabilities() -> None:
    x = ROWS["a"] - ROWS["b"]
    spread = x.std(ddof=1) / np.sqrt(15)
    grid_ = np.linspace(-1, 1, 400_001)
    density = (1 + ((grid_ - x.mean()) / spread) ** 2 / 14) ** (-7.5)
    line = posteriors(trials_of(ROWS), "a").iloc[0]
    assert line["p_better"] == pytest.approx(density[grid_ > 0.01].sum() / density.sum(), abs=1e-4)


def test_verdicts_of_posteriors_need_nineteen_in_twenty() -> None:
    near = {"a": ROWS["a"], "same": ROWS["a"] + RNG.normal(0, 0.002, 15), "c": ROWS["c"]}
    table = posteriors(trials_of(near), "a").set_index("row_key")
    assert table["verdict"].to_dict() == {"same": "equal", "c": "better"}
    assert posteriors(trials_of(near), "c").set_index("row_key").at["a", "verdict"] == "worse"
    few = posteriors(trials_of({"a": [0.7, 0.71], "b": [0.5, 0.51]}), "a").iloc[0]
    assert few["verdict"] == ""
    assert posteriors(trials_of(near), "none").empty


def test_of_an_error_lower_is_better_and_places_stand_apart() -> None:
    trials = trials_of(ROWS).rename(columns={"accuracy": "nmse"}).assign(accuracy=np.nan)
    trials = pd.concat([trials.assign(at_missing=m) for m in (0.1, 0.5)])
    table = posteriors(trials, "c", "nmse")
    assert set(table["verdict"]) == {"better"}
    assert table["at_missing"].to_list() == [0.1, 0.1, 0.5, 0.5]


def several() -> pd.DataFrame:
    parts = []
    for i, name in enumerate(("one", "two", "three")):
        rng = np.random.default_rng(i)
        rows = {
            key: rng.normal(mean, 0.02, 10)
            for key, mean in (("a", 0.7), ("b", 0.7 - 0.05 * i), ("c", 0.6))
        }
        parts.append(trials_of(rows).assign(dataset=name, dataset_order=i))
    return pd.concat(parts)


def test_a_pair_over_data_sets_is_a_mean_of_independent_means() -> None:
    trials = several()
    table = matrix(trials)
    assert tuple(table.columns) == MATRIX_COLUMNS
    wide = trials.pivot(index=["dataset", "trial"], columns="row_key", values="accuracy")
    gaps = (wide["a"] - wide["b"]).unstack("dataset")
    line = table[(table["row_key"] == "a") & (table["other_key"] == "b")].iloc[0]
    assert line["difference"] == pytest.approx(gaps.mean().mean())
    variances = gaps.var(ddof=1) / 10
    error = np.sqrt(variances.sum()) / 3
    freedom = variances.sum() ** 2 / (variances**2 / 9).sum()
    p = 2 * stats.t.sf(abs(line["difference"]) / error, freedom)
    assert line["p"] == pytest.approx(p)
    signs = [stats.ttest_1samp(gaps[name], 0) for name in gaps]
    wins = sum(t.pvalue <= 0.05 and t.statistic > 0 for t in signs)
    assert (line["wins"], line["wins"] + line["ties"] + line["losses"]) == (wins, 3)
    expected = multipletests(table["p"], method="holm")[1]
    assert table["p_holm"].to_numpy() == pytest.approx(expected)


def test_the_adjustment_of_a_matrix_is_that_of_scikit_posthocs() -> None:
    wide = trials_of(ROWS).pivot(index="trial", columns="row_key", values="accuracy")
    long = wide.melt(value_name="y")
    raw, adjusted = (
        posthoc_wilcoxon(long, val_col="y", group_col="row_key", p_adjust=how)
        for how in (None, "holm")
    )
    pairs = np.triu_indices(3, 1)
    assert holm(raw.to_numpy()[pairs].tolist()) == pytest.approx(adjusted.to_numpy()[pairs])


def test_one_data_set_gives_a_paired_t() -> None:
    line = matrix(trials_of(ROWS)).iloc[0]
    assert line["p"] == pytest.approx(stats.ttest_rel(ROWS["a"], ROWS["b"]).pvalue)


def test_a_pair_reads_the_same_from_both_ends() -> None:
    cells = grid(matrix(several()))
    there, back = cells["a", "c"], cells["c", "a"]
    assert there["difference"] == -back["difference"]
    assert (there["wins"], there["losses"]) == (back["losses"], back["wins"])
    assert (there["verdict"], back["verdict"]) == ("better", "worse")


def test_incomplete_rows_upper_bounds_and_figures_have_no_pair() -> None:
    trials = trials_of(ROWS)
    trials.loc[3, "status"] = "failed"
    assert set(matrix(trials)["row_key"]) == {"b"}
    ceiling = trials_of(ROWS)
    ceiling["all_labels"] = ceiling["row_key"] == "c"
    assert len(matrix(ceiling)) == 1
    assert matrix(trials_of(ROWS).assign(at_c=1.0)).empty
