"""What semi-supervised VAEs share besides their bound: minibatches, fitted classifier, task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from datasets.base import Problem, Rows
from methods._training import noise
from methods._training.data import (
    Batch,
    Batches,
    Data,
    Scaler,
    concatenated,
    demand_complete,
    gather,
    scaled,
)
from methods._training.loop import Curves, Task
from methods._training.nets import Layout, Params
from methods._training.semisup_elbo import Draw
from methods.base import Config, Fitted, Member, Shape, Training, hp

Batching = Literal["proportional", "minibatch", "balanced"]
BATCHING: tuple[Batching, ...] = ("proportional", "minibatch", "balanced")
FACT_ROWS = 500
"""Training rows on which the bounds of a finished member are reported."""


@dataclass(frozen=True)
class Plan:
    """How minibatches are cut, and which weights eq. 7 gives to mean L and mean U.

    ``proportional``  weights N_l / N and N_u / N of the training set: the sum over the data set.
    ``minibatch``     weights of the minibatch, in which labelled rows are over-represented: they
                      count as often as they are drawn.
    ``balanced``      as many labelled as unlabelled rows, weights 1/2 and 1/2 (Maaloe et al. 2016).
    """

    batching: Batching
    batches_per_epoch: int
    labelled_rows: int
    rows: int | None = None


@dataclass(frozen=True)
class SemisupConfig(Config):
    """The settings that all semi-supervised VAEs share; ``make_task`` reads them."""

    c: float = hp(
        0.5, "weight of mean cross-entropy", grid=(0.1, 0.5, 1.0), low=0, high=1000, stacks=True
    )
    hidden: tuple[int, ...] = hp((100, 50), "encoder and classifier layers; decoders mirror them")
    latent: int = hp(30, "width of z", low=1, high=1000)
    activation: str = hp("softplus", "nonlinearity", choices=("softplus", "relu"))
    batching: str = hp("minibatch", "weights of L and U, see Plan", choices=BATCHING)
    batches_per_epoch: int = hp(10, "least minibatches of an epoch", low=1, high=100_000)
    batch: int | None = hp(100, "most unlabelled rows of a minibatch; None: no bound", low=1)
    labelled_rows: int = hp(24, "least labelled rows a minibatch, as far as there are", low=1)
    mc_samples: int = hp(1, "draws of each latent variable", low=1, high=100)
    learning_rate: float = hp(3e-4, "Adam's step size", low=1e-6, high=1.0, stacks=True)
    clip: float = hp(0.0, "largest gradient norm (0: none)", low=0, high=1e9)
    weight_prior: bool = hp(True, "N(0, 1) prior on weights, mixture logits excepted")

    def plan(self) -> Plan:
        """How minibatches are cut."""
        batching = cast(Batching, self.batching)
        return Plan(batching, self.batches_per_epoch, self.labelled_rows, self.batch)


def batches(plan: Plan, n_labelled: int, n_unlabelled: int) -> Batches:
    """Sizes of the minibatches of an epoch.

    An epoch passes once over the unlabelled rows, in ``batches_per_epoch`` equal parts, or in more
    where a part would hold over ``rows`` of them; the remainder is dropped. The labelled rows are
    cut likewise, but a minibatch has no fewer than ``labelled_rows`` of them (balanced: than of
    unlabelled ones), as far as there are; they are used again within the epoch when they run out.
    """
    pool = n_unlabelled or n_labelled
    steps = plan.batches_per_epoch
    if plan.rows is not None:
        steps = max(steps, -(-pool // plan.rows))
    steps = max(1, min(steps, pool))
    share = pool // steps
    least = share if plan.batching == "balanced" else plan.labelled_rows
    known = min(n_labelled, max(least, round(n_labelled / steps)))
    return Batches(steps, known, share if n_unlabelled else 0)


def shares(plan: Plan, n_labelled: int, n_unlabelled: int) -> tuple[float, float]:
    """Weights of mean L and mean U; see :class:`Plan`."""
    known, unknown = n_labelled, n_unlabelled
    if plan.batching == "minibatch":
        sizes = batches(plan, n_labelled, n_unlabelled)
        known, unknown = sizes.labelled, sizes.unlabelled
    if plan.batching == "balanced" and min(known, unknown) > 0:
        return 0.5, 0.5
    return known / (known + unknown), unknown / (known + unknown)


def counts(problem: Problem) -> tuple[int, int]:
    """(N_l, N_u) of a Problem."""
    known = int(problem.labelled.sum())
    return known, len(problem.labelled) - known


def step_cost(shape: Shape, sizes: Batches, hidden: tuple[int, ...]) -> float:
    """Rough core-seconds of one step: its multiplications, at the rate of small matrices."""
    components = len(shape.dims)
    rows = sizes.labelled + shape.n_classes * sizes.unlabelled
    inner = sum(a * b for a, b in zip((60, *hidden[::-1]), hidden[::-1], strict=False))
    heads = 2 * hidden[0] * sum(shape.dims)
    decoders = components * rows * (heads + components * inner)
    encoders = components * rows * inner
    return 0.002 + 1.2e-10 * (decoders + encoders)


def fit_cost(config: SemisupConfig, shape: Shape, training: Training) -> float:
    """Rough core-seconds of one fit to its last epoch; ``config`` with its profile put in."""
    sizes = batches(config.plan(), shape.n_labelled, shape.n_unlabelled)
    return step_cost(shape, sizes, config.hidden) * sizes.steps * training.epochs


class Net(Protocol):
    """What is asked of a semi-supervised model: parameters, loss, noise, answers, facts.

    ``draws``     shapes of a step's noise by name, for ``samples`` draws of each latent variable;
                  ``share_eps``: one draw serves all classes.
    ``classify``  log q(y|X) (1, n, K) of rows to be predicted.
    ``facts``     bounds and the like over a batch of unlabelled training rows.
    """

    @property
    def layout(self) -> Layout: ...
    @property
    def n_classes(self) -> int: ...
    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]: ...
    def draws(
        self, sizes: Batches, samples: int, share_eps: bool
    ) -> dict[str, tuple[int, ...]]: ...
    def classify(self, p: Params, x: tuple[Tensor, ...], draw: Draw) -> Tensor: ...
    def facts(self, p: Params, batch: Batch) -> dict[str, float]: ...


@dataclass(frozen=True)
class Recipe:
    """All that a semi-supervised method hands over to be trained."""

    model: Net
    plan: Plan
    mc_samples: int = 1
    share_eps: bool = True
    standardise: bool = True
    merge: bool = False


class FittedSemisup(Fitted):
    """A trained classifier q(y|X), with the facts and curves of its training.

    ``merge``: all views are read as one.
    """

    def __init__(
        self, recipe: Recipe, scaler: Scaler, params: Params, seed: int, curves: Curves
    ) -> None:
        self.recipe, self.scaler, self.params, self.seed = recipe, scaler, params, seed
        self.curves = {name: values.numpy() for name, values in curves.items()}
        self.reported: dict[str, float | int | str | bool] = {}

    def predict(self, rows: Rows) -> np.ndarray:
        x = self.tensors(rows)

        def draw(name: str, width: int) -> Tensor:
            # By the member's seed and the row's id, so that a row's answer is its own.
            fixed = noise.normals_by_id(self.seed, name, rows.ids, width)
            return torch.as_tensor(fixed)[None].to(x[0])

        with torch.no_grad():
            log_q = self.recipe.model.classify(self.params, x, draw)
        return log_q[0].argmax(-1).cpu().numpy()

    def tensors(self, rows: Rows) -> tuple[Tensor, ...]:
        """Scaled views (1, n, d_v) on the parameters' device."""
        read = concatenated(rows) if self.recipe.merge else rows
        return scaled(read, self.scaler, next(iter(self.params.values())))

    def facts(self) -> dict[str, float | int | str | bool]:
        return self.reported

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves


