"""The trials behind the numbers, as data files that the page loads when a cell is opened.

One file for each row and data set, ``data/<data set>-<n>.js``: a line of JavaScript that hands a
JSON object to the page, since a page opened from disk may run such a file but may not read another.

A cell is ``{"place", "trials": [...]}`` under its :func:`places.cell_name`. A trial has its status,
scores, cost and settings as printed, ``stages`` with every candidate and its tuning score, view
weights, and the learning curves that its chosen fit stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis import selection
from harness.analysis.statistics import axes
from harness.report import format as fmt
from harness.report.places import cell_name, where
from harness.store.record import Record

CURVES_OF_TRIALS = 3
"""Learning curves are read for so many trials of a cell: each is a file of its own to open."""
CURVE_POINTS = 200
"""Points of a stored curve; a longer one is thinned evenly."""
NOT_CURVES = ("test_", "codes_", "imputed_")


def script(file: str, content: Any) -> bytes:
    """A data file: it hands ``content`` to the page under its own name."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"reportData({json.dumps(file)},{text});\n".encode()


class TrialData:
    """Makes the data of a row; ``curves_of`` reads a record's arrays and raises ValueError."""

    def __init__(self, records: Mapping[str, Record], curves_of: Any = None) -> None:
        self.records, self.curves_of = records, curves_of

    def row(self, trials: pd.DataFrame, name: str, names: Sequence[str]) -> dict[str, Any]:
        """All cells of one row. ``name`` of the row; ``names`` of the views."""
        cells: dict[str, dict[str, Any]] = {}
        for _, cell in trials.groupby(["label_percent", *axes(trials)], sort=False):
            lines = cell.to_dict("records")
            told = [self._trial(line, names, i < CURVES_OF_TRIALS) for i, line in enumerate(lines)]
            cells[cell_name(lines[0])] = {"place": where(lines[0]), "trials": told}
        first = trials.iloc[0]
        return {
            "row": name,
            "block": str(first["block"]),
            "key": str(first["row_key"]),
            "chosen_by": first["selection"] if isinstance(first["selection"], str) else "",
            "cells": cells,
        }

    def _trial(self, line: Mapping[Any, Any], views: Sequence[str], curves: bool) -> dict[str, Any]:
        chosen = self.records.get(str(line.get("chosen", "")))
        values = {
            "trial": int(line["trial"]),
            "status": line["status"],
            "value": _number(line["accuracy"]),
            "seconds": _number(line["seconds"]),
            "test": fmt.accuracy(line["accuracy"]),
            "nmse": fmt.accuracy(line.get("nmse")),
            "tuning": fmt.accuracy(line["tuning"]),
            "epoch": fmt.count(line["epoch"]),
            "time": fmt.seconds(line["seconds"]),
            "memory": fmt.memory(line["peak_memory_mb"]),
            "device": _text(line["device"]),
            "settings": _text(line["config"]),
            "reason": _text(line["reason"]),
            "trace": _text(line["trace"]),
            "stale": bool(line["stale"]),
            "stages": [self._stage(stage) for stage in line.get("stages") or ()],
            "weights": _weights(line, views),
            "curves": self._curves(chosen) if curves and chosen is not None else {},
        }
        return {name: value for name, value in values.items() if value not in ("", None, [], {})}

    def _stage(self, groups: Sequence[Sequence[str]]) -> dict[str, Any]:
        """A stage of the recipe: every candidate that was fitted, for each of its inputs."""
        there = [[self.records[i] for i in group if i in self.records] for group in groups]
        every = [record for group in there for record in group]
        if not every:
            return {"method": "", "groups": []}
        configs = [record.job["config"] for record in every]
        common = {k: v for k, v in configs[0].items() if all(c.get(k) == v for c in configs)}
        return {
            "method": every[0].job["method"],
            "chosen_by": every[0].selected_by,
            "settings": _settings(common),
            "groups": [[_candidate(r, selection.best(group), common) for r in group]
                       for group in there],
        }  # fmt: skip

    def _curves(self, record: Record) -> dict[str, dict[str, Any]]:
        if self.curves_of is None or not record.arrays:
            return {}
        try:
            arrays = self.curves_of(record)
        except ValueError:
            return {}  # the file is gone: the page then has no curve to show
        curves = {}
        for name, array in arrays.items():
            if array.dtype.kind != "f" or name.startswith(NOT_CURVES) or len(array) < 2:
                continue
            if array.ndim == 1:
                curves[name] = _thinned(array)
            elif array.ndim == 2 and array.shape[1] <= 12:
                curves |= {f"{name} {v}": _thinned(array[:, v]) for v in range(array.shape[1])}
        return curves


def _candidate(record: Record, best: Record | None, common: Mapping[str, Any]) -> dict[str, Any]:
    own = {k: v for k, v in record.job["config"].items() if k not in common}
    return {
        "settings": _settings(own),
        "score": fmt.accuracy(record.score).replace("-", "−"),
        "epoch": record.epoch,
        "time": fmt.seconds(record.seconds),
        "status": record.status,
        "chosen": best is not None and record.id == best.id,
        **({"reason": record.reason} if record.reason else {}),
    }


def _settings(config: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sorted(config.items()))


def _weights(line: Mapping[Any, Any], views: Sequence[str]) -> list[str]:
    """``fac .41`` for each view that the chosen posterior weighs."""
    pairs = [(view, line.get(f"weight_{v}")) for v, view in enumerate(views)]
    there = [(view, value) for view, value in pairs if value is not None and not pd.isna(value)]
    return [f"{view} {fmt.accuracy(value)}" for view, value in there] if len(there) > 1 else []


def _thinned(values: np.ndarray) -> dict[str, Any]:
    """Length, and at most ``CURVE_POINTS`` values of four digits; None where one is not finite."""
    keep = np.unique(np.linspace(0, len(values) - 1, CURVE_POINTS).astype(int))
    shown = [float(f"{v:.4g}") if np.isfinite(v) else None for v in values[keep].tolist()]
    return {"n": len(values), "y": shown}


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else round(float(value), 6)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
