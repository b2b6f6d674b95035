"""Stacked classifiers that learn from labelled and unlabelled rows, and may impute absent views.

A method hands over a :class:`ClassifierSpec`; the trainer trains its model, and what comes back is
a :class:`FittedClassifier`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from datasets.base import Problem, Rows
from methods._nn import rng
from methods._nn.data import (
    Batch,
    BatchSizes,
    Data,
    gather,
    kept_columns,
    per_member,
    tensors_of,
)
from methods._nn.layers import ParameterLayout, Params
from methods._nn.minibatches import Minibatches, counts
from methods._nn.trainer import Curves, TrainSpec, train
from methods._scaling import Scaler, concatenated, require_complete
from methods.base import Event, Fitted, Member, Training

FACT_ROWS, WATCHED_ROWS = 500, 100
"""Training rows on which the bounds of a finished member, and clamp hits, are reported."""
FixedDraws = Callable[[str, int], Tensor]
"""(name, width) -> standard normal draws (1, n, width), fixed by the member and the rows' ids."""


class ClassifierModel(Protocol):
    """The interface of a model: parameters, loss, noise, log q(y|X), facts.

    ``draws``     shapes of a step's noise by name, for ``samples`` draws of each latent variable;
                  ``share_eps``: one draw serves all classes. Noise of a network is named
                  ``<network>.<input>`` and is left out where facts are computed.
    ``classify``  log q(y|X) (1, n, K) of rows to be predicted; ``present`` (1, n, V). Absent views
                  are zero, or what the model itself imputes if it is an :class:`Imputer`.
    ``facts``     bounds and the like over a batch of unlabelled training rows.
    """

    @property
    def layout(self) -> ParameterLayout: ...
    @property
    def n_classes(self) -> int: ...
    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]: ...
    def draws(
        self, sizes: BatchSizes, samples: int, share_eps: bool
    ) -> dict[str, tuple[int, ...]]: ...
    def classify(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: FixedDraws
    ) -> Tensor: ...
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
class ClassifierSpec:
    """The arguments of a method for training a classifier.

    ``merge``         all views are read as one.
    ``hyper``         settings that may differ between members and enter the loss.
    ``allow_absent``  rows with absent views are read.
    ``prior``         precision of the Gaussian prior on weights.
    ``clip``          largest norm of a member's gradient (0: none).
    ``warmup``        first epochs, before which no patience runs out.
    """

    model: ClassifierModel
    minibatches: Minibatches
    hyper: tuple[str, ...]
    prior: float = 1.0
    clip: float = 0.0
    warmup: int = 0
    mc_samples: int = 1
    share_eps: bool = True
    standardise: bool = True
    merge: bool = False
    allow_absent: bool = False


class FittedClassifier(Fitted):
    """A trained classifier q(y|X), with the facts and curves of its training.

    ``classes`` (K,) are True where some labelled row had that class; no other is ever predicted.
    """

    def __init__(
        self,
        spec: ClassifierSpec,
        scaler: Scaler,
        params: Params,
        seed: int,
        classes: np.ndarray,
        curves: Curves,
    ) -> None:
        self.spec, self.scaler, self.params, self.seed = spec, scaler, params, seed
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
            fixed = rng.normals_by_id(self.seed, name, rows.ids, width)
            return torch.as_tensor(fixed)[None].to(x[0])

        model = self.spec.model
        with torch.no_grad():
            if isinstance(model, Imputer):
                x = self.filled(x, present, model.impute(self.params, x, present)[0])
            log_q = model.classify(self.params, x, present, draw)[0].cpu().numpy()
        return np.where(self.classes, log_q, -np.inf)

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...] | None]:
        model = self.spec.model
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
        for v, (view, mean, keep) in enumerate(
            zip(x, means, kept_columns(self.scaler, x[0]), strict=True)
        ):
            guess = mean if keep is None else mean * keep[:, None]
            views.append(torch.where(present[..., v, None] > 0, view, guess))
        return tuple(views)

    def tensors(self, rows: Rows) -> tuple[tuple[Tensor, ...], Tensor]:
        """Scaled views (1, n, d_v) on the parameters' device, and presence (1, n, V)."""
        read = concatenated(rows) if self.spec.merge else rows
        like = next(iter(self.params.values()))
        return tensors_of(read, self.scaler, like, allow_absent=self.spec.allow_absent)

    def facts(self) -> dict[str, float | int | str | bool]:
        return self.reported

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves


