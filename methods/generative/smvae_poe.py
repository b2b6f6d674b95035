"""SMVAE with a product of experts: q(z|X,y) multiplies the views' Gaussians [wu2018].

Model, objective, networks and training are SMVAE's [du2018, eqs 3 and 5-8]. The posterior alone
is another (eq. 4):

    q(z|X,y) = N(z; 0, I) prod_v N(z; mu_v(x_v,y), diag s2_v(x_v,y)), normalised,

one Gaussian of precision 1 + sum_v 1 / s2_v and mean sum_v (mu_v / s2_v) over that precision, so
that one draw of z replaces one for each view. Its entropy is exact; SMVAE's bound of a single
Gaussian is lower by a constant and has the same gradients. Unlabelled rows enter through U; rows
with absent views are refused (``incomplete_poe`` reads them). Prediction: argmax q(y|X).

Departs from the paper: the paper has a mixture with learned weights in its place; this row tells
what that contributes. Of its source: Wu and Goodman train without labels, and on sets of the views
besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from datasets.base import Problem
from methods._nn.classifier import ClassifierModel
from methods._ssvae.method import SemisupConfig, SemisupMethod
from methods._ssvae.model import SemisupVAE
from methods._ssvae.products import ProductOfExperts
from methods.base import Can, Shape, Training


@dataclass(frozen=True)
class Config(SemisupConfig):
    """Settings of SMVAE."""


@final
class ProductSMVAE(SemisupMethod):
    """Semi-supervised multi-view VAE with a product of experts."""

    version, title = 2, "SMVAE, product of experts"
    cites = ("Wu and Goodman, NeurIPS 2018",)
    can, Config = Can(classify=True, unlabelled=True), Config

    @classmethod
    def model(cls, config: Config, problem: Problem) -> ClassifierModel:
        return SemisupVAE(
            dims=problem.dims,
            n_classes=problem.n_classes,
            shares=config.shares(problem),
            posterior=ProductOfExperts(len(problem.dims)),
            **config.model_settings(),
        )

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Encoders as in SMVAE; decoders, two thirds of its cost, for one draw, not one a view."""
        views = len(shape.dims)
        return super().cost(shape, config, training) * (2 + views) / (3 * views)
