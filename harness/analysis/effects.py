"""Effects: what rows of a table differ by, or lie from a known value, with verdicts.

Pure: table of trials -> table. An effect is a combination of rows, trial by trial, minus what is
expected of it; a verdict says whether its interval lies where it must.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.statistics import CELL, MIN_PAIRS, check, interval
from harness.layout import Effect

EFFECT_COLUMNS = (
    "dataset", "label_percent", "line", "panel", "column", "must", "measured", "against",
    "expected", "difference", "sd", "low", "high", "corrected_low", "corrected_high", "trials",
    "trials_expected", "within_low", "within_high", "verdict",
)  # fmt: skip
PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"


Known = Mapping[str, Mapping[str, float]]
"""Data set -> known value, such as the Bayes accuracy, by name."""


def effects(trials: pd.DataFrame, wanted: Sequence[Effect], known: Known) -> pd.DataFrame:
    """A line for each effect, data set and share of labels whose rows were all planned.

    Columns ``EFFECT_COLUMNS``. ``measured`` and ``expected`` are means over the trials that are ok
    in every row of the effect, ``difference`` is that of the two; ``against`` names the row that
    ``best_of`` chose. ``low .. high`` is the 95 % t interval over trials,
    ``corrected_low .. corrected_high`` that of Nadeau and Bengio (2003) for training sets that
    overlap. ``verdict``: ``passed`` if the widest interval lies within, ``failed`` if it lies
    outside, else ``undecided``; "" with fewer than three trials or where nothing must hold. No
    difference is given where a planned trial is missing.

    Raises ValueError where ``less`` names a value that is not known of a data set.
    """
    ordered, lines = check(trials), []
    for (_, dataset, percent), part in ordered.groupby([*CELL[:2], "label_percent"], sort=True):
        there = set(part["row_key"])
        for effect in wanted:
            if {*effect.rows, *effect.best_of} <= there:
                line = _line(effect, part, known.get(str(dataset), {}))
                lines.append({"dataset": dataset, "label_percent": float(str(percent)), **line})
    return pd.DataFrame(lines, columns=list(EFFECT_COLUMNS))


def verdict(low: float, high: float, within: Sequence[float | None]) -> str:
    """Whether the interval ``low .. high`` lies within, outside, or on both sides of a bound."""
    if not within or np.isnan(low):
        return ""
    least, most = bounds(within)
    if least <= low and high <= most:
        return PASSED
    return FAILED if high < least or low > most else UNDECIDED


def bounds(within: Sequence[float | None]) -> tuple[float, float]:
    """Lowest and highest legal difference; infinite where there is no bound."""
    least, most = within or (None, None)
    return -np.inf if least is None else least, np.inf if most is None else most


def _line(effect: Effect, part: pd.DataFrame, known: Mapping[str, float]) -> dict[str, Any]:
    best = _best(part, effect.best_of)
    coefficients = dict(effect.rows) | ({best: -1.0} if best else {})
    values, planned = _values(part, effect.column, list(coefficients))
    weights = np.array(list(coefficients.values()), float)
    measured = values.to_numpy() @ np.maximum(weights, 0)
    expected = _known(effect, known) + values.to_numpy() @ np.maximum(-weights, 0)
    complete = len(values) == planned > 0
    least, most = effect.within or (None, None)
    titles = part.drop_duplicates("row_key").set_index("row_key")["row"]
    line: dict[str, Any] = dict.fromkeys(EFFECT_COLUMNS[2:], np.nan) | {
        "line": effect.line,
        "panel": effect.panel,
        "column": effect.column,
        "must": effect.must,
        "against": titles[best] if best else "",
        "trials": len(values),
        "trials_expected": planned,
        "within_low": np.nan if least is None else least,
        "within_high": np.nan if most is None else most,
        "verdict": "",
    }
    if not complete:
        return line
    differences = measured - expected
    line |= {"measured": measured.mean(), "expected": expected.mean()}
    line["difference"] = differences.mean()
    return line | (_spread(differences, part, effect) if planned >= MIN_PAIRS else {})


def _spread(differences: np.ndarray, part: pd.DataFrame, effect: Effect) -> dict[str, Any]:
    """SD, both intervals and the verdict; the interval of equal differences is their value."""
    low, high = interval(differences)
    values: dict[str, Any] = {"sd": float(differences.std(ddof=1)), "low": low, "high": high}
    sizes = part[["n_test", "n_train"]].astype(float) if "n_train" in part.columns else None
    if sizes is not None and sizes.notna().all(axis=1).any():
        ratio = float(sizes["n_test"].median() / sizes["n_train"].max())
        values["corrected_low"], values["corrected_high"] = interval(differences, ratio)
    widest = values.get("corrected_low", low), values.get("corrected_high", high)
    return values | {"verdict": verdict(*widest, effect.within)}


def _values(part: pd.DataFrame, column: str, keys: list[str]) -> tuple[pd.DataFrame, int]:
    """Values of the rows ``keys``, a line for every trial that all have; and planned trials."""
    own = part[part["row_key"].isin(keys)]
    there = own[column] if column in own.columns else pd.Series(np.nan, own.index)
    there = there.where((own["status"] == "ok").to_numpy()).astype(float)
    wide = own.assign(value=there).pivot(index="trial", columns="row_key", values="value")
    return wide[keys].dropna(), int(own.groupby("row_key")["trial"].nunique().max())


def _best(part: pd.DataFrame, keys: Sequence[str]) -> str:
    """That of the rows ``keys`` with the highest mean tuning accuracy; "" for no rows."""
    if not keys:
        return ""
    own = part[part["row_key"].isin(keys)].assign(score=part["tuning_accuracy"].astype(float))
    means = own.groupby("row_key")["score"].mean()
    return max(keys, key=lambda key: np.nan_to_num(means[key], nan=-np.inf))


def _known(effect: Effect, known: Mapping[str, float]) -> float:
    if not isinstance(effect.less, str):
        return effect.less
    if effect.less not in known:
        raise ValueError(f"'{effect.line}' needs '{effect.less}', which is not known of the data")
    return known[effect.less]
