"""Tables of trials for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd


def trials_of(rows: Mapping[str, Sequence[float]], percent: float = 2.0) -> pd.DataFrame:
    """Row key -> accuracies of its trials, all ok, on one data set and in one label column."""
    return pd.DataFrame(
        [
            {
                "dataset": "data", "dataset_order": 0, "block": "inductive", "row": key.upper(),
                "row_key": key, "row_order": order, "label_percent": percent, "trial": trial,
                "status": "ok", "accuracy": float(accuracy), "tuning": float(accuracy),
                "n_labelled": 24, "n_tuning_labels": 400, "candidates": 4, "candidates_failed": 0,
                "selection": "tuning accuracy", "budget": "preview", "seconds": 1.5,
                "peak_memory_mb": 300.0, "epoch": 10, "config": "{}", "reason": "", "trace": "",
                "device": "cpu", "stale": False, "published": None, "all_labels": False,
            }
            for order, (key, accuracies) in enumerate(rows.items())
            for trial, accuracy in enumerate(accuracies)
        ]
    )  # fmt: skip
