"""Identity is content: a job's id and seeds follow what matters, on any machine, and only that."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from dataclasses import dataclass, fields, make_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import registry
from harness.plan.expand import expand
from harness.plan.job import Job, canonical
from harness.registry import ROOT
from methods.base import Training, hp
from protocols.base import BUDGETS, Cell, Scenario, Stage, TableRow, seed_of
from tests.helpers import scenario, tiny

SMOKE = BUDGETS["smoke"]


def row(key: str = "row", *stages: Stage, title: str = "Row") -> TableRow:
    return TableRow(key, title, "block", "inductive", stages or (Stage("svm"),))


def jobs(**changes: Any) -> tuple[Job, ...]:
    given: dict[str, Any] = {
        "cell": Cell(row(), scenario(), 0.3),
        "data": tiny(),
        "budget": SMOKE,
        "trial": 0,
        "seed": 0,
    }
    return expand(**(given | changes))


def ids(**changes: Any) -> list[str]:
    return [job.id for job in jobs(**changes)]


CODE = """
from tests.property.test_ids import ids, row
from protocols.base import Cell, Stage, seed_of
from tests.helpers import scenario, tiny
chain = row("c", Stage("logistic_regression", "each"), Stage("svm", config={"C": 2.0}))
print(ids() + ids(cell=Cell(chain, scenario(), 0.3)), seed_of(tiny(), "rows", 3, "labels"))
"""


def test_ids_and_seeds_are_the_same_in_every_process() -> None:
    said = set()
    for salt in ("0", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", CODE],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        )
        said.add(run.stdout)
    assert len(said) == 1
    assert len(next(iter(said))) > 60


def test_ids_follow_nothing_that_is_only_for_people() -> None:
    plain = ids()
    data = replace(tiny(), key="other@rows", title="Other")
    assert ids(data=data) == plain
    budget = replace(SMOKE, name="preview", trials=20, stamp="else", columns=None)
    assert ids(budget=budget) == plain
    renamed = replace(row("else", title="Else"), block="b", published="P", optional=True)
    assert ids(cell=Cell(renamed, scenario(), 0.7)) == plain


def test_a_longer_training_is_another_fit_of_a_trained_method_only() -> None:
    longer = replace(SMOKE, epochs=50)
    assert ids(budget=longer) == ids()
    trained = Cell(row("r", Stage("m2")), scenario(), 0.3)
    assert not set(ids(cell=trained, budget=longer)) & set(ids(cell=trained))


IDENTITY: dict[str, Any] = {
    "fingerprint": "f" * 16,
    "scenario": scenario("supervised"),
    "method": "m2",
    "version": 99,
    "views": ("a",),
    "config": {"kernel": "rbf"},
    "training": {"epochs": 3},
    "trial": 5,
    "seed": 9,
    "upstream": (jobs(),),
    "imputes": True,
    "declared": {"draw_key": "else"},
}


def test_every_field_but_the_key_is_part_of_the_id() -> None:
    job = jobs()[0]
    assert {field.name for field in fields(Job)} == {*IDENTITY, "data_key"}
    changed = {name: replace(job, **{name: value}).id for name, value in IDENTITY.items()}
    assert len({job.id, *changed.values()}) == len(IDENTITY) + 1
    assert replace(job, data_key="else").id == job.id


SCENARIO: dict[str, Any] = {
    "split": "person",
    "paradigm": "transductive",
    "label_fraction": 0.31,
    "label_rule": "random",
    "unlabelled_fraction": 0.5,
    "missing": ("b",),
    "missing_fraction": 0.1,
    "missing_at_test": 0.2,
    "incomplete": "drop",
    "scaling": "global",
    "version": 2,
}


def test_every_field_of_a_scenario_is_part_of_the_id() -> None:
    assert {field.name for field in fields(Scenario)} == {*SCENARIO, "labels_per_class"}
    plain = scenario(missing=("a",))
    job = replace(jobs()[0], scenario=plain)
    found = {
        replace(job, scenario=replace(plain, **{name: value})).id
        for name, value in SCENARIO.items()
    }
    for count in (3, 4):  # belongs to one label rule
        counted = replace(plain, label_rule="per_class", labels_per_class=count)
        found.add(replace(job, scenario=counted).id)
    assert len(found | {job.id}) == len(SCENARIO) + 3


# ---------------------------------------------------------------- fields that come later


@dataclass(frozen=True)
class LaterScenario(Scenario):
    noise: float = 0.0


@dataclass(frozen=True)
class LaterJob(Job):
    repeat: int = 0


def later(made: type[Any], job: Any, **changes: Any) -> Any:
    """``job`` as an instance of a class that has one more field."""
    return made(**{field.name: getattr(job, field.name) for field in fields(job)}, **changes)


def test_a_field_that_is_added_with_a_default_changes_no_id() -> None:
    job = jobs()[0]
    assert later(LaterJob, job).id == job.id
    assert later(LaterJob, job, repeat=1).id != job.id
    same, other = (
        replace(job, scenario=later(LaterScenario, job.scenario, **changes)).id
        for changes in ({}, {"noise": 0.1})
    )
    assert same == job.id != other


def test_a_setting_that_is_added_with_a_default_changes_no_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job, method = jobs()[0], registry.load_method("svm")
    config = make_dataclass(
        "Config", [("shrinking", bool, hp(True, "new"))], bases=(method.Config,), frozen=True
    )
    now = method.Config(**job.config).settings()
    monkeypatch.setattr(method, "Config", config)
    assert replace(job, config=now | {"shrinking": True}).id == job.id
    assert replace(job, config=now | {"shrinking": False}).id != job.id
    assert replace(job, config=now | {"C": 12.5}).id != job.id


def test_a_training_field_that_is_added_with_a_default_changes_no_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = replace(jobs()[0], training=Training(epochs=7).identity())
    before, usual = job.id, Training.identity
    monkeypatch.setattr(Training, "identity", lambda self: usual(self) | {"swa": False})
    assert replace(job, training=Training(epochs=7).identity()).id == before
    assert replace(job, training={**Training(epochs=7).identity(), "swa": True}).id != before


def test_what_a_record_keeps_of_a_job_writes_defaults_out() -> None:
    job = jobs()[0]
    assert "unlabelled_fraction" not in job.identity()["scenario"]
    assert job.description()["scenario"]["unlabelled_fraction"] == 1.0
    assert job.description()["config"] == job.config
    assert json.loads(json.dumps(job.description()))["method"] == "svm"


@pytest.mark.parametrize(
    "rule", [{"shares": (0.5, 0.25, 0.25)}, {"by": "day"}, {"stratify": True}, {"folds": 5}]
)
def test_the_split_rule_of_the_data_is_part_of_the_id(rule: dict[str, Any]) -> None:
    data = tiny()
    changed = replace(data, splits=(replace(data.splits[0], **rule), *data.splits[1:]))
    assert not set(ids(data=changed)) & set(ids())
    others = replace(data, splits=(data.splits[0],))  # rules that this scenario does not use
    assert ids(data=others) == ids()
    assert not set(ids(data=replace(data, draw_key="else"))) & set(ids())


# ---------------------------------------------------------------- data, JSON


def test_every_content_of_the_data_is_part_of_the_id() -> None:
    data = tiny()
    others = [tiny(seed=1), data.choose(("a",)), replace(data, class_names=("1", "2", "3"))]
    assert len({ids(data=d)[0] for d in (data, *others)}) == 4


settings_of_json = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.tuples(inner),
        max_leaves=6,
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=60)
@given(settings_of_json, st.randoms())
def test_canonical_json_has_one_spelling(config: dict[str, Any], chance: Any) -> None:
    names = list(config)
    chance.shuffle(names)
    assert canonical({name: config[name] for name in names}) == canonical(config)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"x": value})


# ---------------------------------------------------------------- seeds

SPLITS = st.sampled_from(["rows", "person"])
NAMES = st.tuples(SPLITS, st.integers(0, 30), st.text(max_size=8), st.integers(0, 3))


@settings(max_examples=60)
@given(NAMES, NAMES)
def test_seeds_differ_exactly_where_their_names_do(left: Any, right: Any) -> None:
    data = tiny()
    seeds = [seed_of(data, *names) for names in (left, right)]
    assert (seeds[0] == seeds[1]) == (left == right)
    assert all(0 <= seed < 2**64 for seed in seeds)
    assert seed_of(replace(data, draw_key="other"), *left) != seeds[0]


def test_seeds_are_shared_by_every_choice_of_views_and_know_no_method() -> None:
    assert seed_of(tiny().choose(("b",)), "rows", 0, "x") == seed_of(tiny(), "rows", 0, "x")
    names = list(inspect.signature(seed_of).parameters)
    assert names == ["data", "split", "trial", "purpose", "seed"]
