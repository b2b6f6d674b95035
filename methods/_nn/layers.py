"""Parameters of stacked models: all of one member in one row of a ``(T, P)`` buffer.

The optimiser, clipping and the copy of the best epoch are then single tensor operations. A
:class:`ParameterLayout` names the pieces of a row; a product with a piece is a batched product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from methods._nn import rng
from methods._nn.pointwise import softplus

Activation = Literal["relu", "softplus", "identity"]
"""``identity`` makes a network linear, for comparison with closed forms."""
Init = Literal["fan_in", "glorot"]
"""Initial values, uniform in +-b: ``fan_in`` b = 1 / sqrt(n_in) for weights and biases, the default
of PyTorch's Linear; ``glorot`` b = sqrt(6 / (n_in + n_out)) for weights, biases zero [glorot2010].
"""
Params = Mapping[str, Tensor]
"""Named parameters of ``t`` members, each ``(t, *shape)``."""


@dataclass(frozen=True)
class Parameter:
    """One array of a member: its shape, its initial values, and whether the weight prior holds it.

    Initial values are ``value`` plus a draw, uniform in +-``bound``. ``prior`` False leaves the
    parameter out of the Gaussian prior on weights (``TrainSpec.prior``).
    """

    shape: tuple[int, ...]
    bound: float = 0.0
    value: float = 0.0
    prior: bool = True


@dataclass(frozen=True)
class ParameterLayout:
    """Names and places of all parameters inside a member's row, in the order of ``parameters``."""

    parameters: Mapping[str, Parameter]

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of entries, in order; their sum is P."""
        return [math.prod(p.shape) for p in self.parameters.values()]

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Named views ``(t, *shape)`` into ``flat`` (t, P); one split keeps the backward cheap."""
        pieces = flat.split(self.sizes, dim=1)
        return {
            name: piece.view(len(flat), *p.shape)
            for (name, p), piece in zip(self.parameters.items(), pieces, strict=True)
        }

    def initial(self, seeds: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Initial values ``(T, P)`` on the CPU, by each member's seed."""
        flat = torch.zeros(len(seeds), sum(self.sizes), dtype=dtype)
        for row, seed in zip(flat, seeds, strict=True):
            source = rng.generator(seed, "init")
            for piece, p in zip(row.split(self.sizes), self.parameters.values(), strict=True):
                if p.bound > 0:
                    # Drawn in float32 so that both dtypes start from the same weights.
                    draw = torch.rand(piece.shape, generator=source)
                    piece.copy_((2 * draw.to(dtype) - 1) * p.bound)
                piece.add_(p.value)
        return flat

    def prior_mask(self, like: Tensor) -> Tensor:
        """``(P,)`` of ones, zero at the parameters without weight prior."""
        pieces = [
            like.new_full((size,), float(p.prior))
            for p, size in zip(self.parameters.values(), self.sizes, strict=True)
        ]
        return torch.cat(pieces)


def dense(inputs: int, outputs: int, init: Init) -> tuple[Parameter, Parameter]:
    """A matrix ``(inputs, outputs)`` and a bias ``(1, outputs)`` with their initial values."""
    if init == "fan_in":
        bound = bias = 1 / math.sqrt(inputs)
    else:
        bound, bias = math.sqrt(6 / (inputs + outputs)), 0.0
    return Parameter((inputs, outputs), bound), Parameter((1, outputs), bias)


def activate(pre: Tensor, activation: Activation) -> Tensor:
    """The nonlinearity."""
    if activation == "identity":
        return pre
    if activation == "relu":
        return torch.relu(pre)
    return softplus(pre)
