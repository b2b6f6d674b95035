"""SDGM+: SDGM whose auxiliary variable is drawn to the absent views [du2018, section 3.3.4].

x_o are the views that every row has, side by side, x_m those that a row may lack. SDGM [maaloe2016;
see its page] models x_o, with an auxiliary variable a of x_m's width, and rows that have x_m teach
q_psi(a|x_o) = N(mu_psi(x_o), diag s2_psi(x_o)) to predict it (eq. 18):

    F = J_SDGM + alpha3 sum_{complete rows} -log q_psi(a = x_m|x_o)

divided, like SDGM, by the N rows of the training set; J_SDGM includes its cross-entropy:

    F/N = w_l mean_l L(x_o,y) + w_u mean_u U(x_o) + e c mean_l [-log mean_a q(y|a,x_o)]
          + alpha3 (w_l + w_u) (1/N) sum_{complete rows} -log q_psi(a = x_m|x_o)

w_l = w_u = 1 and e = N / N_l in SDGM's own normalisation, the default; in "paper" w_l and w_u are
shares that sum to 1, and e = 1. The factor w_l + w_u gives alpha3 the same weight against J in
both. In a minibatch, labelled rows count for the last term by their share of the training set.

Taken literally a is a draw from q_psi in every row, complete or not, also where J is computed, and
the classifier reads draws: the mean of q(y|a,x_o) over 100 of them, fixed by the member's seed and
the row's id. So x_m itself is never read but as a target, nor at test. ``clamp_a`` is the control
that reads it: a = x_m where a row has it, in training (the bound is then on log p(x_o, x_m)) and at
test. Unlabelled rows enter through U. Rows that lack some of several views x_m add the
log-densities of those that they have. Needs a view that no row lacks.

Imputation: the mean of q_psi(a|x_o), with its variance.

Departs from the paper:
- all that SDGM departs in (see its page): nets are SMVAE's, c is tuned over SMVAE's grid besides
  alpha3 (the paper names alpha3 alone); a budget of one point takes c as SDGM does and alpha3 = 10,
  at which tuning rows of two open data sets were classified best, or as well as anywhere, and
  imputed best;
- the log-variances of q_psi are bounded as those of standardised data are, (-6, 6), and not as
  those of a latent variable, for a stands for data and p(a|z,y) has these bounds too;
- eq. 18 does not say whether its sum is normalised: see above;
- a column of x_m that is constant in training is no target, and an entry of a like any of SDGM's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

from datasets.base import Problem
from methods._nn.classifier import ClassifierModel
from methods._nn.densities import DATA_LIMIT
from methods._nn.minibatches import counts, proportions
from methods._nn.missing import split_views
from methods._ssvae.method import SemisupMethod
from methods._ssvae.skip import SkipVAE
from methods._ssvae.skip_missing import ImputingSkipVAE
from methods.base import Can, Shape, Training, hp
from methods.generative._skip import SkipConfig


@dataclass(frozen=True)
class Config(SkipConfig):
    """Settings of SDGM+."""

    alpha3: float = hp(
        10.0,
        "weight of -log q(a = x_m|x_o)",
        grid=(1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3),
        low=0.0,
        high=1e9,
        batchable=True,
    )
    clamp_a: bool = hp(False, "a is x_m where a row has it, in training and at test")


@final
class SDGMPlus(SemisupMethod):
    """Skip deep generative model that imputes."""

    version, title = 3, "SDGM+"
    cites = ("Du et al., ACM Multimedia 2018", "Maaløe et al., ICML 2016")
    can = Can(classify=True, impute=True, unlabelled=True, missing_views=True, views=2)
    Config = Config

    @classmethod
    def model(cls, config: Config, problem: Problem) -> ClassifierModel:
        always, maybe = split_views(problem)
        shares, error_weight = config.weights(problem)
        core = SkipVAE(
            width=sum(problem.dims[v] for v in always),
            n_classes=problem.n_classes,
            shares=shares,
            error_weight=error_weight,
            auxiliary=sum(problem.dims[v] for v in maybe),
            auxiliary_limit=DATA_LIMIT,
            **config.model_settings(),
        )
        share = proportions(*counts(problem))
        return ImputingSkipVAE(core, problem.dims, always, maybe, share, config.clamp_a)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        return super().cost(replace(shape, dims=(sum(shape.dims),)), config, training)

    @classmethod
    def effort(cls, config: Config) -> float:
        return 1.6 * config.mc_samples
