from __future__ import annotations

import pytest

from harness.run.wording import count, duration, work


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 fits"), (1, "1 fit"), (2, "2 fits"), (11, "11 fits")]
)
def test_one_is_singular(number: int, text: str) -> None:
    assert count(number, "fit") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "under 1 s"),
        (1, "1 s"),
        (89, "89 s"),
        (120, "2 min"),
        (5400, "90 min"),
        (7200, "2.0 h"),
    ],
)
def test_a_duration_has_one_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0.0, "under a core-minute"),
        (0.9 / 60, "under a core-minute"),
        (1 / 60, "1 core-minute"),
        (12.34 / 60, "12.3 core-minutes"),
        (3.46, "3.5 core-hours"),
    ],
)
def test_work_is_never_nothing(hours: float, text: str) -> None:
    assert work(hours) == text
