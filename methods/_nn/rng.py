"""Random numbers by name: every draw derives from (member seed, purpose, epoch) and nothing else.

Nothing is carried from one epoch to the next, so a run that resumes, a stack that shrinks and a
member that trains alone all see the same numbers. CPU and CUDA generators differ from each other;
draws for weights and batches always come from the CPU, draws for noise from the training device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def derive(seed: int, *names: int | str) -> int:
    """A 63-bit seed for the purpose called ``names``."""
    text = "/".join(str(name) for name in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, *names: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator for the purpose called ``names``."""
    return torch.Generator(device=device).manual_seed(derive(seed, *names))


def normals(
    seeds: Sequence[int],
    names: tuple[int | str, ...],
    shape: tuple[int, ...],
    like: Tensor,
) -> Tensor:
    """Standard normal draws ``(len(seeds), *shape)``, one generator a member."""
    out = like.new_empty((len(seeds), *shape))
    for row, seed in zip(out, seeds, strict=True):
        row.normal_(generator=generator(seed, *names, device=like.device))
    return out


def order(seed: int, names: tuple[int | str, ...], n: int, steps: int, size: int) -> Tensor:
    """Positions ``(steps, size)`` in 0..n-1: minibatches without repetition inside a batch.

    One permutation serves as many whole batches as it holds, its remainder is dropped, and a
    further permutation follows where an epoch needs more rows than there are.
    """
    if size > n:
        raise ValueError(f"a minibatch of {size} rows cannot be drawn from {n} rows")
    source, n_batches, batches = generator(seed, *names), n // max(size, 1), []
    while sum(len(part) for part in batches) < steps:
        shuffled = torch.randperm(n, generator=source)
        batches.append(shuffled[: n_batches * size].view(n_batches, size))
    return torch.cat(batches)[:steps] if batches else torch.empty((0, size), dtype=torch.long)


def normals_by_id(seed: int, name: str, ids: np.ndarray, width: int) -> np.ndarray:
    """One fixed draw ``(len(ids), width)`` per row id, independent of the other rows."""
    table = np.random.Generator(np.random.PCG64(derive(seed, name)))
    return table.standard_normal((int(ids.max(initial=-1)) + 1, width), dtype=np.float32)[ids]
