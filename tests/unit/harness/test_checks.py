"""What a fit returns is checked in full, in the worker: it fails alone, with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from datasets.base import Problem, Rows
from harness import registry
from harness.plan.expand import expand
from harness.plan.job import Job
from harness.run import checks
from harness.run.worker import JobGroup, execute
from harness.store.plain import plain
from harness.store.record import Outcome, Record
from methods.base import Can, FitError, Fitted
from protocols.base import BUDGETS, Cell, Stage, TableRow
from tests.helpers import scenario, tiny
from tests.unit.harness.fake_methods import Plain

DATA = tiny()
Change = Callable[[Any, Rows], Any]


class Told(Fitted):
    """Right answers, one of which is changed: ``at`` names the call, or call and part of rows."""

    def __init__(self, problem: Problem, at: str, change: Change) -> None:
        self.problem, self.at, self.change = problem, at, change

    def said(self, call: str, value: Any, rows: Rows) -> Any:
        own = {"rows": self.problem.rows.ids, "tuning": self.problem.tuning.ids}
        part = next((name for name in own if np.array_equal(rows.ids, own[name])), "test")
        return self.change(value, rows) if self.at in (call, f"{call} {part}") else value

    def predict(self, rows: Rows) -> np.ndarray:
        return self.said("predict", np.zeros(rows.n, np.int64), rows)

    def predict_proba(self, rows: Rows) -> np.ndarray | None:
        return self.said("proba", np.full((rows.n, 3), 1 / 3), rows)

    def transform(self, rows: Rows) -> np.ndarray:
        return self.said("transform", np.concatenate(rows.views, axis=1), rows)

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...] | None]:
        pairs = zip(rows.views, rows.present.T, strict=True)
        views = tuple(np.where(there[:, None], view, np.float32(0)) for view, there in pairs)
        spreads = tuple(np.ones_like(v) * ~rows.present[:, [i]] for i, v in enumerate(views))
        return self.said("impute", (views, spreads), rows)

    def loss(self, rows: Rows) -> float:
        return 1.0

    def facts(self) -> dict:
        return self.said("facts", {"converged": True}, self.problem.rows)

    def arrays(self) -> dict:
        return self.said("arrays", {}, self.problem.rows)


def outcomes(
    monkeypatch: pytest.MonkeyPatch, can: Can, at: str = "", change: Change = lambda x, _: x
) -> tuple[Outcome, Outcome, Outcome]:
    """A fit as it should be, the changed one, and another after it; run as one group."""

    def method(key: str) -> type[Plain]:
        place = at if key == "bad" else ""

        def fit(self: Plain, problem: Problem, rng: np.random.Generator) -> Fitted:
            return Told(problem, place, change)

        return type(key, (Plain,), {"can": can, "fit": fit})

    made = {key: method(key) for key in ("good", "bad")}
    real = registry.load_method
    monkeypatch.setattr(registry, "load_method", lambda key: made.get(key) or real(key))
    lacking = {"missing": ("b",), "missing_fraction": 0.5} if can.impute else {}

    def job(key: str, trial: int) -> Job:
        row = TableRow("r", "R", "b", "inductive", (Stage(key),))
        cell = Cell(row, scenario("inductive", label_fraction=0.4, **lacking), 0.4)
        return expand(cell, DATA, BUDGETS["smoke"], trial, 0)[0]

    found = []
    for one in (job("good", 0), job("bad", 0), job("good", 1)):
        events = execute(JobGroup((one,)), DATA)
        found += [event for event in events if isinstance(event, Outcome)]
    first, second, third = found
    return first, second, third


def fails(monkeypatch: pytest.MonkeyPatch, can: Can, at: str, change: Change) -> str:
    """The reason of the changed fit; those beside it are ok, and all can be stored."""
    first, bad, last = outcomes(monkeypatch, can, at, change)
    assert (first.record.status, last.record.status) == ("ok", "ok"), first.record.reason
    assert bad.record.status == "failed"
    assert bad.record.score is None
    assert bad.arrays == {}
    for outcome in (first, bad, last):
        assert Record.parse(outcome.record.line()) == outcome.record
    assert "\n" not in bad.record.reason
    return bad.record.reason


CLASSIFIES = Can(classify=True, unlabelled=True)
PREDICTIONS: dict[str, tuple[Change, str]] = {
    "NaN": (lambda y, _: np.where(np.arange(len(y)), y, np.nan), "1 predictions are not finite"),
    "-1": (lambda y, _: y - 1, "-1..-1"),
    "K": (lambda y, _: y + 3, "3..3"),
    "1..K": (lambda y, _: 1 + np.arange(len(y)) % 3, "labels coded 1..3?"),
    "strings": (lambda y, _: y.astype(str), "numbers"),
    "objects": (lambda y, _: y.astype(object), "numbers"),
    "halves": (lambda y, _: y + 0.5, "whole"),
    "a column": (lambda y, _: y[:, None], "1)"),
    "too few": (lambda y, _: y[1:], "one class per row"),
    "none": (lambda y, _: None, "numbers"),
}


@pytest.mark.parametrize("fault", PREDICTIONS)
@pytest.mark.parametrize("part", ["tuning", "test"])
def test_predictions_are_whole_numbers_of_classes_one_a_row(
    monkeypatch: pytest.MonkeyPatch, fault: str, part: str
) -> None:
    change, said = PREDICTIONS[fault]
    assert said in fails(monkeypatch, CLASSIFIES, f"predict {part}", change)


def test_whole_floats_and_booleans_are_classes() -> None:
    for kind in (np.float64, np.uint8, bool):
        found = checks.classes(np.array([0, 1, 1], kind), 3, 2)
        assert found.dtype == np.int64
        assert found.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda p, _: p[:, :2],
        lambda p, _: p * 2,
        lambda p, _: p - [[1, -1, 0]],
        lambda p, _: p * np.nan,
        lambda p, _: [["a"] * 3] * len(p),
    ],
)
def test_probabilities_are_checked(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    assert "class probabilities" in fails(monkeypatch, CLASSIFIES, "proba", change)


def test_a_method_without_probabilities_has_no_log_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    first, other, _ = outcomes(monkeypatch, CLASSIFIES, "proba", lambda p, _: None)
    assert other.record.metrics.keys() == first.record.metrics.keys() - {"test_log_loss"}
    assert first.record.metrics["test_log_loss"] == pytest.approx(np.log(3))


REPRESENTS = Can(represent=True, unlabelled=True)


@pytest.mark.parametrize("part", ["rows", "tuning", "test"])
@pytest.mark.parametrize(
    "change",
    [
        lambda x, _: x.astype(np.float64) * np.nan,
        lambda x, _: x.astype(np.float64) * 1e300,  # infinite once in float32
        lambda x, _: x[:, 0],
        lambda x, _: x[1:],
        lambda x, _: x[:, :0],
        lambda x, _: x.astype(str),
        lambda x, _: x.astype(complex),
    ],
)
def test_codes_are_finite_numbers_one_row_a_row(
    monkeypatch: pytest.MonkeyPatch, part: str, change: Change
) -> None:
    assert "representation" in fails(monkeypatch, REPRESENTS, f"transform {part}", change)


def changed(v: int, change: Callable[[np.ndarray], np.ndarray], which: int = 0) -> Change:
    """One view (``which`` 0), or its variances (1), changed."""

    def apply(value: Any, _: Rows) -> Any:
        found = [list(part) for part in value]
        found[which][v] = change(found[which][v])
        return tuple(map(tuple, found))

    return apply


IMPUTATIONS: dict[str, tuple[Change, str]] = {
    "present entries": (changed(0, lambda x: x + np.float32(1e-3)), "present"),
    "a shape": (changed(1, lambda x: x[:, 1:]), "imputed view 1"),
    "rows": (changed(1, lambda x: x[1:]), "imputed view 1"),
    "NaN": (changed(1, lambda x: x * np.nan), "imputed view 1"),
    "beyond float32": (changed(1, lambda x: x.astype(float) + 1e300), "imputed view 1"),
    "strings": (changed(1, lambda x: x.astype(str)), "numbers"),
    "too few views": (lambda value, _: (value[0][:1], value[1]), "2 of them"),
    "no pair": (lambda value, _: value[0][0], "two things"),
    "a variance's sign": (changed(1, lambda x: x - 2, 1), "negative"),
    "a variance's shape": (changed(1, lambda x: x[:, :1], 1), "variances of view 1"),
    "an infinite variance": (changed(1, lambda x: x + np.inf, 1), "variances of view 1"),
}


@pytest.mark.parametrize("fault", IMPUTATIONS)
def test_imputations_are_finite_and_leave_present_entries(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    change, said = IMPUTATIONS[fault]
    can = Can(classify=True, impute=True, missing_views=True, unlabelled=True)
    assert said in fails(monkeypatch, can, "impute", change)


# ---------------------------------------------------------------- values of a record


@pytest.mark.parametrize(
    ("value", "key"),
    [({1, 2}, "seen"), (object(), "seen"), (b"x", "seen"), (1j, "seen"), ({"a": {3}}, "seen.a")],
)
def test_a_fact_that_json_cannot_hold_fails_its_fit_and_is_named(
    monkeypatch: pytest.MonkeyPatch, value: Any, key: str
) -> None:
    reason = fails(monkeypatch, CLASSIFIES, "facts", lambda facts, _: facts | {"seen": value})
    assert f"facts.{key}" in reason


def test_facts_of_numpy_become_plain_and_those_without_a_number_become_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {
        "nested": [np.float32(0.5), {"n": np.int64(2), "a": np.arange(2)}],
        "nan": [float("nan"), np.float32("-inf")],
        "flag": np.bool_(True),
    }
    _, other, _ = outcomes(monkeypatch, CLASSIFIES, "facts", lambda *_: given)
    assert other.record.facts == {
        "nested": [0.5, {"n": 2, "a": [0, 1]}],
        "nan": ["nan", "-inf"],
        "flag": True,
    }
    assert json.loads(other.record.line())["facts"] == other.record.facts


def test_a_metric_that_is_no_number_fails_its_fit_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from harness.run import metrics

    def odd(answers: metrics.Answers) -> float:
        return np.nan

    _, other, _ = outcomes(monkeypatch, CLASSIFIES)
    assert other.record.status == "ok"
    monkeypatch.setitem(metrics.METRICS, "odd", metrics.Metric("Odd", odd))
    _, other, _ = outcomes(monkeypatch, CLASSIFIES)
    assert other.record.status == "failed"
    assert "metrics.test_odd" in other.record.reason


def test_arrays_of_objects_fail_their_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = {"odd": np.array([{}, None], object)}
    assert "'odd'" in fails(monkeypatch, CLASSIFIES, "arrays", lambda *_: objects)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan"), [1.0, np.nan]])
def test_numbers_that_are_not_finite_are_refused_or_become_words(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^x.* finite"):
        plain(value, "x")
    assert "nan" in str(plain(value, "x", words=True)) or "inf" in str(
        plain(value, "x", words=True)
    )


def test_keys_must_be_words() -> None:
    with pytest.raises(ValueError, match=r"x\.a"):
        plain({"a": {1: 2}}, "x")


def test_lists_of_unequal_lengths_are_no_predictions() -> None:
    with pytest.raises(FitError):
        checks.classes([[0], [0, 1]], 2, 2)
