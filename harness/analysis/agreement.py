"""A cell of the paper against our trials: agrees, differs, undecided, or not to be decided at all.

The paper prints a mean and a sample SD over 20 runs; ours are known trial by trial. Two tests from
these summaries, both of unequal variances (scipy's ``ttest_ind_from_stats``):

- Welch's, two-sided, Holm-adjusted over the cells of the table: the means differ.
- two one-sided tests (TOST) at a margin declared beforehand: the means differ by less than it.
  Both must reject at .05, so that a pair needs no further correction.

Runs of the paper and trials of ours share no draw, so neither test is paired, and what Nadeau and
Bengio correct, the overlap of trials within one study, is in the paper's SD as little as in ours.

Pure: summary of cells -> table. Only cells with published numbers are judged, which
``statistics.summarise`` gives to the paper's licensed data alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy

from harness.analysis.statistics import MIN_PAIRS, holm
from harness.analysis.words import ends, p_value, points, sentence

PUBLISHED_TRIALS = 20
"""Independent runs behind every mean of the paper (section 4.2.2)."""
MARGIN = 0.02
"""Means that lie less than two points apart agree."""
LEVEL, POWER = 0.05, 0.8
FEW = 12
"""With fewer trials of ours the degrees of freedom are those of our mean alone, n - 1.

Welch's then reject equal means too often, and most so in the tail that Holm's p rests on: with 3
trials against 20 at .001 ten times as often. With n - 1 no test rejects more often than it says.
"""
CELL_COLUMNS = (
    "dataset", "label_percent", "paradigm", "row", "row_key", "mean", "sd", "trials",
    "trials_expected", "published_mean", "published_sd", "difference", "low", "high", "welch_p",
    "welch_p_holm", "tost_p", "margin", "verdict", "trials_needed", "power", "reason",
)  # fmt: skip
AGREES, UNDECIDED, NEVER = "agrees", "undecided", "cannot be decided"
OVER, UNDER = "differs: over", "differs: under"
NONE = "no verdict"


def against_published(summary: pd.DataFrame, margin: float = MARGIN) -> pd.DataFrame:
    """A line for each cell of ``summary`` that the paper prints; columns ``CELL_COLUMNS``.

    ``summary``  of cells (``statistics.summarise``).   ``margin`` in accuracy, above 0.

    ``difference``  our mean minus the paper's, with its 95 % Welch interval ``low .. high``.
    ``verdict``     ``agrees``: TOST shows that the means lie less than ``margin`` apart.
                    ``differs: over`` or ``differs: under``: Holm's p of Welch's test is at most
                    .05, and they were not shown to agree.
                    ``cannot be decided``: neither, and no number of our trials could show
                    agreement, because the paper's own mean is too uncertain for the margin.
                    ``undecided``: neither, so far.
                    ``no verdict``: a planned trial is missing, or there are fewer than three.
    ``trials_needed``  of ours for a chance of .8 to show agreement if the means are equal, at our
                    SD; infinite where no number reaches it.
    ``power``       that chance with the trials there are.
    ``reason``      one sentence.

    Raises ValueError for a margin that is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"the margin must be above 0, not {margin:g}")
    known = summary[summary["published_mean"].notna()]
    if not len(known):
        return pd.DataFrame(columns=list(CELL_COLUMNS))
    known = known.reset_index(names=["key", "row_key", "at"])
    table = known.reindex(columns=list(CELL_COLUMNS))
    table["margin"] = margin
    enough = (known["trials"] == known["trials_expected"]) & (known["trials"] >= MIN_PAIRS)
    whole = known[enough]
    numbers, sds = compared(whole, margin), whole["published_sd"].to_numpy(float)
    numbers["power"] = power(sds, whole["trials"].to_numpy(float), margin, whole["sd"].to_numpy())
    numbers["trials_needed"] = trials_needed(sds, margin, whole["sd"].to_numpy())
    table[numbers.columns] = numbers.reindex(table.index)
    table["welch_p_holm"] = holm(table["welch_p"].astype(float).tolist())
    table["verdict"] = [_verdict(line) for line in table.to_dict("records")]
    table["reason"] = [_reason(line) for line in table.to_dict("records")]
    return table


def compared(known: pd.DataFrame, margin: float = MARGIN) -> pd.DataFrame:
    """Differences, intervals and p values of complete cells, without Holm's; columns of the table.

    ``known``  columns ``mean``, ``sd``, ``trials``, ``published_mean``, ``published_sd``.
    """
    ours = tuple(known[name].to_numpy(float) for name in ("mean", "sd", "trials"))
    paper = (*(known[f"published_{name}"].to_numpy(float) for name in ("mean", "sd")),)

    difference = ours[0] - paper[0]
    error, freedom = _welch(ours[1], ours[2], paper[1])

    def test(shift: float, alternative: Any) -> np.ndarray:
        mean, sd, n = ours
        found = scipy.stats.ttest_ind_from_stats(
            mean + shift, sd, n, *paper, PUBLISHED_TRIALS, equal_var=False, alternative=alternative
        )
        tails = {"greater": scipy.stats.t.sf, "less": scipy.stats.t.cdf}
        tail = tails.get(alternative, lambda t, df: 2 * scipy.stats.t.sf(np.abs(t), df))
        return np.where(n < FEW, tail(found.statistic, freedom), found.pvalue)

    half = scipy.stats.t.ppf(0.975, freedom) * error
    tost = np.maximum(test(margin, "greater"), test(-margin, "less"))
    return pd.DataFrame(
        {
            "difference": difference,
            "low": difference - half,
            "high": difference + half,
            "welch_p": test(0.0, "two-sided"),
            "tost_p": tost,
        },
        known.index,
    )


