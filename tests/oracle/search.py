"""Where a production loss is least, and its slopes, found without its own gradients' help."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from methods._nn.layers import ParameterLayout

DOUBLE = torch.float64
Loss = Callable[[Mapping[str, Tensor]], Tensor]
"""Named parameters -> loss, one number a member."""


def start(layout: ParameterLayout, seed: int = 0, spread: float = 0.1) -> Tensor:
    """Initial parameters (1, P) in double precision, shaken so that no bias is zero."""
    flat = layout.initial([seed], DOUBLE)
    draw = torch.Generator().manual_seed(seed)
    return flat + spread * torch.randn(flat.shape, dtype=DOUBLE, generator=draw)


def optimise(layout: ParameterLayout, loss: Loss) -> Tensor:
    """Parameters (1, P) at which ``loss`` is least, by L-BFGS."""
    leaf = start(layout).requires_grad_()
    search = torch.optim.LBFGS(
        [leaf],
        max_iter=2000,
        tolerance_grad=1e-10,
        tolerance_change=1e-15,
        history_size=30,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        search.zero_grad()
        value = loss(layout.views(leaf)).sum()
        value.backward()
        return value

    search.step(closure)
    return leaf.detach()


def assert_finite_differences(
    loss: Loss, p: Mapping[str, Tensor], grads: Mapping[str, Tensor], step: float = 1e-6
) -> None:
    """Hold ``grads`` at ``p`` against central differences, at a few places of every parameter."""
    for name, grad in grads.items():
        for place in range(0, grad.numel(), max(1, grad.numel() // 3)):
            ends = []
            for sign in (1, -1):
                moved = {k: v.clone() for k, v in p.items()}
                moved[name].view(-1)[place] += sign * step
                ends.append(loss(moved).item())
            slope = (ends[0] - ends[1]) / (2 * step)
            assert grad.reshape(-1)[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)
