"""Planted trials: a world in which every claim of the paper is true, and changes that break one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import product

import numpy as np
import pandas as pd

from tests.unit.harness.fake_trials import trials_of

VIEWS = {"data": ("eeg", "pps")}
PERCENTS, MISSING, CS = (1.0, 2.0, 3.0), (0.1, 0.3, 0.5, 0.7, 0.9), (0.01, 0.1, 0.5, 1.0, 10.0)
TABLE2 = {
    "mae_svm": 0.6, "dcca_svm": 0.61, "dccae_svm": 0.62, "ammss": 0.5, "amgl": 0.48,
    "mae_tsvm": 0.65, "dcca_tsvm": 0.66, "dccae_tsvm": 0.67, "smvae_transductive": 0.8,
    "m2_pps": 0.6, "m2_eeg": 0.7, "m2_concat": 0.72, "sdgm_concat": 0.74, "smvae": 0.82,
    "classifier": 0.7,
}  # fmt: skip
TITLES = {"m2_pps": "M2 (pps)", "m2_eeg": "M2 (eeg)", "m2_concat": "M2 (Concat.)"}
RIVALS = ("soft_impute_als_smvae", "dccae_smvae", "corrnet_smvae", "conet", "sdgm_plus")
ERRORS = {
    "simvae": 0.5, "sdgm_plus": 0.503, "conet": 0.507, "corrnet": 0.6, "dccae": 0.62,
    "soft_impute_als": 0.7,
}  # fmt: skip
Means = dict[tuple[float, tuple[float, ...], str], float]
"""(share of labels, place, row key) -> true mean."""


def _figure3() -> Means:
    means = {}
    for i, percent in enumerate(PERCENTS):
        for missing in MISSING:
            own = {"simvae": 0.8, "full_data": 0.81 - 0.004 * i, "partial_data": 0.5}
            own |= dict.fromkeys(RIVALS, 0.7 - 0.02 * i)
            means |= {(percent, (missing,), key): mean for key, mean in own.items()}
    return means


def _figure4() -> Means:
    return {
        (percent, (missing,), key): error + 0.1 * missing - 0.01 * percent
        for percent, missing, (key, error) in product(PERCENTS, MISSING, ERRORS.items())
    }


WORLD: Mapping[str, tuple[tuple[str, ...], str, Means]] = {
    "table2": (
        (),
        "accuracy",
        {(p, (), key): m + 0.02 * p for p in PERCENTS for key, m in TABLE2.items()},
    ),
    "figure2a": (
        ("unlabelled",),
        "accuracy",
        {(p, (share,), "smvae"): 0.6 + 0.1 * share for p in PERCENTS for share in (0.0, 0.4, 1.0)},
    ),
    "figure2b": ((), "weight", {(1.0, (), "eeg"): 0.7, (1.0, (), "pps"): 0.3}),
    "figure2c": (
        ("c",),
        "accuracy",
        {(1.0, (c,), "smvae"): 0.8 if 0.1 <= c <= 1 else 0.75 for c in CS},
    ),
    "figure3": (("missing",), "accuracy", _figure3()),
    "figure4": (("missing",), "nmse", _figure4()),
    "figure6": (("c1", "c2"), "accuracy", {(1.0, at, "simvae"): 0.8 for at in product(CS, CS)}),
}
"""Protocol -> its axes, the value that is tested, and true means in which every claim holds."""


def planted(
    change: Callable[[Means], Means] | None = None,
    trials: int = 10,
    noise: float = 0.001,
    only: Collection[str] = tuple(WORLD),
) -> dict[str, pd.DataFrame]:
    """Tables of trials of the protocols ``only``; ``change`` gets and returns the means of one."""
    tables = {}
    for protocol in only:
        names, value, true = WORLD[protocol]
        means = change(dict(true)) if change else true
        draws = noise * np.random.default_rng(7).standard_normal((len(means), trials))
        drawn = np.array([*means.values()])[:, None] + draws
        table = trials_of({str(i): own for i, own in enumerate(drawn)})
        cells = [[*means][int(i)] for i in table["row_key"]]
        table["label_percent"] = [percent for percent, _, _ in cells]
        table["row_key"] = [key for _, _, key in cells]
        table["row"] = [TITLES.get(key, key) for _, _, key in cells]
        for i, name in enumerate(names):
            table[f"at_{name}"] = [place[i] for _, place, _ in cells]
        if value != "accuracy":
            table[value], table["accuracy"] = table["accuracy"], np.nan
        tables[protocol] = _weighted(table) if value == "weight" else table
    return tables


def _weighted(table: pd.DataFrame) -> pd.DataFrame:
    """One row, SMVAE, with a column for the weight of each view."""
    first, second = (table[table["row_key"] == view] for view in VIEWS["data"])
    made = first.assign(row_key="smvae", accuracy=0.5, weight_0=first["weight"])
    return made.assign(weight_1=second["weight"].to_numpy()).drop(columns="weight")