def possible(published_sd: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """Whether some number of our trials could show agreement with a cell (K,).

    With infinitely many of them the standard error is that of the paper's mean, with 19 degrees
    of freedom, and the smallest difference is none.
    """
    noise = (
        scipy.stats.t.ppf(1 - LEVEL, PUBLISHED_TRIALS - 1) * published_sd / PUBLISHED_TRIALS**0.5
    )
    return noise < margin


def power(
    published_sd: np.ndarray,
    trials: np.ndarray | float,
    margin: float = MARGIN,
    sd: np.ndarray | None = None,
) -> np.ndarray:
    """Chance (K,) that TOST shows agreement if the true means are equal.

    ``published_sd`` (K,) of the paper, as printed.   ``trials`` of ours, a number or (K,), from 2
    on, or infinite.   ``sd`` (K,) of our trials; by default the paper's.

    Before a run: the mean of the paper and ours are normal around one value, our sample SD varies
    like a chi, and the paper's SD is what it is. Exact but for the degrees of freedom (Welch and
    Satterthwaite) and a sum over 200 quantiles of our SD.
    """
    true = published_sd if sd is None else sd
    n = np.broadcast_to(np.asarray(trials, float), published_sd.shape)
    quantiles = (np.arange(200) + 0.5)[:, None] / 200
    finite = np.where(np.isfinite(n), n, 3.0)
    seen = np.where(
        np.isfinite(n), np.sqrt(scipy.stats.chi2.ppf(quantiles, finite - 1) / (finite - 1)), 1.0
    )
    error, freedom = _welch(true * seen, n, published_sd)
    spread = np.sqrt(published_sd**2 / PUBLISHED_TRIALS + true**2 / n)
    room = margin - scipy.stats.t.ppf(1 - LEVEL, freedom) * error
    return np.maximum(2 * scipy.stats.norm.cdf(room / spread) - 1, 0.0).mean(0)


def trials_needed(
    published_sd: np.ndarray,
    margin: float = MARGIN,
    sd: np.ndarray | None = None,
    chance: float = POWER,
) -> np.ndarray:
    """Fewest trials (K,) of ours with which :func:`power` reaches ``chance``; else infinite."""
    both = np.stack([published_sd, published_sd if sd is None else sd])
    (paper, ours), back = np.unique(both, axis=1, return_inverse=True)  # tables repeat their SDs
    low, high = np.full(paper.shape, float(MIN_PAIRS)), np.full(paper.shape, 2.0**20)
    few = power(paper, low, margin, ours) >= chance
    reached = power(paper, np.inf, margin, ours) > chance
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        enough = power(paper, middle, margin, ours) >= chance
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    fewest = np.where(few, float(MIN_PAIRS), np.where(reached, high, np.inf))
    return fewest[back.reshape(-1)]


def _welch(
    sd: np.ndarray, n: np.ndarray | float, published_sd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error of the difference of the means, and its degrees of freedom (see ``FEW``)."""
    ours, paper = sd**2 / n, published_sd**2 / PUBLISHED_TRIALS
    freedom = (ours + paper) ** 2 / (
        ours**2 / np.maximum(n - 1, 1) + paper**2 / (PUBLISHED_TRIALS - 1)
    )
    return np.sqrt(ours + paper), np.where(n < FEW, np.maximum(n - 1, 1), freedom)


def _verdict(line: dict[Any, Any]) -> str:
    if np.isnan(line["welch_p"]):
        return NONE
    if line["tost_p"] <= LEVEL:
        return AGREES
    if line["welch_p_holm"] <= LEVEL:
        return OVER if line["difference"] > 0 else UNDER
    can = bool(possible(np.array([line["published_sd"]]), line["margin"])[0])
    return UNDECIDED if can else NEVER


def _reason(line: dict[Any, Any]) -> str:
    n, planned, verdict = int(line["trials"]), int(line["trials_expected"]), line["verdict"]
    margin = f"{100 * line['margin']:g} points"
    if verdict == NONE:
        if n < planned:
            return f"{n} of {planned} planned trials are there."
        return (
            f"{n} {'trial has' if n == 1 else 'trials have'} no reliable SD; three are the least."
        )
    found = f"ours is {points(line['difference'])} points from the paper's mean"
    found += f" (95 % {ends(line['low'], line['high'])})"
    if verdict == AGREES:
        return sentence(f"{found}, shown to lie within ±{margin} (p {p_value(line['tost_p'])})")
    if verdict in (OVER, UNDER):
        return sentence(f"{found}, Holm's p {p_value(line['welch_p_holm'])}")
    if verdict == NEVER:
        return (
            f"No number of our trials can show agreement within ±{margin}: with an SD of "
            f"{line['published_sd']:.3f} over {PUBLISHED_TRIALS} runs the paper's own mean is too "
            f"uncertain; {found}."
        )
    more = _more_trials(line, n)
    return sentence(f"{found}, neither shown to differ nor within ±{margin}; {more}")


def _more_trials(line: dict[Any, Any], n: int) -> str:
    """How many trials would show agreement, for a cell that is undecided with ``n``."""
    needed, chance = line["trials_needed"], f"a chance of {POWER:g} if there is none"
    if np.isfinite(needed) and needed > n:
        count = int(needed) - n
        word = "trial" if count == 1 else "trials"
        return f"{count} more {word} ({needed:.0f} in all) would show agreement with {chance}"
    if np.isfinite(needed):
        return f"{n} trials show agreement with a chance of {line['power']:.2f} if there is none"
    published, own = (np.array([line[name]], float) for name in ("published_sd", "sd"))
    most = power(published, np.inf, line["margin"], own)[0]
    return f"even very many trials would show agreement with a chance of {most:.2f} at most"
