"""A mixture whose weights differ from row to row, by what the encoders say of the row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from methods._nn.layers import Parameter, Params
from methods._ssvae.entropy import Entropy
from methods._ssvae.posterior import Components, Posterior


@dataclass(frozen=True)
class GatedMixture(Posterior):
    """sum_v lam_v(X, y) N(mu_v, diag s2_v), with weights of every row's own.

        lam_v(X, y) = softmax over v of a_v + w_v . [mu_v(x_v, y), log s2_v(x_v, y)]

    a are the logits of :class:`~methods._ssvae.posterior.Mixture`, shared by all rows; w starts at
    zero, where it is that mixture, and has the weight prior of the networks. ``latent`` is the
    width of z, ``bound`` names the entropy bound.
    """

    latent: int
    bound: Entropy = "joint"

    @property
    def components(self) -> int:
        return self.views

    @property
    def entropy(self) -> Entropy:
        return self.bound

    def parameters(self) -> dict[str, Parameter]:
        return {
            "logits": Parameter((self.views,), prior=False),
            "gate": Parameter((self.views, 2 * self.latent)),
        }

    def combine(
        self, p: Params, mean: Tensor, logvar: Tensor, present: Tensor | None = None
    ) -> Components:
        of_mean, of_spread = p["gate"].split(self.latent, -1)  # (t, V, D) each
        scores = p["logits"][..., None]
        scores = scores + torch.einsum("tvd,tvrd->tvr", of_mean, mean)
        scores = scores + torch.einsum("tvd,tvrd->tvr", of_spread, logvar)
        if present is not None:
            scores = scores.masked_fill(present == 0, -torch.inf)
        return Components(mean, logvar, scores.log_softmax(1))

    def facts(self, p: Params) -> dict[str, float]:
        """The length of every w_v: 0 where the weights do not differ between rows."""
        lengths = p["gate"].norm(dim=-1)[0].tolist()
        return {f"gate_{v}": length for v, length in enumerate(lengths)}