def make_task(members: Sequence[Member], recipe: Recipe, device: str, dtype: torch.dtype) -> Task:
    """The loop's task for members that share ``recipe`` and differ in c, rate, problem, seed."""
    for member in members:
        demand_complete(member.problem.rows)
    if recipe.merge:
        members = _merged(members)
    data = gather(
        members, torch.empty(0, dtype=dtype, device=device), standardise=recipe.standardise
    )
    model, plan = recipe.model, batches(recipe.plan, *counts(members[0].problem))

    def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
        made = FittedSemisup(recipe, data.scalers[index], params, members[index].seed, curves)
        if final:
            made.reported = _facts(made, data, index)
        return made

    return Task(
        layout=model.layout,
        data=data,
        loss=model.loss,
        batches=plan,
        noise=model.draws(plan, recipe.mc_samples, recipe.share_eps),
        hyper={"c": torch.tensor([float(m.config.c) for m in members])},
        rates=torch.tensor([float(m.config.learning_rate) for m in members]),
        fitted=fitted,
        prior=float(members[0].config.weight_prior),
        clip=members[0].config.clip or float("inf"),
        dtype=dtype,
    )


def _merged(members: Sequence[Member]) -> list[Member]:
    """Members whose Problems have all views as one; one new Problem for each distinct one."""
    made: dict[int, Problem] = {}
    for member in members:
        problem = member.problem
        if id(problem) not in made:
            made[id(problem)] = replace(
                problem, rows=concatenated(problem.rows), view_names=("+".join(problem.view_names),)
            )
    return [replace(member, problem=made[id(member.problem)]) for member in members]


def _facts(fitted: FittedSemisup, data: Data, index: int) -> dict[str, float | int | str | bool]:
    """The model's facts over training rows, labels unused, one fixed draw; and dropped columns."""
    params, n, model = fitted.params, min(data.n, FACT_ROWS), fitted.recipe.model
    start = int(data.owner[index]) * data.n
    like = next(iter(params.values()))
    rows = slice(start, start + n)
    shapes = model.draws(Batches(steps=1, labelled=0, unlabelled=n), 1, True)
    names = {name: "facts" if name == "eps" else f"facts {name}" for name in shapes}
    with torch.no_grad():
        batch = Batch(
            x=tuple(x[rows][None].to(like) for x in data.x),
            present=data.present[rows][None].to(like),
            onehot=like.new_zeros(1, 0, model.n_classes),
            n_labelled=0,
            noise={
                name: noise.normals([fitted.seed], (names[name],), shape, like)
                for name, shape in shapes.items()
            },
            hyper={},
            keep=tuple(k[data.owner[index]][None].to(like) for k in data.keep),
        )
        found = model.facts(params, batch)
    return {**found, "dropped_columns": fitted.scaler.dropped}
