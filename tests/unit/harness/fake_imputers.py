"""Imputers that do as they are told, and cells whose rows lack a view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.base import Problem, Rows
from harness import registry
from harness.plan.plan import Plan, plan_cells
from methods.base import Can, Fitted, SkipError
from protocols.base import BUDGETS, Cell, Protocol, Stage, TableRow
from tests.helpers import scenario, tiny
from tests.unit.harness.fake_methods import METHODS, Plain

DATA = tiny(n=90)
BUDGET = replace(BUDGETS["smoke"], trials=2)
HOLES: dict[str, Any] = {"missing": ("b",), "missing_fraction": 0.5}
TWO = (Stage("filler", imputes=True), Stage("plain"))


class Filled(Fitted):
    """Completes views with a row's id; classifies as class 0."""

    def __init__(self, known: np.ndarray | None = None) -> None:
        self.known = known

    def predict(self, rows: Rows) -> np.ndarray:
        return np.zeros(rows.n, np.int64)

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], None]:
        if self.known is not None:
            assert set(rows.ids) <= set(self.known)
        pairs = zip(rows.views, rows.present.T, strict=True)
        return tuple(
            np.where(there[:, None], view, rows.ids[:, None]) for view, there in pairs
        ), None


class Filler(Plain):
    """An imputer without use for labels."""

    can = Can(impute=True, missing_views=True, unlabelled=True, labels=False)

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        if self.config.fault == "declines":
            raise SkipError("too many rows for it")
        Plain.problems.append(problem)
        return Filled()


class Completer(Plain):
    """Knows the rows that it was fitted on, and no other."""

    can = Can(impute=True, missing_views=True, unlabelled=True, labels=False, inductive=False)

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        Plain.problems.append(problem)
        return Filled(problem.rows.ids)


class Both(Plain):
    """Classifies and imputes."""

    can = Can(classify=True, impute=True, missing_views=True)

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        return Filled()


def use_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the registry know these methods, and every source be unchanged."""
    own = METHODS | {"filler": Filler, "completer": Completer, "both": Both}
    real = registry.load_method
    monkeypatch.setattr(registry, "load_method", lambda key: own.get(key) or real(key))
    monkeypatch.setattr("harness.store.code_digest.digests", lambda keys: dict.fromkeys(keys, "x"))
    Plain.problems, Plain.draws = [], []


def cell(*recipe: Stage, fraction: float = 0.3, **changes: Any) -> Cell:
    wanted = scenario(**({"label_fraction": fraction} | HOLES | changes))
    return Cell(TableRow("r", "R", "b", "inductive", recipe), wanted, fraction, {"missing": 0.5})


class OneCell(Protocol):
    """Cells as they are given."""

    title = "One"
    datasets = {"smoke": ("tiny",)}

    def __init__(self, *cells: Cell) -> None:
        self.own = cells

    def rows(self, view_names: Any, methods: Any) -> tuple[TableRow, ...]:
        return tuple(each.row for each in self.own)

    def cells(self, *_: Any) -> tuple[Cell, ...]:
        return self.own


def planned(*cells: Cell) -> Plan:
    data = {DATA.key: DATA}
    found = plan_cells({"one": OneCell(*cells)}, data, {DATA.key: "rows"}, BUDGET)
    return Plan(found, data, {DATA.key: "rows"}, BUDGET)
