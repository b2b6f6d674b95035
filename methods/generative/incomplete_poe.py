"""PoE-VAE: semi-supervised product-of-experts VAE of rows that may lack views [wu2018].

SiMVAE's rival without a net that guesses absent views: the expert of an absent view drops out.
Model: p(y) uniform, p(z) = N(0, I), p(x_v|y,z) Gaussian, independent over views. Inference, for a
row that has the views O: q(y|x_O), a classifier that reads zeros, the means, where a view is
absent, and

    q(z|x_S,y) = N(z; 0, I) prod_{v in S} N(z; mu_v(x_v,y), diag s2_v(x_v,y)), normalised,

with S = O, or (``shown="random"``) those of O that a coin leaves: every view that rows may lack is
hidden from the encoders with probability 1/2, unless none would be left. Objective, minimised,
weighed as SMVAE's [du2018, eqs 6-8]:

    F/N = (N_l/N) mean_l L + (N_u/N) mean_u U + c mean_l [-log q(y|x_O)]
    -L(x_O,y) = E_q(z|x_S,y) sum_{v in O} log p(x_v|y,z) - KL(q(z|x_S,y), p(z)) + log p(y)
    -U(x_O)   = sum_y q(y|x_O) [-L(x_O,y) - log q(y|x_O)]

which bounds log p(x_O, y) and log p(x_O) for every S. Absent views enter no term; decoders explain
hidden ones, and so learn to predict a view from others. Which S serves better is a candidate.

Prediction: argmax q(y|x_O). Imputation: mean and variance of

    sum_y q(y|x_O) E_q(z|x_O,y) p(x_m|y,z),   over 16 fixed draws of z for each class.

Departs from the paper: the paper has no such row; networks, training settings, minibatches and
tuning are SMVAE's here. Of its source: Wu and Goodman train without labels, and sum the bounds of
all views, of each and of random sets, each of which explains its own views alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, final

from datasets.base import Problem
from methods._nn.classifier import ClassifierModel
from methods._ssvae.dropping import DroppingVAE, Shown
from methods._ssvae.method import SemisupConfig, SemisupMethod
from methods._ssvae.products import ProductOfExperts
from methods.base import Can, hp


@dataclass(frozen=True)
class Config(SemisupConfig):
    """Settings of PoE-VAE."""

    shown: str = hp(
        "all",
        "views of a row that the encoders read, in training",
        grid=("all", "random"),
        choices=("all", "random"),
    )


@final
class IncompletePoE(SemisupMethod):
    """Semi-supervised product-of-experts VAE that drops absent experts."""

    version, title = 2, "PoE-VAE, absent experts dropped"
    cites = ("Wu and Goodman, NeurIPS 2018",)
    can = Can(classify=True, impute=True, unlabelled=True, missing_views=True)
    Config = Config

    @classmethod
    def model(cls, config: Config, problem: Problem) -> ClassifierModel:
        names = problem.view_names
        return DroppingVAE(
            dims=problem.dims,
            n_classes=problem.n_classes,
            shares=config.shares(problem),
            posterior=ProductOfExperts(len(names)),
            may_miss=tuple(v for v, name in enumerate(names) if name in problem.may_miss),
            shown=cast(Shown, config.shown),
            **config.model_settings(),
        )
