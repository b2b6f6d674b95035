"""CorrNet: correlational neural network, an autoencoder whose codes from each view correlate.

A common layer h(s) = sigmoid(sum_{v in s} W_v x_v + b) reads the views s that are shown; the term
of a view that is not shown is left out, with nothing in its place. With linear maps g_v of h back
to every view, minimised is [Chandar et al. 2016, and the authors' code]

    1/n sum_X sum_s sum_v 1/2 |x_v - g_v(h(s))|^2
    - lambda sum_{u<v} n_uv / n sum_j corr_j(h(x_u), h(x_v)),     s = all views, each view alone,

with corr_j the Pearson correlation of unit j over the n_uv rows of a minibatch of n that have both
views. A view that a row lacks is neither input nor target: so a row with a single view trains the
reconstruction of that view alone, and the correlation weighs as much as the share of rows it is
over; both as in the authors' code, whose minibatches have either pairs or single views. They have
two views; with more, every pair correlates. All rows of the Problem train, labels unused.

Imputation: g_m(h(views that are present)). Representation: h of the views that are present. The
loss on new rows is the objective itself.

Departs from the paper: pixels in 0..1, sigmoid outputs and, in the authors' example, tied weights
suit images; here features are z-scored, outputs linear and weights untied. The 50 units are those
of the example; lambda (2 there, 5 by default) levels the two terms at the start, and is tuned. The
authors take minibatches of 100 rows, RMSprop with step 0.01 and no weight decay; here they have up
to ``batch_rows`` rows, ``steps_per_epoch`` of them are an epoch whatever the number of rows, the
optimiser is Adam, and the decay is tuned: on tuning rows of mfeat (fou and zer, zer absent in half
of the rows, lambda 2) the relative error of the imputed view was .842, .838, .826, .855 with 1e-4,
1e-2, 1e-1, 3e-1, and .825 by ridge regression; from fac, which tells more, .595, .606, .65 with
1e-2, 3e-2, 1e-1. Layers below the common one are an option, trained from scratch (``hidden=(100,
50)``, ``latent=30``: SMVAE's sizes); they came to .847 and lost it within 20 epochs, so that the
default is the plain net of the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import final

import numpy as np
import torch
from torch import Tensor

from datasets.base import Rows
from methods import base
from methods._nn.data import Batch, gather, kept_columns, tensors_of
from methods._nn.layers import Parameter, ParameterLayout, Params
from methods._nn.pointwise import pointwise
from methods._nn.trainer import Curves, train
from methods._scaling import Scaler
from methods.base import (
    Can,
    ConfigError,
    Event,
    FitError,
    Fitted,
    Member,
    Training,
    hp,
)
from methods.multiview._views import AutoencoderMethod, ViewNets, squared_errors, train_spec

UNITS = {"sigmoid": partial(pointwise, torch.sigmoid), "identity": torch.clone}
FLOOR = 1e-8
"""Added to sums of squares under the root, as by the authors: a constant unit has correlation 0."""


@dataclass(frozen=True)
class Config(base.Config):
    """Settings of CorrNet."""

    correlation: float = hp(
        5.0,
        "lambda, the weight of the correlation",
        grid=(2.0, 5.0, 10.0),
        low=0.0,
        high=1e9,
        batchable=True,
    )
    latent: int = hp(50, "units of the common layer", low=1, high=1000)
    units: str = hp("sigmoid", "nonlinearity of the common layer", choices=tuple(UNITS))
    hidden: tuple[int, ...] = hp((), "layers of a view below the common one; decoders mirror them")
    activation: str = hp(
        "softplus", "nonlinearity of the layers below", choices=("softplus", "relu", "identity")
    )
    init: str = hp("glorot", "initial weights, see layers.Init", choices=("fan_in", "glorot"))
    inputs: str = hp(
        "all_and_each", "which views codes are made from", choices=("all_and_each", "all")
    )
    steps_per_epoch: int = hp(20, "minibatches of an epoch, whatever the rows", low=1, high=100_000)
    batch_rows: int = hp(500, "rows of a minibatch, at most", low=2, high=1_000_000)
    learning_rate: float = hp(
        5e-3, "Adam's step size", low=1e-6, high=1.0, batchable=True, tune=(1e-4, 1e-2)
    )
    weight_decay: float = hp(
        3e-2, "L2: times half the squared weights", grid=(1e-2, 3e-2, 1e-1), low=0.0, high=1e3
    )


@dataclass(frozen=True)
class Model:
    """The networks of a CorrNet and its loss."""

    nets: ViewNets
    units: str
    inputs: str

    @property
    def layout(self) -> ParameterLayout:
        encoders = self.nets.encoders()
        weights = {name: encoders[name] for name in encoders if name not in self._view_biases}
        bias = {"common.b": Parameter((1, self.nets.latent))}
        return ParameterLayout(weights | bias | self.nets.decoders())

    @cached_property
    def _view_biases(self) -> tuple[str, ...]:
        """Biases that the nets of single views would have in place of the common one."""
        return tuple(f"enc{v}.{len(self.nets.hidden)}.b" for v in range(len(self.nets.dims)))

    def parts(self, p: Params, x: Sequence[Tensor], present: Tensor) -> list[Tensor]:
        """What each view adds to the common layer, (t, r, D): nothing where it is absent."""
        none = torch.zeros_like(p["common.b"])
        p = {**p, **dict.fromkeys(self._view_biases, none)}
        return [self.nets.encode(p, v, view) * present[..., v, None] for v, view in enumerate(x)]

    def code(self, p: Params, parts: Sequence[Tensor]) -> Tensor:
        """The common layer (t, r, D) fed by ``parts``."""
        return UNITS[self.units](torch.stack(tuple(parts)).sum(0) + p["common.b"])

    def terms(
        self, p: Params, x: Sequence[Tensor], present: Tensor, keep: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """Reconstruction error and correlation of rows (t, r, d_v), present (t, r, V): (t,) each.

        The means over all r rows that stand in the objective, lambda apart.
        """
        parts = self.parts(p, x, present)
        alone = [self.code(p, [part]) for part in parts]
        codes, counted = [self.code(p, parts)], [torch.ones_like(present[..., 0])]
        if self.inputs == "all_and_each":
            others = (present.sum(-1) > 1).to(present)  # alone, a row's one view is all its views
            codes += alone
            counted += [present[..., v] * others for v in range(len(x))]
        stacked, weight, times = torch.cat(codes, 1), torch.cat(counted, 1), len(codes)
        error = present.new_zeros(len(present))
        for v, view in enumerate(x):
            guess = self.nets.decode(p, v, stacked)
            squares = squared_errors(view.repeat(1, times, 1), guess, keep[v])
            error = error + 0.5 * (squares * weight * present[..., v].repeat(1, times)).sum(1)
        correlation = torch.zeros_like(error)
        for u, v in combinations(range(len(x)), 2):
            both = present[..., u] * present[..., v]
            correlation = correlation + both.mean(1) * pearson(alone[u], alone[v], both)
        return error / present.shape[1], correlation

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective (t,), and what is logged."""
        error, correlation = self.terms(p, batch.x, batch.present, batch.keep)
        loss = error - batch.hyper["correlation"] * correlation
        logs = {"reconstruction_error": error, "correlation": correlation, "loss": loss}
        return loss, {name: value.detach() for name, value in logs.items()}


