"""Tables of docs/answer.md, results.md and missing_views.md are those of the stored trials."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks import docs_tables
from harness.analysis.statistics import interval
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def stored():
    return docs_tables.stored(docs_tables.PERCENTS[0])


def lines_of(page: str) -> list[str]:
    return (ROOT / "docs" / page).read_text("utf-8").splitlines()


def test_the_table_of_the_answer_is_that_of_the_stored_trials(stored) -> None:
    assert set(docs_tables.table(stored[0])) <= set(lines_of("answer.md"))


@pytest.mark.parametrize("percent", docs_tables.PERCENTS)
def test_the_tables_of_the_results_are_those_of_the_stored_trials(percent: float) -> None:
    assert set(docs_tables.compared(*docs_tables.stored(percent))) <= set(lines_of("results.md"))


@pytest.mark.parametrize(("figure", "column"), docs_tables.MISSING.items())
def test_the_tables_of_missing_views_are_those_of_the_stored_trials(
    figure: str, column: str
) -> None:
    made = docs_tables.by_missing(docs_tables.trials_of(figure), column)
    assert set(made) <= set(lines_of("missing_views.md"))


def test_cells_of_missing_views_stand_under_their_own_data_set() -> None:
    """Trials ordered by share of labels; a cell without all of its trials has no mean."""
    trials = pd.DataFrame(
        [
            {"row": "A", "dataset": dataset, "label_percent": percent, "at_missing": at,
             "trial": trial, "accuracy": least + percent / 100 + at}
            for percent in (2.0, 10.0)
            for dataset, least in (("one:a,b", 0.0), ("two:a,b", 0.5))
            for at in (0.1, 0.2)
            for trial in range(2)
        ]
    )  # fmt: skip
    lost = (trials["dataset"] == "two:a,b") & (trials["at_missing"] == 0.2) & (trials["trial"] == 1)
    head, _, line = docs_tables.by_missing(trials[~lost], "accuracy")
    assert head == "| | one, 2 % | one, 10 % | two, 2 % | two, 10 % |"
    assert line == "| A | .120 / .220 | .200 / .300 | .620 / 1 of 2 | .700 / 1 of 2 |"


def test_the_table_of_tuned_settings_is_that_of_its_trials() -> None:
    """Means, SDs and corrected intervals in docs/tuning.md, against the default of that time."""
    page = "\n".join(lines_of("tuning.md"))
    tuned = pd.read_csv(docs_tables.FOLDER / "tuned.csv")
    former = pd.read_csv(docs_tables.FOLDER / "table2" / "former_learning_rate.csv.xz")
    for (dataset, row), own in tuned.groupby(["dataset", "row_key"]):
        before = former[(former["dataset"] == dataset) & (former["row_key"] == row)]
        both = own.merge(before, on="trial", suffixes=("", "_before"))
        assert len(both) == 20
        assert (both["drawn"] == both["drawn_before"]).all()
        gains = 100 * (both["accuracy"] - both["accuracy_before"])
        low, high = interval(gains.to_numpy(), both["n_test"][0] / both["n_train"][0])
        assert docs_tables._value(before, dataset, row) in page
        value = docs_tables._value(tuned, dataset, row)
        assert f"{value}; **{gains.mean():+.1f} [{low:+.1f}, {high:+.1f}]**" in page


@pytest.mark.parametrize("percent", docs_tables.PERCENTS)
def test_every_cell_of_a_table_has_all_trials(percent: float) -> None:
    trials, _ = docs_tables.stored(percent)
    for line in (*docs_tables.LINES, *docs_tables.COMPARED):
        for dataset in docs_tables.DATA:
            own = trials[trials["dataset"] == dataset]
            key = docs_tables.best(trials, line, dataset)
            if key:
                assert sorted(own[own["row_key"] == key]["trial"]) == list(range(20))


def test_the_figure_has_a_panel_for_every_data_set(stored) -> None:
    figure = docs_tables.draw(*stored)
    assert [panel.get_title() for panel in figure.axes] == list(docs_tables.DATA.values())
