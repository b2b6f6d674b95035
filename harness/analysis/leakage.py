"""Accuracy gained under a leaky split: a row under two splits. Pure: table of trials -> table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from harness.analysis.aggregate import points
from harness.analysis.statistics import (
    CELL,
    MIN_PAIRS,
    check,
    decision,
    holm,
    pair_line,
    with_per_class,
)

LEAK_COLUMNS = (
    "dataset", "label_percent", "paradigm", "row", "row_key", "leaky_split", "split",
    "leaky_mean", "leaky_sd", "leaky_trials", "mean", "sd", "trials", "trials_expected", "pairs",
    "pairs_expected", "difference", "sd_difference", "low", "high", "corrected_low",
    "corrected_high", "t_p", "t_p_holm", "decision",
)  # fmt: skip
AXIS = "at_split"
Splits = Mapping[str, Mapping[str, float | None]]


def leaks(trials: pd.DataFrame, splits: Splits) -> pd.DataFrame:
    """Accuracy under the leakiest split minus that under every other; columns ``LEAK_COLUMNS``.

    ``trials``  the table of trials, its column ``at_split`` names the split of each.
    ``splits``  data set -> its splits, the leakiest first, with n_test / n_train of each, None
                where every trial has the same rows.

    A line compares one row of one data set and label column under two splits. Splits are drawn
    independently, so that the two trials of a pair share only their number: the t interval
    ``low .. high`` of the mean difference is one for two independent samples, with the degrees of
    freedom of one. It concerns further draws from these rows, not new groups. Training sets
    overlap between trials, so it is too narrow; ``corrected_low .. corrected_high`` is widened
    after Nadeau and Bengio (2003), SD^2 (1/n + n_test/n_train), by the larger ratio of the two
    splits, and is empty where one of them is fixed. ``t_p_holm`` is adjusted over the rows of one
    data set, label column and pair of splits; ``decision`` is that of ``statistics.paired``:
    ``higher`` if the leaky split is. With fewer than three pairs only the difference is given.

    Raises ValueError for a split of ``trials`` that is not in ``splits``.
    """
    ordered = check(trials)
    moments = points(ordered, ["accuracy"]).set_index(
        ["dataset", "row_key", "label_percent", AXIS], drop=False
    )
    lines: list[dict[str, Any]] = []
    for (_, dataset, _), column in ordered.groupby([*CELL[:2], "label_percent"], sort=True):
        ratios = splits.get(str(dataset), {})
        unknown = sorted(set(column[AXIS]) - set(ratios))
        if unknown:
            raise ValueError(f"no entry for the split '{unknown[0]}' of {dataset}")
        leaky, *others = ratios
        for other in others:
            family = [
                _line(row, leaky, other, _larger(ratios[leaky], ratios[other]))
                for _, row in column.groupby(["row_order", "row_key"], sort=True)
                if {leaky, other} <= set(row[AXIS])
            ]
            for line, p in zip(family, holm([line["t_p"] for line in family]), strict=True):
                line["t_p_holm"] = p
                line["decision"] = decision(line)
                line |= _means(line, moments)
            lines += family
    return with_per_class(pd.DataFrame(lines, columns=list(LEAK_COLUMNS)), ordered)


def _line(row: pd.DataFrame, leaky: str, other: str, ratio: float | None) -> dict[str, Any]:
    line = pair_line(row[row[AXIS] == leaky], row[row[AXIS] == other], ratio)
    return line | {"leaky_split": leaky, "split": other}


def _larger(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else max(first, second)


def _means(line: dict[str, Any], moments: pd.DataFrame) -> dict[str, Any]:
    """Accuracies under both splits and their difference, which needs no minimum of pairs."""
    values: dict[str, Any] = {}
    for split, prefix in ((line["leaky_split"], "leaky_"), (line["split"], "")):
        cell = moments.loc[(line["dataset"], line["row_key"], line["label_percent"], split)]
        values |= {f"{prefix}{name}": cell[f"accuracy_{name}"] for name in ("mean", "sd", "trials")}
        values["trials_expected"] = cell["trials_expected"]
    plain = values["leaky_mean"] - values["mean"]
    values["difference"] = plain if line["pairs"] < MIN_PAIRS else line["mean_difference"]
    return values
