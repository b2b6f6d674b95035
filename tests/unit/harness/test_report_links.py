"""Numbers of every kind of figure lead to their trials, and each link to trials that are there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from harness.report.kind import Given
from harness.report.write import contents
from tests.unit.harness import test_report_effects, test_report_leakage
from tests.unit.harness.fake_figures import given_of, meta_of
from tests.unit.harness.test_report_space import DOTS, VIEWS, two_sets

Link = tuple[str, str, str]


class Links(HTMLParser):
    """Links to cells: the data file of their cell or row, the address, and what is printed."""

    def __init__(self) -> None:
        super().__init__()
        self.files = {"tr": "", "td": "", "th": ""}
        self.found: list[Link] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in self.files:
            self.files[tag] = given.get("data-file") or ""
            self.files |= {"td": "", "th": ""} if tag == "tr" else {}
        if tag == "a" and (given.get("href") or "").startswith("#cell/"):
            self._open = given["href"] or ""
            self.found.append((self.files["td"] or self.files["tr"], self._open, ""))

    def handle_endtag(self, tag: str) -> None:
        self._open = "" if tag == "a" else self._open

    def handle_data(self, data: str) -> None:
        if self._open:
            file, address, text = self.found[-1]
            self.found[-1] = (file, address, text + data)


def links_of(made: dict[str, bytes]) -> list[Link]:
    parser = Links()
    parser.feed(made["index.html"].decode())
    return parser.found


def dots() -> dict[str, bytes]:
    notes = (VIEWS, replace(VIEWS, key="other", title="Other"))
    return contents(Given(meta_of("dots", datasets=notes), DOTS, two_sets()), ())


def heat() -> dict[str, bytes]:
    return contents(given_of("figure6"), ())


def curves() -> dict[str, bytes]:
    return contents(given_of("figure3"), ())


@pytest.mark.parametrize(
    ("made", "cells"),
    [
        (curves, 5 * 2 * 3),  # rows, shares of labels, places
        (dots, 5 * 2),  # rows, data sets
        (heat, 3 * 3),
        (test_report_leakage.made, 2 * 2 * 3),  # rows, shares of labels, splits
        (test_report_effects.of_controls, 7 + 4),  # rows of two data sets
    ],
)
def test_every_number_of_a_figure_leads_to_its_trials(
    made: Callable[[], dict[str, bytes]], cells: int
) -> None:
    files = made()
    found = [link for link in links_of(files) if link[0]]
    for file, address, text in found:
        text_of = files[file].decode()
        data = json.loads(text_of[text_of.index(",") + 1 : text_of.rindex(")")])
        _, anchor, name, *_ = map(unquote, address.split("/"))
        assert file.startswith(f"data/{anchor}-")
        assert name in data["cells"], f"{text} leads to a cell that is not there"
    numbers = {address for _, address, text in found if text.strip().startswith((".", "1."))}
    assert len(numbers) == cells
