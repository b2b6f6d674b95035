"""Deep CCA with or without autoencoders: the nets, their objective, the fitted model."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from datasets.base import Rows
from methods import base
from methods._nn.data import Batch, gather, kept_columns, scaled
from methods._nn.layers import ParameterLayout, Params
from methods._nn.trainer import Curves, TrainSpec, train
from methods._scaling import Scaler
from methods.base import (
    ConfigError,
    Event,
    Failed,
    Finished,
    FitError,
    Fitted,
    Member,
    Shape,
    StackedMethod,
    Training,
    hp,
)
from methods.multiview import _cca
from methods.multiview._cca import LinearCCA
from methods.multiview._views import ViewNets, complete, squared_error, train_spec

DOUBLE_ROWS = 300
"""Up to so many rows train in double precision: with hardly more rows than outputs the small
canonical correlations are ill-determined, and it costs nothing at that size."""


@dataclass(frozen=True)
class Config(base.Config):
    """The settings that DCCA and DCCAE share."""

    hidden: tuple[int, ...] = hp((100, 50), "encoder layers")
    latent: int = hp(30, "outputs of a view", low=1, high=1000)
    directions: int = hp(
        30,
        "canonical directions kept, at most",
        grid=(10, 30),
        low=1,
        high=1000,
        batchable="untrained",
    )
    r: float = hp(
        1.0, "regularisation, in mean variances of the outputs", low=0.0, high=1e6, batchable=True
    )
    output: str = hp(
        "mean", "codes of the views", choices=("mean", "concat"), batchable="untrained"
    )
    activation: str = hp("softplus", "nonlinearity", choices=("softplus", "relu", "identity"))
    init: str = hp("glorot", "initial weights, see layers.Init", choices=("fan_in", "glorot"))
    steps_per_epoch: int = hp(20, "minibatches of an epoch, whatever the rows", low=1, high=100_000)
    batch_rows: int = hp(500, "rows of a minibatch, at most", low=3, high=1_000_000)
    learning_rate: float = hp(
        1e-3, "Adam's step size", low=1e-6, high=1.0, batchable=True, tune=(1e-4, 1e-2)
    )
    weight_decay: float = hp(1e-4, "L2: times half the squared weights", low=0.0, high=1e3)


@dataclass(frozen=True)
class DeepCCA:
    """Encoders, and decoders where ``decodes``."""

    nets: ViewNets
    decodes: bool

    @property
    def layout(self) -> ParameterLayout:
        return ParameterLayout(
            self.nets.encoders() | (self.nets.decoders() if self.decodes else {})
        )

    @cached_property
    def _output_biases(self) -> frozenset[str]:
        last = len(self.nets.hidden)
        return frozenset(f"enc{v}.{last}.b" for v in range(len(self.nets.dims)))

    def outputs(self, p: Params, x: Sequence[Tensor]) -> list[Tensor]:
        """f_v(x_v), (t, r, d) a view."""
        return [self.nets.encode(p, v, view) for v, view in enumerate(x)]

    def reconstruction(
        self, p: Params, h: Sequence[Tensor], x: Sequence[Tensor], keep: Sequence[Tensor | None]
    ) -> Tensor:
        """Mean over rows of sum_v |x_v - g_v(h_v)|^2, (t,)."""
        errors = [
            squared_error(view, self.nets.decode(p, v, h[v]), keep[v]) for v, view in enumerate(x)
        ]
        return torch.stack(errors).sum(0)

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """- total correlation + lambda reconstruction, (t,), and what is logged."""
        if not self.decodes:  # no correlation feels an output bias; Adam would amplify its rounding
            p = {k: v.detach() if k in self._output_biases else v for k, v in p.items()}
        h = self.outputs(p, batch.x)
        correlation = _cca.total_correlation(h, batch.hyper["r"]).to(h[0])
        logs = {"correlation": correlation.detach()}
        loss = -correlation
        if self.decodes:
            error = self.reconstruction(p, h, batch.x, batch.keep)
            loss = loss + batch.hyper["reconstruction"] * error
            logs["reconstruction_error"] = error.detach()
        return loss, logs | {"loss": loss.detach()}


def fit_stack(
    members: Sequence[Member],
    training: Training,
    state: bytes | None,
    kind: type[FittedDeepCCA],
) -> Iterator[Event]:
    """Train the members' nets to their best epochs, on the rows that have every view.

    Members of a stack have equally many such rows. Raises ConfigError for a single view and
    FitError for fewer than three such rows.
    """
    # Settings that shape the codes alone need no training of their own.
    codes_alone = dict.fromkeys(members[0].config.marked("untrained"))
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, member in enumerate(members):
        trained = member.config.settings() | codes_alone
        key = (id(member.problem), member.seed, *trained.values())
        groups.setdefault(key, []).append(index)
    sharing = list(groups.values())
    leads = [members[group[0]] for group in sharing]
    for event in train(_train_spec(leads, training, kind), leads, training, state):
        if isinstance(event, Finished | Failed):
            group = sharing[event.index]
            for index in group:
                own = replace(event, index=index, seconds=event.seconds / len(group))
                if isinstance(own, Finished):
                    fitted = cast(FittedDeepCCA, own.fitted).with_codes_of(members[index].config)
                    own = replace(own, fitted=fitted)
                yield own
        else:
            yield event


def _train_spec(
    members: Sequence[Member], training: Training, kind: type[FittedDeepCCA]
) -> TrainSpec:
    config, dims = members[0].config, members[0].problem.dims
    if len(dims) < 2:
        raise ConfigError("canonical correlation needs at least two views, not one")
    given = [member.problem.rows.n for member in members]
    members = complete(members)
    n = members[0].problem.rows.n
    if n < 3:
        raise FitError(f"canonical correlation needs at least 3 rows with every view, not {n}")
    net = DeepCCA(ViewNets.of(dims, config), kind.decodes)
    dtype = torch.float64 if n <= DOUBLE_ROWS else torch.float32
    like = torch.empty(0, device=training.device, dtype=dtype)
    data = gather(members, like, use_labels=False)
    names = ("r", "reconstruction") if kind.decodes else ("r",)

    def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
        start = int(data.owner[index]) * n
        x = [view[None, start : start + n] for view in data.x]
        model = kind(net, members[index].config, data.scalers[index], params, x, curves)
        model.left_out = given[index] - n
        return model

    spec = train_spec(net, members, data, fitted, prior=config.weight_decay * n, hyper=names)
    return replace(spec, recordable=False)  # the host waits for the eigenvalues


class DeepCCAMethod(StackedMethod):
    """Deep CCA of any kind; ``fitted`` defines which, and whether the nets rebuild the views."""

    fitted: ClassVar[type[FittedDeepCCA]]
    drops_incomplete = True

    @classmethod
    @abstractmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        return fit_stack(members, training, state, cls.fitted)

    @classmethod
    def code_width(cls, shape: Shape, config: Any) -> int:
        width = min(config.directions, config.latent)
        return width * len(shape.dims) if config.output == "concat" else width

    @classmethod
    def cost(cls, shape: Shape, config: Any, training: Training) -> float:
        decodes = cls.fitted.decodes
        rows = min(shape.n_labelled + shape.n_unlabelled, config.batch_rows)
        weights = ViewNets.of(shape.dims, config).weights_per_row * (2 if decodes else 1)
        step = (2.7e-3 if decodes else 1.8e-3) + 2e-10 * rows * weights
        return step * config.steps_per_epoch * training.epochs


class FittedDeepCCA(Fitted):
    """Trained nets with a linear CCA of their outputs on the training rows ``x``.

    ``decodes``   the nets rebuild the views, too.
    ``training``  the outputs (n, d) a view that the CCA was fitted on.
    ``left_out``  rows of the Problem that lack a view and took no part.
    """

    decodes: ClassVar[bool] = False
    left_out: int = 0

    def __init__(
        self,
        net: DeepCCA,
        config: Config,
        scaler: Scaler,
        params: Params,
        x: Sequence[Tensor],
        curves: Curves,
    ) -> None:
        # Canonical maps magnify small directions, hence outputs in double precision.
        self.params = {name: value.double() for name, value in params.items()}
        self.net, self.config, self.scaler = net, config, scaler
        self.reconstruction_weight = float(getattr(config, "reconstruction", 0.0))
        self.curves = {name: values.numpy() for name, values in curves.items()}
        with torch.no_grad():
            like = self.params["enc0.0.b"]
            h = net.outputs(self.params, [view.to(like) for view in x])
            r = torch.tensor([float(config.r)], device=h[0].device)
            ridges = [_cca.ridge(outputs, r)[0] for outputs in h]
            self.training = [outputs[0] for outputs in h]
            self.cca: LinearCCA = _cca.fit(self.training, ridges, config.latent)

    def with_codes_of(self, config: Config) -> FittedDeepCCA:
        """The same nets, with the directions and the output that ``config`` asks for."""
        other = copy.copy(self)
        other.config = config
        return other

    def transform(self, rows: Rows) -> np.ndarray:
        directions = min(self.config.directions, self.config.latent)
        with torch.no_grad():
            variates = self.cca.apply([h[0] for h in self.outputs(rows)])
        variates = [view[:, :directions] for view in variates]
        if self.config.output == "mean":
            codes = torch.stack(variates).mean(0)
        else:
            codes = torch.cat(variates, 1)
        return codes.cpu().numpy().astype(np.float32)

    def loss(self, rows: Rows) -> float:
        """Minus the correlations of rows along all directions of training, + lambda error."""
        x = scaled(rows, self.scaler, self.params["enc0.0.b"])
        with torch.no_grad():
            h = self.net.outputs(self.params, x)
            loss = -_cca.pearson(self.cca.apply([outputs[0] for outputs in h]))
            if self.net.decodes:
                keep = kept_columns(self.scaler, x[0])
                error = self.net.reconstruction(self.params, h, x, keep)
                loss += self.reconstruction_weight * float(error)
        return loss

    def facts(self) -> dict[str, float | int | str | bool]:
        correlations = self.cca.correlations
        return {
            "total_correlation": float(correlations.sum()),
            "directions": int((correlations > 0).sum()),
            "dropped_columns": self.scaler.dropped,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves | {"canonical_correlations": self.cca.correlations.cpu().numpy()}

    def outputs(self, rows: Rows) -> list[Tensor]:
        """f_v(x_v) of rows, (1, n, d) a view. UnsupportedError where a view is absent."""
        return self.net.outputs(self.params, scaled(rows, self.scaler, self.params["enc0.0.b"]))
