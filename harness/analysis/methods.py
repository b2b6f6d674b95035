"""Methods against each other: a posterior on one data set, a matrix of pairs over several.

On one data set: the Bayesian correlated t test (Corani and Benavoli 2015) with a region of
practical equivalence, which gives the probability that a method is worse, equal or better.

Over data sets: pairs of methods, each with its mean difference, wins, ties and losses, and Holm's
p. With the three to five data sets there are, ranks (Friedman, Nemenyi) could hardly tell anything
and are not used; a pair's p concerns further draws of these data sets, not new data sets.

Pure: table of trials -> table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy

from harness.analysis.spread import Spread, wide
from harness.analysis.statistics import LOWER, axes, check, holm, overlap

ROPE = 0.01
"""Accuracies that lie within one point of each other are practically equal."""
SURE = 0.95
POSTERIOR_COLUMNS = (
    "dataset", "label_percent", "paradigm", "row", "row_key", "reference", "pairs",
    "pairs_expected", "difference", "low", "high", "p_worse", "p_equal", "p_better", "verdict",
)  # fmt: skip
MATRIX_COLUMNS = (
    "label_percent", "row", "row_key", "block", "other", "other_key", "other_block", "datasets",
    "difference", "low", "high", "wins", "ties", "losses", "p", "p_holm", "verdict",
)  # fmt: skip
BETTER, EQUAL, WORSE, UNDECIDED = "better", "equal", "worse", "undecided"


def posteriors(
    trials: pd.DataFrame, reference: str, value: str = "accuracy", rope: float = ROPE
) -> pd.DataFrame:
    """Reference minus every other row, as probabilities; columns ``POSTERIOR_COLUMNS``.

    A line for each data set, share of labels, place on the axes (``at_...`` behind
    ``label_percent``) and row. The posterior of the mean difference is Student's t around the mean
    within trials, of scale sqrt(SD^2 (1/n + n_test/n_train)) and n - 1 degrees of freedom.

    ``low``, ``high``  its central 95 %, the corrected interval of Nadeau and Bengio.
    ``p_worse``, ``p_equal``, ``p_better``  that the reference is worse by more than ``rope``,
        within it, better by more; they add up to 1. NaN with fewer than three common trials.
    ``verdict``  the one of ``worse``, ``equal``, ``better`` that has .95 or more; else
        ``undecided``, "" where there are no probabilities.

    Upper bounds (``all_labels``) are left out. No multiplicity correction: probabilities of one
    pair do not depend on how many pairs were looked at.
    """
    ordered, places = check(trials), axes(trials)
    ordered = ordered[~ordered["all_labels"].astype(bool)]
    sign, lines = -1.0 if value in LOWER else 1.0, []
    ratios = {str(name): overlap(part) for name, part in ordered.groupby("dataset")}
    by = ["dataset_order", "dataset", "label_percent", *places]
    for key, column in ordered.groupby(by, sort=True):
        if value not in column.columns or reference not in set(column["row_key"]):
            continue
        values = sign * wide(column, value)
        others = [name for name in values.columns if name != reference]
        if not others:
            continue
        titles = column.drop_duplicates("row_key").set_index("row_key")[["row", "block"]]
        named = titles.to_dict("index")
        differences = values[[reference]].to_numpy() - values[others].to_numpy()
        spread = Spread.of(differences, ratios[str(key[1])])
        numbers = [*spread.interval(), *spread.posterior(rope)]
        first = dict(zip(("dataset", "label_percent", *places), key[1:], strict=True))
        for i, other in enumerate(others):
            low, high, *chances = (float(column[i]) for column in numbers)
            lines.append(
                first
                | {
                    "paradigm": named[other]["block"],
                    "row": named[other]["row"],
                    "row_key": other,
                    "reference": named[reference]["row"],
                    "pairs": int(spread.n[i]),
                    "pairs_expected": len(values),
                    "difference": float(spread.mean[i]),
                    "low": low,
                    "high": high,
                    "verdict": _surest(*chances),
                }
                | dict(zip(("p_worse", "p_equal", "p_better"), chances, strict=True))
            )
    head = [*POSTERIOR_COLUMNS[:2], *places, *POSTERIOR_COLUMNS[2:]]
    return pd.DataFrame(lines, columns=head)


def matrix(trials: pd.DataFrame, value: str = "accuracy") -> pd.DataFrame:
    """Every pair of rows over the data sets that have both; columns ``MATRIX_COLUMNS``.

    Only without axes: a table. A line for each pair of rows that is complete on at least one data
    set at a share of labels, the row that is first in the table first.

    ``difference``  mean over data sets of the mean difference within trials, positive where
        ``row`` is better. ``low``, ``high``: its 95 % interval, from the corrected variances of
        the data sets, which are independent, with Satterthwaite's degrees of freedom.
    ``wins``, ``ties``, ``losses``  data sets on which the corrected 95 % interval lies above zero,
        holds zero (or is not known), lies below.
    ``p``, ``p_holm``  two-sided, Holm-adjusted over all pairs at this share of labels.
    ``verdict``  ``better``, ``worse``, or ``undecided`` by Holm's p at .05; "" without a p.
    """
    ordered = check(trials)
    if axes(trials) or not len(ordered) or value not in ordered.columns:
        return pd.DataFrame(columns=list(MATRIX_COLUMNS))
    ordered = ordered[~ordered["all_labels"].astype(bool)]
    titles = ordered.drop_duplicates("row_key").set_index("row_key")
    sign, tables = -1.0 if value in LOWER else 1.0, []
    ratios = {str(name): overlap(part) for name, part in ordered.groupby("dataset")}
    for percent, part in ordered.groupby("label_percent", sort=True):
        parts = [
            _differences(sign * wide(own, value), ratios[str(name)], str(name))
            for name, own in part.groupby("dataset", sort=False)
        ]
        pairs = _pooled(pd.concat(parts))
        if len(pairs):
            tables.append(pairs.assign(label_percent=percent, p_holm=holm(pairs["p"].tolist())))
    if not tables:
        return pd.DataFrame(columns=list(MATRIX_COLUMNS))
    table = pd.concat(tables, ignore_index=True)
    for name, block in (("row", "block"), ("other", "other_block")):
        table[name] = table[f"{name}_key"].map(titles["row"])
        table[block] = table[f"{name}_key"].map(titles["block"])
    table["verdict"] = np.select(
        [table["p_holm"].isna(), table["p_holm"] > 0.05, table["difference"] > 0],
        ["", UNDECIDED, BETTER],
        WORSE,
    )
    return table[list(MATRIX_COLUMNS)]


def _differences(values: pd.DataFrame, ratio: float | None, dataset: str) -> pd.DataFrame:
    """Every pair of complete rows of one data set: mean difference, corrected error, freedom."""
    own = values.loc[:, values.notna().all()]
    keys = own.columns.to_list()
    first, second = np.triu_indices(len(keys), 1)
    numbers = own.to_numpy()
    spread = Spread.of(numbers[:, first] - numbers[:, second], ratio)
    low, high = spread.interval()
    return pd.DataFrame(
        {
            "row_key": [keys[i] for i in first],
            "other_key": [keys[i] for i in second],
            "dataset": dataset,
            "mean": spread.mean,
            "variance": spread.error**2,
            "freedom": np.full(len(first), max(len(own) - 1, 1)),
            "won": low > 0,
            "lost": high < 0,
        }
    )


def _pooled(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs over data sets: mean difference, interval and p."""
    if not len(pairs):
        return pairs
    terms = pairs.assign(share=pairs["variance"] ** 2 / pairs["freedom"])
    groups = terms.groupby(["row_key", "other_key"], sort=False)
    table = groups.agg(
        datasets=("dataset", "size"),
        difference=("mean", "mean"),
        known=("variance", "count"),
        variance=("variance", "sum"),
        share=("share", "sum"),
        wins=("won", "sum"),
        losses=("lost", "sum"),
    ).reset_index()
    count = table["datasets"]
    variance = table["variance"].where(table["known"] == count)
    error = np.sqrt(variance) / count
    freedom = (variance**2 / table["share"]).where(variance > 0)
    t = table["difference"] / error
    half = scipy.stats.t.ppf(0.975, freedom) * error
    return table.assign(
        ties=count - table["wins"] - table["losses"],
        low=table["difference"] - half,
        high=table["difference"] + half,
        p=2 * scipy.stats.t.sf(np.abs(t), freedom),
    )


def _surest(worse: float, equal: float, better: float) -> str:
    if np.isnan(equal):
        return ""
    chances = {WORSE: worse, EQUAL: equal, BETTER: better}
    best = max(chances, key=lambda name: chances[name])
    return best if chances[best] >= SURE else UNDECIDED


def grid(pairs: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Pairs by (row key, other key), in both directions, of one share of labels."""
    made: dict[tuple[str, str], dict[str, Any]] = {}
    turned = {WORSE: BETTER, BETTER: WORSE}
    for line in pairs.to_dict("records"):
        own = {str(name): value for name, value in line.items()}
        made[own["row_key"], own["other_key"]] = own
        made[own["other_key"], own["row_key"]] = own | {
            "difference": -own["difference"],
            "low": -own["high"],
            "high": -own["low"],
            "wins": own["losses"],
            "losses": own["wins"],
            "verdict": turned.get(own["verdict"], own["verdict"]),
        }
    return made
