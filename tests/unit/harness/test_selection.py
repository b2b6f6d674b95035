"""Selection: the best tuning score, then the earlier epoch, then the smaller value."""

from __future__ import annotations

from typing import Any

from harness.record import Record
from harness.selection import best


def record(name: str, score: float | None, **changes: Any) -> Record:
    plain: dict[str, Any] = {"id": name, "job": {}, "data_key": "d", "status": "ok", "score": score}
    return Record(**(plain | changes))


def chosen(*found: Record) -> str | None:
    winner = best(found)
    return winner.id if winner else None


def test_the_highest_tuning_score_wins() -> None:
    assert chosen(record("a", 0.1), record("b", 0.9), record("c", 0.5)) == "b"
    assert chosen(record("a", -3.0), record("b", -1.0)) == "b"  # minus an error


def test_ties_go_to_the_earlier_epoch_then_to_the_smaller_value() -> None:
    assert chosen(record("a", 0.5, epoch=20), record("b", 0.5, epoch=10)) == "b"
    assert chosen(record("a", 0.5, epoch=10), record("b", 0.5, epoch=10)) == "a"


def test_test_results_are_not_looked_at() -> None:
    low, high = {"test_accuracy": 0.0}, {"test_accuracy": 1.0}
    assert chosen(record("a", 0.6, metrics=low), record("b", 0.5, metrics=high)) == "a"
    assert chosen(record("a", 0.5, metrics=low), record("b", 0.5, metrics=high)) == "a"


def test_failures_do_not_count() -> None:
    assert chosen(record("a", None, status="failed"), record("b", 0.0)) == "b"
    assert chosen(record("a", 0.9, status="skipped")) is None
    assert chosen(record("a", None)) is None
    assert chosen() is None
