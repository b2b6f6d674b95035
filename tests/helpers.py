"""Small worlds for tests: a tiny data set, its trials, fits of any method on them, fake records."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datasets.base import DataError, Dataset, HeldOut, Problem, Provenance, Rows, Split
from harness import registry
from harness.analysis.trials_table import trials_table
from harness.plan.job import Job
from harness.plan.plan import Plan
from harness.run.describe import cell_entry
from harness.store import code_digest
from harness.store.manifest import Manifest, ProtocolEntry
from harness.store.record import Record
from methods._pretrained import NotHereError
from methods.base import Failed, Finished, FitError, Fitted, Member, Method, Training
from protocols.base import Draw, Scenario, build, draw

SHORT = Training(epochs=3, eval_every=1, patience=None)
FIXED = Training(epochs=3, eval_every=3, patience=None)
"""Scored once, at the end: the epoch is no choice."""

FEW_STEPS = {"steps": 60}
"""For methods that take their own steps: what a test asks for, ``SHORT`` asks of the trainer."""

Score = Callable[[Fitted], float]


def tiny(
    n: int = 60, dims: Sequence[int] = (6, 4), classes: int = 3, gap: float = 3.0, seed: int = 0
) -> Dataset:
    """Gaussian classes, ``gap`` apart in every view; persons of six rows, days of three."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    names = ("a", "b", "c", "d")[: len(dims)]
    views = []
    for width in dims:
        centres = rng.normal(size=(classes, width))
        centres *= gap / np.linalg.norm(centres, axis=1, keepdims=True)
        views.append((centres[labels] + rng.normal(size=(n, width))).astype(np.float32))
    return Dataset(
        key="tiny",
        draw_key="tiny",
        title="Tiny",
        views=tuple(views),
        view_names=names,
        labels=labels,
        class_names=tuple("xyzuvwrstq"[:classes]),
        splits=(
            Split("rows", leaks=("person", "day")),
            Split("stratified", stratify=True, leaks=("person", "day")),
            Split("person", by="person"),
        ),
        provenance=Provenance("open", "drawn by the tests", "none"),
        groups={"person": np.arange(n) // 6, "day": np.arange(n) // 3},
    )


def scenario(paradigm: Any = "inductive", **changes: Any) -> Scenario:
    """A third of the training rows labelled, every class among them."""
    plain: dict[str, Any] = {
        "split": "rows",
        "paradigm": paradigm,
        "label_fraction": 0.3,
        "label_rule": "random_min_one",
    }
    return Scenario(**(plain | changes))


def trial(data: Dataset, wanted: Scenario, number: int = 0) -> tuple[Draw, Problem, HeldOut]:
    drawn = draw(data, wanted, number)
    return (drawn, *build(data, wanted, drawn))


def home(method: type[Method]) -> Scenario:
    """The scenario that a method is made for."""
    can = method.can
    if can.impute and not (can.classify or can.represent):
        wanted = scenario("inductive")
    elif not can.inductive:
        return scenario("transductive")
    else:
        wanted = scenario("inductive" if can.unlabelled else "supervised")
    return replace(wanted, missing=("b",), missing_fraction=0.4) if can.impute else wanted


def config_of(key: str, **overrides: Any) -> Any:
    """Default settings, with those overrides that the method knows, and few steps."""
    made = registry.load_method(key).Config
    known = {field.name for field in fields(made)}
    given = FEW_STEPS | overrides
    return made(**{name: value for name, value in given.items() if name in known})


def members(
    problems: Iterable[Problem], configs: Iterable[Any], seed: int = 7, score: Score | None = None
) -> list[Member]:
    """Members with seeds of their own."""
    judge = score or (lambda _: 0.0)
    pairs = zip(problems, configs, strict=True)
    return [Member(p, c, seed + i, judge) for i, (p, c) in enumerate(pairs)]


def fit_all(
    key: str, stack: Sequence[Member], training: Training = SHORT, *, alone: bool = False
) -> list[Fitted]:
    """Fit members, in one stack where the method stacks, unless each is to be ``alone``."""
    method: Any = registry.load_method(key)
    if not registry.is_stacked(method):
        try:
            return [method(m.config).fit(m.problem, np.random.default_rng(m.seed)) for m in stack]
        except NotHereError as reason:  # a user's own package or checkpoint
            pytest.skip(str(reason))
    if alone:
        return [fit_all(key, [member], training)[0] for member in stack]
    found: dict[int, Fitted] = {}
    for event in method.fit_stack(stack, training):
        if isinstance(event, Failed):
            raise FitError(event.reason)
        if isinstance(event, Finished):
            found[event.index] = event.fitted
    return [found[index] for index in range(len(stack))]


def fit(
    key: str,
    problem: Problem,
    config: Any = None,
    training: Training = SHORT,
    score: Score | None = None,
) -> Fitted:
    """Fit one method on one Problem."""
    return fit_all(key, members([problem], [config or config_of(key)], score=score), training)[0]


def outputs(key: str, fitted: Fitted, rows: Rows) -> dict[str, np.ndarray]:
    """Everything that a fitted method says of rows, and its parameters where it has any."""
    can, said = registry.load_method(key).can, {}
    if can.classify:
        said["classes"] = fitted.predict(rows)
    if can.represent:
        said["codes"] = fitted.transform(rows)
    if can.impute:
        views, spreads = fitted.impute(rows)
        said |= {f"view {v}": view for v, view in enumerate(views)}
        said |= {f"spread {v}": spread for v, spread in enumerate(spreads or ())}
    for name, value in getattr(fitted, "params", {}).items():
        said[f"parameter {name}"] = np.asarray(value)
    return said


def same(left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray], within: float) -> bool:
    return left.keys() == right.keys() and all(
        value.shape == right[name].shape
        and np.allclose(value, right[name], rtol=within, atol=within, equal_nan=True)
        for name, value in left.items()
    )


