"""Methods that do as they are told, faults included, to see what the harness makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.base import Problem, Rows
from methods import base
from methods.base import (
    Can,
    Checkpoint,
    Event,
    Failed,
    Finished,
    FitError,
    Fitted,
    Member,
    Method,
    Progress,
    StackedMethod,
    Training,
    hp,
)


@dataclass(frozen=True)
class Config(base.Config):
    """What to do wrong."""

    fault: str = hp("", "name of a fault")


class Said(Fitted):
    """Answers as it is told to."""

    def __init__(self, fault: str, problem: Problem) -> None:
        self.fault, self.problem = fault, problem

    def predict(self, rows: Rows) -> np.ndarray:
        if self.fault == "short":
            return np.zeros(2, np.int64)
        if self.fault == "at predict":
            raise ValueError("no idea\nsecond line")
        return np.zeros(rows.n, np.int64)

    def transform(self, rows: Rows) -> np.ndarray:
        codes = np.concatenate(rows.views, axis=1).astype(np.float64)
        return codes * np.nan if self.fault == "nan codes" else codes

    def loss(self, rows: Rows) -> float:
        return 2.5

    def facts(self) -> dict:
        return {"nan": np.float32("nan"), "count": np.int64(3), "ids": self.problem.rows.ids.sum()}

    def arrays(self) -> dict[str, np.ndarray]:
        return {"curve": np.arange(3.0)}


class Plain(Method):
    """Fitted one by one."""

    version, title, cites, can = 1, "Plain", ("none",), Can(classify=True)
    Config = Config
    problems: list[Problem] = []  # what it was given, for the tests to see
    draws: list[float] = []

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        type(self).problems.append(problem)
        type(self).draws.append(rng.random())
        if self.config.fault == "at fit":
            raise FitError("did not converge")
        return Said(self.config.fault, problem)


class Codes(Plain):
    """A representation."""

    can = Can(represent=True)


class Graph(Plain):
    """Transductive only."""

    can = Can(classify=True, unlabelled=True, inductive=False)


class Together(StackedMethod):
    """Fitted in a stack."""

    version, title, cites, can = 1, "Together", ("none",), Can(classify=True)
    Config = Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        assert training.epochs == 4
        yield Checkpoint(state or b"fresh")
        for index, member in enumerate(members):
            if member.config.fault == "breaks all":
                raise MemoryError("out of memory")
            if member.config.fault == "breaks resumed" and state:
                raise ValueError("not a state")
            if member.config.fault == "silent":
                continue
            if member.config.fault == "alone":
                yield Failed(index, "not finite", "trace", 1.5)
                continue
            fitted = Said(member.config.fault, member.problem)
            yield Progress(0.5)
            yield Finished(index, fitted, 0.75, 3, 2.5)


METHODS: dict[str, type[Method]] = {
    "plain": Plain,
    "codes": Codes,
    "graph": Graph,
    "together": Together,
}
