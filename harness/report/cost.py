"""What trials cost in words: core-hours on processors, hours on each kind of GPU."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.report import format as fmt
from harness.report import places

CPU = "cpu"
"""``device`` of a trial whose stages all ran on one core; else the names of its devices."""


def total(trials: pd.DataFrame) -> str:
    """``1.3 core-hours and 4 minutes on NVIDIA H200 in 90 trials; a trial takes from ...``."""
    ok = trials[trials["status"] == "ok"]
    if not len(ok):
        return f"{_work(trials)}, no trial ended with a number."
    text = f"{_work(trials)} in {fmt.plural(len(trials), 'trial')}"
    means, names = ok.groupby("row_key", sort=False)["seconds"].mean(), places.names_of(trials)
    if len(means) > 1:
        most, least = str(means.idxmax()), str(means.idxmin())
        text += f"; a trial takes from {fmt.seconds(means[least])} ({names[least]}) to "
        text += f"{fmt.seconds(means[most])} ({names[most]})"
    return f"{text}. {comparable(trials)}".rstrip()


def comparable(trials: pd.DataFrame) -> str:
    """A warning where times are of different devices, else nothing."""
    devices = sorted(set(_devices(trials)))
    if len(devices) < 2:
        return ""
    named = ["one core" if device == CPU else device for device in devices]
    return f"Times on different devices are not comparable: {_and(named)}."


def _work(trials: pd.DataFrame) -> str:
    seconds = trials["seconds"].fillna(0).groupby(_devices(trials)).sum()
    of_cores = float(seconds.get(CPU, 0.0))
    of_others = [(str(k), float(v)) for k, v in seconds.items() if k != CPU]
    texts = [_amount(of_cores, "core-{}")] if of_cores or not of_others else []
    return _and([*texts, *(_amount(spent, "{}") + f" on {name}" for name, spent in of_others)])


def _devices(trials: pd.DataFrame) -> pd.Series:
    return trials["device"].fillna("").replace("", CPU)


def _amount(seconds: float, unit: str) -> str:
    if seconds < 120:
        return f"{seconds:.0f} {unit.format('seconds')}"
    if seconds < 7200:
        return f"{seconds / 60:.0f} {unit.format('minutes')}"
    return f"{seconds / 3600:.1f} {unit.format('hours')}"


def _and(texts: Sequence[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
