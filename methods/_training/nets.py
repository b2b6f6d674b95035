"""Multilayer perceptrons on stacked parameters.

All parameters of one member lie in one row of a ``(T, P)`` buffer, so that the optimiser, clipping
and the best-epoch copy are single tensor operations; a :class:`Layout` names its pieces. A layer
that reads several inputs (features, label, latent) has one matrix for each of them: their sum
equals the layer on the concatenation, and a part that does not depend on the label is computed
once instead of once per label.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from methods._training import noise

Activation = Literal["relu", "softplus", "identity"]
"""``identity`` makes a net linear, for comparison with closed forms."""
Init = Literal["fan_in", "glorot"]
"""Initial values, uniform in +-b: ``fan_in`` b = 1 / sqrt(n_in) for weights and biases, the default
of PyTorch's Linear; ``glorot`` b = sqrt(6 / (n_in + n_out)) for weights, biases zero [glorot2010].
"""
Params = Mapping[str, Tensor]


@dataclass(frozen=True)
class Parameter:
    """One array of a member: its shape, and the bound of its uniform initial values (0: zeros)."""

    shape: tuple[int, ...]
    bound: float = 0.0


@dataclass(frozen=True)
class Layout:
    """Names and places of all parameters inside a member's row; ``free`` have no weight prior."""

    parameters: Mapping[str, Parameter]
    free: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def sizes(self) -> list[int]:
        return [math.prod(p.shape) for p in self.parameters.values()]

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Named views ``(t, *shape)`` into ``flat`` (t, P); one split keeps the backward cheap."""
        pieces = flat.split(self.sizes, dim=1)
        return {
            name: piece.view(len(flat), *p.shape)
            for (name, p), piece in zip(self.parameters.items(), pieces, strict=True)
        }

    def initial(self, seeds: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Initial values ``(T, P)`` on the CPU, uniform in each bound, by each member's seed."""
        flat = torch.zeros(len(seeds), sum(self.sizes), dtype=dtype)
        for row, seed in zip(flat, seeds, strict=True):
            source = noise.generator(seed, "init")
            for piece, p in zip(row.split(self.sizes), self.parameters.values(), strict=True):
                if p.bound > 0:
                    # Drawn in float32 so that both dtypes start from the same weights.
                    draw = torch.rand(piece.shape, generator=source)
                    piece.copy_((2 * draw.to(dtype) - 1) * p.bound)
        return flat

    def prior_mask(self, like: Tensor) -> Tensor:
        """``(P,)`` of ones, zero at the parameters without weight prior."""
        pieces = [
            like.new_full((size,), float(name not in self.free))
            for name, size in zip(self.parameters, self.sizes, strict=True)
        ]
        return torch.cat(pieces)


def mlp(
    name: str,
    inputs: Mapping[str, int],
    hidden: Sequence[int],
    out: int,
    init: Init = "glorot",
) -> dict[str, Parameter]:
    """Parameters of a perceptron ``name``: first layer ``name.0.<input>``, then ``name.1`` ..."""
    widths = [sum(inputs.values()), *hidden, out]
    pairs = list(zip(widths, widths[1:], strict=False))
    if init == "fan_in":
        bounds = biases = [1 / math.sqrt(a) for a, _ in pairs]
    else:
        bounds, biases = [math.sqrt(6 / (a + b)) for a, b in pairs], [0.0] * len(pairs)
    found = {f"{name}.0.{key}": Parameter((n, widths[1]), bounds[0]) for key, n in inputs.items()}
    found[f"{name}.0.b"] = Parameter((1, widths[1]), biases[0])
    for i in range(1, len(widths) - 1):
        found[f"{name}.{i}.W"] = Parameter((widths[i], widths[i + 1]), bounds[i])
        found[f"{name}.{i}.b"] = Parameter((1, widths[i + 1]), biases[i])
    return found


def activate_(pre: Tensor, activation: Activation) -> tuple[Tensor, Tensor]:
    """Value, and what :func:`backward_activation_` needs; overwrites ``pre``. Not differentiable.

    softplus(a) = -log sigmoid(-a), whose slope is 1 - sigmoid(-a): one fast and one slow function
    instead of two slow ones. sigmoid(-a) is kept off zero, where a > 87 in single precision.
    """
    if activation == "identity":
        return pre, pre
    if activation == "relu":
        return pre.relu_(), pre
    rest = pre.neg_().sigmoid_().clamp_(min=torch.finfo(pre.dtype).tiny)
    return rest.log().neg_(), rest


def backward_activation_(grad: Tensor, kept: Tensor, activation: Activation) -> Tensor:
    """``grad`` times the slope of the nonlinearity, in place."""
    if activation == "identity":
        return grad
    if activation == "relu":
        return torch.ops.aten.threshold_backward.grad_input(grad, kept, 0, grad_input=grad)
    return grad.addcmul_(grad, kept, value=-1)


def upper_layers(p: Params, name: str, first: Tensor, depth: int, activation: Activation) -> Tensor:
    """From the first layer's sum ``(t, r, h)``, which is overwritten, to the output of the net."""
    if depth == 0:  # no hidden layer
        return first
    h = _Activated.apply(first, activation)
    for i in range(1, depth + 1):
        kind = activation if i < depth else None
        h = _Layer.apply(h, p[f"{name}.{i}.W"], p[f"{name}.{i}.b"], kind)
    return h


def perceptron(
    p: Params, name: str, inputs: Mapping[str, Tensor], depth: int, activation: Activation
) -> Tensor:
    """The whole perceptron on row-aligned inputs ``(t, r, n)``, linear output."""
    return upper_layers(p, name, first_layer(p, name, inputs), depth, activation)


def first_layer(p: Params, name: str, inputs: Mapping[str, Tensor]) -> Tensor:
    """The first layer's sum ``(t, r, h)`` over ``inputs`` (t, r, n), bias included."""
    total = p[f"{name}.0.b"]
    for key, x in inputs.items():
        total = torch.baddbmm(total, x, p[f"{name}.0.{key}"])
    return total


class _Activated(torch.autograd.Function):
    """The nonlinearity in place of its argument, which nothing else may need."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, kind: Activation) -> Tensor:
        value, kept = activate_(pre.detach(), kind)
        ctx.save_for_backward(kept)
        ctx.kind = kind
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return backward_activation_(grads[0].clone(), ctx.saved_tensors[0], ctx.kind), None


class _Layer(torch.autograd.Function):
    """activation(h matrix + bias); a bias's gradient as a product with ones, which is fast."""

    @staticmethod
    def forward(
        ctx: Any, h: Tensor, matrix: Tensor, bias: Tensor, kind: Activation | None
    ) -> Tensor:
        value = torch.baddbmm(bias, h, matrix)
        kept = None
        if kind is not None:
            value, kept = activate_(value, kind)
        ctx.save_for_backward(h, matrix, kept)
        ctx.kind = kind
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        h, matrix, kept = ctx.saved_tensors
        grad = grads[0]
        if kept is not None:
            grad = backward_activation_(grad.clone(), kept, ctx.kind)
        grad_h = torch.bmm(grad, matrix.transpose(1, 2)) if ctx.needs_input_grad[0] else None
        grad_bias = torch.bmm(grad.new_ones(len(h), 1, h.shape[1]), grad)
        return grad_h, torch.bmm(h.transpose(1, 2), grad), grad_bias, None
