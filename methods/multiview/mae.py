"""MAE: multimodal autoencoder, a deep autoencoder that guesses all views from all or from one.

Encoders x_v -> 100 -> 50 meet in one joint linear code z of 30; decoders mirror them. Minimised
[Ngiam et al. 2011, the bimodal deep autoencoder; Liu, Zheng and Lu 2016]:

    1/N sum_X sum_s sum_v |x_v - g_v(z(s * X))|^2,    s = all views, view 1 alone, view 2 alone, ...

where s * X has zeros, the means of z-scored features, in the views that are not shown. The targets
are always all views, so that a code made from one view has to hold what it tells of the others;
``inputs="all"`` leaves the single views out. V views have V + 1 conditions; one view gives a plain
autoencoder. All rows of the Problem train alike, labels unused; rows with absent views are refused.

Representation: the code made from all views. The loss on new rows, which chooses the epoch, is the
objective itself.

Departs from the paper: Ngiam et al. and Liu et al. pre-train every layer as a restricted Boltzmann
machine with sigmoid units; here, as in SMVAE whose settings Du et al. lend to MAE, there is no
pre-training, hidden units are softplus and weights have an N(0, 1) prior; the code is linear. The
prior's precision is tuned; with S inputs (V + 1, or 1) the loss gains precision S / N times the sum
of squared weights: the prior of a unit Gaussian likelihood, counted once for each input. Du et al.
state a step size of 3e-4 and no minibatches: here an epoch is ``steps_per_epoch`` minibatches
whatever the number of rows, for there may be two dozen, and Adam's step is 1e-3: 600 such steps
came as far on tuning rows as 1600 of 3e-4, and near the least loss that was reached at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from datasets.base import Rows
from methods import base
from methods._nn.data import Batch, gather, kept_columns, scaled
from methods._nn.layers import ParameterLayout, Params
from methods._nn.trainer import Curves, train
from methods._scaling import Scaler, require_complete
from methods.base import Can, Event, Fitted, Member, Training, hp
from methods.multiview._views import AutoencoderMethod, ViewNets, squared_error, train_spec


@dataclass(frozen=True)
class Config(base.Config):
    """Settings of MAE."""

    hidden: tuple[int, ...] = hp((100, 50), "encoder layers of a view; decoders mirror them")
    latent: int = hp(30, "width of the joint code", low=1, high=1000)
    inputs: str = hp(
        "all_and_each", "which views the code is made from", choices=("all_and_each", "all")
    )
    activation: str = hp("softplus", "nonlinearity", choices=("softplus", "relu", "identity"))
    init: str = hp("glorot", "initial weights, see layers.Init", choices=("fan_in", "glorot"))
    steps_per_epoch: int = hp(20, "minibatches of an epoch, whatever the rows", low=1, high=100_000)
    batch_rows: int = hp(128, "rows of a minibatch, at most", low=1, high=1_000_000)
    learning_rate: float = hp(
        1e-3, "Adam's step size", low=1e-6, high=1.0, batchable=True, tune=(1e-4, 1e-2)
    )
    weight_prior: float = hp(
        1.0, "precision of a Gaussian prior on weights", grid=(0.3, 1.0, 3.0), low=0.0, high=1e6
    )


@dataclass(frozen=True)
class Model:
    """The networks of an MAE and its loss."""

    nets: ViewNets
    inputs: str

    @property
    def layout(self) -> ParameterLayout:
        return ParameterLayout(self.nets.encoders() | self.nets.decoders())

    @property
    def conditions(self) -> int:
        """Number of inputs that a code is made from: all views, and each alone."""
        views = len(self.nets.dims)
        return 1 if self.inputs == "all" or views == 1 else 1 + views

    def code(self, p: Params, x: Sequence[Tensor]) -> Tensor:
        """Joint codes (t, r, D) from all views."""
        return sum_of([self.nets.encode(p, v, view) for v, view in enumerate(x)])

    def codes(self, p: Params, x: Sequence[Tensor]) -> list[Tensor]:
        """Codes (t, r, D) from all views and, if so set, from each view alone, others zero."""
        parts = [self.nets.encode(p, v, view) for v, view in enumerate(x)]
        joint = [sum_of(parts)]
        if self.conditions == 1:
            return joint
        blank = [self.nets.encode(p, v, torch.zeros_like(view[:, :1])) for v, view in enumerate(x)]
        alone = [[parts[v], *blank[:v], *blank[v + 1 :]] for v in range(len(x))]
        return joint + [sum_of(terms) for terms in alone]

    def error(self, p: Params, x: Sequence[Tensor], keep: Sequence[Tensor | None]) -> Tensor:
        """Mean over rows of the squared errors of all views under all inputs, (t,)."""
        codes = self.codes(p, x)
        stacked = torch.cat(codes, 1)
        total = x[0].new_zeros(len(x[0]))
        for v, view in enumerate(x):
            guess = self.nets.decode(p, v, stacked)
            total = total + squared_error(view.repeat(1, len(codes), 1), guess, keep[v])
        return len(codes) * total

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The error (t,), and what is logged."""
        loss = self.error(p, batch.x, batch.keep)
        return loss, {"loss": loss.detach()}


@final
class MAE(AutoencoderMethod):
    """Multimodal autoencoder."""

    version, title = 1, "MAE"
    cites = ("Ngiam et al., ICML 2011", "Liu, Zheng and Lu, ICONIP 2016")
    can = Can(represent=True, unlabelled=True, labels=False)
    Config = Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        config, problem = members[0].config, members[0].problem
        for member in members:
            require_complete(member.problem.rows)
        model = Model(ViewNets.of(problem.dims, config), config.inputs)
        data = gather(members, torch.empty(0, device=training.device), use_labels=False)

        def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
            return FittedMAE(model, data.scalers[index], params, curves)

        # The loss is twice a unit Gaussian's minus log-likelihood, once for each input.
        prior = config.weight_prior * 2 * model.conditions
        return train(train_spec(model, members, data, fitted, prior), members, training, state)


class FittedMAE(Fitted):
    """A trained MAE."""

    def __init__(self, model: Model, scaler: Scaler, params: Params, curves: Curves) -> None:
        self.model, self.scaler, self.params = model, scaler, params
        self.curves = {name: values.numpy() for name, values in curves.items()}

    def transform(self, rows: Rows) -> np.ndarray:
        with torch.no_grad():
            codes = self.model.code(self.params, self._tensors(rows))[0]
        return codes.cpu().numpy().astype(np.float32)

    def loss(self, rows: Rows) -> float:
        """Reconstruction error per row, summed over inputs and views."""
        x = self._tensors(rows)
        with torch.no_grad():
            return float(self.model.error(self.params, x, kept_columns(self.scaler, x[0])))

    def facts(self) -> dict[str, float | int | str | bool]:
        return {"dropped_columns": self.scaler.dropped}

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves

    def _tensors(self, rows: Rows) -> tuple[Tensor, ...]:
        return scaled(rows, self.scaler, next(iter(self.params.values())))


def sum_of(parts: Sequence[Tensor]) -> Tensor:
    """Their sum, broadcast."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
