from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.layout import Layout
from harness.report import format as fmt
from harness.report.export import terminal, tex
from harness.report.figures._pareto import ParetoPlot
from harness.report.figures.table import DotPlot, ForestPlot
from harness.report.kind import Given
from harness.report.meta import KINDS, DatasetNote, ReportMeta
from harness.report.model import Facts, Section, Table, Text
from harness.report.style import inline, saved
from harness.report.write import Made, contents, render
from tests.unit.harness.fake_trials import trials_of

NOTE = DatasetNote(
    key="data", title="Data", kind="open", is_paper_data=False, published_name=None,
    source="here", licence="none", citation="", n=100, dims=(3, 2), view_names=("a", "b"),
    n_classes=4, split="random", leaks=(), fingerprint="00", what_varies="Each trial re-draws all.",
)  # fmt: skip
META = ReportMeta(
    protocol="table2", title="T", budget="smoke", stamp="smoke run", trials_expected=3,
    command="c", date="d", revision="r", dirty=False, versions={}, machine="m", datasets=(NOTE,),
    reference_row_key="ours",
)  # fmt: skip


def made_of(trials: pd.DataFrame, meta: ReportMeta = META) -> Made:
    return Made(Given(meta, Layout("table"), trials))


def section_of(trials: pd.DataFrame) -> Section:
    """The section on the one data set."""
    (section,) = (section for section in made_of(trials).report.sections if section.anchor)
    return section


def table_of(trials: pd.DataFrame, start: str = "Test accuracy") -> Table:
    """Its table whose title starts like that."""
    tables = [block for block in section_of(trials).blocks if isinstance(block, Table)]
    return next(table for table in tables if table.title.startswith(start))


def legend_of(trials: pd.DataFrame) -> tuple[str, ...]:
    return next(block.lines for block in section_of(trials).blocks if isinstance(block, Text))


def test_the_terminal_tells_rows_of_the_same_title_apart() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "other": [0.4, 0.5]})
    trials = trials.assign(row="SMVAE", block=np.where(trials["row_key"] == "ours", "b", "a"))
    lines = [line.strip() for line in terminal(made_of(trials).report)]
    place = {name: lines.index(f"{name}:") for name in ("A", "B")}
    assert lines[place["A"] + 1].split() == ["SMVAE", ".450±.071"]
    assert lines[place["B"] + 1].split() == ["SMVAE", ".550±.071"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.8137, ".814"), (1.0, "1.000"), (0.0, ".000"), (np.nan, ""), (None, "")],
)
def test_accuracies_read_as_in_the_paper(value: float | None, words: str) -> None:
    assert fmt.accuracy(value) == words


def test_numbers_as_words() -> None:
    assert fmt.signed(-0.0042) == "−.004"
    assert fmt.runs([3, 0, 1, 2, 7]) == "0–3, 7"
    assert (fmt.seconds(0.4), fmt.seconds(34), fmt.seconds(200)) == ("0.40 s", "34 s", "3.3 min")
    assert (fmt.p_value(0.0004), fmt.p_value(0.04)) == ("<.001", ".040")
    assert (fmt.memory(412), fmt.memory(1300)) == ("412 MB", "1.3 GB")


def test_ties_in_print_are_all_best_and_ceilings_never() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "same": [0.5, 0.6002], "all": [0.9, 0.9]})
    trials["all_labels"] = trials["row_key"] == "all"
    assert [row.cells[1].bold for row in table_of(trials).rows] == [True, True, False]


def test_an_incomplete_cell_is_never_best() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "high": [0.9, 0.9]})
    trials.loc[3, ["status", "accuracy"]] = ["missing", np.nan]
    rows = table_of(trials).rows
    assert [row.cells[1].text for row in rows] == [".550±.071", "1/2"]
    assert [row.cells[1].bold for row in rows] == [True, False]


def test_a_ceiling_run_once_stands_in_every_column() -> None:
    once = trials_of({"all": [0.9, 0.9]}, percent=100.0).assign(all_labels=True, row_order=1)
    columns = [trials_of({"ours": [0.5, 0.6]}, percent=p) for p in (2.0, 5.0)]
    rows = table_of(pd.concat([*columns, once], ignore_index=True)).rows
    assert [cell.text[:4] for cell in rows[1].cells[1:]] == [".900", ".900"]
    assert [cell.text[:4] for cell in rows[0].cells[1:]] == [".550", ".550"]


def test_a_row_counted_by_cell_keeps_one_cost_line() -> None:
    columns = [
        trials_of({"ours": [0.5]}, percent=p).assign(row_order=o) for o, p in ((0, 2), (1, 5))
    ]
    (row,) = table_of(pd.concat(columns, ignore_index=True), "Cost").rows
    assert [cell.text for cell in row.cells[3:5]] == ["1.50 s", "1.50 s"]


def test_fits_that_did_not_converge_are_said_under_the_table() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "b": [0.5, 0.6]})
    (line,) = (
        line
        for line in legend_of(trials.assign(converged=[True, False, True, True]))
        if "OURS in 1 of 2" in line
    )
    assert "converg" in line
    assert not [line for line in legend_of(trials) if "converg" in line]


def test_fits_chosen_in_the_warm_up_are_counted_under_the_table() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "b": [0.5, 0.6]})
    legend = legend_of(trials.assign(in_warmup=[True, False, None, None]))
    (line,) = (line for line in legend if "warm-up" in line)
    assert "OURS in 1 of 2 trials" in line
    assert "B in" not in line
    twice = trials.assign(row="SMVAE", block=trials["row_key"], in_warmup=True)
    (line,) = (line for line in legend_of(twice) if "warm-up" in line)
    assert line.count(" in 2 of 2 trials") == 2, "rows of one name are told apart by their block"


