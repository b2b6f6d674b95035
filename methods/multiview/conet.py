"""CoNet (reconstruction): a net generates absent views so that they help to classify.

Quanz and Huan [CIKM 2012] are known here by their abstract alone: a function generates the view
that a row lacks from the one it has, learned so that generated features serve a semi-supervised
learner of both views. Du et al. [2018] describe theirs, of which no code is public, as a
feed-forward net that predicts the absent view from the existing one and partly observed labels. The
objective is ours. g maps the views that every row has, side by side, to those that a row may lack;
every view has a classifier f_v, which reads x~_v: x_v where a row has it, g_v(x_o) where not.
Minimised:

    sum_m mean_{rows with x_m} |x_m - g_m(x_o)|^2
    + gamma mean_l sum_v [-log f_v(x~_v)_y]
    + beta mean sum_{v<w} |f_v(x~_v) - f_w(x~_w)|^2 + eta |all parameters|^2

with views z-scored, means over the training set (of a minibatch in training, where labelled rows
count by their share of the training set, and of its labelled rows). gamma and beta steer g through
the rows that lack a view: what it generates there has to tell the class (labelled rows) and to
agree with the views that are there (all rows). Unlabelled rows enter through the first and third
term. Prediction: the largest mean of all f_v. Imputation: g, without a variance. Needs a view that
no row lacks.

``form="shared_hidden"`` is the least that fits Du et al.'s sentences: one net of x_o whose last
hidden layer feeds both g and a single classifier, which never reads x_m:

    sum_m mean_{rows with x_m} |x_m - g_m(x_o)|^2 + gamma mean_l [-log f(x_o)_y] + eta |..|^2

Departs from the paper: neither paper gives nets or weights of the terms; g has 100-50-30-50-100
hidden units and f_v 100-50, as SMVAE and its decoders; gamma and beta are tuned on tuning rows, and
a budget of one point takes 1 for both, which did well on those of two open data sets; so did
Adam's step of 1e-3, against the 3e-4 that Du et al. state for SMVAE.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import cast, final

import torch
from torch import Tensor

from datasets.base import Problem
from methods import base
from methods._nn.classifier import ClassifierSpec, FixedDraws, fit
from methods._nn.data import Batch, BatchSizes
from methods._nn.layers import Activation, Init, ParameterLayout, Params
from methods._nn.minibatches import Minibatches, counts, proportions
from methods._nn.missing import require_present, row_weights, split_views
from methods._nn.networks import MLP, named, part
from methods.base import Can, Event, Member, Shape, StackedMethod, Training, hp

WEIGHTS = (0.01, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Config(base.Config):
    """Settings of CoNet."""

    form: str = hp("heads", "see above", choices=("heads", "shared_hidden"))
    gamma: float = hp(
        1.0, "weight of cross-entropy", grid=WEIGHTS, low=0.0, high=1e6, batchable=True
    )
    beta: float = hp(1.0, "weight of disagreement", grid=WEIGHTS, low=0.0, high=1e6, batchable=True)
    eta: float = hp(1e-4, "weight of the squared parameters", low=0.0, high=1e3)
    generator: tuple[int, ...] = hp((100, 50, 30, 50, 100), "hidden layers of g")
    hidden: tuple[int, ...] = hp((100, 50), "those of a classifier, and of the shared net")
    activation: str = hp("softplus", "nonlinearity", choices=("softplus", "relu", "identity"))
    init: str = hp("glorot", "initial weights, see layers.Init", choices=("fan_in", "glorot"))
    batches_per_epoch: int = hp(10, "least minibatches of an epoch", low=1, high=100_000)
    batch: int | None = hp(100, "most unlabelled rows of a minibatch; None: no bound", low=1)
    labelled_rows: int = hp(24, "least labelled rows a minibatch, as far as there are", low=1)
    learning_rate: float = hp(
        1e-3, "Adam's step size", low=1e-6, high=1.0, batchable=True, tune=(1e-4, 1e-2)
    )
    clip: float = hp(0.0, "largest gradient norm (0: none)", low=0, high=1e9)

    def minibatches(self) -> Minibatches:
        """How minibatches are cut."""
        return Minibatches("proportional", self.batches_per_epoch, self.labelled_rows, self.batch)


@dataclass(frozen=True)
class Model:
    """g and the classifiers; the functions of the objective.

    ``always``, ``maybe`` are positions of views; ``proportions`` (N_l / N, N_u / N) of the training
    set; ``shared``: one net for g and a single classifier.
    """

    dims: tuple[int, ...]
    always: tuple[int, ...]
    maybe: tuple[int, ...]
    n_classes: int
    proportions: tuple[float, float]
    generator: tuple[int, ...] = (100, 50, 30, 50, 100)
    hidden: tuple[int, ...] = (100, 50)
    activation: Activation = "softplus"
    init: Init = "glorot"
    shared: bool = False

    @property
    def widths(self) -> list[int]:
        """What g puts out: features of each absent view, and scores of classes if it is shared."""
        return [self.dims[v] for v in self.maybe] + [self.n_classes] * self.shared

    @property
    def generator_net(self) -> MLP:
        """The architecture of g, or of the shared network."""
        hidden = self.hidden if self.shared else self.generator
        return MLP(hidden, self.activation, self.init)

    @property
    def head(self) -> MLP:
        """The architecture of a classifier."""
        return MLP(self.hidden, self.activation, self.init)

    @property
    def layout(self) -> ParameterLayout:
        inputs = {f"x{v}": self.dims[v] for v in self.always}
        declared = named("gen", self.generator_net.parameters(inputs, sum(self.widths)))
        if not self.shared:
            for v, width in enumerate(self.dims):
                declared |= named(f"head{v}", self.head.parameters({"x": width}, self.n_classes))
        return ParameterLayout(declared)

    def answers(
        self, p: Params, x: Sequence[Tensor], present: Tensor
    ) -> tuple[dict[int, Tensor], list[Tensor]]:
        """Generated views (t, b, d_m) by position, and log f_v (t, b, K) of every classifier."""
        inputs = {f"x{v}": x[v] for v in self.always}
        parts = self.generator_net.apply(part(p, "gen"), inputs).split(self.widths, -1)
        generated = dict(zip(self.maybe, parts, strict=False))
        if self.shared:
            return generated, [torch.log_softmax(parts[-1], -1)]
        scores = [
            self.head.apply(part(p, f"head{v}"), {"x": view})
            for v, view in enumerate(completed(x, present, generated))
        ]
        return generated, [torch.log_softmax(score, -1) for score in scores]

    def terms(self, p: Params, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Error of generation, cross-entropy of all classifiers, their disagreement, each (t,)."""
        generated, log_f = self.answers(p, batch.x, batch.present)
        known, weights = batch.n_labelled, row_weights(batch, self.proportions)
        error = entropy = apart = log_f[0].new_zeros(len(log_f[0]))
        for v, guess in generated.items():
            counted = weights * batch.present[..., v]  # (t, b)
            squares = (batch.x[v] - guess).square().sum(-1)
            # Without a row that has the view the numerator is zero.
            error = error + (counted * squares).sum(-1) / counted.sum(-1).clamp(min=1e-30)
        if known:
            right = torch.stack([answer[:, :known] for answer in log_f]).sum(0)
            entropy = -(right * batch.onehot).sum(-1).mean(-1)
        for first, second in combinations([answer.exp() for answer in log_f], 2):
            apart = apart + (first - second).square().sum(-1) @ weights
        return error, entropy, apart

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective (t,) without eta's term, and its terms."""
        error, entropy, apart = self.terms(p, batch)
        loss = error + batch.hyper["gamma"] * entropy + batch.hyper["beta"] * apart
        logs = {"generation": error, "cross_entropy": entropy, "disagreement": apart, "loss": loss}
        return loss, {name: value.detach() for name, value in logs.items()}

    def draws(self, sizes: BatchSizes, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        """Nothing is drawn."""
        return {}

    def classify(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: FixedDraws
    ) -> Tensor:
        """Log of the mean of all classifiers, (1, n, K)."""
        require_present(present, self.always)
        log_f = self.answers(p, x, present)[1]
        return torch.stack(log_f).logsumexp(0) - math.log(len(log_f))

    def impute(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor
    ) -> tuple[tuple[Tensor, ...], None]:
        """Views with g where they are absent; no variances."""
        require_present(present, self.always)
        return completed(x, present, self.answers(p, x, present)[0]), None

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """Error of generation and disagreement."""
        error, _, apart = self.terms(p, batch)
        return {"generation_error": float(error), "disagreement": float(apart)}


def completed(
    x: Sequence[Tensor], present: Tensor, generated: dict[int, Tensor]
) -> tuple[Tensor, ...]:
    """The views ``x``, where absent as ``generated``; what is present is never replaced."""
    return tuple(
        torch.where(present[..., v, None] > 0, view, generated[v]) if v in generated else view
        for v, view in enumerate(x)
    )


@final
class CoNet(StackedMethod):
    """Generation of absent views for classifiers of all views."""

    version, title = 1, "CoNet (reconstruction)"
    cites = ("Quanz and Huan, CIKM 2012", "Du et al., ACM Multimedia 2018")
    can = Can(classify=True, impute=True, unlabelled=True, missing_views=True, views=2)
    Config = Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        return fit(members, _spec(members[0].config, members[0].problem), training, state)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        sizes = config.minibatches().sizes(shape.n_labelled, shape.n_unlabelled)
        widths = [sum(shape.dims), *config.generator, sum(shape.dims)]
        weights = sum(a * b for a, b in zip(widths, widths[1:], strict=False))
        weights += sum(d * config.hidden[0] if config.hidden else d for d in shape.dims)
        rows = sizes.labelled + sizes.unlabelled
        return (1.25e-3 + 1e-10 * rows * weights) * sizes.steps * training.epochs


def _spec(config: Config, problem: Problem) -> ClassifierSpec:
    always, maybe = split_views(problem)
    model = Model(
        dims=problem.dims,
        always=always,
        maybe=maybe,
        n_classes=problem.n_classes,
        proportions=proportions(*counts(problem)),
        generator=tuple(config.generator),
        hidden=tuple(config.hidden),
        activation=cast(Activation, config.activation),
        init=cast(Init, config.init),
        shared=config.form == "shared_hidden",
    )
    return ClassifierSpec(
        model,
        config.minibatches(),
        hyper=("gamma", "beta"),
        prior=2 * config.eta * problem.rows.n,  # of which the trainer takes / (2 n)
        clip=config.clip,
        allow_absent=True,
    )