def fresh(dims: Sequence[int], n: int = 15, seed: int = 99) -> Rows:
    """Complete rows that no Problem holds."""
    rng = np.random.default_rng(seed)
    views = tuple(rng.normal(size=(n, width)).astype(np.float32) for width in dims)
    return Rows(views, np.ones((n, len(views)), bool), np.arange(1000, 1000 + n))


def taken(rows: Rows, index: np.ndarray) -> Rows:
    return Rows(tuple(view[index] for view in rows.views), rows.present[index], rows.ids[index])


def digest(problem: Problem) -> str:
    """A hash of every byte that a Problem holds."""
    seen = hashlib.sha256(
        repr((problem.view_names, problem.class_names, problem.may_miss)).encode()
    )
    for array in arrays_of(problem):
        seen.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return seen.hexdigest()


def arrays_of(problem: Problem) -> list[np.ndarray]:
    """Every array of a Problem."""
    parts = [problem.labels, problem.labelled]
    for rows in (problem.rows, problem.tuning):
        parts += [*rows.views, rows.present, rows.ids]
    return parts


def record_of(job: Job, **changes: Any) -> Record:
    """A record of ``job`` that ended well, made by the code as it is."""
    plain = Record(
        id=job.id,
        job=job.description(),
        data_key=job.data_key,
        status="ok",
        score=0.5,
        digests=code_digest.digests(job.methods),
    )
    return replace(plain, **changes)


def refusal(call: Callable[[], object]) -> str:
    """The message of the DataError that ``call`` raises, after a check that it is one sentence."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert message.isprintable()  # so it has no second line either
    assert not re.search(r"[.!?]\s+[A-Z]", message), message
    assert not message.endswith(".")
    assert "Traceback" not in message
    return message


def manifest_of(plan: Plan, name: str) -> Manifest:
    """The manifest of a settled plan, with one protocol's cells and without notes on its data."""
    places = {job: place for place, job in enumerate(plan.jobs)}
    cells = tuple(cell_entry(cell, places) for cell in plan.cells if cell.protocol == name)
    entry = ProtocolEntry(name, name, {"kind": "table"}, "", 1, (), {}, None, cells)
    kept = plan.stale.keys() - plan.todo.keys()
    return Manifest(
        id="run", command="c", budget=plan.budget.name, state="finished", started="",
        revision="r", versions={}, machine="m", protocols=(entry,), jobs=tuple(places),
        stale=tuple(places[job] for job in kept),
    )  # fmt: skip


def table_of(plan: Plan, records: Mapping[str, Record], name: str) -> pd.DataFrame:
    """The table of trials of a plan, by way of its manifest."""
    run = manifest_of(plan, name)
    return trials_table(run, run.protocols[0], records)
