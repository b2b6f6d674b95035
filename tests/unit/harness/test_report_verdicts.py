"""Verdicts in reports: which blocks there are, that they are words, what a terminal prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.analysis.claims import judge, paper_claims
from harness.layout import Layout
from harness.registry import load_protocol
from harness.report.export import latex, markdown
from harness.report.kind import Given
from harness.report.ledger import judged, told, write_ledger
from harness.report.model import Table, Text
from harness.report.verdicts import Verdicts, counted
from harness.report.write import Made
from protocols.published import published_table
from tests.golden.table2_case import META, given
from tests.unit.harness.fake_claims import planted

NOTE = replace(META.datasets[2], key="data", title="Data", view_names=("eeg", "pps"), dims=(2, 2))
OPEN = replace(META, datasets=(NOTE,), reference_row_key="smvae")


def report_of(trials: pd.DataFrame, **changes: object) -> Made:
    return Made(Given(OPEN, Layout("table"), trials, published_table("table2"), **changes), ())


@pytest.fixture(scope="module")
def table2() -> pd.DataFrame:
    return planted(only=["table2"])["table2"]


@pytest.fixture(scope="module")
def made(table2: pd.DataFrame) -> Made:
    return report_of(table2)


def blocks_of(made: Made) -> dict[str, Table]:
    return {
        block.title: block
        for section in made.report.sections
        for block in section.blocks
        if isinstance(block, Table)
    }


def test_claims_stand_on_the_page_in_markdown_and_in_the_notes_of_latex(made: Made) -> None:
    table = blocks_of(made)["The paper’s claims on these data"]
    verdicts = {row.cells[1].text for row in table.rows}
    assert verdicts == {"holds", "not tested"}
    assert all(row.group.startswith("“") for row in table.rows)
    assert "The paper’s claims on these data" in markdown(made.report)
    assert "33 hold" in latex(made.report).replace("~", " ")
    assert "claims.csv" in made.text


def test_open_data_are_not_compared_with_published_numbers(made: Made) -> None:
    titles = set(blocks_of(made))
    assert not {"Against the paper’s numbers", "Leads of SMVAE against the paper’s"} & titles
    assert not {"cells.csv", "gaps.csv"} & set(made.text)


def test_licensed_data_are_compared_cell_by_cell_in_words() -> None:
    licensed = Made(given(), ())
    titles = blocks_of(licensed)
    texts = [
        cell.text for row in titles["Against the paper’s numbers"].rows for cell in row.cells[1:]
    ]
    assert all(text.split(",")[0] in {"undecided", "agrees", "no verdict"} for text in texts)
    assert {"cells.csv", "gaps.csv", "pairs.csv"} <= set(licensed.text)
    assert "Against the paper" in latex(licensed.report)


def test_probabilities_add_up_and_have_a_word(made: Made) -> None:
    table = blocks_of(made)["smvae worse, equal or better, as probabilities"]
    assert {row.cells[2].text for row in table.rows} <= {"better", "equal", "worse", "undecided"}
    assert len(table.rows) == made.text["posteriors.csv"].decode().count("\n") - 1


@pytest.mark.parametrize("protocol", ["figure2a", "figure2c", "figure3", "figure4", "figure6"])
def test_figures_show_their_claims(protocol: str) -> None:
    layout = Layout.of(load_protocol(protocol).layout)
    trials = planted(only=[protocol])[protocol]
    own = Made(Given(replace(OPEN, protocol=protocol), layout, trials), ())
    table = blocks_of(own)["The paper’s claims on these data"]
    claims = {claim.says for claim in paper_claims() if claim.protocol == protocol}
    assert {row.cells[0].text for row in table.rows} == claims
    assert own.text["claims.csv"].decode().count("holds") == sum(
        row.cells[1].text == "holds" for row in table.rows
    )


def test_one_trial_gives_no_verdict_and_a_sentence(table2: pd.DataFrame) -> None:
    first = report_of(table2[table2["trial"] == 0])
    assert "The paper’s claims on these data" not in blocks_of(first)
    assert not {"claims.csv", "posteriors.csv"} & set(first.text)
    texts = [
        line
        for section in first.report.sections
        for block in section.blocks
        if isinstance(block, Text)
        for line in block.lines
    ]
    assert any("Fewer than three" in line for line in texts)


def test_claims_over_a_run_reach_the_report_of_each_protocol(table2: pd.DataFrame) -> None:
    tables = planted(only=["table2", "figure2b"])
    metas = {name: replace(OPEN, protocol=name) for name in tables}
    ledger = judged(tables, metas)
    line = ledger.set_index("claim").loc["weights_follow_m2"]
    assert line["verdict"] == "holds"
    own = ledger[ledger["protocol"] == "figure2b"]
    verdicts = Verdicts(OPEN, Layout("table"), table2, None, "smvae", own)
    assert set(verdicts.ledger["claim"]) == {"eeg_weighs_most", "weights_follow_m2"}


def test_fixed_splits_are_not_corrected_for_overlap(table2: pd.DataFrame) -> None:
    overlapping = table2.assign(n_train=300, n_test=100)
    fixed = {"table2": replace(OPEN, datasets=(replace(NOTE, split_fixed=True),))}
    widths = [
        (lines["high"] - lines["low"]).dropna().iloc[0]
        for lines in (judged({"table2": overlapping}, m) for m in (fixed, {"table2": OPEN}))
    ]
    assert widths[1] > 1.5 * widths[0]


def test_a_terminal_names_what_is_decided(table2: pd.DataFrame) -> None:
    ledger = judge({"table2": table2}, {})
    (line,) = told(ledger)
    assert "33 hold" in line
    assert "smvae_above_all (1, 2, 3 %)" in line
    assert told(ledger.assign(p=float("nan"))) == []


def test_a_ledger_is_written_where_a_claim_was_tested(table2: pd.DataFrame, tmp_path: Path) -> None:
    ledger = judge({"table2": table2}, {})
    assert [path.name for path in write_ledger(ledger, tmp_path)] == ["claims.csv", "claims.md"]
    stored = pd.read_csv(tmp_path / "claims.csv")
    assert stored["verdict"].to_list() == ledger["verdict"].to_list()
    assert write_ledger(ledger.assign(p=float("nan")), tmp_path / "none") == []


def test_counts_are_in_words() -> None:
    text = counted("Cells", pd.Series(["agrees", "agrees", "differs: over", "undecided"]))
    assert text == "Cells: 2 agree, 1 differs: over, 1 undecided."
