"""Posteriors that multiply the encoders' Gaussians: a product of experts, a mixture of products.

The product over views v of a set A, with the prior as one more expert [wu2018],

    N(z; 0, I) prod_{v in A} N(z; mu_v, diag s2_v), normalised,

is a Gaussian of precision 1 + sum_{v in A} 1 / s2_v and mean sum_{v in A} (mu_v / s2_v) over that
precision. A view that a row lacks is left out of the product, and nothing stands in for it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from methods._nn.layers import Params
from methods._ssvae.entropy import Entropy
from methods._ssvae.posterior import Components, Posterior


@dataclass(frozen=True)
class ProductOfExperts(Posterior):
    """One Gaussian, the product over all views that a row has; its entropy is exact."""

    @property
    def components(self) -> int:
        return 1

    @property
    def entropy(self) -> Entropy:
        return "exact"

    def combine(
        self, p: Params, mean: Tensor, logvar: Tensor, present: Tensor | None = None
    ) -> Components:
        precision = torch.exp(-logvar)
        if present is not None:
            precision = precision * present[..., None]
        product, logvar = _products(precision, mean, precision.new_ones(1, self.views))
        return Components(product, logvar, mean.new_zeros(len(mean), 1))


@dataclass(frozen=True)
class MixtureOfProducts(Posterior):
    """The equal mixture of the products over all non-empty sets of views [sutter2021].

    Of V views there are 2^V - 1 sets. Where a row lacks views, the sets that have none of them
    are mixed. ``bound`` names the entropy bound.
    """

    bound: Entropy = "joint"

    @property
    def components(self) -> int:
        return len(self.sets)

    @property
    def entropy(self) -> Entropy:
        return self.bound

    @property
    def sets(self) -> tuple[tuple[int, ...], ...]:
        """All non-empty sets of views, smaller ones first."""
        views = range(self.views)
        sizes = range(1, self.views + 1)
        return tuple(s for size in sizes for s in itertools.combinations(views, size))

    def combine(
        self, p: Params, mean: Tensor, logvar: Tensor, present: Tensor | None = None
    ) -> Components:
        member = mean.new_zeros(self.components, self.views)
        for row, views in zip(member, self.sets, strict=True):
            for v in views:  # indices in a list would have to be copied to the device
                row[v].fill_(1)
        products, logvars = _products(torch.exp(-logvar), mean, member)
        if present is None:
            weights = mean.new_full((len(mean), self.components), -math.log(self.components))
        else:
            lacks = torch.einsum("cv,tvr->tcr", member, 1 - present) > 0
            weights = torch.zeros_like(products[..., 0]).masked_fill(lacks, -torch.inf)
            weights = weights.log_softmax(1)
        return Components(products, logvars, weights)


def _products(precision: Tensor, mean: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """Means and log-variances (t, C, r, D) of the products over sets of experts, and the prior.

    ``precision`` and ``mean`` (t, V, r, D) of the experts; ``member`` (C, V) of 0 and 1.
    """
    total = 1 + torch.einsum("cv,tvrd->tcrd", member, precision)
    weighted = torch.einsum("cv,tvrd->tcrd", member, precision * mean)
    return weighted / total, -total.log()
