"""Five short trainings at the settings of before docs/decisions/0062, and what they gave then.

``python -m tests.unit.methods.former_training`` prints what they give now, as JSON.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

from datasets.base import Problem, Rows
from harness import registry
from methods._nn.classifier import train_spec
from methods._nn.trainer import train
from methods.base import Finished, Member, Training

METHODS = ("smvae", "m2", "sdgm", "simvae", "sdgm_plus")
LACKING = ("simvae", "sdgm_plus")
"""Methods whose second view is absent from every third row."""


def problem(lacking: bool) -> Problem:
    """60 rows of two views and three classes, 12 of them labelled, and 20 tuning rows."""
    rng = np.random.default_rng(8)
    labels = np.arange(60) % 3
    centres = rng.normal(size=(3, 9))

    def rows(y: np.ndarray, lacking: bool) -> Rows:
        x = (centres[y] + rng.normal(size=(len(y), 9))).astype(np.float32)
        present = np.ones((len(y), 2), bool)
        present[::3, 1] = not lacking
        views = x[:, :5], np.where(present[:, 1:], x[:, 5:], np.float32(np.nan))
        return Rows(views, present, np.arange(len(y)))

    known = np.arange(60) < 12
    return Problem(
        rows(labels, lacking), np.where(known, labels, -1), known, ("a", "b"),
        ("k", "l", "m"), rows(np.arange(20) % 3, False), ("b",) if lacking else (),
    )  # fmt: skip


def measured(key: str, **settings: Any) -> dict[str, Any]:
    """Mean loss of each of four epochs and the norm of the parameters after them, float64."""
    method: Any = registry.load_method(key)
    made, config = problem(key in LACKING), method.Config(hidden=(8, 6), latent=3, **settings)
    calls = iter(range(99))
    member = Member(made, config, 5, lambda _: float(next(calls)))
    spec = train_spec([member], method.spec(config, made), dtype=torch.float64)
    (end,) = (e for e in train(spec, [member], Training(4, 1, None)) if isinstance(e, Finished))
    weights = torch.cat([w.flatten() for w in end.fitted.params.values()])
    return {
        "loss": end.fitted.arrays()["loss"].tolist(),
        "norm": float(weights.norm()),
        "first": float(weights[0]),
    }


if __name__ == "__main__":
    print(json.dumps({key: measured(key) for key in METHODS}, indent=1))
