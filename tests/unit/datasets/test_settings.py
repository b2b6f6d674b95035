"""Settings are typed by their fields, checked, and shown as they are typed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets._wording import similar
from datasets.base import SettingError, Settings, setting, to_text


@dataclass(frozen=True)
class Knobs(Settings):
    share: float = setting(0.5, "a share", low=0, high=1)
    count: int | None = setting(3, "a count; none: no bound", low=1)
    widths: tuple[int, ...] = setting((100, 50), "layers", low=1)
    on: bool = setting(True, "a switch")
    name: Literal["a", "b"] = setting("a", "a name", choices=("a", "b"))
    free: str = setting("x", "any text")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("share", "1e-3", 0.001),
        ("share", "1", 1.0),
        ("count", "none", None),
        ("count", " 7 ", 7),
        ("widths", "200,100", (200, 100)),
        ("widths", "8", (8,)),
        ("widths", "", ()),
        ("on", "false", False),
        ("name", "b", "b"),
        ("free", "none", "none"),
    ],
)
def test_text_becomes_a_value_of_the_field_s_type(name: str, text: str, value: object) -> None:
    parsed = Knobs.parsed("m", {name: text})
    assert parsed == {name: value}
    assert type(parsed[name]) is type(value)
    assert getattr(Knobs.from_text("m", {name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("share", "2"),
        ("share", "nan"),
        ("share", "none"),
        ("share", "half"),
        ("count", "0"),
        ("count", "1.5"),
        ("widths", "200,"),
        ("widths", "200,0"),
        ("on", "yes"),
        ("name", "c"),
    ],
)
def test_what_is_not_legal_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=rf"^m\.{name} must "):
        Knobs.parsed("m", {name: text})


def test_an_unknown_name_is_refused_with_near_ones() -> None:
    with pytest.raises(SettingError, match="'widht'.*widths"):
        Knobs.parsed("m", {"widht": "1"})
    with pytest.raises(SettingError, match="'zzz'.*share, count, widths, on, name, free"):
        Knobs.parsed("m", {"zzz": "1"})
    with pytest.raises(SettingError, match="it has none"):
        Settings.parsed("m", {"c": "1"})


def test_construction_checks_too() -> None:
    with pytest.raises(SettingError, match="share"):
        Knobs(share=math.inf)
    with pytest.raises(SettingError, match="widths"):
        Knobs(widths=(3, -1))
    with pytest.raises(SettingError, match="share"):
        Knobs(share=True)


def test_described_defaults_are_what_one_would_type() -> None:
    texts = {known.name: known.default for known in Knobs.described()}
    assert texts == {
        "share": "0.5", "count": "3", "widths": "100,50", "on": "true", "name": "a", "free": "x"
    }  # fmt: skip
    assert Knobs.from_text("m", texts) == Knobs()
    legal = {known.name: known.legal for known in Knobs.described()}
    assert legal["share"] == "in [0, 1]"
    assert legal["count"] == "in [1, inf]"
    assert legal["name"] == "one of a, b"


@given(st.floats(0, 1), st.none() | st.integers(1), st.lists(st.integers(1)).map(tuple))
def test_text_is_the_inverse_of_a_value(share: float, count: int | None, widths: tuple) -> None:
    texts = {"share": to_text(share), "count": to_text(count), "widths": to_text(widths)}
    assert Knobs.from_text("m", texts) == Knobs(share, count, widths)


@pytest.mark.parametrize(
    ("name", "near"),
    [("c", ["C"]), ("GAMMA", ["gamma"]), ("kernal", ["kernel"]), ("zzzz", []), ("C", ["C"])],
)
def test_similar_names_are_found_in_any_case(name: str, near: list[str]) -> None:
    assert similar(name, ["C", "gamma", "kernel"]) == near
