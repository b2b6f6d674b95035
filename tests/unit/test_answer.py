"""docs/answer.md: its table is that of the stored trials, and its figure draws every line."""

from __future__ import annotations

import pytest

from benchmarks import answer
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def stored():
    return answer.stored()


def test_the_table_of_the_page_is_that_of_the_stored_trials(stored) -> None:
    page = (ROOT / "docs" / "answer.md").read_text("utf-8").splitlines()
    for line in answer.table(stored[0]):
        assert line in page


def test_every_cell_of_the_table_has_all_trials(stored) -> None:
    trials, _ = stored
    for line in answer.LINES:
        for dataset in answer.DATA:
            own = trials[trials["dataset"] == dataset]
            key = answer.best(trials, line, dataset)
            if key:
                assert sorted(own[own["row_key"] == key]["trial"]) == list(range(20))


def test_the_figure_has_a_panel_for_every_data_set(stored) -> None:
    figure = answer.draw(*stored)
    assert [panel.get_title() for panel in figure.axes] == list(answer.DATA.values())
