"""Summaries of cells and paired comparisons from a table of trials. Pure: table -> table.

The input has one line per planned trial (``TRIAL_COLUMNS``), with status ``missing`` for trials
without a result. The order of the lines does not matter. Columns that start with ``at_`` are places
on a figure's axes, and part of a cell's key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy

TRIAL_COLUMNS = (
    "dataset", "dataset_order", "block", "row", "row_key", "row_order", "label_percent", "trial",
    "status", "accuracy", "tuning", "n_labelled", "n_tuning_labels", "candidates",
    "candidates_failed", "selection", "budget", "seconds", "peak_memory_mb", "epoch", "config",
    "reason", "trace", "device", "stale", "published", "all_labels",
)  # fmt: skip
SUMMARY_COLUMNS = (
    "dataset", "paradigm", "row", "label_percent", "n_labelled", "n_tuning_labels", "mean", "sd",
    "trials", "trials_expected", "failed", "candidates", "selection", "budget",
    "seconds_per_trial", "published_mean", "published_sd",
)  # fmt: skip
PAIRED_COLUMNS = (
    "dataset", "label_percent", "reference", "paradigm", "row", "row_key", "pairs",
    "pairs_expected", "mean_difference", "sd_difference", "low", "high", "corrected_low",
    "corrected_high", "wilcoxon_p", "t_p", "wilcoxon_p_holm", "t_p_holm", "decision",
)  # fmt: skip
STATUSES = ("ok", "failed", "missing", "skipped")
MIN_PAIRS = 3
CELL = ["dataset_order", "dataset", "row_order", "row_key", "label_percent"]


LOWER = ("nmse", "nmse_all", "nmse_raw", "nmse_raw_all", "nll", "log_loss")
"""Columns of the table of trials of which the lowest value is the best."""
SHARES = (
    "accuracy", "accuracy_complete", "accuracy_incomplete", "balanced_accuracy", "macro_f1",
    "coverage_90", "tuning",
)  # fmt: skip
"""Columns of the table of trials whose values lie in [0, 1]; so do those of ``weight_<view>``."""
PER_CLASS = "labels_per_class"
"""A column of the table of trials where labels were asked for by class: how many of each."""


def with_per_class(table: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """``table`` with the column ``labels_per_class`` of ``trials``, behind ``label_percent``.

    As it is where ``trials`` have no such column.
    """
    if PER_CLASS not in trials.columns or not len(table):
        return table
    column = ["dataset", "label_percent"]
    counts = trials.drop_duplicates(column).set_index(column)[PER_CLASS].to_dict()
    values = [counts[key] for key in zip(*(table[name] for name in column), strict=True)]
    table.insert(table.columns.to_list().index("label_percent") + 1, PER_CLASS, values)
    return table


def axes(trials: pd.DataFrame) -> list[str]:
    """The columns of ``trials`` that are places on a figure's axes."""
    return [name for name in trials.columns if name.startswith("at_")]


def check(trials: pd.DataFrame) -> pd.DataFrame:
    """``trials`` in canonical order (data set, row, column, place on the axes, trial).

    Raises ValueError for a missing column, an unknown status, a duplicate trial, or an ok line
    whose accuracy is outside [0, 1], or that has neither accuracy nor NMSE.
    """
    lacking = [name for name in TRIAL_COLUMNS if name not in trials.columns]
    if lacking:
        raise ValueError(f"the table of trials lacks the column '{lacking[0]}'")
    unknown = sorted(set(trials["status"]) - set(STATUSES))
    if unknown:
        raise ValueError(f"unknown status '{unknown[0]}' in the table of trials")
    ok = trials[trials["status"] == "ok"]
    if "nmse" in ok.columns:  # an imputer alone has no accuracy
        ok = ok[ok["accuracy"].notna() | ok["nmse"].isna()]
    accuracies = ok["accuracy"].to_numpy(float)
    if not ((accuracies >= 0) & (accuracies <= 1)).all():
        raise ValueError("an ok trial needs an accuracy in [0, 1]")
    if trials.duplicated(["dataset", "row_key", "label_percent", *axes(trials), "trial"]).any():
        raise ValueError("one trial of a row and column is in the table twice")
    # A row has one position, even if the caller counted cells instead of rows.
    order = trials.groupby(["dataset", "row_key"])["row_order"].transform("min")
    placed = trials.assign(row_order=order)
    by = [*CELL, *axes(trials), "trial"]
    return placed.sort_values(by, kind="stable").reset_index(drop=True)


