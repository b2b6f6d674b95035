from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from harness.report.write import contents
from tests.golden.table2_case import COMPARED, EXPECTED, given, trials

VOID = {"meta", "link", "input", "br", "hr", "img"}


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return contents(given(), kinds=())


@pytest.fixture(scope="module")
def page(made: dict[str, bytes]) -> str:
    return made["index.html"].decode()


@pytest.mark.parametrize("name", COMPARED)
def test_report_is_as_expected_byte_for_byte(made: dict[str, bytes], name: str) -> None:
    expected = (EXPECTED / name).read_bytes()
    assert made[name] == expected, f"{name} moved; python -m tests.golden.update, read the diff"


def test_the_order_of_lines_changes_no_byte(made: dict[str, bytes]) -> None:
    shuffled = trials().sample(frac=1, random_state=3)
    assert contents(given(shuffled), kinds=()) == made


def test_published_numbers_stand_beside_the_papers_data_only(made: dict[str, bytes]) -> None:
    seed, simulated, mine = made["table2.md"].decode().split("\n## ")[-3:]
    assert "paper .814±.031" in seed
    assert "Against the paper’s numbers" in seed
    for other in (simulated, mine):
        assert "paper ." not in other
        assert "Against the paper’s numbers" not in other
        assert "The paper’s claims on these data" in other


def test_simulated_data_are_not_pooled_with_real_data(made: dict[str, bytes]) -> None:
    pairs = made["pairs.csv"].decode().splitlines()
    assert {line.split(",")[0] for line in pairs[1:]} == {"1.0", "2.0", "5.0"}
    assert {line.split(",")[7] for line in pairs[1:] if line.startswith("1.0")} == {"1"}


def test_every_part_of_simulated_data_is_stamped(made: dict[str, bytes], page: str) -> None:
    part = _section(page, "simulated_seed")
    table, *figures = part.split("<figure>")
    assert len(figures) == 3
    assert all("SIMULATED data" in text for text in (table, *figures))
    assert "SIMULATED" in made["table2.tex"].decode()


def test_page_is_one_whole_file_without_network(page: str) -> None:
    assert not re.search(r"<(link|img|iframe)\b|\bsrc=|@import|url\((?!#)", page)
    outward = [url for url in re.findall(r'href="([^"#][^"]*)"', page) if "://" in url]
    assert outward == []
    checker = _Balance()
    checker.feed(page)
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    targets = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    named = {a or b for a, b in targets}
    cells = {name for name in named if name.startswith("cell/")}  # the page's script opens these
    assert named - cells <= set(checker.ids)
    assert {name.split("/")[1] for name in cells} <= set(checker.ids)


def test_page_says_what_is_absent_and_why(page: str) -> None:
    mine = _section(page, "mfeat-fou-zer")
    assert "<i>2/3</i>" in mine
    assert "the loss became NaN &amp; stayed &lt;so&gt;" in mine
    assert "<pre>Traceback: 100% &#39;odd&#39; &lt;b&gt;</pre>" in mine
    assert "28 of 30 trials ok, 1 failed, 1 missing" in mine
    assert "Training used 24 (2\u00a0%)" in mine
    assert "chosen with 400 tuning labels" in mine
    assert re.search(r">\.656</span><span class=\"sd\">[^<]*</span>†", mine)


def test_page_lists_every_planned_trial(page: str) -> None:
    assert len(re.findall(r'href="#cell/[^"/]+/[^"/]+/\d+"', page)) == len(trials())


def test_latex_is_whole(made: dict[str, bytes]) -> None:
    source = made["table2.tex"].decode()
    source.encode("ascii")
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", source) for word in ("begin", "end"))
    assert begun == ended[::-1] == ["table", "tabular"]
    plain = re.sub(r"\\.", "", source)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    body = source.split("\\toprule")[1].split("\\bottomrule")[0]
    rows = [line for line in body.splitlines() if line.endswith("\\\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {3}


def _section(page: str, anchor: str) -> str:
    return page.split(f'<section id="{anchor}"')[1].split("</section>")[0]


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID and tag not in ("p", "li", "dt", "dd"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and tag not in ("p", "li", "dt", "dd"):
            assert self.open.pop() == tag