def test_nothing_ran_yet() -> None:
    trials = trials_of({"ours": [0.5], "other": [0.5]})
    gone = ["accuracy", "n_labelled", "n_tuning_labels", "tuning", "seconds", "epoch", "candidates"]
    trials = trials.assign(status="missing", **dict.fromkeys(gone, np.nan))
    assert section_of(trials).summary == "Data: 0 of 2 trials ok, 2 missing"
    (plot,) = made_of(trials).drawings.figures.values()
    assert isinstance(plot, DotPlot)
    assert saved(plot.draw, "svg").startswith(b"<?xml")


def test_a_data_set_without_a_note_is_refused() -> None:
    with pytest.raises(ValueError, match="no note on the data set 'data'"):
        made_of(trials_of({"ours": [0.5]}), replace(META, datasets=()))


def test_simulated_data_never_have_a_paper_name() -> None:
    simulated = replace(NOTE, kind="simulated", is_paper_data=True, published_name="SEED")
    assert simulated.paper_name is None
    assert replace(simulated, kind="licensed").paper_name == "SEED"


def test_figures_are_the_same_bytes_twice_and_take_the_pages_colours() -> None:
    rows = {"ours": [0.5, 0.6, 0.7], "other": [0.4, 0.55, 0.6]}
    plots = list(made_of(trials_of(rows)).drawings.figures.values())
    assert [type(plot) for plot in plots] == [DotPlot, ForestPlot, ParetoPlot]
    for plot in plots:
        svg = saved(plot.draw, "svg")
        assert saved(plot.draw, "svg") == svg
        drawn = inline(svg, "one")
        assert drawn.startswith("<svg")
        assert "#1c1e22" not in drawn
        assert "smoke run" in drawn


def test_the_folder_is_whole(tmp_path: Path) -> None:
    trials = trials_of({"ours": [0.5], "other": [0.4]})
    paths = render(Given(META, Layout("table"), trials), tmp_path / "new").paths
    names = sorted(str(path.relative_to(tmp_path / "new")) for path in paths)
    figures = [f"figures/{stem}_data.{kind}" for stem in ("accuracy", "cost") for kind in KINDS]
    data = [f"data/{name}.js" for name in ("chart", "data-1", "data-2", "figure-cost_data")]
    tables = ["paired.csv", "table2.csv", "table2.md", "table2.tex", "trials.csv"]
    assert names == sorted([*figures, *data, *tables, "index.html", "summary.json"])
    found = [path for path in (tmp_path / "new").rglob("*") if path.is_file()]
    assert sorted(found) == sorted(paths), "no temporary file stays"


def test_markdown_and_tex_are_safe() -> None:
    trials = trials_of({"ours": [0.5, 0.6]}).assign(row="a|b_<i>&50%")
    text = contents(Given(META, Layout("table"), trials), ())["table2.md"].decode()
    assert "a\\|b\\_\\<i\\>&50%" in text
    assert tex("a_b & 5% {x} ±") == r"a\_b \& 5\% \{x\} $\pm$"
    assert tex("ž中ﬁ") == "ž?fi"
    assert tex("DCCAE → SMVAE") == r"DCCAE $\rightarrow$ SMVAE"


def test_every_sign_of_the_texts_of_the_project_has_a_form_in_latex() -> None:
    root = Path(__file__).resolve().parents[3]
    folders = ("datasets", "harness", "methods", "protocols")
    signs = {
        s for name in folders for p in (root / name).rglob("*.py") for s in p.read_text("utf-8")
    }
    assert {sign for sign in signs if "?" in tex(sign)} == {"?"}


def test_stored_scores_are_columns_and_are_left_out_where_no_record_has_them() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "other": [0.4, 0.6]})
    plain = contents(Given(META, Layout("table"), trials), ())["table2.csv"].decode()
    assert "macro_f1" not in plain.splitlines()[0]
    scored = trials.assign(macro_f1=[0.3, 0.5, 0.2, 0.2], log_loss=[1.0, 1.5, np.nan, np.nan])
    rows = table_of(scored, "Macro-F1").rows
    assert [row.cells[1].text for row in rows] == [".400±.141", ".200±.000"]
    assert [row.cells[1].text for row in table_of(scored, "Log-loss").rows] == ["1.25±0.35", ""]
    text = contents(Given(META, Layout("table"), scored), ())["table2.csv"].decode()
    line = pd.read_csv(io.StringIO(text)).iloc[0]
    assert (line["macro_f1_mean"], line["log_loss_mean"]) == (0.4, 1.25)


def test_confusion_matrices_are_shares_of_each_true_class_over_all_trials() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "other": [0.4, 0.6]})
    counts = [[[3, 1], [0, 4]], [[2, 2], [1, 3]], None, [[1, 1], [1, 1]]]
    table = table_of(trials.assign(confusion=counts), "Confusion")
    texts = [tuple(cell.text for cell in row.cells) for row in table.rows]
    assert texts == [("0", "62.5", "37.5", "8"), ("1", "12.5", "87.5", "8")]
    assert [cell.bold for cell in table.rows[0].cells] == [False, True, False, False]
    assert not [block for block in section_of(trials).blocks if "Confusion" in str(block)]


def test_the_rows_are_described_in_the_order_of_the_table_however_they_were_stored() -> None:
    trials = trials_of({"zeta": [0.5], "alpha": [0.4]})
    notes = {"alpha": ("A.", ()), "zeta": ("Z.", ("z2000",))}
    report = made_of(trials, replace(META, row_notes=notes)).report
    (section,) = (section for section in report.sections if section.title == "The rows")
    (facts,) = section.blocks
    assert isinstance(facts, Facts)
    assert facts.pairs == (("zeta", "Z. [z2000]"), ("alpha", "A."))
