"""SiMVAE's model and batches for its oracles, and eqs 10-17 spelt out one row at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal

from methods._nn.data import Batch, BatchSizes
from methods._nn.layers import Activation, Params
from methods._ssvae.entropy import Entropy
from methods._ssvae.missing import IncompleteVAE
from methods._ssvae.model import SemisupVAE, perceptrons
from methods._ssvae.posterior import Mixture
from tests.oracle.doubles import DOUBLE, source

CLASSES = 3


@dataclass(frozen=True)
class Sizes:
    """Settings of the SMVAE inside."""

    dims: tuple[int, ...] = (5, 4)
    shares: tuple[float, float] = (0.4, 0.6)
    hidden: tuple[int, ...] = (7, 6)
    latent: int = 4
    activation: Activation = "softplus"
    entropy: Entropy = "joint"
    reads_missing: bool = True


def smvae(sizes: Sizes, may_miss: tuple[int, ...] = ()) -> SemisupVAE:
    views = range(len(sizes.dims))
    read = may_miss if sizes.reads_missing else ()
    return SemisupVAE(
        sizes.dims,
        CLASSES,
        sizes.shares,
        perceptrons(sizes.hidden, sizes.activation),
        Mixture(len(views), sizes.entropy),
        sizes.latent,
        edges=tuple(() if v in may_miss else read for v in views),
    )


def model(
    dims: tuple[int, ...] = (5, 4), may_miss: tuple[int, ...] = (1,), **changes: Any
) -> IncompleteVAE:
    """``changes`` are fields of Sizes or of the model."""
    inside = {field.name for field in fields(Sizes)}
    sizes = Sizes(dims, **{k: v for k, v in changes.items() if k in inside})
    own = {k: v for k, v in changes.items() if k not in inside}
    return IncompleteVAE(smvae(sizes, may_miss), may_miss, **own)


def parameters(made: SemisupVAE | IncompleteVAE, seed: int = 0, t: int = 1) -> dict[str, Tensor]:
    flat = made.layout.initial([seed + i for i in range(t)], DOUBLE)
    flat += 0.1 * torch.randn(flat.shape, dtype=DOUBLE, generator=source(seed))
    return made.layout.views(flat)


def batch(
    made: IncompleteVAE, known: int = 4, unknown: int = 6, samples: int = 1, t: int = 1
) -> Batch:
    """Every other row lacks views of M: one after another, then all that may be absent at once."""
    draw, rows = source(1), known + unknown
    present = torch.ones(t, rows, len(made.core.dims), dtype=DOUBLE)
    lacks = [(m,) for m in made.may_miss]
    if made.observed and len(made.may_miss) > 1:
        lacks.append(made.may_miss)
    for count, row in enumerate(range(0, rows, 2)):
        present[:, row, list(lacks[count % len(lacks)])] = 0
    x = tuple(
        torch.randn(t, rows, d, dtype=DOUBLE, generator=draw) * present[..., v, None]
        for v, d in enumerate(made.core.dims)
    )
    labels = torch.randint(CLASSES, (t, known), generator=draw)
    noise = {
        name: torch.randn(t, *shape, dtype=DOUBLE, generator=draw)
        for name, shape in made.draws(BatchSizes(1, known, unknown), samples, True).items()
    }
    hyper = {
        "c": torch.full((t,), 0.5, dtype=DOUBLE),
        "c1": torch.full((t,), 0.7, dtype=DOUBLE),
    }
    onehot = torch.eye(CLASSES, dtype=DOUBLE)[labels]
    return Batch(x, present, onehot, known, noise, hyper, (None,) * len(x))


def taken(data: Batch, known: list[int], unknown: list[int]) -> Batch:
    """Labelled rows ``known`` and unlabelled rows ``unknown``, counted from the first one each."""
    order = [*known, *(data.n_labelled + row for row in unknown)]
    return replace(
        data,
        x=tuple(view[:, order] for view in data.x),
        present=data.present[:, order],
        onehot=data.onehot[:, known],
        n_labelled=len(known),
        noise={name: value[:, :, order] for name, value in data.noise.items()},
    )


def gradients(made: IncompleteVAE, p: Params, data: Batch) -> dict[str, Tensor]:
    leaves = {name: value.detach().clone().requires_grad_() for name, value in p.items()}
    loss, _ = made.loss(leaves, data)
    grads = torch.autograd.grad(loss.sum(), [*leaves.values()], allow_unused=True)
    zero = torch.zeros_like
    return {
        name: zero(leaf) if grad is None else grad
        for (name, leaf), grad in zip(leaves.items(), grads, strict=True)
    }


# ---------------------------------------------------------------- eqs 10-17, one row at a time


def net(p: Params, name: str, parts: dict[str, Tensor]) -> Tensor:
    """A net on the concatenation of its inputs, two hidden softplus layers."""
    first = torch.cat([p[f"{name}.0.{key}"][0] for key in parts])
    h = torch.nn.functional.softplus(torch.cat([*parts.values()]) @ first + p[f"{name}.0.b"][0, 0])
    h = torch.nn.functional.softplus(h @ p[f"{name}.1.W"][0] + p[f"{name}.1.b"][0, 0])
    return h @ p[f"{name}.2.W"][0] + p[f"{name}.2.b"][0, 0]


def normal(raw: Tensor, limit: float) -> Normal:
    mean, s = raw.chunk(2)
    return Normal(mean, (0.5 * s / (1 + (s / limit) ** 4) ** 0.25).exp())


class Spelt:
    """One row of a batch under the model: what eqs 10-15 say of it."""

    def __init__(self, made: IncompleteVAE, p: Params, data: Batch, row: int) -> None:
        self.made, self.p, self.views = made, p, range(len(made.core.dims))
        self.present = data.present[0, row]
        self.real = [view[0, row] for view in data.x]
        self.noise = {name: value[0, 0, row] for name, value in data.noise.items()}
        self.psi = {m: self.q_psi(m, self.present) for m in made.may_miss}
        self.x = list(self.real)
        for m, q in self.psi.items():
            if not self.present[m]:
                self.x[m] = q.mean
                if made.imputation == "infinite":
                    self.x[m] = q.mean + q.stddev * self.noise[f"x{m}"]
        self.log_q = net(p, "cls", {f"x{v}": self.x[v] for v in self.views}).log_softmax(-1)

    def q_psi(self, m: int, mask: Tensor) -> Normal:
        if self.made.observed:
            parts = {f"x{o}": self.real[o] for o in self.made.observed}
        else:
            others = [v for v in self.views if v != m]
            bits = torch.stack([mask[v] if v != m else mask[v] * 0 for v in self.views])
            parts = {f"x{v}": self.real[v] * mask[v] for v in others} | {"mask": bits}
        return normal(net(self.p, f"psi{m}", parts), 6.0)

    def entropy(self) -> Tensor:
        """H[q_psi] of what the row lacks."""
        if self.made.imputation == "single":
            return torch.zeros((), dtype=DOUBLE)
        lacks = [m for m in self.made.may_miss if not self.present[m]]
        return sum((self.psi[m].entropy().sum() for m in lacks), torch.zeros((), dtype=DOUBLE))

    def lower_bound(self, y: int) -> Tensor:
        """-LC(X,y), eq. 12."""
        label = torch.eye(CLASSES, dtype=DOUBLE)[y]
        lam = self.p["logits"][0].softmax(-1)
        if self.made.absent_encoder == "drop":
            lam = lam * self.present / (lam * self.present).sum()
        q = [normal(net(self.p, f"enc{v}", {"x": self.x[v], "y": label}), 8.0) for v in self.views]
        total = torch.tensor(-math.log(CLASSES), dtype=DOUBLE)
        eps = self.noise["eps"].view(len(self.views), -1)
        for v in self.views:
            total = total - 0.5 * lam[v] * (q[v].mean ** 2 + q[v].variance).sum()
            total = total - 0.5 * lam[v] * self.made.core.latent * math.log(2 * math.pi)
            overlap = [
                lam[w] * Normal(q[w].mean, (q[v].variance + q[w].variance).sqrt())
                .log_prob(q[v].mean).sum().exp()
                for w in self.views
            ]  # fmt: skip
            total = total - lam[v] * torch.stack(overlap).sum().log()
            z = q[v].mean + q[v].stddev * eps[v]
            for w in self.views:
                parts = {"z": z, "y": label}
                if w in self.made.observed:
                    parts |= {f"x{m}": self.x[m] for m in self.made.core.read_by(w)}
                decoder = normal(net(self.p, f"dec{w}", parts), 6.0)
                total = total + lam[v] * decoder.log_prob(self.x[w]).sum()
        return total

    def loss(self, y: int | None) -> Tensor:
        """LI or LC where ``y`` is given, else UI or UC."""
        if y is not None:
            return -self.lower_bound(y) - self.entropy()
        bounds = torch.stack([self.lower_bound(k) for k in range(CLASSES)])
        return -(self.log_q.exp() * (bounds - self.log_q)).sum() - self.entropy()


def spelt(made: IncompleteVAE, p: Params, data: Batch) -> Tensor:
    """F of eq. 17 over the rows of a batch, divided by their number."""
    n = data.present.shape[1]
    rows = [Spelt(made, p, data, row) for row in range(n)]
    labels = [int(y) for y in data.onehot[0].argmax(-1)]
    each = [row.loss(labels[i] if i < len(labels) else None) for i, row in enumerate(rows)]
    total = torch.stack(each).sum() / n
    for m in made.may_miss:
        errors = []
        for row in rows:
            mask = row.present
            if not made.observed:
                others = row.present * (torch.arange(len(mask)) != m)
                left = others * (row.noise["coins"] > 0)
                mask = left if left.any() else others
            if row.present[m] and mask.any():
                errors.append(-row.q_psi(m, mask).log_prob(row.real[m]).sum())
        total = total + data.hyper["c1"][0] * torch.stack(errors).mean()
    crosses = [-row.log_q[y] for row, y in zip(rows, labels, strict=False)]
    return total + data.hyper["c"][0] * torch.stack(crosses).mean()
