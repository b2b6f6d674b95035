"""Claims on planted trials: each holds in one world and fails in another; Holm, gaps, pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from harness.analysis.claims import (
    APART,
    LEDGER_COLUMNS,
    TrialCells,
    judge,
    judge_stored,
    paper_claims,
)
from harness.analysis.predicates import KINDS, Cell, Claim, Known
from harness.analysis.statistics import paired
from harness.analysis.stored_cells import StoredCells, ratio_of
from tests.unit.harness.fake_claims import TITLES, VIEWS, WORLD, Means, planted

CLAIMS = {claim.key: claim for claim in paper_claims()}
TESTED = [key for key, claim in CLAIMS.items() if claim.kind != "untested"]


@pytest.fixture(scope="module")
def world() -> dict[str, pd.DataFrame]:
    return planted()


@pytest.fixture(scope="module")
def ledger(world: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return judge(world, VIEWS)


@pytest.mark.parametrize("key", TESTED)
def test_a_claim_holds_where_it_is_true(ledger: pd.DataFrame, key: str) -> None:
    own = ledger[ledger["claim"] == key]
    assert set(own["verdict"]) == {"holds"}, own[["shown", "reason"]].to_string()


@pytest.mark.parametrize("key", TESTED)
def test_a_claim_fails_where_one_statement_of_it_is_false(key: str) -> None:
    claim, tables = CLAIMS[key], {}
    if claim.kind in APART:  # the weights are exchanged, what M2 says of the views is not
        tables = planted(only=["table2"])
        tables |= planted(lambda m: {k: 1 - v for k, v in m.items()}, only=["figure2b"])
    else:
        tables = planted(lambda means: _broken(claim, means), only=[claim.protocol])
    own = judge(tables, VIEWS, [claim])
    verdicts = own.loc[own["claim"] == key, "verdict"]
    assert (verdicts == "fails").sum() == 1
    assert set(verdicts) <= {"fails", "holds", "undecided"}


def _broken(claim: Claim, means: Means) -> Means:
    """Means in which the last statement of the claim is false by .05."""
    titles = {key: TITLES.get(key, key) for _, _, key in means}
    cells = frozenset(Cell(*key) for key in means)
    statement = KINDS[claim.kind](claim, Known(cells, WORLD[claim.protocol][0], titles))[-1]
    value = sum(c * means[tuple(cell)] for cell, c in statement.cells.items())
    wanted = (statement.low if np.isfinite(statement.low) else statement.high) - 0.05
    norm = sum(c * c for c in statement.cells.values())
    moved = {tuple(cell): c * (wanted - value) / norm for cell, c in statement.cells.items()}
    return {cell: mean + moved.get(cell, 0.0) for cell, mean in means.items()}


def test_columns_and_quotes() -> None:
    made = judge(planted(trials=3), VIEWS)
    assert tuple(made.columns) == LEDGER_COLUMNS
    assert made["quote"].str.len().min() > 10
    assert set(made["claim"]) == set(CLAIMS)


def test_holm_is_that_of_statsmodels_over_a_protocol() -> None:
    for _, own in judge(planted(noise=0.03), VIEWS).groupby("protocol"):
        tested = own.dropna(subset=["p"])
        expected = multipletests(tested["p"], method="holm")[1]
        assert tested["p_holm"].to_numpy() == pytest.approx(expected)


def test_three_equal_rows_are_undecided_and_say_what_decides() -> None:
    made = judge(planted(lambda m: dict.fromkeys(m, 0.6), noise=0.02, only=["table2"]), VIEWS)
    tested = made[made["p"].notna()]
    assert set(tested["verdict"]) == {"undecided"}
    assert tested["reason"].str.contains("comparisons|against").all()


def test_a_claim_of_which_a_part_did_not_run_does_not_hold_but_may_fail(
    world: dict[str, pd.DataFrame],
) -> None:
    own = world["table2"]
    partly = judge({"table2": own[own["row_key"] != "dcca_svm"]}, VIEWS)
    line = partly[partly["claim"] == "smvae_above_supervised"].iloc[0]
    assert line["verdict"] == "undecided"
    assert "dcca_svm" in line["reason"]
    worse = own.copy()
    worse.loc[worse["row_key"] == "mae_svm", "accuracy"] += 0.3
    partly = judge({"table2": worse[worse["row_key"] != "dcca_svm"]}, VIEWS)
    assert partly[partly["claim"] == "smvae_above_supervised"].iloc[0]["verdict"] == "fails"


def test_single_views_that_did_not_run_are_not_taken_for_the_concatenation(
    world: dict[str, pd.DataFrame],
) -> None:
    own = world["table2"]
    partly = judge({"table2": own[~own["row_key"].isin(["m2_eeg", "m2_pps"])]}, VIEWS)
    single = partly[partly["claim"] == "above_single_view_m2"]
    assert single["verdict"].to_list() == ["not tested"]
    assert set(partly.loc[partly["claim"] == "smvae_above_inductive", "verdict"]) == {"undecided"}


def test_what_cannot_be_tested_says_why(world: dict[str, pd.DataFrame]) -> None:
    made = judge({"figure2b": world["figure2b"]}, {"data": ("left", "right")})
    why = made.set_index("claim")
    assert set(why["verdict"]) == {"not tested"}
    assert "EEG" in why.at["eeg_weighs_most", "reason"]
    assert "Table 2" in why.at["weights_follow_m2", "reason"]
    short = judge(planted(trials=2), VIEWS)
    assert set(short["verdict"]) == {"not tested"}
    one = world["figure4"][world["figure4"]["label_percent"] == 1.0]
    made = judge({"figure4": one}, VIEWS).set_index("claim")
    assert made.at["labels_improve_imputation", "verdict"] == "not tested"


def test_failed_trials_are_left_out_of_pairs_and_counted(world: dict[str, pd.DataFrame]) -> None:
    own = world["table2"].copy()
    own.loc[(own["row_key"] == "smvae") & (own["trial"] == 4), ["status", "accuracy"]] = (
        "failed",
        np.nan,
    )
    line = judge({"table2": own}, VIEWS).set_index("claim").loc["above_concatenation"].iloc[0]
    assert (line["trials"], line["trials_expected"]) == (9, 10)
    assert "9 of 10 trials" in line["reason"]


def test_stored_comparisons_give_the_verdicts_of_their_trials() -> None:
    own = planted(noise=0.05, only=["table2"])["table2"].assign(n_train=300, n_test=100)
    compared = paired(own, "smvae").round(9)
    moments = own.groupby(["label_percent", "row_key", "row"], sort=False)["accuracy"]
    cells = moments.agg(mean="mean", sd="std", trials="count").reset_index()
    ratio = ratio_of(compared)
    assert ratio == pytest.approx(1 / 3, rel=1e-4)
    full = judge({"table2": own}, VIEWS).set_index(["claim", "label_percent"])
    exact, bound = (
        judge_stored("table2", {"data": StoredCells.of(cells, ratio, pairs, "smvae")}).set_index(
            ["claim", "label_percent"]
        )
        for pairs in (compared, None)
    )
    for key in ("smvae_above_supervised", "smvae_above_inductive", "above_concatenation"):
        for name in ("p", "effect", "low", "high", "held", "failed"):
            ours, theirs = exact.loc[key, name], full.loc[key, name]
            assert ours.to_numpy(float) == pytest.approx(theirs.to_numpy(float), rel=1e-4)
    tested = full["p"].notna()
    assert (bound.loc[tested, "p"] >= full.loc[tested, "p"] - 1e-12).all(), "SDs are a bound"
    bare = StoredCells.of(cells.iloc[:0], ratio, compared, "smvae")
    lines = judge_stored("table2", {"data": bare}).set_index("claim").loc["tsvm_moderate_above"]
    assert set(lines["verdict"]) == {"not tested"}


def test_the_order_of_lines_changes_nothing(
    world: dict[str, pd.DataFrame], ledger: pd.DataFrame
) -> None:
    mixed = {name: table.sample(frac=1, random_state=1) for name, table in world.items()}
    pd.testing.assert_frame_equal(judge(mixed, VIEWS), ledger)


def test_an_unknown_field_or_kind_is_refused(tmp_path) -> None:
    entry = 'key = "a"\nprotocol = "table2"\nsection = "1"\nquote = "q"\nsays = "s"\n'
    for more, name in (('kind = "odd"', "odd"), ('kind = "above"\nrow = ["x"]', "row")):
        path = tmp_path / f"{name}.toml"
        path.write_text(f"[[claim]]\n{entry}{more}\n")
        with pytest.raises(ValueError, match=name):
            paper_claims(path)


def test_rows_of_a_claim_exist_in_their_protocol() -> None:
    for claim in CLAIMS.values():
        keys = {key for _, _, key in WORLD[claim.protocol][2]}
        named = [n.removeprefix("!") for n in (*claim.rows, *claim.others) if ":" not in n]
        assert set(named) <= keys, claim.key


def test_weights_are_cells_by_the_name_of_their_view(world: dict[str, pd.DataFrame]) -> None:
    claim = replace(CLAIMS["eeg_weighs_most"], key="other", view="pps")
    made = judge({"figure2b": world["figure2b"]}, VIEWS, [claim])
    assert made["verdict"].to_list() == ["fails"]
    assert made["effect"].iloc[0] == pytest.approx(-0.4, abs=0.01)


def test_cells_of_trials_know_places_and_ratio(world: dict[str, pd.DataFrame]) -> None:
    cells = TrialCells.of(world["figure6"].assign(n_train=60, n_test=20), "accuracy")
    assert cells.known.axes == ("c1", "c2")
    assert len(cells.known.places({"c1": (0.1,), "c2": (0.1, 1.0)})) == 2
    assert cells.ratio == pytest.approx(1 / 3)
