"""The bounds that all members of the family share (Du et al. 2018, eqs 5-8).

With N_l labelled and N_u unlabelled rows, N = N_l + N_u, eq. 8 divided by N reads

    F / N = (N_l / N) mean_l L + (N_u / N) mean_u U + c mean_l [-log q(y|X)],

since alpha = c N / N_l cancels. Each mean is estimated on its own share of a minibatch, so the
sizes of a minibatch change the variance of the estimate and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from methods._nn.data import Batch
from methods._ssvae.entropy import Entropy, expected_log_prior, mixture_entropy, of_rows
from methods._ssvae.posterior import Components

Likelihood = Callable[[Tensor, Tensor], Tensor]
"""(samples z, weights) -> weighted sum of log-likelihoods."""


def weighted_bound(
    likelihood: Likelihood, q: Components, eps: Tensor, rows: Tensor, entropy: Entropy
) -> Tensor:
    """Eqs 1-2, and 5 without log p(y): the sum over rows of ``rows`` times the bound, (t,).

    ``q`` are the C components of q(z|X,y) over r rows; ``eps`` (t, C, S, r, D) or broadcastable:
    S stratified draws from each; ``rows`` (t, r).
    ``likelihood`` maps samples z (t, C S, r, D) and weights (t, C S, r) to the weighted sum of
    sum_v log p(x_v | y, z), (t,).
    """
    std = (0.5 * q.logvar).exp()
    z = torch.addcmul(q.mean[:, :, None], std[:, :, None], eps)  # (t, C, S, r, D)
    lam = of_rows(q.log_weights).exp()  # (t, C, 1 or r)
    weight = (lam * rows[:, None])[:, :, None].expand(z.shape[:4]) / z.shape[2]
    fit = likelihood(z.flatten(1, 2), weight.flatten(1, 2))
    prior = (lam * expected_log_prior(q.mean, std.square())).sum(1)  # (t, r)
    of_z = mixture_entropy(q.mean, q.logvar, q.log_weights, entropy)
    return fit + (rows * (prior + of_z)).sum(-1)


def semisup_bound(
    bound: Callable[[Tensor], Tensor], log_q: Tensor, known: int, shares: tuple[float, float]
) -> Tensor:
    """J / N of eq. 7, (t,): shares[0] mean_l L + shares[1] mean_u U, classes enumerated (eq. 6).

    ``log_q`` (t, b, K), the first ``known`` rows labelled. ``bound`` maps weights (t, r) of rows to
    the weighted sum of their bounds without log p(y); its rows are the labelled ones, then the
    unlabelled ones once for every class, class by class.
    """
    n_classes, unlabelled = log_q.shape[2], log_q[:, known:]
    q = unlabelled.exp() * (shares[1] / max(unlabelled.shape[1], 1))  # (t, b_u, K)
    first = q.new_full((len(q), known), shares[0] / max(known, 1))
    rows = torch.cat([first, q.transpose(1, 2).flatten(1)], 1)  # (t, r)
    log_prior = -math.log(n_classes) * rows.sum(-1)
    return (q * unlabelled).sum((1, 2)) - bound(rows) - log_prior


def classes_of_bound(log_q: Tensor, batch: Batch, warmup_epochs: int) -> Tensor:
    """``log_q`` as U reads it: without gradient in the first ``warmup_epochs`` epochs.

    In these the classifier learns from the labels alone, and the decoders and encoders learn from
    its answers: untrained decoders prefer classes at random, by more than cross-entropy can oppose.
    """
    return log_q.detach() if 0 < batch.epoch <= warmup_epochs else log_q


def with_cross_entropy(
    bound: Tensor, log_q: Tensor, batch: Batch, factor: float = 1.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """``bound`` plus factor c times the mean cross-entropy of labelled rows (eq. 8), and the logs.

    ``log_q`` (t, b, K), or (t, b_l, K), the labelled rows first.
    """
    loss, logs = bound, {"bound": bound.detach()}
    if known := batch.n_labelled:
        error = -(log_q[:, :known] * batch.onehot).sum(-1).mean(-1)
        loss = loss + factor * batch.hyper["c"] * error
        logs["cross_entropy"] = error.detach()
    return loss, logs | {"loss": loss.detach()}


def share(hits: Sequence[Tensor]) -> float:
    """The share of True."""
    return float(torch.cat([hit.flatten() for hit in hits]).double().mean())
