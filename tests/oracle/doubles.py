"""Random numbers in double precision, by seed."""

from __future__ import annotations

import torch
from torch import Tensor

DOUBLE = torch.float64


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=DOUBLE, generator=source(seed))
