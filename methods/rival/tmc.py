"""TMC: trusted multi-view classification, opinions joined by Dempster's rule [han2021].

For every view a linear layer and a softplus give evidence e_v (K,), hence a Dirichlet distribution
of alpha_v = e_v + 1 and an opinion: belief b_vk = e_vk / S_v in each class and uncertainty u_v =
K / S_v, S_v = sum_k alpha_vk. Opinions are combined by Dempster's rule over the classes and the
whole frame, two at a time (section 3.2), which in evidence is, in any order,

    1 + e_k / K = prod_v (1 + e_vk / K).

Minimised over the labelled rows, with the terms of every view and of the combination (section 3.3):

    mean_l sum_{a in {alpha_1 .. alpha_V, alpha}} { psi(S) - psi(a_y) + t KL[Dir(a~), Dir(1)] }

a~ is a with 1 at the row's class y; psi the digamma function; t rises from 0 to 1 over the first 50
epochs. Adam with a weight decay of 1e-5, minibatches of up to 200 rows. Prediction: argmax of the
combined evidence; class probabilities are alpha / S.

Unlabelled rows are not used. An absent view has no evidence: belief 0, uncertainty 1, which changes
nothing that it is combined with.

Departs from the paper: the paper has no such row. Of its source: columns are z-scored on training
rows (the authors scale them to 0..1, test rows by themselves); an epoch has at least 8 minibatches,
as many as the authors' 1,600 rows give, for there may be two dozen rows; the epoch is chosen on
tuning rows and so is the step size, of which the authors take the least, 3e-4, for 500 epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor

from datasets.base import Problem
from methods import base
from methods._nn.classifier import ClassifierSpec, FixedDraws, fit
from methods._nn.data import Batch, BatchSizes
from methods._nn.layers import Parameter, ParameterLayout, Params
from methods._nn.minibatches import Minibatches
from methods._nn.networks import MLP, Network, named, part
from methods._nn.pointwise import pointwise, softplus
from methods.base import Can, Event, Member, Shape, StackedMethod, Training, hp

ROWS, STEPS, DECAY = 200, 8, 1e-5


@dataclass(frozen=True)
class Config(base.Config):
    """The authors' settings, but for the step size."""

    learning_rate: float = hp(
        3e-3, "Adam's step size", grid=(3e-4, 1e-3, 3e-3), low=1e-6, high=1.0, batchable=True
    )
    rising_epochs: int = hp(50, "epochs over which t rises to 1", low=1, high=100_000)
    hidden: tuple[int, ...] = hp((), "layers of a view below its evidence, ReLU")


@dataclass(frozen=True)
class Model:
    """Evidence of ``dims`` views for ``n_classes`` classes, and the loss of opinions."""

    dims: tuple[int, ...]
    n_classes: int
    rising_epochs: int = 50
    network: Network = MLP((), "relu", "fan_in")

    @property
    def layout(self) -> ParameterLayout:
        declared: dict[str, Parameter] = {}
        for v, width in enumerate(self.dims):
            declared |= named(f"view{v}", self.network.parameters({"x": width}, self.n_classes))
        return ParameterLayout(declared)

    def draws(self, sizes: BatchSizes, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        """No noise."""
        return {}

    def evidence(self, p: Params, x: Sequence[Tensor], present: Tensor) -> Tensor:
        """Evidence (t, V, b, K) of every view, none where a view is absent."""
        views = [
            softplus(self.network.apply(part(p, f"view{v}"), {"x": view}))
            for v, view in enumerate(x)
        ]
        return torch.stack(views, 1) * present.transpose(1, 2)[..., None]

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective (t,) over the labelled rows, and the means of its two parts."""
        known = batch.n_labelled
        x = [view[:, :known] for view in batch.x]
        of_views = self.evidence(p, x, batch.present[:, :known])
        opinions = torch.cat([of_views, combined(of_views)[:, None]], 1)
        rise = min(1.0, batch.epoch / self.rising_epochs)
        onehot = batch.onehot[:, None]
        error, excess = (term.sum(1).mean(-1) for term in terms(opinions + 1, onehot))
        loss = error + rise * excess
        logs = {"cross_entropy": error, "evidence_of_others": excess, "loss": loss}
        return loss, {name: value.detach() for name, value in logs.items()}

    def classify(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: FixedDraws
    ) -> Tensor:
        """Log of the mean class probabilities of the combined opinion, (t, n, K)."""
        alpha = combined(self.evidence(p, x, present)) + 1
        return alpha.log() - alpha.sum(-1, keepdim=True).log()

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """Mean uncertainty of the combined opinion and of each view's, on training rows."""
        of_views = self.evidence(p, batch.x, batch.present)
        each = {"uncertainty": combined(of_views)}
        each |= {f"uncertainty_{v}": of_views[:, v] for v in range(len(self.dims))}
        return {
            name: float((self.n_classes / (evidence + 1).sum(-1)).mean())
            for name, evidence in each.items()
        }


def combined(evidence: Tensor) -> Tensor:
    """Evidence (t, b, K) of the combined opinion, from that of the views (t, V, b, K)."""
    n_classes = evidence.shape[-1]
    return n_classes * pointwise(torch.expm1, pointwise(torch.log1p, evidence / n_classes).sum(1))


def terms(alpha: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor]:
    """Of Dirichlet distributions ``alpha`` (..., K), both (...,).

    The expected cross-entropy of the class ``onehot``, psi(S) - psi(alpha_y), and the divergence
    KL[Dir(alpha~), Dir(1)] of what they say of the other classes.
    """
    digamma, lgamma = partial(pointwise, torch.digamma), partial(pointwise, torch.lgamma)
    total = alpha.sum(-1)
    error = digamma(total) - (onehot * digamma(alpha)).sum(-1)
    other = onehot + (1 - onehot) * alpha
    total = other.sum(-1)
    slope = digamma(other) - digamma(total)[..., None]
    of_uniform = math.lgamma(alpha.shape[-1])
    excess = lgamma(total) - lgamma(other).sum(-1) - of_uniform
    return error, excess + ((other - 1) * slope).sum(-1)


class LabelledMinibatches(Minibatches):
    """Minibatches of labelled rows alone."""

    def sizes(self, n_labelled: int, n_unlabelled: int) -> BatchSizes:
        return super().sizes(n_labelled, 0)


@final
class TMC(StackedMethod):
    """Trusted multi-view classification."""

    version, title, cites = 1, "TMC", ("Han, Zhang, Fu and Zhou, ICLR 2021",)
    can, Config = Can(classify=True, missing_views=True), Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        return fit(members, cls.spec(members[0].config, members[0].problem), training, state)

    @classmethod
    def spec(cls, config: Config, problem: Problem) -> ClassifierSpec:
        """What is trained."""
        network = MLP(tuple(config.hidden), "relu", "fan_in")
        return ClassifierSpec(
            model=Model(problem.dims, problem.n_classes, config.rising_epochs, network),
            minibatches=LabelledMinibatches("proportional", STEPS, ROWS),
            hyper=(),
            prior=DECAY * problem.rows.n,  # the trainer divides by the rows
            allow_absent=True,
        )

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        rows = min(ROWS, shape.n_labelled)
        steps = min(STEPS, shape.n_labelled)
        inner = rows * sum(shape.dims) * (config.hidden or (shape.n_classes,))[0]
        opinions = rows * shape.n_classes * (1 + len(shape.dims))
        step = 8e-4 + 1e-4 * len(shape.dims) + 1e-10 * inner + 1e-7 * opinions
        return step * steps * training.epochs
