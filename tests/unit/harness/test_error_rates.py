"""How often a verdict is wrong where the truth is known, by simulation: at most as often as said.

Trials that overlap are drawn with the correlation that Nadeau and Bengio (2003) take for them,
n_test / (n_test + n_train), and in the long versions by really drawing splits of finite samples.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from harness.analysis.agreement import MARGIN, PUBLISHED_TRIALS, compared
from harness.analysis.claims import TrialCells, judge, judged, paper_claims, settled
from harness.analysis.leaders import EVERY_BLOCK, leaders
from harness.analysis.methods import matrix, posteriors
from harness.analysis.predicates import Cell, Known
from harness.analysis.spread import Spread
from harness.analysis.statistics import holm
from tests.unit.harness.fake_trials import trials_of

NOMINAL = 0.05


def room(rate: float, studies: int) -> float:
    """The most that a rate of ``studies`` simulations may be by chance: three standard errors."""
    return rate + 3 * np.sqrt(rate * (1 - rate) / studies)


def overlapping(rng: np.random.Generator, shape: tuple[int, ...], ratio: float) -> np.ndarray:
    """Standard normal draws (..., trials) that correlate as trials with n_test/n_train = ratio."""
    rho = ratio / (1 + ratio)
    common = rng.standard_normal((*shape[:-1], 1))
    return np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.standard_normal(shape)


# ---------------------------------------------------------------- cells of the paper


def cells_of(
    rng: np.random.Generator, gap: float, studies: int, n: int, sds: tuple[float, float]
) -> pd.DataFrame:
    """Tests of ``studies`` cells, our true mean ``gap`` above the paper's; SDs, ours first."""
    ours = 0.8 + gap + sds[0] * rng.standard_normal((studies, n))
    paper = 0.8 + sds[1] * rng.standard_normal((studies, PUBLISHED_TRIALS))
    return compared(
        pd.DataFrame(
            {
                "mean": ours.mean(1),
                "sd": ours.std(1, ddof=1),
                "trials": n,
                "published_mean": paper.mean(1),
                "published_sd": paper.std(1, ddof=1),
            }
        )
    )


STUDIES = 10_000
UNEQUAL = ((0.02, 0.02), (0.01, 0.04), (0.04, 0.01))


@pytest.mark.parametrize("n", [3, 5, 11, 12, 20])
@pytest.mark.parametrize("sds", UNEQUAL)
def test_equal_means_rarely_differ(n: int, sds: tuple[float, float]) -> None:
    p = cells_of(np.random.default_rng(1), 0.0, STUDIES, n, sds)["welch_p"]
    for level in (NOMINAL, 0.002):  # Holm's p over a table rests on the tail
        assert (p <= level).mean() <= room(level, STUDIES)


@pytest.mark.parametrize("n", [3, 5, 11, 12, 20])
@pytest.mark.parametrize("sds", UNEQUAL)
@pytest.mark.parametrize("side", [-1, 1])
def test_means_a_margin_apart_rarely_agree(n: int, sds: tuple[float, float], side: int) -> None:
    p = cells_of(np.random.default_rng(2), side * MARGIN, STUDIES, n, sds)["tost_p"]
    assert (p <= NOMINAL).mean() <= room(NOMINAL, STUDIES)


@pytest.mark.parametrize("n", [3, 20])
def test_a_whole_table_of_equal_means_rarely_has_a_cell_that_differs(n: int) -> None:
    rng, studies = np.random.default_rng(3), 150
    tables = (cells_of(rng, 0.0, 84, n, (0.02, 0.03))["welch_p"] for _ in range(studies))
    wrong = [min(holm(p.to_list())) <= NOMINAL for p in tables]
    assert np.mean(wrong) <= room(NOMINAL, studies)


# ---------------------------------------------------------------- means over trials


