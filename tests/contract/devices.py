"""Short trainings of every stacked method on any device, and what is asked of the fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.base import HeldOut, Problem, Rows
from harness import registry
from methods._nn import rng
from methods.base import Checkpoint, Failed, Finished, Fitted, Training
from tests.contract.suite import METHODS, every
from tests.helpers import config_of, home, members, outputs, same, tiny, trial

SHORT = Training(epochs=3, eval_every=1, patience=None)
STACKED = tuple(key for key in METHODS if registry.is_stacked(registry.load_method(key)))
every_stacked_method = every("key", STACKED)


def use_noise_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generators of other devices give other numbers, or there are none."""
    plain = rng.normals
    monkeypatch.setattr(
        rng,
        "normals",
        lambda seeds, names, shape, like: plain(seeds, names, shape, like.cpu()).to(like.device),
    )


def case(key: str) -> tuple[list[Problem], HeldOut]:
    """Two draws of a tiny data set, and rows that a fit can be asked about."""
    method = registry.load_method(key)
    _, first, held_out = trial(tiny(), home(method), 0)
    _, second, _ = trial(tiny(), home(method), 1)
    return [first, second], held_out


def run(
    key: str,
    problems: Sequence[Problem],
    training: Training,
    state: bytes | None = None,
    steps: int = 2,
) -> tuple[dict[int, Fitted], list[bytes]]:
    """Fits of a stack, by member, and the checkpoints that it gave."""
    method: Any = registry.load_method(key)
    stack = members(
        problems,
        [config_of(key, batches_per_epoch=steps)] * len(problems),
        score=score_of(key, problems),
    )
    fits, states = {}, []
    for event in method.fit_stack(stack, training, state):
        assert not isinstance(event, Failed), f"{event.reason}\n{event.trace}"
        if isinstance(event, Finished):
            fits[event.index] = event.fitted
        elif isinstance(event, Checkpoint):
            states.append(event.state)
    return fits, states


def rows_of(key: str, problem: Problem, others: Rows) -> Rows:
    """``others``, unless the method answers only the rows that it has seen."""
    return others if registry.load_method(key).can.inductive else problem.rows


def score_of(key: str, problems: Sequence[Problem]) -> Any:
    """Asks for everything that the method answers, so that scoring crosses devices too."""
    rows = rows_of(key, problems[0], problems[0].tuning)

    def score(fitted: Fitted) -> float:
        can, answers = registry.load_method(key).can, []
        if can.classify:
            answers.append(fitted.predict(rows))
        if can.represent:
            answers.append(fitted.transform(rows))
        if can.impute:
            answers += fitted.impute(rows)[0]
        return float(sum(np.abs(answer.astype(float)).sum() for answer in answers))

    return score


def check_fit(key: str, device: str, within: float) -> None:
    """Fits of a stack on ``device`` answer as those on the CPU do."""
    problems, held_out = case(key)
    expected, _ = run(key, problems, SHORT)
    fits, _ = run(key, problems, replace(SHORT, device=device))
    for index, problem in enumerate(problems):
        rows = rows_of(key, problem, held_out.test)
        wanted = outputs(key, expected[index], rows)
        assert same(outputs(key, fits[index], rows), wanted, within)


def check_resumed(key: str, device: str, within: float) -> None:
    """A checkpoint of the CPU is resumed on ``device``, and one of the device on the CPU.

    The trainer must give a checkpoint after every epoch.
    """
    problems, held_out = case(key)
    expected, states = run(key, problems, SHORT)
    there, states_there = run(key, problems, replace(SHORT, device=device), states[0])
    back, _ = run(key, problems, SHORT, states_there[-1])
    rows = rows_of(key, problems[0], held_out.test)
    wanted = outputs(key, expected[0], rows)
    assert same(outputs(key, there[0], rows), wanted, within)
    assert same(outputs(key, back[0], rows), wanted, within)
