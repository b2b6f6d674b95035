"""Tables of docs/answer.md and docs/results.md are those of the stored trials."""

from __future__ import annotations

import pytest

from benchmarks import answer
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def stored():
    return answer.stored(answer.PERCENTS[0])


def lines_of(page: str) -> list[str]:
    return (ROOT / "docs" / page).read_text("utf-8").splitlines()


def test_the_table_of_the_answer_is_that_of_the_stored_trials(stored) -> None:
    assert set(answer.table(stored[0])) <= set(lines_of("answer.md"))


@pytest.mark.parametrize("percent", answer.PERCENTS)
def test_the_tables_of_the_results_are_those_of_the_stored_trials(percent: float) -> None:
    assert set(answer.compared(*answer.stored(percent))) <= set(lines_of("results.md"))


@pytest.mark.parametrize("percent", answer.PERCENTS)
def test_every_cell_of_a_table_has_all_trials(percent: float) -> None:
    trials, _ = answer.stored(percent)
    for line in (*answer.LINES, *answer.COMPARED):
        for dataset in answer.DATA:
            own = trials[trials["dataset"] == dataset]
            key = answer.best(trials, line, dataset)
            if key:
                assert sorted(own[own["row_key"] == key]["trial"]) == list(range(20))


def test_the_figure_has_a_panel_for_every_data_set(stored) -> None:
    figure = answer.draw(*stored)
    assert [panel.get_title() for panel in figure.axes] == list(answer.DATA.values())