def pearson(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """Correlations of units (t, r, D) over rows of ``weight`` (t, r) 1, not 0, summed: (t,)."""
    rows = weight[..., None]
    count = rows.sum(1, keepdim=True).clamp(min=1)
    first, second = ((h - (h * rows).sum(1, keepdim=True) / count) * rows for h in (first, second))
    lengths = [(h.square().sum(1) + FLOOR).sqrt() for h in (first, second)]
    return ((first * second).sum(1) / (lengths[0] * lengths[1])).sum(-1)


@final
class CorrNet(AutoencoderMethod):
    """Correlational neural network."""

    version, title = 1, "CorrNet"
    cites = ("Chandar et al., Neural Computation 2016",)
    can = Can(
        represent=True, impute=True, unlabelled=True, missing_views=True, labels=False, views=2
    )
    Config = Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        config, problem = members[0].config, members[0].problem
        if len(problem.dims) < 2:
            raise ConfigError("CorrNet needs at least two views, not one")
        for member in members:
            pairs = int((member.problem.rows.present.sum(1) > 1).sum())
            if pairs < 2:
                raise FitError(f"CorrNet needs at least 2 rows with two views, not {pairs}")
        model = Model(ViewNets.of(problem.dims, config), config.units, config.inputs)
        data = gather(members, torch.empty(0, device=training.device), use_labels=False)

        def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
            return FittedCorrNet(model, members[index], data.scalers[index], params, curves)

        prior = config.weight_decay * problem.rows.n
        spec = train_spec(model, members, data, fitted, prior, hyper=("correlation",))
        return train(spec, members, training, state)


class FittedCorrNet(Fitted):
    """A trained CorrNet."""

    def __init__(
        self, model: Model, member: Member, scaler: Scaler, params: Params, curves: Curves
    ) -> None:
        self.model, self.scaler = model, scaler
        self.params = {name: value.double() for name, value in params.items()}
        self.weight = float(member.config.correlation)
        self.incomplete = int((~member.problem.rows.present.all(1)).sum())
        self.curves = {name: values.numpy() for name, values in curves.items()}

    def transform(self, rows: Rows) -> np.ndarray:
        return self._code(rows)[0].cpu().numpy().astype(np.float32)

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], None]:
        code = self._code(rows)
        with torch.no_grad():
            views = range(len(rows.views))
            guesses = [self.model.nets.decode(self.params, v, code) for v in views]
        return self.scaler.filled(rows, [guess[0].cpu().numpy() for guess in guesses]), None

    def loss(self, rows: Rows) -> float:
        """The objective, per row."""
        x, present = self._tensors(rows)
        with torch.no_grad():
            error, correlation = self.model.terms(
                self.params, x, present, kept_columns(self.scaler, x[0])
            )
        return float(error - self.weight * correlation)

    def facts(self) -> dict[str, float | int | str | bool]:
        return {"incomplete_rows": self.incomplete, "dropped_columns": self.scaler.dropped}

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves

    def _tensors(self, rows: Rows) -> tuple[tuple[Tensor, ...], Tensor]:
        return tensors_of(rows, self.scaler, self.params["common.b"])

    def _code(self, rows: Rows) -> Tensor:
        """Codes (1, n, D) from the views that are present."""
        with torch.no_grad():
            return self.model.code(self.params, self.model.parts(self.params, *self._tensors(rows)))
