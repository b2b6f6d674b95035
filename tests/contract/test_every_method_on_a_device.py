"""Every stacked method trains, scores, checkpoints and resumes on a device that is not the CPU.

The device is a stand-in for a GPU, which is exact; tests/gpu has the same on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from methods._nn import trainer
from methods.base import Training
from tests.contract.devices import (
    SHORT,
    STACKED,
    case,
    check_fit,
    check_resumed,
    every_stacked_method,
    run,
    use_noise_of_the_cpu,
)

if torch.cuda.is_available():
    pytest.skip("torch takes one kind of accelerator a process", allow_module_level=True)

from tests.accelerator import NAME, TO_HOST, stand_in

FAST = ("m2", "smvae", "tmc")
"""Methods of the fast suite; the others take seconds each and are left to the slow one."""


@pytest.fixture(autouse=True)
def _noise_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    use_noise_of_the_cpu(monkeypatch)


@pytest.fixture
def device() -> Iterator[str]:
    with stand_in() as name:
        yield name


@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=() if key in FAST else pytest.mark.slow) for key in STACKED]
)
def test_a_fit_on_a_device_equals_that_on_the_cpu(key: str, device: str) -> None:
    """Any operation that mixes devices raises there (tests/accelerator.py)."""
    check_fit(key, device, 1e-6)


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
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)  # after every epoch
    check_resumed(key, device, 1e-6)


def test_mixed_devices_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that leaves one tensor on the CPU fails under the stand-in."""
    problems, _ = case("smvae")
    plain = trainer.step

    def forgetful(spec: Any, state: Any, update: Any, part: slice) -> Any:
        batch = replace(update.batch, onehot=update.batch.onehot.cpu())
        return plain(spec, state, replace(update, batch=batch), part)

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
