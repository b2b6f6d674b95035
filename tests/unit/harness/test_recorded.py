"""The id of a job is found again from the description in its record, whatever the method."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness import registry
from harness.plan.expand import expand
from harness.plan.recorded import id_of
from protocols.base import BUDGETS, Cell, Stage, TableRow
from tests.helpers import scenario, tiny

CHAIN = (Stage("logistic_regression", "each"), Stage("svm"))
IMPUTED = (Stage("ridge_impute", imputes=True), Stage("svm"))
RECIPES = {
    **{key: (Stage(key),) for key in ("svm", "majority", "smvae", "m2", "label_spreading")},
    "views": (Stage("svm", ("b",), {"kernel": "rbf"}),),
    "chain": CHAIN,
    "imputed": IMPUTED,
}


def described(recipe: tuple[Stage, ...], **hidden: Any) -> list[tuple[str, Any]]:
    """Id and description, as JSON gives it back, of every job of a recipe on one trial."""
    row = TableRow("row", "Row", "block", "inductive", recipe)
    cell = Cell(row, scenario(**hidden), 0.3)
    tops = expand(cell, tiny(), BUDGETS["preview"], 2, 1)
    jobs = {job.id: job for top in tops for job in top.stages()}
    return [(name, json.loads(json.dumps(job.description()))) for name, job in jobs.items()]


@pytest.mark.parametrize("name", RECIPES)
def test_the_description_gives_the_id(name: str) -> None:
    hidden = {"missing": ("b",), "missing_fraction": 0.4} if name == "imputed" else {}
    found = described(RECIPES[name], **hidden)
    assert found
    assert [id_of(job) for _, job in found] == [job_id for job_id, _ in found]


@pytest.mark.parametrize(
    "change",
    [
        {"trial": 3}, {"seed": 9}, {"data": "other"}, {"config": {"C": 7.0}}, {"views": ["a"]},
        {"upstream": [["0" * 20]]}, {"imputes": True}, {"declared": None},
    ],
)  # fmt: skip
def test_whatever_is_edited_gives_another_id(change: dict[str, Any]) -> None:
    ((name, job), *_) = described((Stage("svm"),))
    assert id_of(job | change) not in (name, None)


@pytest.mark.parametrize(
    "change",
    [{"method": "not_here"}, {"version": 99}, {"new_field": 1}, {"scenario": {"x": 1}}, {"job": 1}],
)
def test_what_this_checkout_does_not_know_is_no_answer(change: dict[str, Any]) -> None:
    assert id_of(described((Stage("svm"),))[0][1] | change) is None
    assert id_of({}) is None


def test_a_method_of_another_version_is_told_from_this_one() -> None:
    ((name, job), *_) = described((Stage("majority"),))
    assert job["version"] == registry.load_method("majority").version
    assert id_of(job) == name
