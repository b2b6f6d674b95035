"""Entropies of a Gaussian mixture with diagonal covariances, and what else a bound has of z."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from methods._nn.densities import LOG_2PI

Entropy = Literal["joint", "per_dim", "bhattacharyya", "exact"]


def expected_log_prior(mean: Tensor, var: Tensor) -> Tensor:
    """E log N(z; 0, I) under N(mean, var), in closed form, summed over the last axis."""
    return -0.5 * (torch.addcmul(var, mean, mean).sum(-1) + mean.shape[-1] * LOG_2PI)


def mixture_entropy(mean: Tensor, logvar: Tensor, log_weights: Tensor, kind: Entropy) -> Tensor:
    """Entropy (t, r) of the mixture over views, or the bound on it that ``kind`` names.

    ``mean``, ``logvar`` are (t, V, r, D); ``log_weights`` (t, V), or (t, V, r) where they differ
    between rows (-inf: no such component).

    ``joint``          eq. 5, supplement A: -sum_v lam_v log sum_l lam_l N(mu_v; mu_l, S_v + S_l);
                       a lower bound, .5(1 - log 2) D nats low when components are far apart.
    ``per_dim``        the sum over latent dimensions of the one-dimensional ``joint``: not a bound,
                       it exceeds the entropy by up to (D - 1) H(lam) - .1534 D.
    ``bhattacharyya``  the pairwise lower bound of Kolchinsky and Tracey 2017: tight.
    ``exact``          a single Gaussian.
    """
    n_views, width = mean.shape[1], mean.shape[3]
    own = 0.5 * logvar.sum(-1)  # (t, V, r), half the log-determinant
    if kind == "exact":
        if n_views != 1:
            raise ValueError("only a single Gaussian has an exact entropy here")
        return own[:, 0] + 0.5 * width * (LOG_2PI + 1)
    log_weights = of_rows(log_weights)
    lam, log_lam = log_weights.exp(), log_weights[:, None]  # (t, V, 1 or r), (t, 1, V, 1 or r)
    if kind == "bhattacharyya":
        overlap = _pairs(mean, logvar, 4.0, per_dim=False, own=own)  # (t, V, V, r)
        spread = torch.logsumexp(log_lam + overlap, 2)  # (t, V, r)
        return (lam * (own - spread)).sum(1) + 0.5 * width * (LOG_2PI + 1)
    per_dim = kind == "per_dim"
    diagonal = 0.5 * logvar if per_dim else own
    overlap = _pairs(mean, logvar, 2.0, per_dim=per_dim, own=diagonal)
    if per_dim:
        spread = torch.logsumexp(log_lam[..., None] + overlap, 2).sum(-1)
    else:
        spread = torch.logsumexp(log_lam + overlap, 2)
    return -(lam * spread).sum(1)


def of_rows(log_weights: Tensor) -> Tensor:
    """Weights (t, V) or (t, V, r) of a mixture as (t, V, 1) or (t, V, r)."""
    return log_weights[..., None] if log_weights.dim() == 2 else log_weights


def _pairs(mean: Tensor, logvar: Tensor, spread: float, *, per_dim: bool, own: Tensor) -> Tensor:
    """Log of the pairwise terms, (t, V, V, r) or, ``per_dim``, (t, V, V, r, D).

    ``spread`` 2: log N(mu_v; mu_l, S_v + S_l). ``spread`` 4: the log of the Bhattacharyya
    coefficient. Symmetric, and closed on the diagonal, so only pairs v < l are computed.
    """
    n_views, width = mean.shape[1], 1 if per_dim else mean.shape[3]
    var = logvar.exp()
    rows: list[list[Tensor]] = [[own] * n_views for _ in range(n_views)]
    for v in range(n_views):
        if spread == 2.0:
            rows[v][v] = -own[:, v] - 0.5 * width * math.log(4 * math.pi)
        else:
            rows[v][v] = torch.zeros_like(own[:, v])
        for other in range(v + 1, n_views):
            total = var[:, v] + var[:, other]
            term = (mean[:, v] - mean[:, other]).square() / total * (2 / spread) + total.log()
            half = -0.5 * (term if per_dim else term.sum(-1))
            if spread == 2.0:
                pair = half - 0.5 * width * LOG_2PI
            else:
                pair = half + 0.5 * (own[:, v] + own[:, other]) + 0.5 * width * math.log(2)
            rows[v][other] = rows[other][v] = pair
    return torch.stack([torch.stack(row, 1) for row in rows], 1)
