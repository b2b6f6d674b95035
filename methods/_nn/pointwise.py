"""Functions of single entries that give the same bits wherever an entry stands in a tensor.

On a CPU PyTorch computes such functions for whole vector registers; what is left at the end of a
tensor is computed by scalar functions, some of which round differently. The last member of a pass
would then differ from the same member at another place. So the end is filled up with zeros.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 32
"""Entries that PyTorch takes at once, at most: two registers of 16 single-precision numbers."""


def pointwise(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function`` of every entry of ``x``; differentiable where ``function`` is."""
    whole, missing = x.flatten(), -x.numel() % BLOCK
    if x.device.type != "cpu" or not missing:
        # Through one dimension, so that a gradient that is expanded is copied out first.
        return function(whole).view(x.shape)
    return function(torch.nn.functional.pad(whole, (0, missing)))[: x.numel()].view(x.shape)


def softplus(x: Tensor) -> Tensor:
    """log(1 + e^x), exact to double precision in all its range."""
    return pointwise(lambda entries: torch.nn.functional.softplus(entries, threshold=40), x)
