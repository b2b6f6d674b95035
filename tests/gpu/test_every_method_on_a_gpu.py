"""Every stacked method trains, scores, checkpoints and resumes on a CUDA GPU, as on the CPU.

    python -m pytest -m gpu tests/gpu

needs torch, numpy, scipy, scikit-learn, pandas and pytest alone.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace

import pytest
import torch

from methods._nn import trainer
from tests.conftest import ROOT
from tests.contract.devices import (
    SHORT,
    case,
    check_fit,
    check_resumed,
    every_stacked_method,
    rows_of,
    run,
    use_noise_of_the_cpu,
)
from tests.helpers import outputs, same

pytestmark = pytest.mark.gpu
ON_GPU, WITHIN = replace(SHORT, device="cuda"), 1e-3
"""Sums on a GPU are in another order than on the CPU."""


@pytest.fixture(autouse=True)
def _noise_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    use_noise_of_the_cpu(monkeypatch)


@every_stacked_method
def test_a_fit_on_a_gpu_equals_that_on_the_cpu(key: str) -> None:
    check_fit(key, "cuda", WITHIN)


@every_stacked_method
def test_steps_recorded_as_a_graph_equal_plain_ones(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems, held_out = case(key)
    rows = rows_of(key, problems[0], held_out.test)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a step that cannot be recorded
        recorded, _ = run(key, problems, ON_GPU, steps=4)
    monkeypatch.setattr(trainer, "recorded_steps", lambda: trainer.step)
    plain, _ = run(key, problems, ON_GPU, steps=4)
    assert same(outputs(key, recorded[0], rows), outputs(key, plain[0], rows), 1e-5)


@every_stacked_method
def test_a_checkpoint_of_a_gpu_is_resumed_on_the_cpu_and_back(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)  # after every epoch
    check_resumed(key, "cuda", WITHIN)


@every_stacked_method
def test_a_stack_on_a_gpu_equals_its_members_alone(key: str) -> None:
    problems, held_out = case(key)
    stacked, _ = run(key, problems, ON_GPU)
    alone, _ = run(key, problems[:1], ON_GPU)
    rows = rows_of(key, problems[0], held_out.test)
    assert same(outputs(key, stacked[0], rows), outputs(key, alone[0], rows), WITHIN)


def test_two_processes_share_a_gpu() -> None:
    code = (
        "from tests.contract.devices import *; from dataclasses import replace;"
        "assert len(run('smvae', case('smvae')[0], replace(SHORT, device='cuda'))[0]) == 2"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]


def test_a_step_that_cannot_be_recorded_goes_on_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    problems, held_out = case("smvae")
    expected, _ = run("smvae", problems, ON_GPU)
    plain = trainer.step

    def waits(spec: trainer.TrainSpec, state: trainer.TrainState, *others: object) -> object:
        assert float(state.flat.sum()) == float(state.flat.sum())  # the host waits for the device
        return plain(spec, state, *others)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(trainer, "step", waits)
    with pytest.warns(UserWarning, match="not recorded"):
        fits, _ = run("smvae", problems, ON_GPU)
    rows = held_out.test
    assert same(outputs("smvae", fits[0], rows), outputs("smvae", expected[0], rows), 1e-5)
    assert torch.ones(2, device="cuda").sum() == 2  # the device is still of use
