"""docs/results/digits/: its table says what its records say, counted here by other code."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "results" / "digits"
TABLE = pd.read_csv(FOLDER / "table2.csv")
PAPERS, WIDE = (0.1, 0.5, 1.0), (10.0, 30.0, 100.0)
LEARNED, UNIFORM = {"weights": "learned"}, {"weights": "uniform"}
ROWS: dict[tuple[str, str], tuple[str, str, dict[str, Any], tuple[float, ...]]] = {
    # block and row of the table: method, paradigm, what tells its fits from others', weights c
    ("inductive", "M2 (right)"): ("m2", "inductive", {"views": ["right"]}, PAPERS),
    ("inductive", "M2 (left)"): ("m2", "inductive", {"views": ["left"]}, PAPERS),
    ("inductive", "M2 (Concat.)"): ("m2", "inductive", {"views": None}, PAPERS),
    ("inductive", "SDGM (Concat.)"): ("sdgm", "inductive", {}, PAPERS),
    ("inductive", "SMVAE"): ("smvae", "inductive", LEARNED, PAPERS),
    ("transductive", "SMVAE"): ("smvae", "transductive", LEARNED, PAPERS),
    ("reference", "SMVAE, equal view weights"): ("smvae", "inductive", UNIFORM, PAPERS),
    ("reference", "SMVAE, c 10 to 100"): ("smvae", "inductive", LEARNED, WIDE),
    ("reference", "SMVAE, c 10 to 100 (transductive)"): ("smvae", "transductive", LEARNED, WIDE),
    ("reference", "M2 (Concat.), c 10 to 100"): ("m2", "inductive", {"views": None}, WIDE),
}


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    with gzip.open(FOLDER / "records.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_every_fit_ended_well_and_stands_once(records: list[dict[str, Any]]) -> None:
    assert {record["status"] for record in records} == {"ok"}
    assert len({record["id"] for record in records}) == len(records)
    assert len({record["revision"] for record in records}) == 1
    assert {record["job"]["trial"] for record in records} == set(range(20))
    assert (TABLE["trials"] == 20).all()
    assert len(TABLE) == 27


@pytest.mark.parametrize("row", ROWS)
def test_the_table_holds_the_means_of_the_fits_that_tuning_rows_chose(
    records: list[dict[str, Any]], row: tuple[str, str]
) -> None:
    method, paradigm, marks, weights = ROWS[row]
    trials: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        job = record["job"]
        said = job["config"] | {"views": job["views"]}
        if (job["method"], job["scenario"]["paradigm"]) != (method, paradigm):
            continue
        if said["c"] in weights and all(said[name] == value for name, value in marks.items()):
            trials[job["trial"]].append(record)
    assert {len(fits) for fits in trials.values()} == {len(weights)}
    best = [min(fits, key=_rank)["metrics"]["test_accuracy"] for fits in trials.values()]
    shown = TABLE.set_index(["paradigm", "row"]).loc[row]
    assert shown["mean"] == pytest.approx(pd.Series(best).mean(), abs=1e-6)
    assert shown["sd"] == pytest.approx(pd.Series(best).std(), abs=1e-6)


def _rank(fit: dict[str, Any]) -> tuple[float, int, float]:
    """Best on tuning rows first; ties go to the earlier epoch, then to the smaller c."""
    return -fit["score"], fit["epoch"], fit["job"]["config"]["c"]
