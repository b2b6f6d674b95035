"""A published gap between two rows against ours: prediction interval and small telescopes.

The paper prints means and SDs over 20 runs, not differences within runs, so its gap has the
standard error of two independent samples and 38 degrees of freedom.

- Prediction interval of a replication (Patil, Peng and Leek 2016; Spiegelhalter and Pawitan 2019):
  where 95 % of our gaps would lie if the paper's were the true one, give or take the noise of both.
- Small telescopes (Simonsohn 2015): d33 is the gap that the paper's 20 runs would have detected
  with a chance of one third. Not finding a gap says something of the claim only where our upper
  bound is below d33; otherwise our trials are too few to tell.

Pure: summary of cells, comparisons -> table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy

from harness.analysis.agreement import PUBLISHED_TRIALS
from harness.analysis.words import ends, points

GAP_COLUMNS = (
    "dataset", "label_percent", "paradigm", "row", "row_key", "best_rival", "published_gap",
    "expected_low", "expected_high", "d33", "difference", "low", "high", "pairs", "verdict",
    "reason",
)  # fmt: skip
FREEDOM = 2 * (PUBLISHED_TRIALS - 1)
AS_PUBLISHED, SMALLER, LARGER = "as published", "smaller", "larger"
INFORMATIVE = "smaller, informative"
NONE = "no verdict"


def prediction_interval(
    gap: np.ndarray, published_error: np.ndarray, own_error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends (K,) of the 95 % interval of a replication's gap around the published ``gap``.

    ``published_error``, ``own_error``  standard errors (K,) of the two gaps, in accuracy.
    """
    half = scipy.stats.t.ppf(0.975, FREEDOM) * np.sqrt(published_error**2 + own_error**2)
    return gap - half, gap + half


def published_error(first_sd: np.ndarray, second_sd: np.ndarray) -> np.ndarray:
    """Standard errors (K,) of gaps between means over 20 independent runs."""
    return np.sqrt((first_sd**2 + second_sd**2) / PUBLISHED_TRIALS)


def d33(first_sd: np.ndarray, second_sd: np.ndarray) -> np.ndarray:
    """Gaps (K,) that 20 runs a row detect with a chance of 1/3: two-sided t test at .05."""
    threshold = scipy.stats.t.ppf(0.975, FREEDOM)
    shift = scipy.optimize.brentq(
        lambda c: scipy.stats.nct.sf(threshold, FREEDOM, c) - 1 / 3, 0.1, 5.0
    )
    return float(shift) * published_error(first_sd, second_sd)


def gaps(summary: pd.DataFrame, compared: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The reference minus every other row that the paper prints; columns ``GAP_COLUMNS``.

    ``summary``    of cells (``statistics.summarise``).   ``reference`` a row key.
    ``compared``   the reference minus every other row, within trials (``statistics.paired``).

    ``best_rival``  whether the row has the highest published mean but for SMVAE's own.
    ``expected_low .. expected_high``  the prediction interval, with our standard error.
    ``verdict``     ``as published``: our gap lies in it; ``larger`` or ``smaller``: outside.
                    ``smaller, informative``: the upper end of our 95 % interval (corrected for
                    overlap where that applies) is below ``d33`` too.
                    ``no verdict`` without an interval.
    """
    known = summary[summary["published_mean"].notna()]
    own = known[known.index.get_level_values(1) == reference] if len(known) else known
    own = own.set_index(["dataset", "label_percent"])
    lines = []
    for line in compared.to_dict("records"):
        cell = (line["dataset"], line["row_key"], line["label_percent"])
        column = (line["dataset"], line["label_percent"])
        if cell in known.index and column in own.index:
            lines.append(_line(line, known.loc[cell], own.loc[column]))
    table = pd.DataFrame(lines, columns=list(GAP_COLUMNS))
    if not len(table):
        return table
    rival = table["published_gap"].where(table["row"] != own["row"].iloc[0])
    least = rival.groupby([table["dataset"], table["label_percent"]]).transform("min")
    return table.assign(best_rival=rival.notna() & (rival == least))


def _line(line: dict[Any, Any], other: pd.Series, own: pd.Series) -> dict[str, Any]:
    sds = np.array([own["published_sd"]], float), np.array([other["published_sd"]], float)
    gap = float(own["published_mean"] - other["published_mean"])
    error = line["sd_difference"] / np.sqrt(line["pairs"]) if line["pairs"] else np.nan
    low, high = prediction_interval(np.array([gap]), published_error(*sds), np.array([error]))
    corrected = not pd.isna(line["corrected_low"])
    made: dict[str, Any] = {name: line[name] for name in ("dataset", "label_percent", "paradigm")}
    made |= {name: line[name] for name in ("row", "row_key", "pairs")} | {
        "published_gap": gap,
        "expected_low": low[0],
        "expected_high": high[0],
        "d33": d33(*sds)[0],
        "difference": line["mean_difference"],
        "low": line["corrected_low" if corrected else "low"],
        "high": line["corrected_high" if corrected else "high"],
    }
    made["verdict"] = _verdict(made)
    return made | {"reason": _reason(made)}


def _verdict(line: dict[str, Any]) -> str:
    if pd.isna(line["low"]):
        return NONE
    if line["high"] < line["d33"] and line["difference"] < line["expected_low"]:
        return INFORMATIVE
    if line["difference"] < line["expected_low"]:
        return SMALLER
    return LARGER if line["difference"] > line["expected_high"] else AS_PUBLISHED


def _reason(line: dict[str, Any]) -> str:
    if line["verdict"] == NONE:
        return "Too few common trials, or trials that do not differ."
    text = (
        f"Published gap {points(line['published_gap'])}; ours is expected in "
        f"{ends(line['expected_low'], line['expected_high'])} and is "
        f"{points(line['difference'])} ({ends(line['low'], line['high'])})"
    )
    if line["verdict"] not in (SMALLER, INFORMATIVE):
        return f"{text}."
    below = "below" if line["verdict"] == INFORMATIVE else "not below"
    return f"{text}; its upper end is {below} d33 = {100 * line['d33']:.1f}."
