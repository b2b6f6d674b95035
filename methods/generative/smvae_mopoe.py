"""SMVAE with a mixture of products: q(z|X,y) mixes products over all sets of views [sutter2021].

Model, objective, networks and training are SMVAE's [du2018, eqs 3 and 5-8]. The posterior alone
is another (eq. 4): the equal mixture, over all 2^V - 1 non-empty sets A of views, of

    N(z; 0, I) prod_{v in A} N(z; mu_v(x_v,y), diag s2_v(x_v,y)), normalised,

with SMVAE's bound on the entropy of a mixture and one draw of z from every component. It holds the
product of all views and, but for the prior's share, the single views. Unlabelled rows enter through
U; rows with absent views are refused. Prediction: argmax q(y|X). Of more than five views there are
so many sets that a fit declines.

Departs from the paper: the paper has a mixture over single views with learned weights in its
place; this row tells what that contributes. Of its source: Sutter, Daunhawer and Vogt train
without labels; here the prior is one of the experts of every product, not of the whole set alone,
and the empty set is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, final

from datasets.base import Problem
from methods._nn.classifier import ClassifierModel
from methods._ssvae.entropy import Entropy
from methods._ssvae.method import SemisupConfig, SemisupMethod
from methods._ssvae.model import SemisupVAE
from methods._ssvae.products import MixtureOfProducts
from methods.base import Can, Shape, SkipError, Training, hp

MOST_VIEWS = 5


@dataclass(frozen=True)
class Config(SemisupConfig):
    """Settings of SMVAE."""

    entropy: str = hp(
        "joint", "entropy bound, eq. 5", choices=("joint", "per_dim", "bhattacharyya")
    )


@final
class MixtureOfProductsSMVAE(SemisupMethod):
    """Semi-supervised multi-view VAE with a mixture of products of experts."""

    version, title = 2, "SMVAE, mixture of products"
    cites = ("Sutter, Daunhawer and Vogt, ICLR 2021",)
    can, Config = Can(classify=True, unlabelled=True), Config

    @classmethod
    def model(cls, config: Config, problem: Problem) -> ClassifierModel:
        """Raises SkipError above ``MOST_VIEWS`` views."""
        views = len(problem.dims)
        if views > MOST_VIEWS:
            raise SkipError(
                f"it draws from {2**views - 1} products of {views} views; "
                f"it takes at most {MOST_VIEWS} views"
            )
        return SemisupVAE(
            dims=problem.dims,
            n_classes=problem.n_classes,
            shares=config.shares(problem),
            posterior=MixtureOfProducts(views, cast(Entropy, config.entropy)),
            **config.model_settings(),
        )

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Encoders as in SMVAE; decoders, two thirds of its cost, for a draw from every product."""
        views = len(shape.dims)
        products = 2 ** min(views, MOST_VIEWS) - 1
        return super().cost(shape, config, training) * (2 * products + views) / (3 * views)
