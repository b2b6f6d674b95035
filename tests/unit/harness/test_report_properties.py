"""The report on properties of data: beside the paper's numbers, beside none, stamped, escaped."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from harness.layout import Layout
from harness.plan.properties import properties_of
from harness.report.figures.properties import (
    CHECK,
    Bars,
    PropertiesOfData,
    Property,
    beside_paper,
    unlike_paper,
)
from harness.report.kind import Given
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Facts, Section, Table
from harness.report.style import settings
from harness.report.write import contents
from harness.store.manifest import ClassCount, GroupCount, Properties
from protocols.published import published_table
from tests.helpers import tiny

SEED = DatasetNote(
    key="seed", title="SEED", kind="licensed", is_paper_data=True, published_name="SEED",
    source="copy", licence="agreed", citation="", n=22734, dims=(310, 33),
    view_names=("eeg", "eye"), n_classes=3, split="official", leaks=("subject",),
    fingerprint="0123", what_varies="labels",
)  # fmt: skip
COUNTED = Properties(
    dataset="seed", imitates="", trials=20,
    parts=((13473, 13473), (4725, 4725), (4536, 4536)),
    classes=tuple(ClassCount(name, 7578, ((4491, 4491), (1575, 1575), (1512, 1512)))
                  for name in ("negative", "neutral", "positive")),
    groups=(GroupCount("subject", 9, (2526, 2526), (9, 9)), GroupCount("clip", 15, (1, 2), (0, 0))),
    labels=((1.0, (135, 135)), (2.0, (269, 270))), splits=(("official", ("subject",)),),
)  # fmt: skip
SIMULATED = replace(SEED, kind="simulated", is_paper_data=False, published_name=None)
OPEN = replace(SEED, key="data", title="Data", kind="open", is_paper_data=False,
               published_name=None)  # fmt: skip
META = ReportMeta(
    protocol="table1", title="T", budget="paper", stamp="", trials_expected=20, command="c",
    date="d", revision="r", dirty=False, versions={}, machine="m", datasets=(SEED,),
)  # fmt: skip
PAPER = published_table("table1")


def given_of(note: DatasetNote = SEED, **changes: Any) -> Given:
    counted = replace(COUNTED, dataset=note.key, **changes)
    meta = replace(META, datasets=(note,))
    return Given(meta, Layout("properties"), published=PAPER, properties=(counted,))


def kind_of(note: DatasetNote = SEED, **changes: Any) -> PropertiesOfData:
    return PropertiesOfData(given_of(note, **changes))


def cells_of(note: DatasetNote = SEED, **changes: Any) -> tuple[Property, ...]:
    (cells,) = kind_of(note, **changes).cells
    return cells


def lines_of(note: DatasetNote = SEED, **changes: Any) -> tuple[str, ...]:
    return beside_paper(replace(COUNTED, dataset=note.key, **changes), note, PAPER)


def section_of(note: DatasetNote = SEED, **changes: Any) -> Section:
    return kind_of(note, **changes).sections()[-1]


def files_of(note: DatasetNote = SEED, **changes: Any) -> dict[str, str]:
    made = contents(given_of(note, **changes), kinds=())
    return {name: content.decode() for name, content in made.items()}


class Page(HTMLParser):
    """The texts of a page; fails where tags do not nest."""

    VOID = ("meta", "input", "br", "rect")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.said: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_the_papers_counts_stand_beside_the_papers_data_and_are_called_equal() -> None:
    assert [cell.paper for cell in cells_of()] == [
        "22734", "EEG(310), Eye(33)", "13473", "4725", "4536", "3",
    ]  # fmt: skip
    assert {cell.verdict for cell in cells_of()} == {"equal"}
    assert len(lines_of()) == 1
    assert unlike_paper(COUNTED, SEED, PAPER) == ""


def test_a_count_that_differs_shows_by_how_much_and_which_command_explains_it() -> None:
    parts = ((13470, 13475), (4725, 4725), (4540, 4540))
    note = replace(SEED, dims=(310, 31))
    cells = cells_of(note, parts=parts)
    verdicts = [cell.verdict for cell in cells]
    assert verdicts == ["equal", "differs", "−3 to +2", "equal", "+4", "equal"]
    assert cells[2].ours == "13470–13475"
    (line,) = lines_of(note, parts=parts)
    assert line.startswith("#modality (#dim.), #training, #test differ from the paper's Table 1")
    assert CHECK in line
    assert "-{}-check-data -{}-data-root" in files_of(note, parts=parts)["table1.tex"]
    assert CHECK in files_of(note, parts=parts)["index.html"]


@pytest.mark.parametrize(
    "note",
    [SIMULATED, OPEN, replace(SEED, is_paper_data=False, published_name=None, split="subject")],
)
def test_no_count_is_compared_but_on_the_papers_data_under_its_split(note: DatasetNote) -> None:
    files = files_of(note, imitates="SEED" if note.kind == "simulated" else "")
    assert {(cell.paper, cell.verdict) for cell in cells_of(note)} == {("", "")}
    table = pd.read_csv(io.StringIO(files["table1.csv"]))
    assert table.filter(like="published").isna().all(axis=None)
    assert table["kind"].tolist() == [note.kind]
    for text in files.values():
        assert "equal" not in re.sub(
            r"<style>.*?</style>|<script>.*?</script>", "", text, flags=re.S
        )
        assert "22734 (paper" not in text


def test_simulated_data_are_stamped_everywhere_and_named_after_the_real_data_in_one_line() -> None:
    files = files_of(SIMULATED, imitates="SEED")
    (line,) = lines_of(SIMULATED, imitates="SEED")
    assert "SEED" in line
    assert "13473 / 4725 / 4536" in line
    assert "SIMULATED" in files["table1.tex"].split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert "| SEED \\[SIMULATED\\] |" in files["table1.md"]
    assert files["index.html"].count("SIMULATED") >= 3
    assert set(pd.read_csv(io.StringIO(files["counts.csv"]))["kind"]) == {"simulated"}


def test_open_data_get_no_number_of_the_paper() -> None:
    assert lines_of(OPEN) == ()
    (facts,) = (block for block in section_of(OPEN).blocks if isinstance(block, Facts))
    assert "paper" not in " ".join(text for _, text in facts.pairs)


def test_data_that_the_papers_table_lacks_are_never_called_equal() -> None:
    note = replace(SEED, published_name="OTHER")
    assert (lines_of(note), {cell.verdict for cell in cells_of(note)}) == ((), {""})


def test_another_split_of_the_papers_data_says_why_nothing_stands_beside() -> None:
    note = replace(SEED, is_paper_data=False, published_name=None, split="subject")
    (line,) = lines_of(note)
    assert "subject" in line


def test_the_page_nests_and_escapes_what_a_file_may_bring() -> None:
    evil = "<script>alert('x')</script>&|_"
    classes = (ClassCount(evil, 1, ((1, 1),) * 3), *COUNTED.classes)
    note = replace(OPEN, title=evil, view_names=(evil, "eye"), licence=evil)
    files = files_of(note, classes=classes, groups=(GroupCount(evil, 1, (1, 1), (0, 0)),))
    page = Page(files["index.html"])
    assert page.tags.count("script") == 1
    assert evil in page.said
    assert "<script" not in files["table1.md"].replace("\\<script", "")
    assert r"\_" in files["table1.tex"]
    assert "&|" not in files["table1.tex"].replace(r"\&", "")


def test_bars_fill_their_width_and_leave_out_labels_that_do_not_fit() -> None:
    many = tuple(ClassCount(f"class {k}", 1 + k, ((1, 1),) * 3) for k in range(30))
    (bars,) = (block for block in section_of(classes=many).blocks if isinstance(block, Bars))
    with settings():
        figure = bars.draw()
    (axes,) = figure.axes
    rectangles = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert len(rectangles) == 3 + 30
    for own in (rectangles[:3], rectangles[3:]):
        assert own[0].get_x() == 0
        assert own[-1].get_x() + own[-1].get_width() == pytest.approx(1)
    assert [text.get_text() for text in axes.texts] == ["training", "tuning", "test"]
    assert "class 29 30" in bars.description


def test_what_a_split_does_to_a_group_is_said() -> None:
    tables = [block for block in section_of().blocks if isinstance(block, Table)]
    (groups,) = [table for table in tables if table.title.startswith("Groups")]
    assert [tuple(cell.text for cell in row.cells[:2]) for row in groups.rows] == [
        ("subject", "in several parts"),
        ("clip", "in one part"),
    ]


def test_data_named_under_two_splits_are_told_apart() -> None:
    other = replace(OPEN, key="data@rows")
    counted = tuple(replace(COUNTED, dataset=key) for key in ("data", "data@rows"))
    meta = replace(META, datasets=(OPEN, other))
    given = Given(meta, Layout("properties"), published=PAPER, properties=counted)
    titles = [section.title for section in PropertiesOfData(given).sections() if section.anchor]
    assert titles == ["Data (data)", "Data (data@rows)"]


def test_same_counts_give_the_same_bytes_and_every_count_is_in_the_list() -> None:
    data = tiny()
    note = replace(OPEN, key="tiny", n=data.n, dims=data.dims, view_names=data.view_names)
    meta, counted = replace(META, datasets=(note,)), (properties_of(data, "rows", 2),)
    given = Given(meta, Layout("properties"), published=PAPER, properties=counted)
    made = contents(given, kinds=())
    assert made == contents(given, kinds=())
    listed = pd.read_csv(io.StringIO(made["counts.csv"].decode()))
    assert len(listed) == 4 * 3 + 3 * 2 + 3  # classes, groups, shares of labels
    assert listed.query("count == 'rows of class'")["least"].sum() == data.n
