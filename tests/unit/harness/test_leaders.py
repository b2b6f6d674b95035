"""Leaders against hand-made trials: who leads, by how much, what is decided, what is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.analysis.leaders import EVERY_BLOCK, LEADER_COLUMNS, leaders
from tests.unit.harness.fake_trials import trials_of

RNG = np.random.default_rng(4)
COMMON = RNG.normal(0, 0.03, 12)
BEST, NEAR, FAR = (m + COMMON + RNG.normal(0, 0.01, 12) for m in (0.75, 0.735, 0.6))


def table(**blocks: str) -> pd.DataFrame:
    made = trials_of({"near": NEAR, "best": BEST, "far": FAR})
    made["block"] = made["row_key"].map({"near": "a", "best": "b", "far": "a"} | blocks)
    return made


def line(trials: pd.DataFrame, block: str = EVERY_BLOCK, reference: str = "far") -> dict:
    found = leaders(trials, reference)
    return found[found["block"] == block].iloc[0].to_dict()


def test_a_line_for_every_block_and_one_for_all() -> None:
    found = leaders(table(), "far")
    assert tuple(found.columns) == LEADER_COLUMNS
    assert found["block"].to_list() == ["a", "b", EVERY_BLOCK]
    assert found["leader_key"].to_list() == ["near", "best", "best"]
    assert found["runner_up_key"].to_list() == ["far", "", "near"]
    assert found["leader_block"].to_list() == ["a", "b", "b"]


def test_numbers_are_those_of_a_paired_t_with_holm() -> None:
    own = line(table())
    interval = stats.ttest_1samp(BEST, 0).confidence_interval(0.95)
    assert (own["mean"], own["low"], own["high"]) == pytest.approx((BEST.mean(), *interval))
    raw = [stats.ttest_rel(BEST, other).pvalue for other in (NEAR, FAR)]
    adjusted = multipletests(raw, method="holm")[1]
    assert (own["lead_p"], own["behind_p"]) == pytest.approx(tuple(adjusted))
    gap = stats.ttest_rel(BEST, FAR).confidence_interval(0.95)
    assert (own["behind_low"], own["behind_high"]) == pytest.approx(tuple(gap))
    assert own["behind"] == pytest.approx((BEST - FAR).mean())
    assert own["behind_decision"] == "decided"


def test_overlapping_trials_widen_intervals_and_may_leave_a_lead_undecided() -> None:
    plain = line(table())
    wider = line(table().assign(n_train=300, n_test=100))
    ratio = np.sqrt((1 / 12 + 1 / 3) * 12)
    assert plain["lead_decision"] == "decided"
    assert wider["lead_decision"] == "undecided"
    for own, times in ((plain, 1.0), (wider, ratio)):
        half = stats.t.ppf(0.975, 11) * stats.sem(BEST - NEAR) * times
        assert own["lead_high"] - own["lead"] == pytest.approx(half)


def test_a_reference_that_leads_is_no_distance_behind_and_one_ahead_of_a_block_is_negative() -> (
    None
):
    assert line(table(), reference="best")["behind"] == 0
    assert line(table(), reference="best")["behind_decision"] == ""
    ahead = line(table(), "a", "best")
    assert (ahead["leader_key"], ahead["reference_key"]) == ("near", "best")
    assert ahead["behind"] == pytest.approx((NEAR - BEST).mean())


def test_incomplete_rows_bounds_and_rows_of_all_labels_do_not_lead() -> None:
    short = table()
    short.loc[(short["row_key"] == "best") & (short["trial"] == 3), "status"] = "failed"
    own = line(short)
    assert (own["leader_key"], own["rows"], own["incomplete"]) == ("near", 2, 1)
    assert line(table(best="bounds"))["leader_key"] == "near"
    ceiling = table()
    ceiling["all_labels"] = ceiling["row_key"] == "best"
    assert line(ceiling)["leader_key"] == "near"
    nothing = table().assign(status="missing")
    assert not len(leaders(nothing, "far"))


def test_an_unknown_reference_has_no_distance() -> None:
    own = line(table(), reference="none")
    assert (own["reference"], own["behind_decision"]) == ("", "")
    assert np.isnan(own["behind"])


def test_two_trials_decide_nothing() -> None:
    own = line(trials_of({"a": [0.5, 0.6], "far": [0.4, 0.3]}))
    assert own["lead"] == pytest.approx(0.2)
    assert own["lead_decision"] == "too few trials"


def test_of_an_error_the_lowest_leads_and_places_stand_apart() -> None:
    made = trials_of({"a": BEST, "far": FAR}).rename(columns={"accuracy": "nmse"})
    made = pd.concat([made.assign(accuracy=0.5, at_missing=m) for m in (0.1, 0.9)])
    found = leaders(made, "a", "nmse")
    found = found[found["block"] == EVERY_BLOCK]
    assert found["at_missing"].to_list() == [0.1, 0.9]
    own = found.iloc[0]
    assert (own["leader_key"], own["mean"]) == ("far", pytest.approx(FAR.mean()))
    assert own["low"] < own["mean"] < own["high"]
    assert own["behind"] == pytest.approx((BEST - FAR).mean())