@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("ratio", [0.0, 1 / 3, 1.0])
def test_p_values_and_posteriors_of_overlapping_trials_are_uniform(n: int, ratio: float) -> None:
    studies = 20_000
    draws = overlapping(np.random.default_rng(4), (studies, n), ratio).T
    spread = Spread.of(draws, ratio)
    for p in (spread.above(), spread.below(), spread.apart()):
        assert (p <= NOMINAL).mean() == pytest.approx(NOMINAL, abs=0.006)
    low, high = spread.interval()
    assert ((low <= 0) & (high >= 0)).mean() == pytest.approx(0.95, abs=0.006)
    worse, equal, better = spread.posterior(0.1)
    assert worse + equal + better == pytest.approx(np.ones(studies))
    if ratio:
        plain = Spread.of(draws, 0.0).apart()
        assert (plain <= NOMINAL).mean() > 1.5 * NOMINAL


def test_a_row_that_is_equal_is_rarely_called_better_or_worse() -> None:
    studies, n = 4000, 10
    draws = 0.02 * overlapping(np.random.default_rng(5), (studies, n), 1 / 3).T
    worse, _, better = Spread.of(draws, 1 / 3).posterior(0.01)
    assert ((worse >= 0.95) | (better >= 0.95)).mean() <= room(NOMINAL, studies)


# ---------------------------------------------------------------- claims, leaders, pairs


@cache
def studies_of_equal_rows(studies: int, n: int, seed: int) -> tuple[pd.DataFrame, ...]:
    """Tables of Table 2's rows, all with the same true mean, trials that overlap."""
    rng, ratio = np.random.default_rng(seed), 1 / 3
    keys = dict.fromkeys(k for c in paper_claims() for k in (*c.rows, *c.others) if ":" not in k)
    table2 = {k for c in paper_claims() if c.protocol == "table2" for k in (*c.rows, *c.others)}
    named = [key for key in keys if key in table2 and not key.startswith("!")]
    named += ["m2_a", "m2_b"]
    tables = []
    for _ in range(studies):
        draws = 0.7 + 0.03 * overlapping(rng, (len(named), n), ratio)
        made = trials_of(dict(zip(named, draws, strict=True)))
        made["row"] = made["row_key"].replace({"m2_a": "M2 (a)", "m2_b": "M2 (b)"})
        tables.append(made.assign(n_train=300, n_test=100))
    return tuple(tables)


def rate_of_wrong_claims(studies: int, n: int) -> float:
    return np.mean(
        [
            judge({"table2": table}, {})["verdict"].isin(["holds", "fails"]).any()
            for table in studies_of_equal_rows(studies, n, 6)
        ]
    )


def rate_of_wrong_leads(studies: int, n: int) -> float:
    """Also with few rows, where a lead is likeliest to be decided by chance."""
    wrong = []
    for table in studies_of_equal_rows(studies, n, 6):
        few = table[table["row_key"].isin(["smvae", "amgl"])]
        line = leaders(few, "").set_index("block").loc[EVERY_BLOCK]
        wrong.append(line["lead_decision"] == "decided")
    return np.mean(wrong)


def rate_of_wrong_pairs(studies: int, n: int) -> float:
    wrong = []
    tables = studies_of_equal_rows(studies, n, 6)
    for first, second in zip(tables[::2], tables[1::2], strict=True):
        both = pd.concat([first, second.assign(dataset="other", dataset_order=1)])
        wrong.append(matrix(both)["verdict"].isin(["better", "worse"]).any())
    return np.mean(wrong)


