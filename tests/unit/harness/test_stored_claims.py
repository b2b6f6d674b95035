"""The ledger of docs/results/: it is what the stored numbers give, and every line has a reason."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.claims import paper_claims
from harness.stored_claims import FOLDER, SOURCES, TRIALS, files, ledger


def test_the_committed_ledger_is_that_of_the_stored_numbers() -> None:
    for name, text in files().items():
        assert (FOLDER / name).read_text("utf-8") == text, "run: make claims"


@pytest.fixture(scope="module")
def made() -> pd.DataFrame:
    return ledger()


def test_every_claim_is_judged_on_every_stored_run_with_a_reason(made: pd.DataFrame) -> None:
    tested = {claim.key for claim in paper_claims() if claim.kind != "untested"}
    assert tested <= set(made["claim"]) <= {claim.key for claim in paper_claims()}
    assert {f"{source.cells}.csv" for source in SOURCES} <= set(made["source"])
    assert (made["reason"].str.len() > 10).all()
    assert made["reason"].str.endswith(".").all()
    assert set(made["verdict"]) <= {"holds", "fails", "undecided", "not tested"}


def test_a_difference_of_the_ledger_is_that_of_the_stored_comparison(
    made: pd.DataFrame,
) -> None:
    own = made[(made["source"] == TRIALS[0].name) & (made["claim"] == "unlabelled_leveraged")]
    line = own[own["dataset"] == "watch:acc,gyr"].iloc[0]
    pairs = pd.read_csv(FOLDER / "table2" / "paired.csv")
    cell = pairs["dataset"].eq("watch:acc,gyr") & pairs["label_percent"].eq(line["label_percent"])
    pair = pairs[cell & (pairs["row_key"] == "classifier")].iloc[0]
    ends = ("mean_difference", "corrected_low", "corrected_high")
    assert [line[end] for end in ("effect", "low", "high")] == pytest.approx(
        [pair[end] for end in ends], abs=1e-6
    )
    assert line["trials"] == 20
