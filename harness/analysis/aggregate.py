"""Numbers of a figure, one line per place on its axes. Pure: table of trials -> table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.statistics import CELL, axes, check, with_per_class

FIRST = ("dataset", "row", "row_key", "block", "label_percent")


def points(trials: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Mean and sample SD of each of ``values`` at every place, over its trials.

    Columns: ``FIRST``, the axes (``at_<name>``), ``n_labelled`` and ``n_classes_labelled`` (least
    and most over the trials, "" where unknown), ``trials_expected``, ``failed``,
    ``skipped``, ``missing``, and for each value ``<value>_trials``, how many trials have it,
    ``<value>_mean`` and ``<value>_sd``, NaN unless every planned trial has it.
    """
    ordered, places = check(trials), axes(trials)
    lines = []
    for _, cell in ordered.groupby([*CELL, *places], sort=True):
        ok = cell[cell["status"] == "ok"]
        line: dict[str, Any] = cell.iloc[0][[*FIRST, *places]].to_dict()
        for name in ("n_labelled", "n_classes_labelled"):
            line[name] = _span(cell[name]) if name in cell.columns else ""
        line["trials_expected"] = len(cell)
        for status in ("failed", "skipped", "missing"):
            line[status] = int((cell["status"] == status).sum())
        for value in values:
            line |= _moments(value, ok, len(cell))
        lines.append(line)
    return with_per_class(pd.DataFrame(lines), ordered)


def _moments(value: str, ok: pd.DataFrame, planned: int) -> dict[str, Any]:
    there = ok[value].dropna().to_numpy(float) if value in ok.columns else np.zeros(0)
    complete = len(there) == planned
    return {
        f"{value}_trials": len(there),
        f"{value}_mean": float(there.mean()) if complete else np.nan,
        f"{value}_sd": float(there.std(ddof=1)) if complete and planned > 1 else np.nan,
    }


def _span(values: pd.Series) -> str:
    there = sorted({int(value) for value in values.dropna()})
    return "-".join(dict.fromkeys(str(value) for value in (there[:1] + there[-1:])))
