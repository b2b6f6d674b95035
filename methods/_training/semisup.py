"""What SMVAE and M2 share besides their bound: minibatch plans, the fitted classifier, the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

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
)
from methods._training.loop import Curves, Task
from methods._training.nets import Params
from methods._training.semisup_elbo import Model
from methods.base import Fitted, Member, Shape

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


@dataclass(frozen=True)
class Recipe:
    """All that a semi-supervised method hands over to be trained."""

    model: Model
    plan: Plan
    mc_samples: int = 1
    share_eps: bool = True
    standardise: bool = True
    merge: bool = False


class FittedSemisup(Fitted):
    """A trained classifier q(y|X), with the bounds and mixture weights of its training.

    ``merge``: all views are read as one.
    """

    def __init__(
        self, recipe: Recipe, scaler: Scaler, params: Params, seed: int, curves: Curves
    ) -> None:
        self.recipe, self.scaler, self.params, self.seed = recipe, scaler, params, seed
        self.curves = {name: values.numpy() for name, values in curves.items()}
        self.reported: dict[str, float | int | str | bool] = {}

    def predict(self, rows: Rows) -> np.ndarray:
        model = self.recipe.model
        with torch.no_grad():
            x = self.tensors(rows)
            noise_ = None
            if model.sampled:
                # One draw for each row, fixed by the member's seed and the row's id.
                width = sum(model.widths)
                draw = noise.normals_by_id(self.seed, "test input", rows.ids, width)
                noise_ = torch.as_tensor(draw)[None].to(x[0])
            return model.log_q(self.params, model.inputs(x, noise_))[0].argmax(-1).cpu().numpy()

    def tensors(self, rows: Rows) -> tuple[Tensor, ...]:
        """Scaled views (1, n, d_v) on the parameters' device."""
        demand_complete(rows)
        like = next(iter(self.params.values()))
        read = concatenated(rows) if self.recipe.merge else rows
        return tuple(torch.as_tensor(view)[None].to(like) for view in self.scaler.apply(read))

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
    rows = plan.labelled + plan.unlabelled
    if not recipe.share_eps:
        rows = plan.labelled + model.n_classes * plan.unlabelled
    shapes: dict[str, tuple[int, ...]] = {
        "eps": (len(model.dims), recipe.mc_samples, rows, model.latent)
    }
    if model.sampled:
        shapes["input"] = (plan.labelled + plan.unlabelled, sum(model.widths))

    def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
        made = FittedSemisup(recipe, data.scalers[index], params, members[index].seed, curves)
        if final:
            made.reported = _facts(made, data, index, model)
        return made

    return Task(
        layout=model.layout,
        data=data,
        loss=model.loss,
        batches=plan,
        noise=shapes,
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


def _facts(
    fitted: FittedSemisup, data: Data, index: int, model: Model
) -> dict[str, float | int | str | bool]:
    """Weights, and the bound -U on log p(X) over training rows, labels unused, one fixed draw."""
    params, n = fitted.params, min(data.n, FACT_ROWS)
    start = int(data.owner[index]) * data.n
    like = next(iter(params.values()))
    rows = slice(start, start + n)
    with torch.no_grad():
        shape = (len(model.dims), 1, n, model.latent)
        drawn: dict[str, Tensor] = {
            "eps": noise.normals([fitted.seed], ("facts",), shape, like),
        }
        if model.sampled:
            wide = (n, sum(model.widths))
            drawn["input"] = noise.normals([fitted.seed], ("facts input",), wide, like)
        batch = Batch(
            x=tuple(x[rows][None].to(like) for x in data.x),
            present=data.present[rows][None].to(like),
            onehot=like.new_zeros(1, 0, model.n_classes),
            n_labelled=0,
            noise=drawn,
            hyper={},
            keep=tuple(k[data.owner[index]][None].to(like) for k in data.keep),
        )
        found: dict[str, Any] = {
            "elbo": -float(model.objective(params, batch, (0, 1), model.entropy)[0]),
            "elbo_tight": -float(model.objective(params, batch, (0, 1), model.tight)[0]),
        }
        weights = model.log_weights(params).exp()[0].tolist()
    found |= {f"weight_{v}": weight for v, weight in enumerate(weights)}
    return found | {"dropped_columns": fitted.scaler.dropped}
