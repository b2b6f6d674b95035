"""A data set's options: defaults, values, lists of numbers, refusals in one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets._options import Option, chosen, numbers, spans
from datasets.base import DataError

OPTIONS = {
    "colour": Option("red", "the colour", ("red", "blue")),
    "rows": Option("0-2", "which rows", parse=lambda text: tuple(numbers(text, "0-2,7"))),
}


def test_what_is_not_given_has_its_default_and_every_value_is_parsed() -> None:
    assert chosen("world", OPTIONS, None) == {"colour": "red", "rows": (0, 1, 2)}
    assert chosen("world", OPTIONS, {"rows": "7, 1-2"}) == {"colour": "red", "rows": (7, 1, 2)}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"color": "red"}, "world has no option 'color'; it takes: colour, rows"),
        ({"colour": "pink"}, "option colour of world must be one of: red, blue, not 'pink'"),
        ({"rows": "all"}, "option rows of world must be a list such as 0-2,7, not 'all'"),
    ],
)
def test_a_wrong_name_or_value_is_refused_in_a_sentence(given: dict[str, str], said: str) -> None:
    with pytest.raises(DataError) as caught:
        chosen("world", OPTIONS, given)
    assert str(caught.value) == said


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
