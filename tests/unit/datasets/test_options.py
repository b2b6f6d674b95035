"""A data set's options: defaults, values, lists of numbers, refusals in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets._options import chosen, numbers, spans
from datasets.base import DataError, Settings, setting


@dataclass(frozen=True)
class World(Settings):
    colour: str = setting("red", "the colour", choices=("red", "blue"))
    rows: tuple[int, ...] = setting(
        (0, 1, 2), "which rows", parse=lambda text: tuple(numbers(text, "0-2,7")), typed="0-2"
    )


def test_what_is_not_given_has_its_default_and_every_value_is_parsed() -> None:
    assert chosen("world", World, None) == World("red", (0, 1, 2))
    assert chosen("world", World, {"rows": "7, 1-2"}) == World("red", (7, 1, 2))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"color": "red"}, {"world", "'color';", "colour?"}),
        ({"colour": "pink"}, {"world.colour", "red,", "blue,", "'pink'"}),
        ({"rows": "all"}, {"world.rows", "0-2,7,", "'all'"}),
    ],
)
def test_a_wrong_name_or_value_is_refused_in_a_sentence(
    given: dict[str, str], words: set[str]
) -> None:
    with pytest.raises(DataError) as caught:
        chosen("world", World, given)
    assert words <= set(str(caught.value).split())


@pytest.mark.parametrize("text", ["", "1,", "-1", "1-2-3", "123", "\u0661", "1;2", "../1"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="0-2,7"):
        numbers(text, "0-2,7")


def test_a_span_that_runs_backwards_names_nothing() -> None:
    assert numbers("3-1", "") == []


@given(st.sets(st.integers(0, 99), min_size=1))
def test_spans_are_the_inverse_of_numbers(values: set[int]) -> None:
    assert numbers(spans(values), "") == sorted(values)


def test_no_numbers_are_none() -> None:
    assert spans(()) == "none"
