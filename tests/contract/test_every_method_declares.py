"""Every registered method says what it is: docstring, sources, capabilities, settings, cost."""

from __future__ import annotations

import ast
import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from harness import registry
from harness.plan.job import canonical
from methods import base
from methods.base import Can, ConfigError, Fitted, Shape, UnsupportedError
from tests.contract.suite import METHODS, every_method
from tests.helpers import SHORT, fresh

SHAPE = Shape(n_labelled=11, n_unlabelled=25, dims=(6, 4), n_classes=3)
SLACK = 1e-6


def test_every_method_file_is_in_this_suite(root: Path) -> None:
    # Found here by what a file says, not by where the registry looks.
    declaring = set()
    for path in (root / "methods").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and any(
                isinstance(item, ast.Assign)
                and "title" in re.findall(r"\w+", ast.unparse(item.targets[0]))
                for item in node.body
            ):
                declaring.add(path.stem)
    assert declaring == set(METHODS)


def test_every_test_of_a_method_runs_for_all_of_them() -> None:
    parameters: Any = every_method.args[1]
    assert {parameter.values[0] for parameter in parameters} == set(registry.entries("methods"))
    assert len(METHODS) >= 6


@every_method
def test_docstring_states_the_method_and_its_departures(key: str) -> None:
    doc = registry.module("methods", key).__doc__ or ""
    first = doc.split("\n", 1)[0]
    assert first == registry.first_line("methods", key)
    assert len(first) > 15
    assert first.endswith(".")
    assert "Departs from the paper:" in doc
    assert doc.split("Departs from the paper:", 1)[1].strip()


@every_method
def test_class_declares_version_title_sources_and_capabilities(key: str) -> None:
    method = registry.load_method(key)
    assert type(method.version) is int
    assert method.version >= 1
    assert method.title
    assert method.cites
    assert all(isinstance(cite, str) and cite for cite in method.cites)
    assert isinstance(method.can, Can)
    assert method.can.classify or method.can.represent or method.can.impute


@every_method
def test_nothing_concrete_is_subclassed(key: str) -> None:
    bases = registry.load_method(key).__mro__[1:]
    assert not [b.__name__ for b in bases if issubclass(b, base.Method) and not is_abstract(b)]


def is_abstract(cls: type) -> bool:
    return bool(getattr(cls, "__abstractmethods__", None))


@every_method
def test_settings_are_frozen_and_survive_json(key: str) -> None:
    made: Any = registry.load_method(key).Config
    assert dataclasses.is_dataclass(made)
    assert issubclass(made, base.Config)
    config = made()
    for field in dataclasses.fields(made):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, field.name, getattr(config, field.name))
        assert field.metadata.get("doc"), f"{field.name} is not made by hp()"
    text = canonical(config.settings())
    assert canonical(made(**json.loads(text)).settings()) == text


@every_method
@pytest.mark.parametrize("points", [None, 1, 2])
def test_every_candidate_is_legal_and_new(key: str, points: int | None) -> None:
    made = registry.load_method(key).Config
    grid = made.grid(points)
    settings = [canonical(made(**override).settings()) for override in grid]
    assert len(set(settings)) == len(settings) >= 1
    whole = {
        f.name for f in dataclasses.fields(made) if f.metadata["grid"] and f.metadata["always"]
    }
    for field in dataclasses.fields(made):
        seen = {override[field.name] for override in grid if field.name in override}
        assert seen <= set(field.metadata["grid"] or ())
        if field.name in whole:
            assert seen == set(field.metadata["grid"])
        else:
            assert points is None or len(seen) <= points
    if points == 1:
        assert {name for override in grid for name in override} == whole
        assert settings[0] == canonical(made().settings())
        assert whole or len(settings) == 1


@every_method
def test_settings_that_stack_are_settings(key: str) -> None:
    made = registry.load_method(key).Config
    names = {field.name for field in dataclasses.fields(made)}
    assert set(made.marked("untrained")) <= set(made.marked("batchable")) <= names


@every_method
def test_illegal_settings_are_refused(key: str) -> None:
    made = registry.load_method(key).Config
    for field in dataclasses.fields(made):
        legal, wrong = field.metadata, []
        if legal["low"] is not None:
            wrong += [legal["low"] - max(1, abs(legal["low"])), math.nan, "much"]
        if legal["high"] is not None:
            wrong += [legal["high"] + max(1, abs(legal["high"])), math.nan]
        if legal["choices"]:
            wrong.append("no such thing")
        for value in wrong:
            with pytest.raises(ConfigError, match=field.name):
                made(**{field.name: value})


@every_method
def test_cost_is_finite_and_grows_with_the_epochs_of_training(key: str) -> None:
    method: Any = registry.load_method(key)
    cost = method.cost(SHAPE, method.Config(), SHORT)
    assert math.isfinite(cost)
    assert cost > 0
    if registry.is_stacked(method):
        longer = dataclasses.replace(SHORT, epochs=10 * SHORT.epochs)
        assert method.cost(SHAPE, method.Config(), longer) > cost
    assert method.cost(dataclasses.replace(SHAPE, n_unlabelled=0), method.Config(), SHORT) > 0


def test_what_is_not_overridden_is_refused_by_name() -> None:
    for name in ("predict", "transform", "impute", "loss"):
        with pytest.raises(UnsupportedError, match="Fitted"):
            getattr(Fitted(), name)(fresh((2, 2)))
