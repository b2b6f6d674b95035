"""The page of a report as a person uses it, in a headless Chromium, from disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.layout import Layout
from harness.report import later
from harness.report.kind import Given
from harness.report.write import render
from tests.browser import Page, browsing, chromium
from tests.unit.harness.fake_records import with_stages
from tests.unit.harness.fake_trials import trials_of
from tests.unit.harness.test_report import META, NOTE

PROGRAM = chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed"),
]
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
ROWS = {"smvae": 0.60, "svm": 0.55, "label_spreading": 0.72, "majority": 0.1}
BLOCKS = {"smvae": "inductive", "svm": "reference", "label_spreading": "reference",
          "majority": "reference"}  # fmt: skip


def many_trials() -> pd.DataFrame:
    """Two data sets, two shares of labels, four rows, 20 trials; one trial failed, one is slow."""
    rng, parts = np.random.default_rng(0), []
    for number, name in enumerate(("data", "other")):
        for percent in (2.0, 10.0):
            values = {
                key: (level + 0.01 * percent + 0.02 * rng.standard_normal(20)).clip(0, 1).tolist()
                for key, level in ROWS.items()
            }
            part = trials_of(values, percent).assign(dataset=name, dataset_order=number)
            parts.append(part)
    trials = pd.concat(parts, ignore_index=True)
    trials["block"] = trials["row_key"].map(BLOCKS)
    trials["n_train"], trials["n_test"] = 800, 200
    trials["seconds"] = trials["row_key"].map(
        {"smvae": 90.0, "svm": 0.5, "label_spreading": 150.0, "majority": 9.0}
    )
    at = trials.index[(trials["row_key"] == "majority") & (trials["trial"] == 3)][0]
    trials.loc[at, "status"] = "failed"
    trials.loc[at, "accuracy"] = np.nan
    trials.loc[at, ["reason", "trace"]] = ["it broke", "Traceback: line 7"]
    return trials


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report") / "run" / "table2"
    trials, records = with_stages(many_trials())
    notes = (NOTE, replace(NOTE, key="other", title="Other data"))
    meta = replace(META, datasets=notes, reference_row_key="smvae", budget="preview")
    given = Given(meta, Layout("table"), trials, records=records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(later, "LONG", 100)  # the 160 trials of a data set are then loaded later
        render(given, folder, kinds=())
    return (folder / "index.html").as_uri()


@pytest.fixture(scope="module")
def shared() -> Iterator[Page]:
    assert PROGRAM is not None
    with browsing(PROGRAM) as browser:
        yield browser.page()


@pytest.fixture
def page(shared: Page, url: str) -> Iterator[Page]:
    """The page, opened anew; it must end without an error and without a request to a network."""
    shared.errors.clear()
    shared.requests.clear()
    shared.size(1280, 900)
    shared.open(url)
    yield shared
    assert shared.errors == []
    assert [u for u in shared.requests if not u.startswith(("file:", "about:", "data:"))] == []


def names(page: Page) -> list[str]:
    """Names of the rows of the first table that are shown, from above."""
    return page.run(
        "[...document.querySelector('table.main').querySelectorAll('tbody tr:not(.block)')]"
        ".filter(line => !line.hidden).map(line => line.children[0].textContent.trim())"
    )


def click(page: Page, where: str) -> None:
    page.run(f"document.querySelector({where!r}).click()")


def test_the_first_screen_says_who_leads_by_how_much_and_whether_it_is_decided(page: Page) -> None:
    seen = page.run(
        "[...document.querySelectorAll('table.answer td, table.answer th')]"
        ".filter(box => box.getBoundingClientRect().bottom < innerHeight)"
        ".map(box => box.textContent).join(' | ')"
    )
    for text in ("LABEL_SPREADING .7", "points ahead of SMVAE", "decided", "points behind"):
        assert text in seen


def test_a_main_table_sorts_best_first_then_worst_first_then_as_printed(page: Page) -> None:
    before = names(page)
    head = "table.main thead th.n button"
    click(page, head)
    assert names(page)[:2] == ["LABEL_SPREADING", "SMVAE"]
    assert names(page)[-1] == "MAJORITY", "a row without a mean comes last"
    click(page, head)
    assert names(page) == ["SVM", "SMVAE", "LABEL_SPREADING", "MAJORITY"]
    click(page, head)
    assert names(page) == before


def test_times_sort_as_numbers(page: Page) -> None:
    page.run("document.getElementById('cost-data').open = true")
    click(page, "#cost-data thead th:nth-child(4) button")
    times = page.run(
        "[...document.querySelectorAll('#cost-data tbody tr')].map(r => r.children[3].textContent)"
    )
    assert times == ["0.50 s", "9.00 s", "90 s", "2.5 min"]


def choose(page: Page, field: str, value: str) -> None:
    page.run(
        f"filters.elements[{field!r}].value = {value!r};"
        f"filters.elements[{field!r}].dispatchEvent(new Event('input', {{bubbles: true}}))"
    )


def test_data_paradigm_labels_and_names_are_filters(page: Page) -> None:
    choose(page, "data", "other")
    assert page.run("[...document.querySelectorAll('section.data')].map(s => s.hidden)") == [
        True,
        False,
    ]
    choose(page, "data", "")
    choose(page, "block", "Inductive SSL")
    assert names(page) == ["SMVAE"]
    choose(page, "block", "")
    choose(page, "row", "spread")
    assert names(page) == ["LABEL_SPREADING"]
    choose(page, "labelled", "10\u00a0% labelled")
    assert page.run(
        "[...document.querySelectorAll('#data table.main thead th')]"
        ".filter(h => !h.hidden).map(h => h.dataset.label ?? '')"
    ) == ["", "10\u00a0% labelled"]
    page.run("filters.reset()")
    page.wait("!document.querySelector('table.main tbody tr[hidden]')")


def reload(page: Page) -> None:
    page.run("window.before = true; location.reload()")
    page.wait("window.before === undefined && document.readyState === 'complete'")


def test_a_filtered_and_sorted_table_is_an_address_that_can_be_shared(page: Page, url: str) -> None:
    head = "#data table.main thead th.n button"
    click(page, head)
    choose(page, "row", "s")
    choose(page, "row", "sv")
    choose(page, "labelled", "2\u00a0% labelled")
    seen = names(page)
    assert seen == ["SVM"]
    choose(page, "row", "s")
    shared = page.run("location.href")
    assert shared.startswith(f"{url}?")
    seen = names(page)
    assert seen == ["LABEL_SPREADING", "SMVAE", "SVM"]
    state = "[filters.elements.row.value, filters.elements.labelled.value]"
    page.open(url)
    assert names(page) != seen
    page.open(shared)
    assert names(page) == seen
    assert page.run(state) == ["s", "2\u00a0% labelled"]
    reload(page)
    assert names(page) == seen
    assert page.run("document.querySelector('#data [aria-sort]').textContent").startswith("2")


def test_back_returns_to_the_view_before(page: Page, url: str) -> None:
    before = names(page)
    click(page, "#data table.main thead th.n button")
    ordered = names(page)
    for letters in ("sv", "svm"):
        choose(page, "row", letters)
    assert names(page) == ["SVM"]
    page.run("history.back()")
    page.wait("filters.elements.row.value === ''")
    assert names(page) == ordered
    page.run("history.back()")
    page.wait("!document.querySelector('[aria-sort]')")
    assert names(page) == before
    assert page.run("location.href") == url
    page.run("history.forward()")
    page.wait("document.querySelector('[aria-sort]')")
    assert names(page) == ordered


def test_a_cell_of_a_filtered_view_opens_and_leaves_the_view_as_it_is(page: Page, url: str) -> None:
    page.open(f"{url}?row=svm#cell/data/svm%7C2")
    page.wait("panel.open && panelBody.querySelector('table')")
    assert names(page) == ["SVM"]
    click(
        page, "#panel thead button"
    )  # the order of a table in the panel is no part of the address
    assert page.run("location.search") == "?row=svm"
    page.press("Escape")
    page.wait("!panel.open")
    assert page.run("location.href") == f"{url}?row=svm"
    page.run("document.querySelector('#data tr[data-file]:not([hidden]) td a').click()")
    page.wait("panel.open && panelBody.querySelector('table')")
    assert page.run("location.search") == "?row=svm"
    assert names(page) == ["SVM"]


def test_a_long_list_keeps_its_words_and_order_in_the_address(page: Page, url: str) -> None:
    page.run("document.getElementById('trials-data').open = true")
    page.wait("document.querySelectorAll('#trials-data tbody tr').length === 160")
    page.run(
        "const field = document.querySelector('#trials-data input.filter');"
        "field.value = 'majority failed'; field.dispatchEvent(new Event('input'))"
    )
    click(page, "#trials-data thead th:nth-child(2) button")
    shared = page.run("location.href")
    page.open(url)
    page.open(shared)
    page.wait("document.querySelectorAll('#trials-data tbody tr').length === 160")
    page.wait("document.querySelector('#trials-data .shown').textContent === '1 of 160'")
    assert page.run("document.querySelectorAll('#trials-data [aria-sort=ascending]').length") == 1


def test_an_address_that_asks_for_what_is_not_there_says_so(page: Page, url: str) -> None:
    page.open(f"{url}?data=nothing&sort.data=sideways&find.elsewhere=x")
    told = page.run("document.getElementById('unfollowed').textContent")
    for part in ("data=nothing", "sort.data=sideways", "find.elsewhere=x"):
        assert part in told
    assert len(names(page)) == 4


def test_a_cell_opens_its_trials_with_every_candidate_by_keyboard_alone(page: Page) -> None:
    page.run("document.querySelector('table.main tr[data-file] td a').focus()")
    page.press("Enter")
    page.wait("panel.open && panelBody.querySelector('table')")
    text = page.run("panel.textContent")
    assert "Stage 1: impute" in text
    assert "Stage 2: fit" in text
    assert "tuning accuracy" in text
    rows = page.run(
        "[...panelBody.querySelectorAll('details')][0].querySelectorAll('tr.chosen').length"
    )
    assert rows == 2, "one chosen candidate for each stage"
    assert len(page.run("[...panelBody.querySelector('table').tBodies[0].rows].map(r => 1)")) == 20
    assert page.run("location.hash").startswith("#cell/data/")
    page.press("Escape")
    page.wait("!panel.open")
    assert page.run("location.hash") == ""


def test_a_shared_link_opens_the_failure_with_its_trace(page: Page, url: str) -> None:
    page.open(f"{url}#cell/data/majority%7C2")
    page.wait("panel.open && panelBody.querySelector('table')")
    text = page.run("panel.textContent")
    assert "MAJORITY: Data, 2\u00a0% labelled" in text
    assert "19 of 20 trials ok" in text
    assert "it broke" in text
    assert "Traceback: line 7" in text


def test_an_address_without_a_cell_is_one_sentence(page: Page, url: str) -> None:
    page.open(f"{url}#cell/data/nothing%7C2")
    page.wait("panel.open")
    assert "no cell" in page.run("panelBody.textContent")


def test_rows_are_compared_on_the_same_trials(page: Page) -> None:
    page.run(
        "[...document.querySelectorAll('#data input.pick')].slice(0, 2).forEach(b => b.click())"
    )
    page.run(
        "[...document.querySelectorAll('#data button')]"
        ".find(b => b.textContent.startsWith('Compare')).click()"
    )
    page.wait("panel.open && panelBody.querySelector('table tbody tr')")
    assert page.run("panelBody.querySelector('table').tBodies[0].rows.length") == 20
    page.wait("panelBody.querySelector('canvas')")


def test_cost_against_accuracy_can_be_explored(page: Page) -> None:
    click(page, "#data button[data-plot]")
    page.wait("document.querySelectorAll('#data .explored canvas').length === 2")


def test_a_long_table_is_loaded_when_it_is_unfolded_and_its_lines_open_trials(page: Page) -> None:
    assert page.run("document.querySelectorAll('#trials-data tbody tr').length") == 0
    page.run("document.getElementById('trials-data').open = true")
    page.wait("document.querySelectorAll('#trials-data tbody tr').length === 160")
    click(page, "#trials-data tbody tr:nth-child(25) a")
    page.wait("panel.open && panelBody.querySelector('tr.wanted')")


def test_every_number_can_be_reached_with_the_tab_key(page: Page) -> None:
    assert page.run(
        "[...document.querySelectorAll('table.main tbody td')]"
        ".every(td => td.querySelector('a[href]'))"
    )
    page.press("Tab")
    assert page.run("document.activeElement.className") == "skip"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, scheme: str) -> None:
    page.scheme(scheme)
    page.run("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    page.run(AXE.read_text("utf-8") + "; 0")
    found = page.run("axe.run(document).then(r => r.violations)")
    serious = [
        (one["id"], one["nodes"][0]["html"][:120], one["nodes"][0]["failureSummary"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    page.scheme("light")


def test_a_phone_shows_the_differences_without_scrolling_the_page(page: Page) -> None:
    page.size(390, 844)
    assert page.run("document.documentElement.scrollWidth") == 390
    shown = page.run(
        "[...document.querySelectorAll('#data table.main .gap')]"
        ".filter(g => g.getBoundingClientRect().left >= 0)"
        ".filter(g => g.getBoundingClientRect().right <= 391)"
        ".map(g => g.textContent)"
    )
    assert len(shown) == 6  # three rows with a mean or pairs but for the reference, two columns
    assert all("decided" in text for text in shown)


def test_paper_unfolds_every_table(page: Page) -> None:
    assert page.run("document.querySelectorAll('main details:not([open])').length") > 0
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    assert page.run("document.querySelectorAll('main details:not([open])').length") == 0
    page.run("window.dispatchEvent(new Event('afterprint'))")
    assert page.run("document.querySelectorAll('main details:not([open])').length") > 0
    assert page.pdf().startswith(b"%PDF")


def test_paper_is_light_whatever_the_screen_prefers(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    page.scheme("light")
    light = page.run(colour)
    page.scheme("dark")
    assert page.run(colour) != light
    page.scheme("dark", media="print")
    assert page.run(colour) == light


def test_a_table_is_copied_as_latex_and_as_markdown(page: Page) -> None:
    for kind, start in (("latex", "\\begin{tabular}"), ("markdown", "|")):
        text = page.run(f"document.querySelector('#data textarea.{kind}').value")
        assert text.startswith(start)
        page.run(f"document.querySelector('#data button[data-copy={kind}]').click()")
        page.wait("document.querySelector('#data .tools output').textContent")
