"""Small Problems and members for the trainer's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch

from datasets.base import Problem, Rows
from methods._nn.classifier import train_spec
from methods._nn.trainer import TrainSpec, train
from methods.base import Event, Failed, Finished, Member, Training
from methods.generative.smvae import SMVAE, Config


def problem(seed: int = 0, n: int = 40, known: int = 6, dims: tuple[int, ...] = (5, 4)) -> Problem:
    """Three Gaussian classes; ``n`` training rows and 12 tuning rows."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n + 12)
    views = [
        (2 * rng.normal(size=(3, d))[labels] + rng.normal(size=(n + 12, d))).astype(np.float32)
        for d in dims
    ]
    labelled = np.zeros(n, bool)
    labelled[rng.permutation(n)[:known]] = True

    def rows(a: int, b: int) -> Rows:
        ids = np.arange(a, b)
        return Rows(tuple(v[a:b] for v in views), np.ones((b - a, len(views)), bool), ids)

    return Problem(
        rows=rows(0, n),
        labels=np.where(labelled, labels[:n], -1),
        labelled=labelled,
        view_names=tuple("abcd"[: len(dims)]),
        class_names=("p", "q", "r"),
        tuning=rows(n, n + 12),
    )


SMALL = {"hidden": (8, 6), "latent": 3, "batches_per_epoch": 3, "learning_rate": 3e-3}


def member(
    seed: int, score: Callable[[Any], float] = lambda _: 0.0, made: Problem | None = None, **kw: Any
) -> Member:
    """A member with its own small Problem."""
    return Member(made or problem(seed), Config(**{**SMALL, "warmup_epochs": 0, **kw}), seed, score)


def spec(members: list[Member], **changes: Any) -> TrainSpec:
    """What SMVAE asks of the trainer for ``members`` in double precision."""
    asked = SMVAE.spec(members[0].config, members[0].problem)
    return replace(train_spec(members, asked, dtype=torch.float64), **changes)


def run(
    members: list[Member], epochs: int, patience: int | None = None, every: int = 2, **changes: Any
) -> dict[int, Finished | Failed]:
    """How every member ended."""
    training = Training(epochs=epochs, eval_every=every, patience=patience)
    return ends(train(spec(members, **changes), members, training))


def ends(events: Iterable[Event]) -> dict[int, Finished | Failed]:
    """Finished and Failed events by member."""
    return {e.index: e for e in events if isinstance(e, Finished | Failed)}


def weights(end: Finished | Failed) -> torch.Tensor:
    """All parameters of a finished member in one vector."""
    assert isinstance(end, Finished), end
    return torch.cat([v.flatten() for v in cast(Any, end.fitted).params.values()])


@pytest.fixture
def steps() -> int:
    """Epochs of three minibatches that make about twenty steps."""
    return 7
