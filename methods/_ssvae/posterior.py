"""How the encoders' Gaussians, one a view, become q(z|X,y).

Encoder v gives N(mu_v, diag s2_v). A :class:`Posterior` makes of them a mixture of C Gaussians,
which is what the bound reads: :class:`Mixture` keeps them as its components (eq. 4 of Du et al.
2018); a product of experts would make one Gaussian of them (docs/extending.md).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from methods._nn.layers import Parameter, Params
from methods._ssvae.entropy import Entropy


class Components(NamedTuple):
    """A mixture of C Gaussians with diagonal covariances, for r rows.

    ``mean``, ``logvar`` (t, C, r, D); ``log_weights`` (t, C), or (t, C, r) where they differ
    between rows (-inf: no such component), log-probabilities.
    """

    mean: Tensor
    logvar: Tensor
    log_weights: Tensor


@dataclass(frozen=True)
class Posterior(ABC):
    """q(z|X,y) of ``views`` views. Names of parameters must not be those of networks."""

    views: int

    @property
    @abstractmethod
    def components(self) -> int:
        """C."""

    @property
    @abstractmethod
    def entropy(self) -> Entropy:
        """The entropy in the objective: ``exact`` for one component, else a bound."""

    @property
    def tight(self) -> Entropy:
        """The tightest entropy there is, for the reported bound."""
        return "exact" if self.components == 1 else "bhattacharyya"

    def parameters(self) -> dict[str, Parameter]:
        """Parameters of its own."""
        return {}

    @abstractmethod
    def combine(
        self, p: Params, mean: Tensor, logvar: Tensor, present: Tensor | None = None
    ) -> Components:
        """The posterior from what the encoders say, ``mean`` and ``logvar`` (t, V, r, D).

        ``present`` (t, V, r) of 0 and 1: views that are 0 must not enter (None: all do).
        """

    def logs(self, p: Params) -> dict[str, Tensor]:
        """What is logged every epoch, (t, ...) by name."""
        return {}

    def facts(self, p: Params) -> dict[str, float]:
        """What is reported of a trained member."""
        return {}


@dataclass(frozen=True)
class Mixture(Posterior):
    """sum_v lam_v N(mu_v, diag s2_v), lam the softmax of logits shared by all rows, or uniform.

    ``bound`` names the entropy bound; a single view has its exact entropy if that is ``exact``.
    """

    bound: Entropy = "joint"
    learn_weights: bool = True

    @property
    def components(self) -> int:
        return self.views

    @property
    def entropy(self) -> Entropy:
        return self.bound

    def parameters(self) -> dict[str, Parameter]:
        if self.learn_weights and self.views > 1:
            return {"logits": Parameter((self.views,), prior=False)}
        return {}

    def combine(
        self, p: Params, mean: Tensor, logvar: Tensor, present: Tensor | None = None
    ) -> Components:
        weights = self.log_weights(p)
        if present is not None:
            weights = weights[..., None].masked_fill(present == 0, -torch.inf).log_softmax(1)
        return Components(mean, logvar, weights)

    def log_weights(self, p: Params) -> Tensor:
        """Log lam (t, V)."""
        if "logits" in p:
            return torch.log_softmax(p["logits"], -1)
        like = next(iter(p.values()))
        return like.new_full((len(like), self.views), -math.log(self.views))

    def logs(self, p: Params) -> dict[str, Tensor]:
        return {"view_weights": self.log_weights(p).detach().exp()}

    def facts(self, p: Params) -> dict[str, float]:
        weights = self.log_weights(p).exp()[0].tolist()
        return {f"weight_{v}": weight for v, weight in enumerate(weights)}
