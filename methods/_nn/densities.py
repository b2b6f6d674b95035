"""Gaussian log-densities whose variances come out of networks.

Variances are outputs through :func:`smooth_clamp`, whose slope falls only polynomially, so that no
gradient dies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)
LATENT_LIMIT, DATA_LIMIT = 8.0, 6.0
"""Bounds of |log-variance| in the latent space and on standardised data."""


def smooth_clamp(raw: Tensor, limit: float) -> Tensor:
    """``raw`` bent into (-limit, limit): raw (1 + (raw / limit)^4)^(-1/4)."""
    return raw * ((raw * (1 / limit)).square().square() + 1).rsqrt().sqrt()


def gaussian(x: Tensor, mean: Tensor, logvar: Tensor, keep: Tensor | None = None) -> Tensor:
    """Log N(x; mean, exp logvar) summed over the last axis; ``keep`` 0 leaves a column out."""
    terms = (x - mean).square() * torch.exp(-logvar) + logvar + LOG_2PI
    return -0.5 * (terms if keep is None else terms * keep).sum(-1)
