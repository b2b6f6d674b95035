"""One net a view, in and out: what multi-view autoencoders, CorrNet and deep CCA share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
from torch import Tensor

from datasets.base import Problem, Rows
from methods._training.data import Batch, Batches, Data, per_member
from methods._training.loop import Curves, Task
from methods._training.nets import Activation, Init, Layout, Parameter, Params, mlp, perceptron
from methods.base import Fitted, Member, Shape, Training


class Net(Protocol):
    """What is trained: parameters, and their loss (t,) with what is logged of it."""

    @property
    def layout(self) -> Layout: ...
    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]: ...


class Sizes(Protocol):
    """The settings that shape the nets."""

    @property
    def hidden(self) -> tuple[int, ...]: ...
    @property
    def latent(self) -> int: ...
    @property
    def activation(self) -> str: ...
    @property
    def init(self) -> str: ...


@dataclass(frozen=True)
class ViewNets:
    """Encoders ``enc<v>`` x_v -> hidden -> latent and mirrored decoders ``dec<v>``, linear outputs.

    ``dims`` are the widths of the views.
    """

    dims: tuple[int, ...]
    hidden: tuple[int, ...]
    latent: int
    activation: Activation
    init: Init = "glorot"

    @classmethod
    def of(cls, dims: Sequence[int], config: Sizes) -> ViewNets:
        activation, init = cast(Activation, config.activation), cast(Init, config.init)
        return cls(tuple(dims), tuple(config.hidden), config.latent, activation, init)

    def encoders(self) -> dict[str, Parameter]:
        found: dict[str, Parameter] = {}
        for v, width in enumerate(self.dims):
            found |= mlp(f"enc{v}", {"x": width}, self.hidden, self.latent, self.init)
        return found

    def decoders(self) -> dict[str, Parameter]:
        found: dict[str, Parameter] = {}
        for v, width in enumerate(self.dims):
            found |= mlp(f"dec{v}", {"z": self.latent}, self.hidden[::-1], width, self.init)
        return found

    def encode(self, p: Params, v: int, x: Tensor) -> Tensor:
        """Outputs (t, r, latent) of view ``v`` from its rows (t, r, d_v)."""
        return perceptron(p, f"enc{v}", {"x": x}, len(self.hidden), self.activation)

    def decode(self, p: Params, v: int, z: Tensor) -> Tensor:
        """View ``v`` (t, r, d_v) from codes (t, r, latent)."""
        return perceptron(p, f"dec{v}", {"z": z}, len(self.hidden), self.activation)

    @property
    def weights_per_row(self) -> int:
        """Multiplications of one row's way through all encoders."""
        widths = [(d, *self.hidden, self.latent) for d in self.dims]
        return sum(a * b for w in widths for a, b in zip(w, w[1:], strict=False))


def squared_error(x: Tensor, guess: Tensor, keep: Tensor | None) -> Tensor:
    """Mean over rows of |x - guess|^2, (t,); ``keep`` (t, d) of 0 and 1 leaves columns out."""
    return squared_errors(x, guess, keep).mean(-1)


def squared_errors(x: Tensor, guess: Tensor, keep: Tensor | None) -> Tensor:
    """|x - guess|^2 of every row, (t, r)."""
    error = (x - guess).square()
    if keep is not None:
        error = error * keep[:, None]
    return error.sum(-1)


def batches(n: int, steps: int, size: int) -> Batches:
    """``steps`` minibatches of ``size`` rows, or of all ``n`` where there are fewer."""
    return Batches(steps, 0, min(n, size))


def task(
    net: Net,
    members: Sequence[Member],
    data: Data,
    fitted: Callable[[int, Params, Curves, bool], Fitted],
    prior: float,
    hyper: Sequence[str] = (),
) -> Task:
    """The loop's task for ``net`` on all rows of ``data``; ``hyper`` settings enter its loss."""
    config = members[0].config
    return Task(
        layout=net.layout,
        data=data,
        loss=net.loss,
        batches=batches(data.n, config.steps_per_epoch, config.batch_rows),
        noise={},
        hyper={name: per_member(members, name) for name in hyper},
        rates=per_member(members, "learning_rate"),
        fitted=fitted,
        prior=prior,
        clip=math.inf,
        dtype=data.x[0].dtype,
    )


def autoencoder_cost(shape: Shape, config: Any, training: Training) -> float:
    """Core-seconds of one fit that rebuilds all views from all and from each."""
    rows = min(shape.n_labelled + shape.n_unlabelled, config.batch_rows)
    weights = ViewNets.of(shape.dims, config).weights_per_row * (2 + len(shape.dims))
    return (1.8e-3 + 1.6e-10 * rows * weights) * config.steps_per_epoch * training.epochs


def complete(members: Sequence[Member]) -> list[Member]:
    """Members whose Problems hold those rows alone that have every view; one for each Problem."""
    found: dict[int, Problem] = {}
    for problem in (member.problem for member in members):
        whole = np.all(problem.rows.present, axis=1)
        if id(problem) not in found:
            found[id(problem)] = problem if whole.all() else _restricted(problem, whole)
    return [replace(member, problem=found[id(member.problem)]) for member in members]


def _restricted(problem: Problem, wanted: np.ndarray) -> Problem:
    rows = problem.rows
    views = tuple(view[wanted] for view in rows.views)
    return replace(
        problem,
        rows=Rows(views, rows.present[wanted], rows.ids[wanted]),
        labels=problem.labels[wanted],
        labelled=problem.labelled[wanted],
    )