def summarise(
    trials: pd.DataFrame,
    published: pd.DataFrame | None = None,
    paper_names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """One line per cell (data set, row, label column), columns ``SUMMARY_COLUMNS``.

    ``mean`` and ``sd`` (sample SD, n - 1) only where every planned trial is ok: a cell that lacks a
    trial has no mean. One trial gives a mean and no SD. Counts that differ between the trials of a
    cell read ``38-42``. ``seconds_per_trial`` is a mean over ok trials.

    ``published``    the paper's table (``protocols.published.table2``); None: no such columns
                     filled. ``paper_names``  data set key -> name in that table, only for data
                     that *is* the paper's (never a simulated copy).
    The index names the cell: (data set, row key, label percent).
    """
    ordered = check(trials)
    known = _published(published)
    names = paper_names or {}
    lines: list[dict[str, Any]] = []
    index: list[tuple[Any, ...]] = []
    for key, cell in ordered.groupby(CELL, sort=True):
        _, dataset, _, row_key, percent = key
        first = cell.iloc[0]
        paper = (names.get(dataset), first["block"], first["published"], float(percent))
        lines.append(_summary_line(cell, known.get(paper, (np.nan, np.nan))))
        index.append((dataset, row_key, float(percent)))
    at = pd.MultiIndex.from_tuples(index, names=["key", "row_key", "percent"]) if index else None
    table = pd.DataFrame(lines, columns=list(SUMMARY_COLUMNS), index=at)
    for name in ("n_labelled", "n_tuning_labels", "candidates"):
        counts = [line[name] for line in lines]  # else pandas turns 12 into 12.0 beside a gap
        table[name] = pd.Series(counts, index=table.index, dtype=object)
    return with_per_class(table, ordered)


def paired(trials: pd.DataFrame, reference_row_key: str, value: str = "accuracy") -> pd.DataFrame:
    """Reference minus every other row in ``value``, trial by trial; columns ``PAIRED_COLUMNS``.

    Every place on the axes is a family of comparisons of its own; the axes follow the data set.

    Rows of one data set share split, labels and masks trial by trial, so their difference within a
    trial is free of that part of the spread. ``low .. high`` is the 95 % t interval of the mean
    difference; Wilcoxon's signed-rank and the paired t test are two-sided, and Holm-adjusted over
    the rows of one data set and label column. Only trials that are ok in both rows count; with
    fewer than three of them all columns are empty. If all differences are equal, the interval and
    t are empty, and the decision is ``undecided``.

    Trials re-draw splits and labels of one data set: the intervals concern further re-draws of it,
    not new data sets or subjects. Training and test sets overlap between trials, so the plain
    interval is too narrow. Where the optional columns ``n_train`` and ``n_test`` are given (NaN
    when the split is fixed) ``corrected_low .. corrected_high`` applies the correction of Nadeau
    and Bengio (2003): SD^2 (1/n + n_test/n_train), with the largest ``n_train`` on the data set,
    since trials re-draw from that pool, however few of its rows a method sees. ``decision`` is
    ``higher`` or ``lower`` when zero lies outside the widest interval there is and Holm's p of the
    t test is at most 0.05, else ``undecided``.

    Upper bounds (``all_labels``) are left out, since they use all training labels.
    """
    ordered = check(trials)
    ordered = ordered[~ordered["all_labels"].astype(bool) | _is(ordered, reference_row_key)]
    lines: list[dict[str, Any]] = []
    ratios = {str(name): overlap(part) for name, part in ordered.groupby("dataset")}
    places = axes(trials)
    by = ["dataset_order", "dataset", "label_percent", *places]
    for key, column in ordered.groupby(by, sort=True):
        reference = column[_is(column, reference_row_key)]
        others = column[~_is(column, reference_row_key)]
        if len(reference) == 0:
            continue
        family = [
            pair_line(reference, row, ratios[str(key[1])], value)
            for _, row in others.groupby(["row_order", "row_key"], sort=True)
        ]
        for name in ("wilcoxon_p", "t_p"):
            for line, p in zip(family, holm([line[name] for line in family]), strict=True):
                line[f"{name}_holm"] = p
        for line in family:
            line["decision"] = decision(line)
            line |= dict(zip(places, key[3:], strict=True))
        lines += family
    table = pd.DataFrame(lines, columns=[PAIRED_COLUMNS[0], *places, *PAIRED_COLUMNS[1:]])
    return with_per_class(table, ordered)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment; NaN stays NaN and does not count in the family."""
    raw = np.asarray(p_values, float)
    adjusted = np.full(raw.shape, np.nan)
    order = np.argsort(raw)[: int(np.isfinite(raw).sum())]  # NaN sorts last
    # statsmodels' multipletests collects garbage on every call, 0.1 s a column; it is the oracle.
    steps = np.arange(len(order), 0, -1) * raw[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()


def corrected_error(sd: Any, n: Any, ratio: float = 0.0) -> Any:
    """Standard error of a mean over trials that overlap: sd sqrt(1/n + ratio).

    ``sd``  with n - 1.   ``ratio`` n_test / n_train (Nadeau and Bengio, 2003); 0: no correction.
    """
    return sd * np.sqrt(1 / n + ratio)


def interval(differences: np.ndarray, ratio: float = 0.0) -> tuple[float, float]:
    """95 % t interval of the mean, with :func:`corrected_error`."""
    n, mean = len(differences), np.mean(differences)
    half = scipy.stats.t.ppf(0.975, n - 1) * corrected_error(np.std(differences, ddof=1), n, ratio)
    return float(mean - half), float(mean + half)


def possible(
    low: Any, high: Any, column: str = "accuracy", *, difference: bool = False
) -> tuple[Any, Any]:
    """The ends of an interval as they are printed: a t interval may reach beyond what can be.

    A mean of ``column`` is cut to [0, 1] where the column is a share, and to 0 from below where it
    is an error (``LOWER`` but the negative log-likelihood); a ``difference`` of shares is cut to
    [-1, 1]. Other columns and NaN stay as they are. Only for what is printed or drawn: decisions
    rest on the interval as it was computed.
    """
    least, most = -np.inf, np.inf
    if column in SHARES or column.startswith("weight_"):
        least, most = (-1.0, 1.0) if difference else (0.0, 1.0)
    elif column in LOWER and column != "nll" and not difference:
        least = 0.0
    return np.clip(low, least, most), np.clip(high, least, most)


def _summary_line(cell: pd.DataFrame, paper: tuple[float, float]) -> dict[str, Any]:
    ok = cell[cell["status"] == "ok"]
    accuracy = ok["accuracy"].to_numpy(float)
    complete = len(ok) == len(cell)
    first = cell.iloc[0]
    return {
        "dataset": first["dataset"],
        "paradigm": first["block"],
        "row": first["row"],
        "label_percent": float(first["label_percent"]),
        "n_labelled": _span(cell["n_labelled"]),
        "n_tuning_labels": _span(cell["n_tuning_labels"]),
        "mean": float(accuracy.mean()) if complete else np.nan,
        "sd": float(accuracy.std(ddof=1)) if complete and len(ok) > 1 else np.nan,
        "trials": len(ok),
        "trials_expected": len(cell),
        "failed": int((cell["status"] == "failed").sum()),
        "candidates": _span(ok["candidates"]),
        "selection": _words(cell["selection"]),
        "budget": _words(cell["budget"]),
        "seconds_per_trial": float(ok["seconds"].mean()) if len(ok) else np.nan,
        "published_mean": paper[0],
        "published_sd": paper[1],
    }


def pair_line(
    reference: pd.DataFrame, other: pd.DataFrame, ratio: float | None, value: str = "accuracy"
) -> dict[str, Any]:
    """One line of :func:`paired`, without Holm's p and decision: ``reference`` minus ``other``."""
    left, right = (
        dict(zip(part["trial"], part[value].where(part["status"] == "ok"), strict=True))
        for part in (reference, other)
    )
    both = np.array([(left[trial], right[trial]) for trial in left if trial in right], float)
    differences = both[:, 0] - both[:, 1] if len(both) else np.zeros(0)
    differences = differences[~np.isnan(differences)]
    first = other.iloc[0]
    line: dict[str, Any] = dict.fromkeys(PAIRED_COLUMNS, np.nan)
    line.update(
        dataset=first["dataset"],
        label_percent=float(first["label_percent"]),
        reference=reference.iloc[0]["row"],
        paradigm=first["block"],
        row=first["row"],
        row_key=first["row_key"],
        pairs=len(differences),
        pairs_expected=len(both),
    )
    if len(differences) >= MIN_PAIRS:
        line.update(_tests(differences, ratio))
    return line


def _tests(differences: np.ndarray, ratio: float | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "mean_difference": float(differences.mean()),
        "sd_difference": float(differences.std(ddof=1)),
        "wilcoxon_p": 1.0,
    }
    # Accuracies are counts over n_test; rounding errors of a subtraction must not break ties.
    rounded = np.round(differences, 12)
    if rounded.any():
        values["wilcoxon_p"] = float(scipy.stats.wilcoxon(rounded).pvalue)
    if np.ptp(rounded) == 0:
        return values
    values["t_p"] = float(scipy.stats.ttest_1samp(differences, 0.0).pvalue)
    values["low"], values["high"] = interval(differences)
    if ratio is not None:
        values["corrected_low"], values["corrected_high"] = interval(differences, ratio)
    return values


def decision(line: Mapping[str, Any]) -> str:
    """``higher``, ``lower`` or ``undecided`` for a line with Holm's p; "" with too few pairs."""
    if line["pairs"] < MIN_PAIRS:
        return ""
    # The corrected interval, where there is one, contains the plain one.
    low = np.nanmin([line["low"], line["corrected_low"], np.inf])
    high = np.nanmax([line["high"], line["corrected_high"], -np.inf])
    if line["t_p_holm"] <= 0.05 and (low > 0 or high < 0):
        return "higher" if low > 0 else "lower"
    return "undecided"


def overlap(part: pd.DataFrame) -> float | None:
    """n_test / n_train of one data set's trials: how much wider they make an interval.

    The median of ``n_test`` over the largest ``n_train``; None where the split is fixed or unknown.
    """
    if not {"n_train", "n_test"} <= set(part.columns):
        return None
    ratio = part["n_test"].astype(float).median() / part["n_train"].astype(float).max()
    return None if np.isnan(ratio) else float(ratio)


def _published(table: pd.DataFrame | None) -> dict[tuple[Any, ...], tuple[float, float]]:
    if table is None:
        return {}
    return {
        (line["dataset"], line["paradigm"], line["row"], float(line["labelled_percent"])): (
            float(line["accuracy_mean"]),
            float(line["accuracy_sd"]),
        )
        for line in table.to_dict("records")
    }


def _is(part: pd.DataFrame, row_key: str) -> pd.Series:
    return part["row_key"] == row_key


def _span(values: pd.Series) -> int | str | None:
    there = sorted({int(value) for value in values.dropna()})
    if len(there) > 1:
        return f"{there[0]}-{there[-1]}"
    return there[0] if there else None


def _words(values: pd.Series) -> str:
    return "; ".join(sorted({str(value) for value in values.dropna()} - {""}))
