"""The semi-supervised bound shared by SMVAE and M2: objective, parameters, fitted classifier.

With N_l labelled and N_u unlabelled rows, N = N_l + N_u, eq. 8 divided by N reads

    F / N = (N_l / N) mean_l L + (N_u / N) mean_u U + c mean_l [-log q(y|X)],

since alpha = c N / N_l cancels. Each mean is estimated on its own share of a minibatch, so the
sizes of a minibatch change the variance of the estimate and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from methods._training.data import Batch
from methods._training.densities import (
    DATA_LIMIT,
    LATENT_LIMIT,
    Entropy,
    expected_log_prior,
    gaussian_head,
    mixture_entropy,
    smooth_clamp,
)
from methods._training.nets import (
    Activation,
    Layout,
    Parameter,
    Params,
    mlp,
    perceptron,
    upper_layers,
)


def lower_bound(
    log_likelihood: Callable[[Tensor], Tensor],
    mean: Tensor,
    logvar: Tensor,
    eps: Tensor,
    log_weights: Tensor,
    entropy: Entropy,
) -> Tensor:
    """Eqs 1-2 and 5 without log p(y): the bound (t, r) of every row.

    ``mean``, ``logvar`` (t, V, r, D) of the components; ``log_weights`` (t, V); ``eps``
    (t, V, S, r, D) or broadcastable: S stratified draws from each component. ``log_likelihood``
    maps samples (t, V S r, D), rows fastest, to sum_v log p(x_v | y, z) (t, V S r).
    """
    z = mean[:, :, None] + (0.5 * logvar).exp()[:, :, None] * eps  # (t, V, S, r, D)
    t, n_views, draws, rows, width = z.shape
    fit = log_likelihood(z.view(t, -1, width)).view(t, n_views, draws, rows)
    fit = fit[:, :, 0] if draws == 1 else fit.mean(2)
    inside = fit + expected_log_prior(mean, logvar)  # (t, V, r)
    mixed = (log_weights.exp()[:, :, None] * inside).sum(1)
    return mixed + mixture_entropy(mean, logvar, log_weights, entropy)


def unlabelled_bound(bounds: Tensor, log_q: Tensor) -> Tensor:
    """Eq. 6 by exact enumeration: ``bounds`` -L (t, K, b) and log q(y|X) (t, b, K) to -U (t, b)."""
    log_q = log_q.transpose(1, 2)
    return (log_q.exp() * (bounds - log_q)).sum(1)


@dataclass(frozen=True)
class Model:
    """Nets and switches of a semi-supervised multi-view VAE; the functions of its objective.

    ``weights_of`` are (N_l / N, N_u / N), or (1, 1) in balanced batching. ``sampled``: views are
    [means | log-variances] and x is drawn from them in every step.
    """

    dims: tuple[int, ...]
    n_classes: int
    weights_of: tuple[float, float]
    hidden: tuple[int, ...] = (100, 50)
    latent: int = 30
    activation: Activation = "softplus"
    entropy: Entropy = "joint"
    learn_weights: bool = True
    sampled: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of each view as the nets read them."""
        return tuple(d // 2 for d in self.dims) if self.sampled else self.dims

    @property
    def tight(self) -> Entropy:
        """The tightest entropy that this model has."""
        return "exact" if len(self.dims) == 1 else "bhattacharyya"

    @cached_property
    def layout(self) -> Layout:
        """Encoders [x_v, y] -> hidden -> z, decoders mirrored, one classifier, mixture logits."""
        classes, mirrored = {"y": self.n_classes}, self.hidden[::-1]
        found: dict[str, Parameter] = {}
        for v, width in enumerate(self.widths):
            found |= mlp(f"enc{v}", {"x": width} | classes, self.hidden, 2 * self.latent)
            found |= mlp(f"dec{v}", {"z": self.latent} | classes, mirrored, 2 * width)
        parts = {f"x{v}": width for v, width in enumerate(self.widths)}
        found |= mlp("cls", parts, self.hidden, self.n_classes)
        free: set[str] = set()
        if self.learn_weights and len(self.dims) > 1:
            found["logits"] = Parameter((len(self.dims),))
            free.add("logits")
        return Layout(found, frozenset(free))

    def log_weights(self, p: Params) -> Tensor:
        """Log lam (t, V)."""
        if "logits" in p:
            return torch.log_softmax(p["logits"], -1)
        like = next(iter(p.values()))
        return like.new_full((len(like), len(self.dims)), -math.log(len(self.dims)))

    def inputs(self, x: tuple[Tensor, ...], noise: Tensor | None) -> tuple[Tensor, ...]:
        """Features the nets read: ``x`` itself, or a draw from its Gaussians with ``noise``."""
        if noise is None:
            return x
        split = [view.split(width, -1) for view, width in zip(x, self.widths, strict=True)]
        draws = noise.split(self.widths, -1)
        return tuple(m + (0.5 * lv).exp() * e for (m, lv), e in zip(split, draws, strict=True))

    def log_q(self, p: Params, x: tuple[Tensor, ...]) -> Tensor:
        """Log q(y|X) (t, b, K)."""
        parts = {f"x{v}": view for v, view in enumerate(x)}
        scores = perceptron(p, "cls", parts, len(self.hidden), self.activation)
        return torch.log_softmax(scores, -1)

    def posterior(self, p: Params, x: tuple[Tensor, ...], onehot: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log-variances (t, V, r, D), rows as in :meth:`over_labels`."""
        raw = []
        for v, view in enumerate(x):
            read = torch.baddbmm(p[f"enc{v}.0.b"], view, p[f"enc{v}.0.x"])
            first = self.over_labels(read, onehot, p[f"enc{v}.0.y"])
            h = upper_layers(p, f"enc{v}", first, len(self.hidden), self.activation)
            weight, bias = self.head(p, f"enc{v}")
            raw.append(torch.baddbmm(bias, h, weight))
        mean, spread = torch.stack(raw, 1).split(self.latent, -1)
        return mean, smooth_clamp(spread, LATENT_LIMIT)

    def over_labels(self, rows: Tensor, onehot: Tensor, embed: Tensor) -> Tensor:
        """``rows`` (t, b, h) plus each row's label embedding: (t, r, h), r = b_l + K b_u.

        Labelled rows come first with their own label, then the unlabelled rows once for every
        class, class by class.
        """
        (t, _, h), known = rows.shape, onehot.shape[1]
        first = torch.baddbmm(rows[:, :known], onehot, embed)
        rest = (rows[:, None, known:] + embed[:, :, None]).view(t, -1, h)
        return torch.cat([first, rest], 1)

    def repeat(self, rows: Tensor, known: int) -> Tensor:
        """``rows`` (..., b, h) lined up with :meth:`over_labels`: (..., b_l + K b_u, h)."""
        rest = rows[..., known:, :]
        return torch.cat([rows[..., :known, :], *[rest] * self.n_classes], -2)

    def log_likelihood(
        self, p: Params, z: Tensor, x: tuple[Tensor, ...], onehot: Tensor, batch: Batch
    ) -> Tensor:
        """sum_v log p(x_v | y, z) for samples z (t, l r, D) of the rows of :meth:`over_labels`."""
        total: Tensor | None = None
        for v, view in enumerate(x):
            h = self.decoder_hidden(p, v, z, onehot, view.shape[1])
            weight, bias = self.head(p, f"dec{v}")
            target = self.repeat(view, onehot.shape[1])
            value = gaussian_head(h, weight, bias, target, batch.keep[v])
            total = value if total is None else total + value
        assert total is not None
        return total

    def decoder_hidden(self, p: Params, v: int, z: Tensor, onehot: Tensor, rows: int) -> Tensor:
        """Last hidden layer of decoder ``v`` (t, l r, h) for samples ``z`` of ``rows`` rows."""
        name, (t, samples, _) = f"dec{v}", z.shape
        bias = p[f"{name}.0.b"].expand(t, rows, -1)
        base = self.over_labels(bias, onehot, p[f"{name}.0.y"])  # (t, r, h)
        first = torch.bmm(z, p[f"{name}.0.z"]).view(t, -1, *base.shape[1:]) + base[:, None]
        first = first.view(t, samples, -1)
        return upper_layers(p, name, first, len(self.hidden), self.activation)

    def head(self, p: Params, name: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of the last layer of net ``name``."""
        last = len(self.hidden)
        return p[f"{name}.{last}.W"], p[f"{name}.{last}.b"]

    def clamp_share(self, p: Params, batch: Batch) -> float:
        """Share of log-variances within 5 % of their bounds, encoders and decoders together."""
        x = self.inputs(batch.x, batch.noise.get("input"))
        mean, logvar = self.posterior(p, x, batch.onehot)
        near = [(logvar.abs() > 0.95 * LATENT_LIMIT).double().flatten()]
        z = mean.reshape(len(mean), -1, self.latent)
        for v, view in enumerate(x):
            h = self.decoder_hidden(p, v, z, batch.onehot, view.shape[1])
            weight, bias = self.head(p, f"dec{v}")
            raw = torch.baddbmm(bias, h, weight)[..., self.widths[v] :]
            near.append(
                (smooth_clamp(raw, DATA_LIMIT).abs() > 0.95 * DATA_LIMIT).double().flatten()
            )
        return float(torch.cat(near).mean())

    def bounds(self, p: Params, batch: Batch, entropy: Entropy) -> tuple[Tensor, Tensor, Tensor]:
        """-L of labelled rows (t, b_l), -U of unlabelled rows (t, b_u), log q of all (t, b, K)."""
        x = self.inputs(batch.x, batch.noise.get("input"))
        known, onehot = batch.n_labelled, batch.onehot
        mean, logvar = self.posterior(p, x, onehot)
        eps = batch.noise["eps"]  # (t, V, S, b, D), or one draw for every label (t, V, S, r, D)
        if eps.shape[3] != mean.shape[2]:
            eps = self.repeat(eps, known)
        values = lower_bound(
            lambda z: self.log_likelihood(p, z, x, onehot, batch),
            mean,
            logvar,
            eps,
            self.log_weights(p),
            entropy,
        ) - math.log(self.n_classes)
        log_q = self.log_q(p, x)
        per_label = values[:, known:].view(len(values), self.n_classes, -1)
        return values[:, :known], unlabelled_bound(per_label, log_q[:, known:]), log_q

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """F / N (t,) of eq. 8 and what is logged of it, each (t, ...)."""
        labelled, unlabelled, log_q = self.bounds(p, batch, self.entropy)
        known, (w_l, w_u) = batch.n_labelled, self.weights_of
        loss, logs = log_q.new_zeros(len(log_q)), {}
        if known:
            error = -(log_q[:, :known] * batch.onehot).sum(-1).mean(-1)
            loss = loss - w_l * labelled.mean(-1) + batch.hyper["c"] * error
            logs["cross_entropy"] = error.detach()
        if unlabelled.shape[1]:
            loss = loss - w_u * unlabelled.mean(-1)
        logs["loss"] = loss.detach()
        logs["view_weights"] = self.log_weights(p).detach().exp()
        return loss, logs