def test_equal_rows_rarely_decide_a_claim_a_lead_or_a_pair() -> None:
    studies = 12
    assert rate_of_wrong_claims(studies, 5) <= room(NOMINAL, studies)
    assert rate_of_wrong_leads(studies, 5) <= room(NOMINAL, studies)
    assert rate_of_wrong_pairs(studies, 5) <= room(NOMINAL, studies // 2)


def rate_of(key: str, means: dict[str, float], verdict: str, n: int, studies: int) -> float:
    """How often the claim ``key`` has ``verdict`` where rows have these true means."""
    claim = next(claim for claim in paper_claims() if claim.key == key)
    place = tuple(values[0] for values in claim.at.values())
    cells = {Cell(2.0, place, row): i for i, row in enumerate(means)}
    known = Known(frozenset(cells), tuple(claim.at), dict(zip(means, means, strict=True)))
    rng, wrong = np.random.default_rng(9), 0
    for _ in range(studies):
        draws = 0.02 * overlapping(rng, (len(means), n), 1 / 3).T + [*means.values()]
        (line,) = settled(judged(claim, TrialCells(known, draws, cells, 1 / 3)))
        wrong += line["verdict"] == verdict
    return wrong / studies


@pytest.mark.parametrize("n", [3, 20])
def test_claims_at_the_edge_of_truth_are_rarely_decided(n: int) -> None:
    studies = 300
    edge = {"simvae": 0.7, "full_data": 0.72}  # the margin of "comparable"
    for verdict in ("holds", "fails"):
        found = rate_of("half_missing_near_full", edge, verdict, n, studies)
        assert found <= room(NOMINAL, studies)
    equal = dict.fromkeys(("smvae", "m2_concat", "sdgm_concat"), 0.7)
    both = [rate_of("above_concatenation", equal, v, n, studies) for v in ("holds", "fails")]
    assert sum(both) <= room(NOMINAL, studies)


def test_claims_that_are_plainly_true_or_false_are_decided() -> None:
    """So that the test above does not pass because nothing is ever decided."""
    true = {"smvae": 0.8, "m2_concat": 0.7, "sdgm_concat": 0.7}
    assert rate_of("above_concatenation", true, "holds", 20, 50) > 0.9
    false = {"smvae": 0.6, "m2_concat": 0.7, "sdgm_concat": 0.7}
    assert rate_of("above_concatenation", false, "fails", 20, 50) > 0.9
    near = {"simvae": 0.7, "full_data": 0.8}
    assert rate_of("half_missing_near_full", near, "fails", 20, 50) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 10, 20])
def test_equal_rows_rarely_decide_anything_in_many_studies(n: int) -> None:
    studies = 200
    assert rate_of_wrong_claims(studies, n) <= room(NOMINAL, studies)
    assert rate_of_wrong_leads(studies, n) <= room(NOMINAL, studies)
    assert rate_of_wrong_pairs(studies, n) <= room(NOMINAL, studies // 2)


@pytest.mark.slow
def test_splits_of_finite_samples_rarely_decide_between_equal_methods() -> None:
    """Two classifiers that are equal in the population, on random splits of 500 samples.

    Each is a threshold at the mean of its training part plus noise of its own; a study is one
    sample of the population, its trials are 20 splits of it.
    """
    rng, studies, n = np.random.default_rng(7), 600, 20
    gaps = np.empty((n, studies))
    for study in range(studies):
        labels = rng.random(500) < 0.5
        scores = rng.standard_normal((2, 500)) + labels
        for trial in range(n):
            order = rng.permutation(500)
            train, test = order[:300], order[400:]
            cut = scores[:, train].mean(1, keepdims=True)
            right = (scores[:, test] > cut) == labels[test]
            gaps[trial, study] = right[0].mean() - right[1].mean()
    corrected, plain = (Spread.of(gaps, ratio).apart() for ratio in (1 / 3, 0.0))
    assert np.nanmean(corrected <= NOMINAL) <= room(NOMINAL, studies)
    assert np.nanmean(plain <= NOMINAL) > 3 * NOMINAL


def test_posteriors_of_a_table_are_those_of_its_differences() -> None:
    (table,) = studies_of_equal_rows(1, 5, 8)
    wide = table.pivot(index="trial", columns="row_key", values="accuracy")
    line = posteriors(table, "smvae").set_index("row_key").loc["amgl"]
    spread = Spread.of((wide["smvae"] - wide["amgl"]).to_numpy()[:, None], 1 / 3)
    chances = [float(p[0]) for p in spread.posterior(0.01)]
    assert [line[f"p_{k}"] for k in ("worse", "equal", "better")] == pytest.approx(chances)
