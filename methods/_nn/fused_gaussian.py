"""Gaussian decoders: a weighted sum of log-likelihoods, with its gradients found on the way.

Decoding is nearly all of a training step: every class and every mixture component of every row goes
through every decoder. The objective needs sum_i w_i log p(x_i | y_i, z_i) with weights known before
anything is decoded (lam_l q(y|X), over counts). That sum is one function here, and its gradients
are computed chunk by chunk while the chunk lies in the cache, so that no hidden layer of the whole
minibatch is ever stored. Exact: only the order of summation differs from the plain form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from methods._nn.densities import DATA_LIMIT, LOG_2PI, gaussian, smooth_clamp
from methods._nn.layers import Activation, activate
from methods._nn.pointwise import pointwise

CHUNK_ROWS = 600
"""Rows of a chunk on a CPU: its arrays should fit the second-level cache. A GPU takes all rows."""
LOG2_E = math.log2(math.e)


@dataclass(frozen=True, eq=False)
class Target:
    """What a decoder has to explain, and what each sample of it counts.

    ``x``       (t, r, d) targets.
    ``weight``  (t, l, r) of l samples of each row.
    ``keep``    (t, d) of 0 and 1 leaves columns out (None: all are kept).
    ``floor``   the least log-variance, below ``DATA_LIMIT``, which is the largest.
    """

    x: Tensor
    weight: Tensor
    keep: Tensor | None = None
    floor: float = -DATA_LIMIT


def weighted(outputs: Tensor, target: Target) -> Tensor:
    """sum_{l,r} weight log N(x; mean, variance), (t,), of outputs (t, l, r, 2 d) of any network.

    The first d outputs are means, the others log-variances before they are bent into their bounds.
    """
    mean, raw = outputs.chunk(2, -1)
    middle, half = (DATA_LIMIT + target.floor) / 2, (DATA_LIMIT - target.floor) / 2
    logvar = middle + smooth_clamp(raw - middle, half)
    keep = None if target.keep is None else target.keep[:, None, None]
    return (target.weight * gaussian(target.x[:, None], mean, logvar, keep)).sum((1, 2))


def plain(
    activation: Activation, weights: Sequence[Tensor], z: Tensor, base: Tensor, target: Target
) -> Tensor:
    """The reference for :func:`log_likelihood`: the same sum, left to autograd."""
    first, *upper = weights
    h = torch.matmul(z, first[:, None]) + base[:, None]
    for matrix, bias in zip(upper[::2], upper[1::2], strict=True):
        h = torch.matmul(activate(h, activation), matrix[:, None]) + bias[:, None]
    return weighted(h, target)


def log_likelihood(
    activation: Activation, weights: Sequence[Tensor], z: Tensor, base: Tensor, target: Target
) -> Tensor:
    """sum_{l,r} weight log N(x; mean, variance), (t,), with [mean, raw log-variance] = net(z).

    ``weights`` first matrix, then matrix and bias of every further layer of a perceptron; ``z``
    (t, l, r, D) samples; ``base`` (t, r, h) what else the first layer adds up: bias, label, other
    inputs. Differentiable, once, in all but ``keep``.
    """
    settings = activation, target.floor, target.keep
    return _LogLikelihood.apply(settings, z, base, target.x, target.weight, *weights)


Settings = tuple[Activation, float, Tensor | None]
"""Nonlinearity, floor, keep."""


class _LogLikelihood(torch.autograd.Function):
    """All gradients are taken in the forward pass and scaled per member in the backward pass."""

    @staticmethod
    def forward(ctx: Any, settings: Settings, *tensors: Tensor) -> Tensor:
        wanted = any(ctx.needs_input_grad)
        work = _Work(settings, tensors, wanted, wanted and ctx.needs_input_grad[3])
        rows = tensors[1].shape[1]
        parts = -(-rows // CHUNK_ROWS) if tensors[0].device.type == "cpu" else 1
        chunk = max(1, -(-rows // parts))
        for sample in range(tensors[0].shape[1]):
            for start in range(0, rows, chunk):
                work.run(sample, slice(start, start + chunk))
        if wanted:
            ctx.save_for_backward(*(g for g in work.grads if g is not None))
            ctx.has = [g is not None for g in work.grads]
        return (work.values * tensors[3]).sum((1, 2))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        saved = iter(ctx.saved_tensors)
        scale, out = grads[0], []
        for has in ctx.has:
            g = next(saved) if has else None
            out.append(g if g is None else g * scale.view(-1, *[1] * (g.dim() - 1)))
        return None, *out


class _Work:
    """One pass over all chunks: values, and gradients in the order of ``tensors``."""

    def __init__(
        self,
        settings: Settings,
        tensors: Sequence[Tensor],
        wanted: bool,
        wanted_x: bool,
    ) -> None:
        self.z, self.base, self.x, self.weight, self.first, *upper = tensors
        self.layers = list(zip(upper[::2], upper[1::2], strict=True))
        self.kind: Activation
        self.kind, self.floor, self.keep = settings
        self.wanted = wanted
        self.values = torch.empty_like(self.weight)
        self.ones = self.weight.new_ones(len(self.z), 1, self.z.shape[2])
        self.grads: list[Tensor | None] = []
        if wanted:
            self.grads = [
                torch.empty_like(self.z),
                torch.zeros_like(self.base),
                torch.zeros_like(self.x) if wanted_x else None,
                self.values,
                *(w.new_zeros(w.shape) for w in tensors[4:]),
            ]

    def run(self, sample: int, rows: slice) -> None:
        """Values, and if wanted gradients, of one chunk."""
        z, x = self.z[:, sample, rows], self.x[:, rows]
        weight = self.weight[:, sample, rows]
        inputs, slopes = [z], []
        h = torch.baddbmm(self.base[:, rows], z, self.first)
        for matrix, bias in self.layers:
            h, slope = _activate_(h, self.kind)
            inputs.append(h)
            slopes.append(slope)
            h = torch.baddbmm(bias, h, matrix)
        value = _value_and_slope_(h, x, weight if self.wanted else None, self.keep, self.floor)
        self.values[:, sample, rows] = value
        if self.wanted:
            self._back(sample, rows, inputs, slopes, h)

    def _back(
        self, sample: int, rows: slice, inputs: list[Tensor], slopes: list[Tensor], grad: Tensor
    ) -> None:
        grad_z, grad_base, grad_x, _, grad_first, *upper = self.grads
        assert grad_z is not None
        assert grad_base is not None
        assert grad_first is not None
        if grad_x is not None:
            grad_x[:, rows] -= grad[..., : self.x.shape[2]]
        for i in reversed(range(len(self.layers))):
            matrix_grad, bias_grad = upper[2 * i], upper[2 * i + 1]
            assert matrix_grad is not None
            assert bias_grad is not None
            matrix_grad.baddbmm_(inputs[i + 1].transpose(1, 2), grad)
            # A product with ones: several times as fast as a sum over rows.
            bias_grad.baddbmm_(self.ones[:, :, : grad.shape[1]], grad)
            grad = torch.bmm(grad, self.layers[i][0].transpose(1, 2))
            _times_slope_(grad, slopes[i], self.kind)
        grad_first.baddbmm_(inputs[0].transpose(1, 2), grad)
        grad_base[:, rows] += grad
        torch.bmm(grad, self.first.transpose(1, 2), out=grad_z[:, sample, rows])


def _value_and_slope_(
    raw: Tensor,
    x: Tensor,
    weight: Tensor | None,
    keep: Tensor | None,
    floor: float = -DATA_LIMIT,
) -> Tensor:
    """Log-densities (t, c) of ``x`` (t, c, d); ``raw`` (t, c, 2 d) becomes weight x its slopes.

    The log-variance is s (1 + (s / limit)^4)^(-1/4), as ``densities.smooth_clamp`` has it, about
    the middle of ``floor`` and ``DATA_LIMIT``. Base-two exponentials are three times as fast as
    natural ones. Without ``weight``, ``raw`` is overwritten with values of no use.
    """
    d, middle, limit = x.shape[-1], (DATA_LIMIT + floor) / 2, (DATA_LIMIT - floor) / 2
    mean, s = raw.split(d, -1)
    if middle:
        s.sub_(middle)
    a = (s * s).square_()
    torch.add(a.new_ones(()), a, alpha=limit**-4, out=a)
    a.rsqrt_()  # (1 + u^4)^(-1/2)
    root = a.rsqrt()  # (1 + u^4)^(1/4)
    logvar = s / root
    if middle:
        logvar.add_(middle)
    bend = torch.div(a.square_(), root, out=root)  # d logvar / d s = (1 + u^4)^(-5/4)
    precision = pointwise(Tensor.exp2_, torch.mul(logvar, -LOG2_E, out=a))
    residual = torch.sub(x, mean, out=mean)
    scaled = precision.mul_(residual)  # d value / d mean
    width: Tensor | int = d
    if keep is not None:
        width = keep.sum(1, keepdim=True)
        for term in (scaled, logvar, bend):
            term.mul_(keep[:, None])
    value = logvar.addcmul_(residual, scaled).sum(-1).add_(width * LOG_2PI).mul_(-0.5)
    if weight is not None:
        torch.mul(residual, scaled, out=s).sub_(1).mul_(bend).mul_(0.5 * weight[..., None])
        torch.mul(scaled, weight[..., None], out=mean)
    return value


def _activate_(pre: Tensor, activation: Activation) -> tuple[Tensor, Tensor]:
    """Value, and what :func:`_times_slope_` needs; overwrites ``pre``. Not differentiable.

    softplus(a) = -log sigmoid(-a), whose slope is 1 - sigmoid(-a): one fast and one slow function
    instead of two slow ones. sigmoid(-a) is kept off zero, where a > 87 in single precision.
    """
    if activation == "identity":
        return pre, pre
    if activation == "relu":
        return pre.relu_(), pre
    rest = pointwise(Tensor.sigmoid_, pre.neg_()).clamp_(min=torch.finfo(pre.dtype).tiny)
    return rest.log().neg_(), rest


def _times_slope_(grad: Tensor, saved: Tensor, activation: Activation) -> Tensor:
    """``grad`` times the slope of the nonlinearity, in place."""
    if activation == "identity":
        return grad
    if activation == "relu":
        return torch.ops.aten.threshold_backward.grad_input(grad, saved, 0, grad_input=grad)
    return grad.addcmul_(grad, saved, value=-1)
