"""SMVAE with view weights of every row's own: a gate reads what the encoders say of the row.

Model, objective, networks and training are SMVAE's [du2018, eqs 3 and 5-8], and so is the mixture
of the views' Gaussians (eq. 4) but for its weights, which SMVAE has in common for all rows:

    lam_v(X,y) = softmax over v of a_v + w_v . [mu_v(x_v,y), log s2_v(x_v,y)]

a mixture of experts with a linear gate [jacobs1991], here on the encoders' outputs. w starts at
zero, where the two are the same, and has the N(0, 1) prior of the networks. Unlabelled rows enter
through U; rows with absent views are refused. Prediction: argmax q(y|X).

Departs from the paper: the paper's weights are shared by all rows; this row tells whether they had
better not be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, final

from datasets.base import Problem
from methods._nn.classifier import ClassifierModel
from methods._ssvae.entropy import Entropy
from methods._ssvae.gated import GatedMixture
from methods._ssvae.method import SemisupConfig, SemisupMethod
from methods._ssvae.model import SemisupVAE
from methods.base import Can, hp


@dataclass(frozen=True)
class Config(SemisupConfig):
    """Settings of SMVAE."""

    entropy: str = hp(
        "joint", "entropy bound, eq. 5", choices=("joint", "per_dim", "bhattacharyya")
    )


@final
class GatedSMVAE(SemisupMethod):
    """Semi-supervised multi-view VAE whose view weights differ between rows."""

    version, title = 2, "SMVAE, view weights per row"
    cites = ("Jacobs, Jordan, Nowlan and Hinton, Neural Computation 1991",)
    can, Config = Can(classify=True, unlabelled=True), Config

    @classmethod
    def model(cls, config: Config, problem: Problem) -> ClassifierModel:
        posterior = GatedMixture(len(problem.dims), config.latent, cast(Entropy, config.entropy))
        return SemisupVAE(
            dims=problem.dims,
            n_classes=problem.n_classes,
            shares=config.shares(problem),
            posterior=posterior,
            **config.model_settings(),
        )
