from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.analysis.statistics import paired, summarise
from harness.report import DatasetNote, ReportMeta, render_table
from harness.report import format as fmt
from harness.report.figures import render
from harness.report.model import Report
from harness.report.style import inline
from harness.report.table import build
from harness.report.text import markdown, tex
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


def report_of(trials: pd.DataFrame, meta: ReportMeta = META) -> Report:
    return build(trials, summarise(trials), paired(trials, meta.reference_row_key), meta)


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
    (block,) = report_of(trials).parts[0].blocks
    assert [line.cells[0].best for line in block.lines] == [True, True, False]


def test_an_incomplete_cell_is_never_best() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "high": [0.9, 0.9]})
    trials.loc[3, ["status", "accuracy"]] = ["missing", np.nan]
    (block,) = report_of(trials).parts[0].blocks
    assert [line.cells[0].number for line in block.lines] == [".550±.071", "1/2"]
    assert [line.cells[0].best for line in block.lines] == [True, False]


def test_a_ceiling_run_once_stands_in_every_column() -> None:
    once = trials_of({"all": [0.9, 0.9]}, percent=100.0).assign(all_labels=True, row_order=1)
    columns = [trials_of({"ours": [0.5, 0.6]}, percent=p) for p in (2.0, 5.0)]
    (block,) = report_of(pd.concat([*columns, once], ignore_index=True)).parts[0].blocks
    assert [cell.mean for cell in block.lines[1].cells] == [".900", ".900"]
    assert [cell.mean for cell in block.lines[0].cells] == [".550", ".550"]


def test_a_row_counted_by_cell_keeps_one_cost_line() -> None:
    columns = [
        trials_of({"ours": [0.5]}, percent=p).assign(row_order=o) for o, p in ((0, 2), (1, 5))
    ]
    (part,) = report_of(pd.concat(columns, ignore_index=True)).parts
    assert [cost.seconds for cost in part.costs] == [("1.50 s", "1.50 s")]


def test_fits_that_did_not_converge_are_said_under_the_table() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "b": [0.5, 0.6]})
    said = report_of(trials.assign(converged=[True, False, True, True])).parts[0].legend
    assert "Ended without converging: OURS in 1 of 2 trials." in said
    assert not [line for line in report_of(trials).parts[0].legend if "converg" in line]


def test_fits_chosen_in_the_warm_up_are_counted_under_the_table() -> None:
    trials = trials_of({"ours": [0.5, 0.6], "b": [0.5, 0.6]})
    legend = report_of(trials.assign(in_warmup=[True, False, None, None])).parts[0].legend
    (line,) = (line for line in legend if "warm-up" in line)
    assert "OURS in 1 of 2 trials" in line
    assert "B in" not in line
    twice = trials.assign(row="SMVAE", block=trials["row_key"], in_warmup=True)
    (line,) = (line for line in report_of(twice).parts[0].legend if "warm-up" in line)
    assert line.count(" in 2 of 2 trials") == 2, "rows of one name are told apart by their block"


def test_nothing_ran_yet() -> None:
    trials = trials_of({"ours": [0.5], "other": [0.5]})
    gone = ["accuracy", "n_labelled", "n_tuning_labels", "tuning", "seconds", "epoch", "candidates"]
    trials = trials.assign(status="missing", **dict.fromkeys(gone, np.nan))
    (part,) = report_of(trials).parts
    assert part.progress == "0 of 2 trials ok, 2 missing"
    assert part.lead == ()
    assert part.forest is None
    assert render(part.dots, "svg").startswith(b"<?xml")


def test_a_data_set_without_a_note_is_refused() -> None:
    with pytest.raises(ValueError, match="no note on the data set 'data'"):
        report_of(trials_of({"ours": [0.5]}), replace(META, datasets=()))


def test_simulated_data_never_have_a_paper_name() -> None:
    simulated = replace(NOTE, kind="simulated", is_paper_data=True, published_name="SEED")
    assert simulated.paper_name is None
    assert replace(simulated, kind="licensed").paper_name == "SEED"


def test_figures_are_the_same_bytes_twice_and_take_the_pages_colours() -> None:
    rows = {"ours": [0.5, 0.6, 0.7], "other": [0.4, 0.55, 0.6]}
    (part,) = report_of(trials_of(rows)).parts
    assert part.forest is not None
    for plot in (part.dots, part.forest):
        svg = render(plot, "svg")
        assert render(plot, "svg") == svg
        drawn = inline(svg, "one")
        assert drawn.startswith("<svg")
        assert "#1c1e22" not in drawn
        assert "smoke run" in drawn


def test_the_folder_is_whole(tmp_path: Path) -> None:
    paths = render_table(
        trials_of({"ours": [0.5], "other": [0.4]}), META, None, tmp_path / "new"
    ).paths
    names = sorted(str(path.relative_to(tmp_path / "new")) for path in paths)
    figures = [f"figures/accuracy_data.{kind}" for kind in ("pdf", "png", "svg")]
    assert names == sorted(
        [*figures, "index.html", "paired.csv", "table2.csv", "table2.md", "table2.tex"]
    )
    found = [path for path in (tmp_path / "new").rglob("*") if path.is_file()]
    assert sorted(found) == sorted(paths), "no temporary file stays"


def test_markdown_and_tex_are_safe() -> None:
    trials = trials_of({"ours": [0.5, 0.6]}).assign(row="a|b_<i>&50%")
    assert "a\\|b\\_\\<i\\>&50%" in markdown(report_of(trials))
    assert tex("a_b & 5% {x} ±") == r"a\_b \& 5\% \{x\} $\pm$"
    assert tex("ž中ﬁ") == "ž?fi"
