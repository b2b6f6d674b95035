"""Made tables of trials of figures, their arrays and notes, small and with everything in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness import registry
from harness.analysis.figure_arrays import Matrices, Shown, Weights
from harness.layout import Layout
from harness.report.kind import Given
from harness.report.meta import DatasetNote, ReportMeta
from tests.unit.harness.fake_trials import trials_of

NOTE = DatasetNote(
    key="data", title="Data", kind="open", is_paper_data=False, published_name=None,
    source="here", licence="none", citation="", n=100, dims=(3, 4), view_names=("a", "b"),
    n_classes=4, split="random", leaks=(), fingerprint="00", what_varies="Each trial re-draws all.",
)  # fmt: skip
ROWS = {
    "simvae": ("SiMVAE", 0.0),
    "full_data": ("FullData", 0.03),
    "partial_data": ("PartialData", -0.2),
    "soft_impute_als_smvae": ("SoftImputeALS → SMVAE", -0.05),
    "dccae_smvae": ("DCCAE → SMVAE", -0.07),
    "corrnet_smvae": ("CorrNet → SMVAE", -0.06),
    "conet": ("CoNet", -0.1),
    "sdgm_plus": ("SDGM+", -0.12),
}
FEW = ("simvae", "full_data", "partial_data", "conet", "sdgm_plus")
KEYS = ("simvae", "sdgm_plus", "dccae_smvae")


def meta_of(protocol: str, **changes: Any) -> ReportMeta:
    plain: dict[str, Any] = {
        "protocol": protocol, "title": f"The title of {protocol}", "budget": "smoke",
        "stamp": "smoke run", "trials_expected": 3, "command": "c", "date": "d", "revision": "r",
        "dirty": False, "versions": {}, "machine": "m", "datasets": (NOTE,),
    }  # fmt: skip
    return ReportMeta(**(plain | changes))


def layout_of(protocol: str) -> Layout:
    return Layout.of(registry.load_protocol(protocol).layout)


def missing_trials(
    rows: Sequence[str] = tuple(ROWS),
    percents: Sequence[float] = (2.0, 10.0),
    places: Sequence[float] = (0.1, 0.5, 0.9),
    trials: int = 3,
) -> pd.DataFrame:
    """A table like Figure 3's, with NMSE: accuracies fall with the missing share."""
    rng = np.random.default_rng(0)
    parts = []
    for order, key in enumerate(rows):
        title, better = ROWS[key]
        for percent in percents:
            for place in places:
                slope = 0.0 if key == "full_data" else 0.1
                mean = 0.6 + 0.02 * percent - slope * place + better
                part = trials_of({key: mean + 0.02 * rng.normal(size=trials)}, percent)
                nmse = 0.6 + 0.2 * place - better + 0.02 * rng.normal(size=trials)
                part = part.assign(row=title, row_order=order, at_missing=place, nmse=nmse)
                part = part.assign(nmse_all=nmse * np.sqrt(place), n_labelled=int(12 * percent))
                parts.append(part.assign(n_classes_labelled=4, coverage_90=0.8, nll=1.5))
    table = pd.concat(parts, ignore_index=True)
    kept = table["row_key"] == "partial_data"
    table.loc[kept, "n_labelled"] = (table["n_labelled"] * (1 - table["at_missing"])).astype(int)
    table.loc[kept & (table["at_missing"] == 0.9), "n_classes_labelled"] = 2
    return table


def heat_trials(values: Sequence[float] = (0.1, 0.5, 1.0), trials: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    parts = [
        trials_of({"simvae": 0.6 + 0.02 * i - 0.03 * j + 0.01 * rng.normal(size=trials)}).assign(
            row="SiMVAE", at_c1=c1, at_c2=c2
        )
        for i, c1 in enumerate(values)
        for j, c2 in enumerate(values)
    ]
    return pd.concat(parts, ignore_index=True)


def line_trials(
    name: str, values: Sequence[float], percents: Sequence[float] = (2.0,), trials: int = 3
) -> pd.DataFrame:
    """A table of one row over one axis: Figures 2a and 2c."""
    rng = np.random.default_rng(2)
    parts = [
        trials_of({"smvae": 0.5 + 0.02 * p + 0.03 * i + 0.02 * rng.normal(size=trials)}, p).assign(
            row="SMVAE", **{f"at_{name}": value}
        )
        for p in percents
        for i, value in enumerate(values)
    ]
    return pd.concat(parts, ignore_index=True)


def weights_of(trials: int = 3, views: int = 2, epochs: int = 60) -> Shown:
    """Weights that drift to the first view, each trial at its own pace."""
    found = []
    for trial in range(trials):
        rise = np.linspace(0, 3 + 0.4 * trial, epochs)[:, None]
        raw = np.exp(rise * (np.arange(views) == 0))
        curve = raw / raw.sum(1, keepdims=True)
        found.append(Weights("data", trial, 20 + 5 * trial, curve[19 + 5 * trial], curve))
    return Shown(weights=tuple(found))


def matrices_of(keys: Sequence[str], rows: int = 40, width: int = 12) -> Shown:
    rng = np.random.default_rng(3)
    classes = np.sort(rng.integers(4, size=rows))
    truth = rng.normal(size=(4, width))[classes] + 0.6 * rng.normal(size=(rows, width))
    completed = {
        key: truth * (0.8 - 0.1 * i) + 0.2 * rng.normal(size=(rows, width))
        for i, key in enumerate(keys)
    }
    names = tuple("wxyz"[label] for label in classes)
    return Shown(matrices=(Matrices("data", "b", 0, truth, completed, names, 55),))


def case(protocol: str) -> tuple[pd.DataFrame, Shown]:
    """Trials and arrays of a protocol's figure."""
    if protocol == "figure2a":
        return line_trials("unlabelled", (0.0, 0.4, 1.0), (2.0, 10.0)), Shown()
    if protocol == "figure2b":
        return trials_of({"smvae": [0.5, 0.6, 0.7]}), weights_of()
    if protocol == "figure2c":
        return line_trials("c", (0.1, 1.0, 10.0)), Shown()
    if protocol == "figure3":
        return missing_trials(FEW), Shown()
    if protocol == "figure4":
        return missing_trials(KEYS), Shown()
    if protocol == "figure5":
        return missing_trials(KEYS, (10.0,), (0.1,), 1), matrices_of(KEYS)
    return heat_trials(), Shown()


def given_of(protocol: str, **changes: Any) -> Given:
    """All that a protocol's report is made from; ``trials``, ``shown`` or fields of its meta."""
    trials, shown = case(protocol)
    trials, shown = changes.pop("trials", trials), changes.pop("shown", shown)
    return Given(meta_of(protocol, **changes), layout_of(protocol), trials, shown=shown)
