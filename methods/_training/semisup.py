"""What semi-supervised VAEs share besides bound and minibatches: fitted classifier, task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

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
    kept,
    per_member,
    shown,
)
from methods._training.loop import Curves, Task, train
from methods._training.nets import Layout, Params
from methods._training.semisup_elbo import Draw
from methods._training.semisup_plan import Plan, batches, counts
from methods.base import Event, Fitted, Member, Training

FACT_ROWS, WATCHED_ROWS = 500, 100
"""Training rows on which the bounds of a finished member, and clamp hits, are reported."""


class Net(Protocol):
    """What is asked of a semi-supervised model: parameters, loss, noise, answers, facts.

    ``draws``     shapes of a step's noise by name, for ``samples`` draws of each latent variable;
                  ``share_eps``: one draw serves all classes.
    ``classify``  log q(y|X) (1, n, K) of rows to be predicted; ``present`` (1, n, V). Absent views
                  are zero, or what the model itself imputes if it is an :class:`Imputer`.
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
    def classify(self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: Draw) -> Tensor: ...
    def facts(self, p: Params, batch: Batch) -> dict[str, float]: ...


@runtime_checkable
class Imputer(Protocol):
    """What a model adds that fills in absent views.

    ``impute``  means and log-variances (1, n, d_v) a view, scaled units, of rows whose absent
                entries are zero; read where a view is absent. Raises UnsupportedError if a row
                lacks a view that the model cannot fill in.
    """

    def impute(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...] | None]: ...


@runtime_checkable
class Clamped(Protocol):
    """What a model adds whose log-variances are bounded.

    ``clamp_hits``  shares of log-variances, by name, that lie beyond their bounds before they are
                    bent into them, over a batch of unlabelled training rows.
    """

    def clamp_hits(self, p: Params, batch: Batch) -> dict[str, float]: ...


@dataclass(frozen=True)
class Recipe:
    """All that a semi-supervised method hands over to be trained.

    ``merge``       all views are read as one.
    ``hyper``       settings that may differ between members and enter the loss.
    ``absent_too``  rows with absent views are read.
    ``prior``       precision of the prior on weights (None: what ``weight_prior`` says).
    ``warmup``      epochs of the model's warm-up, before which no patience runs out.
    """

    model: Net
    plan: Plan
    mc_samples: int = 1
    share_eps: bool = True
    standardise: bool = True
    merge: bool = False
    hyper: tuple[str, ...] = ("c",)
    absent_too: bool = False
    prior: float | None = None
    warmup: int = 0