def fit(
    members: Sequence[Member], spec: ClassifierSpec, training: Training, state: bytes | None
) -> Iterator[Event]:
    """Train members that share ``spec`` to their best epochs; resume from ``state`` if given."""
    return train(train_spec(members, spec, training.device), members, training, state)


def train_spec(
    members: Sequence[Member],
    spec: ClassifierSpec,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> TrainSpec:
    """For members that share ``spec`` and differ in ``spec.hyper``, step size, problem and seed.

    Raises UnsupportedError where a row lacks a view, unless ``spec.allow_absent``.
    """
    for member in members:
        if not spec.allow_absent:
            require_complete(member.problem.rows)
    if spec.merge:
        members = _merged(members)
    like = torch.empty(0, dtype=dtype, device=device)
    data = gather(members, like, standardise=spec.standardise)
    model, sizes = spec.model, spec.minibatches.sizes(*counts(members[0].problem))

    def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
        member = members[index]
        classes = np.isin(np.arange(model.n_classes), member.problem.labels)
        scaler = data.scalers[index]
        classifier = FittedClassifier(spec, scaler, params, member.seed, classes, curves)
        if final:
            classifier.reported = _facts(classifier, data, index)
        return classifier

    def watch(index: int, params: Params) -> dict[str, float]:
        if not isinstance(model, Clamped):
            return {}
        with torch.no_grad():
            batch = unlabelled(model, params, data, (index, members[index].seed), WATCHED_ROWS)
            return model.clamp_hits(params, batch)

    return TrainSpec(
        layout=model.layout,
        data=data,
        loss=model.loss,
        sizes=sizes,
        noise=model.draws(sizes, spec.mc_samples, spec.share_eps),
        hyper={name: per_member(members, name) for name in spec.hyper},
        rates=per_member(members, "learning_rate"),
        fitted=fitted,
        prior=spec.prior,
        clip=spec.clip or float("inf"),
        warmup=spec.warmup,
        watch=watch,
        dtype=dtype,
    )


def merged(problem: Problem) -> Problem:
    """The Problem with all views side by side as one."""
    name = "+".join(problem.view_names)
    return replace(problem, rows=concatenated(problem.rows), view_names=(name,))


def _merged(members: Sequence[Member]) -> list[Member]:
    """Members whose Problems have all views as one; one new Problem for each distinct one."""
    problems = {id(member.problem): member.problem for member in members}
    one_view = {key: merged(problem) for key, problem in problems.items()}
    return [replace(member, problem=one_view[id(member.problem)]) for member in members]


def _facts(fitted: FittedClassifier, data: Data, index: int) -> dict[str, float | int | str | bool]:
    """The model's facts over training rows, labels unused, one fixed draw; and dropped columns."""
    model, params = fitted.spec.model, fitted.params
    facts: dict[str, float | int | str | bool] = {}
    with torch.no_grad():
        batch = unlabelled(model, params, data, (index, fitted.seed), FACT_ROWS)
        facts |= model.facts(params, batch)
        if isinstance(model, Clamped):
            facts |= model.clamp_hits(params, batch)
    if fitted.spec.allow_absent:
        start = int(data.owner[index]) * data.n
        present = data.present[start : start + data.n]
        facts["incomplete_share"] = float((present.amin(1) == 0).double().mean())
    return {**facts, "dropped_columns": fitted.scaler.dropped}


def unlabelled(
    model: ClassifierModel, params: Params, data: Data, member: tuple[int, int], most: int
) -> Batch:
    """The first training rows, ``most`` at most, without labels, of a member and its seed.

    One fixed draw serves each row; networks get no noise.
    """
    index, seed = member
    start, n = int(data.owner[index]) * data.n, min(data.n, most)
    rows, like = slice(start, start + n), next(iter(params.values()))
    shapes = model.draws(BatchSizes(steps=1, labelled=0, unlabelled=n), 1, True)
    purposes = {k: "facts" if k == "eps" else f"facts {k}" for k in shapes if "." not in k}
    return Batch(
        x=tuple(x[rows][None].to(like) for x in data.x),
        present=data.present[rows][None].to(like),
        onehot=like.new_zeros(1, 0, model.n_classes),
        n_labelled=0,
        noise={
            name: rng.normals([seed], (purpose,), shapes[name], like)
            for name, purpose in purposes.items()
        },
        hyper={},
        keep=tuple(k[data.owner[index]][None].to(like) for k in data.keep),
    )
