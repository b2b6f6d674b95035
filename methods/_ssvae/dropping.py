"""A semi-supervised VAE of rows that may lack views: what is absent is left out of every term.

For a row that has the views O, and any set S of them, Jensen with q(z|x_S,y) gives

    log p(x_O, y) >= E_q(z|x_S,y) sum_{v in O} log p(x_v|y,z) - KL(q(z|x_S,y), p(z)) + log p(y)

and, with q(y|x_O), the bound on log p(x_O) of rows without their label, as in SMVAE (eqs 5, 6 of
Du et al. 2018). q(z|x_S,y) is a posterior of the experts in S alone, so that no view is guessed
before it is asked for. Views that may be absent are then predicted from the others:

    p(x_m|x_O) = sum_y q(y|x_O) E_q(z|x_O,y) p(x_m|y,z).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from methods._nn import rng
from methods._nn.classifier import FixedDraws
from methods._nn.data import Batch, BatchSizes
from methods._nn.densities import DATA_LIMIT, smooth_clamp
from methods._nn.fused_gaussian import Target
from methods._nn.layers import Params
from methods._nn.networks import part, repeat_classes
from methods._ssvae.bound import Likelihood
from methods._ssvae.entropy import Entropy
from methods._ssvae.model import SemisupVAE

Shown = Literal["all", "random"]
"""S: all views that a row has, or those that a coin leaves of the views that rows may lack."""
DRAWS = 16
"""Draws of z behind an imputed view, a class: eight and their opposites, the same for all rows."""


@dataclass(frozen=True)
class DroppingVAE(SemisupVAE):
    """A :class:`SemisupVAE` without edges of rows that may lack views; one component alone.

    ``shown`` says which S a step has. "random": each view of ``may_miss`` that a row has is hidden
    with probability 1/2 from the encoders, unless nothing would be left; decoders explain it all
    the same, and so learn to predict a view from the others. The classifier reads zeros, the means,
    where a view is absent, so that its part of the first layer drops out.

    Noise is that of the base, and ``coins`` (t, b, V) where ``shown`` asks for them.
    """

    may_miss: tuple[int, ...] = ()
    shown: Shown = "random"

    def draws(self, sizes: BatchSizes, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        shapes = super().draws(sizes, samples, share_eps)
        if self.shown == "random":
            shapes["coins"] = (sizes.labelled + sizes.unlabelled, len(self.dims))
        return shapes

    def experts(self, batch: Batch) -> Tensor:
        """Which views the encoders read, (t, b, V) of 0 and 1: never none of a row."""
        present = batch.present
        if self.shown == "all":
            return present
        left = present.clone()
        for v in self.may_miss:
            left[..., v] *= batch.noise["coins"][..., v] > 0
        return torch.where(left.amax(-1, keepdim=True) > 0, left, present)

    def objective(
        self, p: Params, batch: Batch, shares: tuple[float, float], entropy: Entropy
    ) -> tuple[Tensor, Tensor]:
        """J / N (t,) with ``shares`` (N_l / N, N_u / N), and log q(y|x_O) of all (t, b, K)."""
        log_q = self.log_q(p, batch.x, part(batch.noise, "cls"))
        return self.evidence(p, batch, log_q, shares, entropy, self.experts(batch)), log_q

    def likelihood(self, p: Params, x: tuple[Tensor, ...], batch: Batch) -> Likelihood:
        """The sum over the views that a row has, as :func:`weighted_bound` asks for it."""
        known, onehot = batch.n_labelled, batch.onehot
        present = repeat_classes(batch.present, known, self.n_classes)  # (t, r, V)

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            total = z.new_zeros(len(z))
            for v, view in enumerate(x):
                explained = repeat_classes(view, known, self.n_classes)
                counted = weight * present[:, None, :, v]
                target = Target(explained, counted, batch.keep[v], self.logvar_floor)
                weights, noise = part(p, f"dec{v}"), part(batch.noise, f"dec{v}")
                decoder = self.networks.decoder_of(v)
                total = total + decoder.log_likelihood(weights, z, noise, onehot, target)
            return total

        return summed

    def classify(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: FixedDraws
    ) -> Tensor:
        """Log q(y|x_O) (t, n, K); what stands in an absent view is not read."""
        return self.log_q(p, _zeroed(x, present))

    def impute(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Means and log-variances (1, n, d_v) of p(x_v|x_O), over ``DRAWS`` draws of z a class."""
        x = _zeroed(x, present)
        wanted = [v for v in range(len(x)) if not bool(present[..., v].all())]
        means, logvars = list(x), [torch.full_like(view, -torch.inf) for view in x]
        if wanted:
            first = {v: torch.zeros_like(x[v]) for v in wanted}
            second = {v: torch.zeros_like(x[v]) for v in wanted}
            for weight, z, y in self._latent(p, x, present):
                for v in wanted:
                    mean, var = self._decoded(p, v, z, y)
                    first[v] = first[v] + weight * mean
                    second[v] = second[v] + weight * (var + mean.square())
            for v in wanted:
                spread = (second[v] - first[v].square()).clamp(min=torch.finfo(x[v].dtype).tiny)
                means[v], logvars[v] = first[v], spread.log()
        return tuple(means), tuple(logvars)

    def _latent(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Weights (t, n, 1) that sum to 1 over all that is yielded, samples of z, and classes."""
        q = self.log_q(p, x).exp()
        source = rng.generator(0, "draws of imputation")
        half = torch.randn(DRAWS // 2, self.latent, generator=source).to(x[0])
        (t, n), classes = present.shape[:2], torch.eye(self.n_classes).to(x[0])
        for k, one in enumerate(classes):
            y = one.expand(t, n, -1)
            batch = Batch(x, present, y, n, {}, {}, (None,) * len(x))  # as if labelled so
            mean, logvar = self.encoded(p, x, batch)
            of_z = self.posterior.combine(p, mean, logvar, present.transpose(1, 2))
            centre, std = of_z.mean[:, 0], (0.5 * of_z.logvar[:, 0]).exp()
            for eps in torch.cat([half, -half]):
                yield q[..., k, None] / DRAWS, torch.addcmul(centre, std, eps), y

    def _decoded(self, p: Params, v: int, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (t, n, d_v) of p(x_v|y,z)."""
        raw = self.networks.decoder_of(v).apply(part(p, f"dec{v}"), {"z": z, "y": y})
        mean, spread = raw.chunk(2, -1)
        middle, half = (DATA_LIMIT + self.logvar_floor) / 2, (DATA_LIMIT - self.logvar_floor) / 2
        return mean, (middle + smooth_clamp(spread - middle, half)).exp()


def _zeroed(x: tuple[Tensor, ...], present: Tensor) -> tuple[Tensor, ...]:
    """Views with zeros where they are absent."""
    return tuple(view * present[..., v, None] for v, view in enumerate(x))
