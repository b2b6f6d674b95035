"""Table 2: the paper's rows first, every other classifier behind them, optional rows aside."""

from __future__ import annotations

from dataclasses import replace

from harness.plan.expand import expand
from protocols.base import BUDGETS, Cell, MethodCard
from protocols.published import published_table
from protocols.table2 import Table2
from tests.helpers import scenario, tiny

CARDS = (
    MethodCard("smvae", "SMVAE", True, False, True, True),
    MethodCard("graph", "Graph", True, False, True, False),
    MethodCard("forest", "Forest", True, False, False, True),
    MethodCard("codes", "Codes", False, False, True, True),
)


def rows(views: tuple[str, ...] = ("eeg", "eye")) -> dict:
    return {row.key: row for row in Table2().rows(views, CARDS)}


def test_single_view_rows_follow_the_views_of_the_data() -> None:
    assert [key for key in rows() if key.startswith("m2_")] == ["m2_eye", "m2_eeg", "m2_concat"]
    assert rows()["m2_eye"].recipe[0].views == ("eye",)
    assert "m2_c" in rows(("a", "b", "c"))


def test_a_new_classifier_gets_a_row_in_the_paradigm_it_can_use() -> None:
    found = rows()
    assert found["forest"].paradigm == "supervised"
    assert found["graph"].paradigm == "transductive"
    assert {found[key].block for key in ("forest", "graph")} == {"reference"}
    assert found["forest"].published is None
    assert "codes" not in found
    assert list(found)[-1] in {"graph", "forest"}


def test_rivals_stand_behind_the_papers_rows_in_the_block_of_rows_that_it_lacks() -> None:
    found = rows()
    keys = list(found)
    paper = [key for key in keys if found[key].published]
    assert keys[: len(paper)] == paper
    cheap = {"label_spreading", "poisson_learning"}
    cheap |= {f"{key}_concat" for key in cheap} | {"extra_trees"}
    by_name = {"self_training", "co_training", "pseudo_label_mlp", "hist_gradient_boosting"}
    by_name |= {"smvae_poe", "smvae_mopoe", "smvae_gated", "incomplete_poe", "tmc"}
    by_name |= {"tabicl", "tabpfn"}
    by_name |= {f"{key}_transductive" for key in cheap - {"extra_trees"}}
    assert {found[key].block for key in cheap | by_name} == {"reference"}
    assert not any(found[key].optional for key in cheap)
    assert all(found[key].optional for key in by_name)


def test_the_papers_rows_come_in_the_papers_order() -> None:
    printed = published_table("table2")
    assert printed is not None
    lines = printed[printed["dataset"] == "SEED"].drop_duplicates(["paradigm", "row"])
    # The paper calls the views Eye and EEG.
    ours = [(row.paradigm, row.published) for row in rows(("EEG", "Eye")).values() if row.published]
    assert ours == list(zip(lines["paradigm"], lines["row"], strict=True))
    assert len(ours) == 14


def test_readings_of_the_paper_that_it_does_not_print_run_only_by_name() -> None:
    found = rows()
    assert found["smvae"].paradigm == "inductive"
    assert found["smvae_transductive"].paradigm == "transductive"
    optional = {key for key, row in found.items() if row.optional}
    assert {"smvae_authors2017", "sdgm_paper", "amgl_exact", "dcca_tsvm_train"} <= optional
    assert {"smvae_uniform", "dcca_svm_train", "dccae_svm_train"} <= optional  # 0012: half an hour
    assert not [key for key in optional if found[key].published]


def test_codes_may_be_learned_on_rows_that_the_paper_does_not_use() -> None:
    found = rows()
    assert [stage.rows for stage in found["mae_svm"].recipe] == ["paradigm", "paradigm"]
    fair = found["mae_svm_train"]
    assert (fair.paradigm, fair.recipe[0].rows, fair.published) == ("supervised", "train", None)
    assert fair.title == "MAE+SVM, codes of all training rows"
    assert not fair.optional
    for row in found.values():  # every recipe hands its classifier codes of all rows it reads
        if len(row.recipe) > 1:
            expand(Cell(row, scenario(row.paradigm), 0.3), tiny(), BUDGETS["smoke"], 0, 0)


def test_columns_follow_the_data_and_the_budget() -> None:
    data = tiny()
    licensed = replace(data, provenance=replace(data.provenance, kind="licensed"))
    for wanted, budget, columns in (
        (data, "paper", {0.02, 0.05, 0.10}),
        (licensed, "paper", {0.01, 0.02, 0.03}),
        (data, "smoke", {0.02}),
    ):
        cells = Table2().cells(wanted, "rows", BUDGETS[budget], CARDS)
        assert {cell.label_fraction for cell in cells} == columns


def test_the_ceiling_shows_every_label_in_every_column() -> None:
    cells = Table2().cells(tiny(), "rows", BUDGETS["paper"], CARDS)
    ceiling = [cell for cell in cells if cell.row.all_labels]
    assert [cell.label_fraction for cell in ceiling] == [0.02, 0.05, 0.10]
    assert {cell.scenario.label_fraction for cell in ceiling} == {1.0}
    assert len({cell.scenario for cell in ceiling}) == 1
