"""One net a view, in and out: what multi-view autoencoders, CorrNet and deep CCA share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
from torch import Tensor

from datasets.base import Problem, Rows
from methods._nn.data import Batch, BatchSizes, Data, per_member
from methods._nn.layers import Activation, Init, Parameter, ParameterLayout, Params
from methods._nn.networks import MLP, named, part
from methods._nn.trainer import Curves, TrainSpec
from methods.base import Fitted, Member, Shape, StackedMethod, Training


class Model(Protocol):
    """What is trained: parameters, and their loss (t,) with what is logged of it."""

    @property
    def layout(self) -> ParameterLayout: ...
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

    @property
    def encoder(self) -> MLP:
        """The architecture of an encoder."""
        return MLP(self.hidden, self.activation, self.init)

    @property
    def decoder(self) -> MLP:
        """The architecture of a decoder."""
        return replace(self.encoder, hidden=self.hidden[::-1])

    def encoders(self) -> dict[str, Parameter]:
        """Parameters of all encoders."""
        declared: dict[str, Parameter] = {}
        for v, width in enumerate(self.dims):
            declared |= named(f"enc{v}", self.encoder.parameters({"x": width}, self.latent))
        return declared

    def decoders(self) -> dict[str, Parameter]:
        """Parameters of all decoders."""
        declared: dict[str, Parameter] = {}
        for v, width in enumerate(self.dims):
            declared |= named(f"dec{v}", self.decoder.parameters({"z": self.latent}, width))
        return declared

    def encode(self, p: Params, v: int, x: Tensor) -> Tensor:
        """Outputs (t, r, latent) of view ``v`` from its rows (t, r, d_v)."""
        return self.encoder.apply(part(p, f"enc{v}"), {"x": x})

    def decode(self, p: Params, v: int, z: Tensor) -> Tensor:
        """View ``v`` (t, r, d_v) from codes (t, r, latent)."""
        return self.decoder.apply(part(p, f"dec{v}"), {"z": z})

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


def train_spec(
    model: Model,
    members: Sequence[Member],
    data: Data,
    fitted: Callable[[int, Params, Curves, bool], Fitted],
    prior: float,
    hyper: Sequence[str] = (),
) -> TrainSpec:
    """To train ``model`` on all rows of ``data``; ``hyper`` are settings that enter its loss.

    An epoch is ``steps_per_epoch`` minibatches of ``batch_rows`` rows, or of all where there are
    fewer.
    """
    config = members[0].config
    return TrainSpec(
        layout=model.layout,
        data=data,
        loss=model.loss,
        sizes=BatchSizes(config.steps_per_epoch, 0, min(data.n, config.batch_rows)),
        noise={},
        hyper={name: per_member(members, name) for name in hyper},
        rates=per_member(members, "learning_rate"),
        fitted=fitted,
        prior=prior,
        clip=math.inf,
        dtype=data.x[0].dtype,
    )


class AutoencoderMethod(StackedMethod):
    """Rebuilds all views from a code of all, and of each; codes are ``latent`` wide."""

    @classmethod
    def code_width(cls, shape: Shape, config: Any) -> int:
        return config.latent

    @classmethod
    def cost(cls, shape: Shape, config: Any, training: Training) -> float:
        rows = min(shape.n_labelled + shape.n_unlabelled, config.batch_rows)
        weights = ViewNets.of(shape.dims, config).weights_per_row * (2 + len(shape.dims))
        return (1.8e-3 + 1.6e-10 * rows * weights) * config.steps_per_epoch * training.epochs


def complete(members: Sequence[Member]) -> list[Member]:
    """Members whose Problems hold those rows alone that have every view; one for each Problem."""
    restricted: dict[int, Problem] = {}
    for problem in (member.problem for member in members):
        rows = np.all(problem.rows.present, axis=1)
        if id(problem) not in restricted:
            restricted[id(problem)] = problem if rows.all() else _restricted(problem, rows)
    return [replace(member, problem=restricted[id(member.problem)]) for member in members]


def _restricted(problem: Problem, wanted: np.ndarray) -> Problem:
    rows = problem.rows
    views = tuple(view[wanted] for view in rows.views)
    return replace(
        problem,
        rows=Rows(views, rows.present[wanted], rows.ids[wanted]),
        labels=problem.labels[wanted],
        labelled=problem.labelled[wanted],
    )
