"""The report on properties of data: beside the paper's numbers, beside none, stamped, escaped."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from harness.plan.properties import properties_of
from harness.report import DatasetNote, ReportMeta
from harness.report.properties import CHECK, build, unlike_paper
from harness.report.property_model import PropertiesReport
from harness.report.write import properties_contents
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


def report_of(note: DatasetNote = SEED, **changes: Any) -> PropertiesReport:
    counted = replace(COUNTED, dataset=note.key, **changes)
    return build([counted], replace(META, datasets=(note,)), PAPER)


def files_of(note: DatasetNote = SEED, **changes: Any) -> dict[str, str]:
    counted = replace(COUNTED, dataset=note.key, **changes)
    made = properties_contents([counted], replace(META, datasets=(note,)), PAPER)
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
    (part,) = report_of().parts
    assert [cell.paper for cell in part.cells] == [
        "22734", "EEG(310), Eye(33)", "13473", "4725", "4536", "3",
    ]  # fmt: skip
    assert {cell.verdict for cell in part.cells} == {"equal"}
    assert part.lines == ("Every count equals the paper's Table 1.",)
    assert unlike_paper(COUNTED, SEED, PAPER) == ""


def test_a_count_that_differs_shows_by_how_much_and_which_command_explains_it() -> None:
    parts = ((13470, 13475), (4725, 4725), (4540, 4540))
    note = replace(SEED, dims=(310, 31))
    (part,) = report_of(note, parts=parts).parts
    verdicts = [cell.verdict for cell in part.cells]
    assert verdicts == ["equal", "differs", "−3 to +2", "equal", "+4", "equal"]
    assert part.cells[2].ours == "13470–13475"
    (line,) = part.lines
    assert line.startswith("#modality (#dim.), #training, #test differ from the paper's Table 1")
    assert CHECK in line
    assert "-{}-check-data -{}-data-root" in files_of(note, parts=parts)["table1.tex"]
    assert f"<code>{CHECK}</code>" in files_of(note, parts=parts)["index.html"]


@pytest.mark.parametrize(
    "note",
    [SIMULATED, OPEN, replace(SEED, is_paper_data=False, published_name=None, split="subject")],
)
def test_no_count_is_compared_but_on_the_papers_data_under_its_split(note: DatasetNote) -> None:
    files = files_of(note, imitates="SEED" if note.kind == "simulated" else "")
    (part,) = report_of(note).parts
    assert {(cell.paper, cell.verdict) for cell in part.cells} == {("", "")}
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
    (part,) = report_of(SIMULATED, imitates="SEED").parts
    assert "SEED" in part.lines[0]
    assert "13473 / 4725 / 4536" in part.lines[0]
    assert "SIMULATED" in files["table1.tex"].split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert "| SEED \\[SIMULATED\\] |" in files["table1.md"]
    assert files["index.html"].count("SIMULATED") >= 3
    assert set(pd.read_csv(io.StringIO(files["counts.csv"]))["kind"]) == {"simulated"}


def test_open_data_get_no_number_of_the_paper() -> None:
    (part,) = report_of(OPEN).parts
    assert part.lines == ()
    assert "paper" not in " ".join(text for _, text in part.facts)


def test_data_that_the_papers_table_lacks_are_never_called_equal() -> None:
    (part,) = report_of(replace(SEED, published_name="OTHER")).parts
    assert (part.lines, {cell.verdict for cell in part.cells}) == ((), {""})


def test_another_split_of_the_papers_data_says_why_nothing_stands_beside() -> None:
    note = replace(SEED, is_paper_data=False, published_name=None, split="subject")
    assert report_of(note).parts[0].lines == (
        "The split subject is not the paper's, so its Table 1 is not shown here.",
    )


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


def test_strips_fill_their_width_and_leave_out_labels_that_do_not_fit() -> None:
    many = tuple(ClassCount(f"class {k}", 1 + k, ((1, 1),) * 3) for k in range(30))
    parts, classes = report_of(classes=many).parts[0].strips
    for strip in (parts, classes):
        assert strip.segments[0].start == 0
        for left, right in zip(strip.segments, strip.segments[1:], strict=False):
            assert right.start == pytest.approx(left.start + left.width, abs=2e-3)
        last = strip.segments[-1]
        assert last.start + last.width == pytest.approx(100, abs=2e-3)
    assert [one.label for one in parts.segments] == ["Training", "Tuning", "Test"]
    assert not any(one.label for one in classes.segments)
    assert "class class 29: 30 rows" in classes.description


def test_what_a_split_does_to_a_group_is_said() -> None:
    (part,) = report_of().parts
    (groups,) = [table for table in part.tables if table.title.startswith("Groups")]
    assert [line[:2] for line in groups.lines] == [
        ("subject", "in several parts"),
        ("clip", "in one part"),
    ]


def test_data_named_under_two_splits_are_told_apart() -> None:
    other = replace(OPEN, key="data@rows")
    counted = [replace(COUNTED, dataset=key) for key in ("data", "data@rows")]
    report = build(counted, replace(META, datasets=(OPEN, other)), PAPER)
    assert [part.note.title for part in report.parts] == ["Data (data)", "Data (data@rows)"]


def test_same_counts_give_the_same_bytes_and_every_count_is_in_the_list() -> None:
    data = tiny()
    note = replace(OPEN, key="tiny", n=data.n, dims=data.dims, view_names=data.view_names)
    counted = [properties_of(data, "rows", 2)]
    meta = replace(META, datasets=(note,))
    made = properties_contents(counted, meta, PAPER)
    assert made == properties_contents(counted, meta, PAPER)
    listed = pd.read_csv(io.StringIO(made["counts.csv"].decode()))
    assert len(listed) == 4 * 3 + 3 * 2 + 3  # classes, groups, shares of labels
    assert listed.query("count == 'rows of class'")["least"].sum() == data.n
