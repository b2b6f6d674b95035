"""A small frozen Table 2: real, simulated and open data, with everything going wrong.

``trials.csv`` is frozen input; ``expected/`` holds what the report makes of it, byte for byte.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from harness.layout import Layout
from harness.report.kind import Given
from harness.report.meta import DatasetNote, ReportMeta
from protocols.published import published_table

HERE = Path(__file__).resolve().parent
EXPECTED = HERE / "expected"
COMPARED = ("table2.csv", "paired.csv", "table2.md", "table2.tex")


def trials() -> pd.DataFrame:
    return pd.read_csv(HERE / "trials.csv", keep_default_na=True)


_SEED = DatasetNote(
    key="seed",
    title="SEED",
    kind="licensed",
    is_paper_data=True,
    published_name="SEED",
    source="its owner, on request",
    licence="signed agreement, no redistribution",
    citation="Zheng and Lu (2015)",
    n=22734,
    dims=(310, 33),
    view_names=("EEG", "Eye"),
    n_classes=3,
    split="nine_six",
    leaks=("subject",),
    fingerprint="00112233aabbccdd",
    what_varies="Each trial re-draws the labelled rows.",
    split_fixed=True,
)

META = ReportMeta(
    protocol="table2",
    title="Table 2: accuracy with few labels & <odd> signs_",
    budget="preview",
    stamp="preview; the paper uses 20 trials",
    trials_expected=3,
    command="python run_all.py --only table2",
    date="2026-01-02 03:04 UTC",
    revision="abc1234",
    dirty=True,
    versions={"numpy": "2.0.0"},
    machine="a machine",
    datasets=(
        _SEED,
        replace(
            _SEED,
            key="simulated_seed",
            title="SEED, simulated",
            kind="simulated",
            source="made here",
            leaks=(),
        ),
        replace(
            _SEED,
            key="mfeat:fou,zer",
            title="Multiple features",
            kind="open",
            is_paper_data=False,
            published_name=None,
            split="random",
            leaks=(),
            n_classes=10,
            split_fixed=False,
        ),
    ),
    row_notes={"smvae": ("The paper's model.", ("du2018",))},
    footnotes=("100% of {this} is made up.",),
)


def given(table: pd.DataFrame | None = None) -> Given:
    """All that the report is made from."""
    own = trials() if table is None else table
    return Given(META, Layout("table"), own, published_table("table2"))
