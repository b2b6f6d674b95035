"""Verdicts on cells of the paper: tests from summaries, power, how many trials, the sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from harness.analysis.agreement import (
    CELL_COLUMNS,
    MARGIN,
    PUBLISHED_TRIALS,
    against_published,
    possible,
    power,
    trials_needed,
)
from harness.analysis.statistics import holm, summarise
from protocols.published import published_table
from tests.unit.harness.fake_trials import trials_of

PAPER = published_table("table2")
assert PAPER is not None
SDS = PAPER["accuracy_sd"].to_numpy()


def planted(mean: float, sd: float, n: int = 20, row: str = "SMVAE") -> pd.DataFrame:
    """The verdict on inductive SMVAE at 1 % of SEED (.880 and .033), or another row's."""
    drawn = np.random.default_rng(3).standard_normal(n)
    drawn = mean + sd * (drawn - drawn.mean()) / drawn.std(ddof=1)
    trials = trials_of({"own": drawn}, 1.0).assign(published=row)
    return against_published(summarise(trials, PAPER, {"data": "SEED"}))


def test_power_of_the_papers_table_at_its_own_number_of_trials() -> None:
    chance = power(SDS, PUBLISHED_TRIALS)
    assert len(chance) == 84
    assert (chance >= 0.8).sum() == 34
    assert (chance < 0.2).sum() == 23
    assert (~possible(SDS)).sum() == 2
    assert set(SDS[~possible(SDS)]) == {0.055}
    assert (power(SDS, PUBLISHED_TRIALS, 0.03) >= 0.8).sum() == 61


def test_power_is_that_of_simulated_studies() -> None:
    rng, sd, n = np.random.default_rng(5), 0.028, 20
    ours = 0.9 + sd * rng.standard_normal((4000, n))
    paper = 0.9 + sd / np.sqrt(PUBLISHED_TRIALS) * rng.standard_normal(4000)
    spread = ours.std(1, ddof=1)
    p = [
        stats.ttest_ind_from_stats(
            ours.mean(1) + shift, spread, n, paper, sd, 20, equal_var=False, alternative=side
        ).pvalue
        for shift, side in ((MARGIN, "greater"), (-MARGIN, "less"))
    ]
    found = (np.maximum(*p) <= 0.05).mean()
    assert power(np.array([sd]), n)[0] == pytest.approx(found, abs=0.025)


def test_the_trials_needed_are_the_fewest_that_reach_the_chance() -> None:
    needed = trials_needed(SDS)
    some = np.isfinite(needed)
    assert (power(SDS[some], needed[some]) >= 0.8).all()
    more = some & (needed > 3)
    assert (power(SDS[more], needed[more] - 1) < 0.8).all()
    assert (power(SDS[~some], 1e9) < 0.8).all()
    assert np.isinf(needed[~possible(SDS)]).all()


def test_tests_are_those_of_scipy_and_statsmodels_on_the_trials_themselves() -> None:
    rng = np.random.default_rng(0)
    for n in (12, 17, 20):
        ours = rng.normal(0.87, 0.02, n)
        paper = rng.standard_normal(20)
        paper = 0.880 + 0.033 * (paper - paper.mean()) / paper.std(ddof=1)
        trials = trials_of({"own": ours}, 1.0).assign(published="SMVAE")
        line = against_published(summarise(trials, PAPER, {"data": "SEED"})).iloc[0]
        welch = stats.ttest_ind(ours, paper, equal_var=False)
        assert line["welch_p"] == pytest.approx(welch.pvalue)
        interval = welch.confidence_interval(0.95)
        assert (line["low"], line["high"]) == pytest.approx(tuple(interval))
        both = CompareMeans(DescrStatsW(ours), DescrStatsW(paper))
        tost = both.ttost_ind(-MARGIN, MARGIN, usevar="unequal")[0]
        assert line["tost_p"] == pytest.approx(tost)


def test_with_few_trials_the_degrees_of_freedom_are_those_of_our_mean() -> None:
    line = planted(0.95, 0.01, n=4).iloc[0]
    error = np.sqrt(0.01**2 / 4 + 0.033**2 / 20)
    assert line["welch_p"] == pytest.approx(2 * stats.t.sf(0.07 / error, 3))
    assert line["high"] == pytest.approx(0.07 + stats.t.ppf(0.975, 3) * error)


