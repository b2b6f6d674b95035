"""Records of jobs that never ran, for what reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from harness.store.record import Record


def record(name: str, score: float, config: Mapping[str, Any], **more: Any) -> Record:
    """A record that is ok, of method ``fit``, chosen by tuning accuracy."""
    job = {"method": more.pop("method", "fit"), "config": dict(config)}
    given = {"status": "ok", "score": score, "selected_by": "tuning accuracy", "epoch": 3}
    return Record(id=name, job=job, data_key="data", seconds=1.0, **{**given, **more})


def with_stages(trials: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Record]]:
    """``trials`` whose ok ones have a chain: an imputer, then two candidates, the second chosen."""
    records: dict[str, Record] = {}
    stages, chosen = [], []
    for place, line in enumerate(trials.to_dict("records")):
        first, low, high = f"i{place}", f"a{place}", f"b{place}"
        records[first] = record(first, -0.4, {"rank": 2}, method="impute")
        records[low] = record(low, 0.5, {"c": 0.1, "batch": 100})
        records[high] = record(high, 0.6, {"c": 0.5, "batch": 100})
        ok = line["status"] == "ok"
        stages.append([[[first]], [[low, high]]] if ok else [])
        chosen.append(high if ok else "")
    return trials.assign(stages=stages, chosen=chosen), records
