"""Every stacked method trains, scores, checkpoints and resumes on a device that is not the CPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from datasets.base import HeldOut, Problem, Rows
from harness import registry
from methods._nn import rng, trainer
from methods.base import Checkpoint, Failed, Finished, Fitted, Training
from tests.accelerator import NAME, TO_HOST, stand_in
from tests.conftest import ROOT
from tests.contract.suite import METHODS, every
from tests.helpers import config_of, home, members, outputs, same, tiny, trial

SHORT = Training(epochs=3, eval_every=1, patience=None)
STACKED = tuple(key for key in METHODS if registry.is_stacked(registry.load_method(key)))
every_stacked_method = every("key", STACKED)
FAST = ("m2", "smvae", "tmc")
"""Methods of the fast suite; the others take seconds each and are left to the slow one."""


@pytest.fixture(autouse=True)
def _noise_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.fixture(params=[NAME, pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """The stand-in for a GPU, which is exact; and a GPU, whose sums are in another order."""
    if request.param == "cuda":
        yield "cuda"
    else:
        with stand_in() as name:
            yield name


def within(device: str) -> float:
    return 1e-6 if device == NAME else 1e-3


@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=() if key in FAST else pytest.mark.slow) for key in STACKED]
)
def test_a_fit_on_a_device_equals_that_on_the_cpu(key: str, device: str) -> None:
    """Any operation that mixes devices raises there (tests/accelerator.py)."""
    problems, held_out = case(key)
    expected, _ = run(key, problems, SHORT)
    fits, _ = run(key, problems, replace(SHORT, device=device))
    for index, problem in enumerate(problems):
        rows = rows_of(key, problem, held_out.test)
        wanted = outputs(key, expected[index], rows)
        assert same(outputs(key, fits[index], rows), wanted, within(device))


@pytest.mark.slow
@every_stacked_method
def test_the_host_waits_for_the_device_by_the_epoch_not_by_the_step(key: str) -> None:
    problems, _ = case(key)
    waits = []
    with stand_in() as name:
        for steps in (1, 3):
            before = TO_HOST.total()
            run(key, problems, Training(1, 1, None, name), steps=steps)
            waits.append(TO_HOST.total() - before)
    assert waits[0] == waits[1] > 0


@pytest.mark.slow
@every_stacked_method
def test_a_checkpoint_of_a_device_is_resumed_on_the_cpu_and_back(
    key: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems, held_out = case(key)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)  # after every epoch
    expected, states = run(key, problems, SHORT)
    there, states_there = run(key, problems, replace(SHORT, device=device), states[0])
    back, _ = run(key, problems, SHORT, states_there[-1])
    rows = rows_of(key, problems[0], held_out.test)
    wanted = outputs(key, expected[0], rows)
    assert same(outputs(key, there[0], rows), wanted, within(device))
    assert same(outputs(key, back[0], rows), wanted, within(device))


@pytest.mark.gpu
@every_stacked_method
def test_a_stack_on_a_gpu_equals_its_members_alone(key: str) -> None:
    problems, held_out = case(key)
    on_gpu = replace(SHORT, device="cuda")
    stacked, _ = run(key, problems, on_gpu)
    alone, _ = run(key, problems[:1], on_gpu)
    rows = rows_of(key, problems[0], held_out.test)
    assert same(outputs(key, stacked[0], rows), outputs(key, alone[0], rows), within("cuda"))


@pytest.mark.gpu
def test_two_processes_share_a_gpu() -> None:
    code = (
        "from tests.contract.test_every_method_on_a_device import SHORT, case, replace, run;"
        "assert len(run('smvae', case('smvae')[0], replace(SHORT, device='cuda'))[0]) == 2"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]


def test_mixed_devices_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that leaves one tensor on the CPU fails under the stand-in."""
    problems, _ = case("smvae")
    plain = trainer.step

    def forgetful(spec: Any, state: Any, batch: Any, part: slice, count: int) -> Any:
        return plain(spec, state, replace(batch, onehot=batch.onehot.cpu()), part, count)

    monkeypatch.setattr(trainer, "step", forgetful)
    with stand_in() as device, pytest.raises(Exception, match=NAME):
        run("smvae", problems, replace(SHORT, device=device))


@pytest.mark.parametrize("index_on_device", [False, True])
def test_the_rules_of_indexing(index_on_device: bool) -> None:
    with stand_in() as device:
        index = torch.tensor([0, 2], device=device if index_on_device else "cpu")
        assert torch.ones(3, device=device)[index].device.type == NAME
        if index_on_device:
            with pytest.raises(RuntimeError, match="indices"):
                torch.ones(3)[index]