@pytest.mark.parametrize(
    ("mean", "sd", "verdict"),
    [
        (0.880, 0.005, "agrees"),
        (0.920, 0.02, "differs: over"),
        (0.820, 0.03, "differs: under"),
        (0.890, 0.03, "undecided"),
    ],
)
def test_a_cell_has_the_verdict_of_its_numbers(mean: float, sd: float, verdict: str) -> None:
    line = planted(mean, sd).iloc[0]
    assert line["verdict"] == verdict
    assert line["difference"] == pytest.approx(mean - 0.880)
    assert line["reason"].endswith(".")


def test_a_noisy_published_mean_cannot_be_decided_but_may_differ() -> None:
    summary = planted(0.731, 0.001, row="AMMSS")  # no such inductive row: nothing is judged
    assert summary.empty
    trials = trials_of({"own": 0.731 + 0.001 * np.arange(-10, 11)}, 1.0)
    trials = trials.assign(published="AMMSS", block="transductive")
    line = against_published(summarise(trials, PAPER, {"data": "SEED"})).iloc[0]
    assert (line["published_sd"], line["verdict"]) == (0.055, "cannot be decided")
    assert np.isinf(line["trials_needed"])
    far = trials.assign(accuracy=trials["accuracy"] - 0.1)
    line = against_published(summarise(far, PAPER, {"data": "SEED"})).iloc[0]
    assert line["verdict"] == "differs: under"


def test_a_difference_that_is_shown_to_be_small_agrees_even_if_it_is_real() -> None:
    summary = summarise(
        trials_of({"own": 0.975 + 0.0001 * np.arange(-10, 11)}, 3.0).assign(published="SMVAE"),
        PAPER,
        {"data": "SEED"},
    )
    line = against_published(summary).iloc[0]  # the paper's .968 and .015
    assert line["verdict"] == "agrees"
    assert line["welch_p"] < 0.1


def test_an_undecided_cell_says_how_many_more_trials_it_takes() -> None:
    few = planted(0.885, 0.02, n=4).iloc[0]  # the published SD of .033 is too large for any number
    assert np.isinf(few["trials_needed"])
    assert "at most" in few["reason"]
    trials = trials_of({"own": [0.95, 0.96, 0.975]}, 3.0).assign(published="SMVAE")
    line = against_published(summarise(trials, PAPER, {"data": "SEED"})).iloc[0]
    assert line["verdict"] == "undecided"
    assert f"{line['trials_needed'] - 3:.0f} more trials" in line["reason"]


def test_too_few_or_missing_trials_give_no_verdict() -> None:
    assert planted(0.9, 0.01, n=2)["verdict"].to_list() == ["no verdict"]
    trials = trials_of({"own": [0.8, 0.81, 0.82, 0.83]}, 1.0).assign(published="SMVAE")
    trials.loc[2, ["status", "accuracy"]] = ["missing", np.nan]
    line = against_published(summarise(trials, PAPER, {"data": "SEED"})).iloc[0]
    assert line["verdict"] == "no verdict"
    assert line["reason"].startswith("3 of 4")


def test_holm_runs_over_all_cells_and_only_the_papers_data_are_judged() -> None:
    rng = np.random.default_rng(2)
    parts = []
    for percent, mean in ((1.0, 0.86), (2.0, 0.95), (3.0, 0.95)):
        drawn = rng.normal(mean, 0.02, 20)
        parts.append(trials_of({"own": drawn}, percent).assign(published="SMVAE"))
    trials = pd.concat(parts)
    table = against_published(summarise(trials, PAPER, {"data": "SEED"}))
    assert tuple(table.columns) == CELL_COLUMNS
    assert table["welch_p_holm"].to_list() == pytest.approx(holm(table["welch_p"].to_list()))
    assert against_published(summarise(trials, PAPER, {})).empty
    assert against_published(summarise(trials.iloc[:0], PAPER, {})).empty
    with pytest.raises(ValueError, match="margin"):
        against_published(summarise(trials, PAPER, {"data": "SEED"}), 0.0)
