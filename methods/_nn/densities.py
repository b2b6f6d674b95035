"""Gaussian log-densities whose variances come out of networks.

Variances are outputs through :func:`smooth_clamp`, whose slope falls only polynomially, so that no
gradient dies.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)
LATENT_LIMIT, DATA_LIMIT = 8.0, 6.0
"""Bounds of |log-variance| in the latent space and on standardised data."""


def smooth_clamp(raw: Tensor, limit: float) -> Tensor:
    """``raw`` bent into (-limit, limit): raw (1 + (raw / limit)^4)^(-1/4)."""
    return _SmoothClamp.apply(raw, limit)


class _SmoothClamp(torch.autograd.Function):
    """Its slope, (1 + (raw / limit)^4)^(-5/4), costs less here than what autograd would record.

    One or two hundredths of a training step (docs/decisions/0070). ``raw`` is left as it is.
    """

    @staticmethod
    def forward(ctx: Any, raw: Tensor, limit: float) -> Tensor:
        bent = (raw * (1 / limit)).square_().square_().add_(1).rsqrt_()  # (1 + u^4)^(-1/2)
        root = bent.rsqrt()  # (1 + u^4)^(1/4)
        value = raw / root
        ctx.save_for_backward(bent.square_().div_(root))
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return grads[0] * ctx.saved_tensors[0], None


def gaussian(x: Tensor, mean: Tensor, logvar: Tensor, keep: Tensor | None = None) -> Tensor:
    """Log N(x; mean, exp logvar) summed over the last axis; ``keep`` 0 leaves a column out."""
    terms = (x - mean).square() * torch.exp(-logvar) + logvar + LOG_2PI
    return -0.5 * (terms if keep is None else terms * keep).sum(-1)
