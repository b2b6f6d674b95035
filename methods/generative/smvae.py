"""SMVAE: semi-supervised multi-view VAE with a Gaussian-mixture posterior [du2018, eqs 3-9].

Model: p(y) uniform, p(z) = N(0, I), p(x_v|y,z) Gaussian, independent over views (eq. 3). Inference:
q(y|X) a classifier on all views, q(z|X,y) = sum_v lam_v N(mu_v(x_v,y), diag s2_v(x_v,y)) (eq. 4),
lam = softmax of V logits shared by all rows: the learned weights of the views.

Objective of a minibatch, minimised (eqs 5-8; alpha = c N / N_l, all divided by N = N_l + N_u, and
N_l, N_u "the numbers of labeled and unlabeled data points in one minibatch"):

    F/N = (N_l/N) mean_l L(X,y) + (N_u/N) mean_u U(X) + c mean_l [-log q(y|X)]
    -L(X,y) = sum_l lam_l { sum_v log p(x_v|y,z_l) + E_l log p(z) } + log p(y) + H(lam, mu, s2)
    -U(X)   = sum_y q(y|X) [-L(X,y) - log q(y|X)]           by enumeration of all classes

with z_l = mu_l + s_l eps_l, one draw from every component (supplement B), the same for every y.
Unlabelled rows enter through U; rows with absent views are refused. Prediction: argmax q(y|X).

Departs from the paper:
- nets are not stated beyond their sizes: hidden layers are ReLU, and weights and biases start
  uniform in +-1/sqrt(n_in). With softplus, which the first author's public code of 2017 has, and
  Glorot's values untrained decoders prefer some class of every row, at random, by 3 to 10 nats,
  which outvotes the cross-entropy (its gradient is at most c); here by about half a nat or less;
- the paper states Adam's step size, 3e-4, and no number of epochs. Here a trial takes 2e-3 or 8e-3
  by its tuning score: 6 points higher by epoch 80 in the mean of four pairs of views, and 1001
  epochs at 3e-4 do not make up for it (docs/decisions/0129, 0131);
- for ``warmup_epochs`` epochs U's gradient does not reach q(y|X): log q enters U as a constant, so
  that decoders and encoders learn from the classifier's own soft labels while it learns from the
  cross-entropy alone. Not stated; without it tuning accuracy was 4 to 7 points lower at 3e-4;
- log-variances are bent smoothly into (-8, 8) for z and (``logvar_floor``, 6) for standardised
  data. Without bounds a nearly constant feature sends its density to infinity. The floor of -1
  allows a decoder .37 of a column's own variance, and more; how it was chosen: docs/decisions/0062;
- N(0, 1) prior on every weight but the logits, as L2 / (2N) in the loss (not stated; the
  first author's public code of 2017 has it); ``clip`` bounds gradients as SDGM does (off);
- minibatches are not stated: here an epoch passes over the unlabelled rows in parts of
  at most ``batch``, each with at least ``labelled_rows`` labelled ones. With few labels these are
  over-represented, and with eq. 8 read per minibatch L weighs more than over the whole set
  (``batching="proportional"`` weighs it back; tuning accuracy is then far lower: docs/results.md);
- profile ``authors2017`` keeps lam a softmax where that code has squares with a penalty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, final

from datasets.base import Problem
from methods._nn.classifier import ClassifierModel, ClassifierSpec
from methods._nn.minibatches import counts
from methods._ssvae.entropy import Entropy
from methods._ssvae.method import SemisupConfig, SemisupMethod
from methods._ssvae.model import SemisupVAE
from methods._ssvae.posterior import Mixture
from methods.base import Can, Event, Member, Training, hp

Profile = Literal["paper", "authors2017", "authors2017_head"]
_HEAD: dict[str, Any] = {
    "hidden": (50,),
    "activation": "softplus",
    "entropy": "per_dim",
    "alpha": "5n",
    "init": "glorot",
    "warmup_epochs": 0,
    "learning_rate": 3e-4,
    "logvar_floor": -6.0,
    "labelled_rows": 1,
    "batching": "proportional",
    "batch": None,
}
PROFILES: dict[str, dict[str, Any]] = {
    "paper": {},
    "authors2017": {**_HEAD, "sample_inputs": True, "standardise": False},
    "authors2017_head": _HEAD,
}
"""Switches that a profile sets, whatever their own fields say.

``authors2017``       the first author's public code of 2017: every view is the [means |
                      log-variances] of a VAE of its own; x is drawn from them anew in every
                      step, and at test once for each row id.
``authors2017_head``  the same switches on raw features.
"""


@dataclass(frozen=True)
class Config(SemisupConfig):
    """Settings of SMVAE."""

    profile: Profile = hp("paper", "named set of switches", choices=tuple(PROFILES))
    entropy: str = hp(
        "joint", "entropy bound, eq. 5", choices=("joint", "per_dim", "bhattacharyya")
    )
    weights: str = hp("learned", "lam", choices=("learned", "uniform"))
    alpha: str = hp("paper", "alpha: c N / N_l, or 5 N of 2017", choices=("paper", "5n"))
    share_eps_over_y: bool = hp(True, "one draw serves all classes")
    trains: str = hp(
        "all", "all of F, or q(y|X) by its cross-entropy alone", choices=("all", "classifier")
    )
    sample_inputs: bool = hp(False, "views are [means | log-variances], x is drawn from them")
    standardise: bool = hp(True, "z-score on training rows")

    def resolved(self) -> Config:
        """The settings with those of the profile put in."""
        return replace(self, **PROFILES[self.profile])


@final
class SMVAE(SemisupMethod):
    """Semi-supervised multi-view VAE."""

    version, title = 3, "SMVAE"
    cites = ("Du et al., ACM Multimedia 2018",)
    can = Can(classify=True, unlabelled=True)
    Config = Config

    @classmethod
    def model(cls, config: Config, problem: Problem) -> ClassifierModel:
        entropy = cast(Entropy, config.entropy)
        return SemisupVAE(
            dims=problem.dims,
            n_classes=problem.n_classes,
            shares=config.shares(problem),
            posterior=Mixture(len(problem.dims), entropy, config.weights == "learned"),
            sampled=config.sample_inputs,
            classifier_alone=config.trains == "classifier",
            **config.model_settings(),
        )

    @classmethod
    def spec(cls, config: Config, problem: Problem) -> ClassifierSpec:
        config = config.resolved()
        return replace(
            super().spec(config, problem),
            share_eps=config.share_eps_over_y,
            standardise=config.standardise,
        )

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        config, problem = members[0].config.resolved(), members[0].problem
        if config.alpha == "5n":
            # alpha = 5 N on the sum of cross-entropies: 5 N_l on their mean, N_l of a minibatch.
            known = config.minibatches().sizes(*counts(problem)).labelled
            members = [replace(m, config=replace(m.config, c=5.0 * known)) for m in members]
        return super().fit_stack(members, training, state)

    @classmethod
    def effort(cls, config: Config) -> float:
        return 1.0 if config.trains == "all" else 0.15