class FittedSemisup(Fitted):
    """A trained classifier q(y|X), with the facts and curves of its training.

    ``classes`` (K,) are True where some labelled row had that class; no other is ever predicted.
    """

    def __init__(
        self,
        recipe: Recipe,
        scaler: Scaler,
        params: Params,
        seed: int,
        classes: np.ndarray,
        curves: Curves,
    ) -> None:
        self.recipe, self.scaler, self.params, self.seed = recipe, scaler, params, seed
        self.classes = classes
        self.curves = {name: values.numpy() for name, values in curves.items()}
        self.reported: dict[str, float | int | str | bool] = {}

    def predict(self, rows: Rows) -> np.ndarray:
        return self._log_q(rows).argmax(-1)

    def predict_proba(self, rows: Rows) -> np.ndarray:
        log_q = self._log_q(rows).astype(np.float64)
        q = np.exp(log_q - log_q.max(-1, keepdims=True))
        return q / q.sum(-1, keepdims=True)  # over the classes that are ever predicted

    def _log_q(self, rows: Rows) -> np.ndarray:
        """Log q(y|X), ``(n, K)``; -inf for classes that no labelled row had."""
        x, present = self.tensors(rows)

        def draw(name: str, width: int) -> Tensor:
            # By the member's seed and the row's id, so that a row's answer is its own.
            fixed = noise.normals_by_id(self.seed, name, rows.ids, width)
            return torch.as_tensor(fixed)[None].to(x[0])

        model = self.recipe.model
        with torch.no_grad():
            if isinstance(model, Imputer):
                x = self.filled(x, present, model.impute(self.params, x, present)[0])
            log_q = model.classify(self.params, x, present, draw)[0].cpu().numpy()
        return np.where(self.classes, log_q, -np.inf)

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...] | None]:
        model = self.recipe.model
        if not isinstance(model, Imputer):
            return super().impute(rows)
        x, present = self.tensors(rows)
        with torch.no_grad():
            means, logvars = model.impute(self.params, x, present)
        views = self.scaler.filled(rows, [mean[0].cpu().numpy() for mean in means])
        if logvars is None:
            return views, None
        variances = tuple(
            np.where(there[:, None], 0.0, logvar[0].exp().cpu().numpy() * (sd * keep) ** 2)
            for there, logvar, (_, sd, keep) in zip(
                rows.present.T, logvars, self.scaler.columns, strict=True
            )
        )
        return views, variances

    def filled(
        self, x: tuple[Tensor, ...], present: Tensor, means: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Views with ``means`` where they are absent, but for columns that are constant."""
        views = []
        for v, (view, mean, keep) in enumerate(zip(x, means, kept(self.scaler, x[0]), strict=True)):
            guess = mean if keep is None else mean * keep[:, None]
            views.append(torch.where(present[..., v, None] > 0, view, guess))
        return tuple(views)

    def tensors(self, rows: Rows) -> tuple[tuple[Tensor, ...], Tensor]:
        """Scaled views (1, n, d_v) on the parameters' device, and presence (1, n, V)."""
        read = concatenated(rows) if self.recipe.merge else rows
        like = next(iter(self.params.values()))
        return shown(read, self.scaler, like, absent_too=self.recipe.absent_too)

    def facts(self) -> dict[str, float | int | str | bool]:
        return self.reported

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves


def fit(
    members: Sequence[Member], recipe: Recipe, training: Training, state: bytes | None
) -> Iterator[Event]:
    """Train members that share ``recipe``, to their best epochs."""
    task = make_task(members, recipe, training.device, torch.float32)
    return train(task, members, training, state)


def make_task(members: Sequence[Member], recipe: Recipe, device: str, dtype: torch.dtype) -> Task:
    """The loop's task for members that share ``recipe`` and differ in c, rate, problem, seed."""
    for member in members:
        if not recipe.absent_too:
            demand_complete(member.problem.rows)
    if recipe.merge:
        members = _merged(members)
    data = gather(
        members, torch.empty(0, dtype=dtype, device=device), standardise=recipe.standardise
    )
    model, plan = recipe.model, batches(recipe.plan, *counts(members[0].problem))

    def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
        member = members[index]
        classes = np.isin(np.arange(model.n_classes), member.problem.labels)
        scaler = data.scalers[index]
        made = FittedSemisup(recipe, scaler, params, member.seed, classes, curves)
        if final:
            made.reported = _facts(made, data, index)
        return made

    def watch(index: int, params: Params) -> dict[str, float]:
        if not isinstance(model, Clamped):
            return {}
        with torch.no_grad():
            batch = _unlabelled(model, params, data, index, members[index].seed, WATCHED_ROWS)
            return model.clamp_hits(params, batch)

    return Task(
        layout=model.layout,
        data=data,
        loss=model.loss,
        batches=plan,
        noise=model.draws(plan, recipe.mc_samples, recipe.share_eps),
        hyper={name: per_member(members, name) for name in recipe.hyper},
        rates=per_member(members, "learning_rate"),
        fitted=fitted,
        prior=float(members[0].config.weight_prior) if recipe.prior is None else recipe.prior,
        clip=members[0].config.clip or float("inf"),
        warmup=recipe.warmup,
        watch=watch,
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
    model, params = fitted.recipe.model, fitted.params
    with torch.no_grad():
        batch = _unlabelled(model, params, data, index, fitted.seed, FACT_ROWS)
        found = model.facts(params, batch)
        if isinstance(model, Clamped):
            found |= model.clamp_hits(params, batch)
    if fitted.recipe.absent_too:
        start = int(data.owner[index]) * data.n
        present = data.present[start : start + data.n]
        found["incomplete_share"] = float((present.amin(1) == 0).double().mean())
    return {**found, "dropped_columns": fitted.scaler.dropped}


def _unlabelled(model: Net, params: Params, data: Data, index: int, seed: int, most: int) -> Batch:
    """The first training rows of a member, ``most`` at most, without labels, one fixed draw."""
    start, n = int(data.owner[index]) * data.n, min(data.n, most)
    rows, like = slice(start, start + n), next(iter(params.values()))
    shapes = model.draws(Batches(steps=1, labelled=0, unlabelled=n), 1, True)
    names = {name: "facts" if name == "eps" else f"facts {name}" for name in shapes}
    return Batch(
        x=tuple(x[rows][None].to(like) for x in data.x),
        present=data.present[rows][None].to(like),
        onehot=like.new_zeros(1, 0, model.n_classes),
        n_labelled=0,
        noise={
            name: noise.normals([seed], (names[name],), shape, like)
            for name, shape in shapes.items()
        },
        hyper={},
        keep=tuple(k[data.owner[index]][None].to(like) for k in data.keep),
    )
