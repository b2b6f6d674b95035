"""MIWAE: a VAE of rows that may lack views, trained on an importance-weighted bound [mattei2019].

All views side by side are one x. Model: p(z) = N(0, I), p(x|z) Gaussian with diagonal covariance.
Inference: q(z|x_O) = N(mu, diag s2) of an encoder that reads zeros, the means, where a view is
absent. Maximised, over all rows and with K = 20 draws of z:

    E log (1/K) sum_k w_k,   w_k = p(x_O|z_k) p(z_k) / q(z_k|x_O),   p(x_O|z) over present entries,

a lower bound on log p(x_O) that rises to it with K. Views that are absent at random need no model
of why they are. Imputation is single, by self-normalised importance weights over L draws,

    E[x_M|x_O] ~ sum_l (w_l / sum_j w_j) E[x_M|z_l],

and its variance likewise, of the mixture of p(x_M|z_l). The draws are fixed, the same for
all rows; ``effective_draws`` says how many of L the weights leave, 1 / sum of squares.
Labels are not used; rows that it has not seen are filled too.

Departs from the paper: the paper has no such row. Of its source: ReLU for tanh, a Gaussian for
Student's t, log-variances bent into (``logvar_floor``, 6), the floor of SMVAE here; columns are
z-scored; an epoch is ``steps_per_epoch`` minibatches whatever the rows; L is 200, not 10,000; the
epoch is chosen by the error on masked tuning rows, as for every imputer here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast, final

import numpy as np
import torch
from torch import Tensor

from datasets.base import Rows
from methods import base
from methods._nn import rng
from methods._nn.data import Batch, gather, kept_columns, tensors_of
from methods._nn.densities import DATA_LIMIT, LATENT_LIMIT, gaussian, smooth_clamp
from methods._nn.layers import Activation, Init, ParameterLayout, Params
from methods._nn.networks import MLP, named, part
from methods._nn.trainer import Curves, train
from methods._scaling import Scaler
from methods.base import Can, Event, Fitted, Member, Shape, StackedMethod, Training, hp
from methods.multiview._views import train_spec

CHUNK = 100
"""Rows that are imputed at once; it bounds memory and changes nothing."""
WATCHED = 500
"""Training rows on which the effective draws of a finished fit are counted."""


@dataclass(frozen=True)
class Config(base.Config):
    """Settings of MIWAE."""

    latent: int = hp(10, "width of z", grid=(10, 30), low=1, high=1000)
    hidden: tuple[int, ...] = hp((128, 128), "encoder layers; the decoder mirrors them")
    activation: str = hp("relu", "nonlinearity", choices=("softplus", "relu", "identity"))
    init: str = hp("fan_in", "initial weights, see layers.Init", choices=("fan_in", "glorot"))
    samples: int = hp(20, "K, draws of z of a row in training", low=1, high=10_000)
    draws: int = hp(200, "L, draws of z of a row that is imputed", low=1, high=100_000)
    logvar_floor: float = hp(-1.0, "least log-variance of decoded data", low=-6.0, high=5.0)
    steps_per_epoch: int = hp(20, "minibatches of an epoch, whatever the rows", low=1, high=100_000)
    batch_rows: int = hp(64, "rows of a minibatch, at most", low=1, high=1_000_000)
    learning_rate: float = hp(
        1e-3, "Adam's step size", low=1e-6, high=1.0, batchable=True, tune=(1e-4, 1e-2)
    )
    weight_prior: float = hp(0.0, "precision of a Gaussian prior on weights", low=0.0, high=1e6)


@dataclass(frozen=True)
class Model:
    """Encoder and decoder of all views side by side, ``dims`` wide, and the weights of draws."""

    dims: tuple[int, ...]
    latent: int
    network: MLP
    logvar_floor: float = -DATA_LIMIT

    @property
    def decoder(self) -> MLP:
        return replace(self.network, hidden=self.network.hidden[::-1])

    @property
    def layout(self) -> ParameterLayout:
        width = sum(self.dims)
        encoder = self.network.parameters({"x": width}, 2 * self.latent)
        decoder = self.decoder.parameters({"z": self.latent}, 2 * width)
        return ParameterLayout(named("enc", encoder) | named("dec", decoder))

    def encoded(self, p: Params, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x_O), each (t, r, D), of rows (t, r, d)."""
        mean, spread = self.network.apply(part(p, "enc"), {"x": x}).chunk(2, -1)
        return mean, smooth_clamp(spread, LATENT_LIMIT)

    def decoded(self, p: Params, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of p(x|z), each (t, k, r, d), of samples (t, k, r, D)."""
        flat = self.decoder.apply(part(p, "dec"), {"z": z.flatten(1, 2)})
        mean, spread = flat.unflatten(1, z.shape[1:3]).chunk(2, -1)
        middle, half = (DATA_LIMIT + self.logvar_floor) / 2, (DATA_LIMIT - self.logvar_floor) / 2
        return mean, middle + smooth_clamp(spread - middle, half)

    def weighed(
        self, p: Params, x: Tensor, counted: Tensor, eps: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Log w_k (t, k, r) of draws, and what they are decoded to, mean and log-variance.

        ``x`` (t, r, d) with zeros where absent; ``counted`` (t, r, d) of 0 and 1: entries of x_O;
        ``eps`` (t, k, r, D), or broadcastable: standard normal.
        """
        mean, logvar = self.encoded(p, x)
        z = torch.addcmul(mean[:, None], (0.5 * logvar).exp()[:, None], eps)
        of_x, spread = self.decoded(p, z)
        log_p = gaussian(x[:, None], of_x, spread, counted[:, None])
        zero = torch.zeros_like(z)
        log_w = log_p + gaussian(z, zero, zero) - gaussian(z, mean[:, None], logvar[:, None])
        return log_w, of_x, spread

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the bound (t,), the mean over rows, and its log."""
        x, counted = side_by_side(batch.x, batch.present, batch.keep)
        log_w, _, _ = self.weighed(p, x, counted, batch.noise["eps"])
        bound = (log_w.logsumexp(1) - np.log(log_w.shape[1])).mean(-1)
        return -bound, {"bound": bound.detach(), "loss": -bound.detach()}


def side_by_side(
    x: Sequence[Tensor], present: Tensor, keep: Sequence[Tensor | None]
) -> tuple[Tensor, Tensor]:
    """All views as one (t, r, d), and which entries count, of 0 and 1: present, not constant."""
    counted = []
    for v, (view, kept) in enumerate(zip(x, keep, strict=True)):
        there = present[..., v, None].expand_as(view)
        counted.append(there if kept is None else there * kept[:, None])
    return torch.cat(tuple(x), -1), torch.cat(counted, -1)


@final
class MIWAE(StackedMethod):
    """Missing data importance-weighted autoencoder."""

    version, title, cites = 1, "MIWAE", ("Mattei and Frellsen, ICML 2019",)
    can = Can(impute=True, unlabelled=True, missing_views=True, labels=False)
    Config = Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        """Raises FitError where a view is absent from every row."""
        config, problem = members[0].config, members[0].problem
        network = MLP(
            tuple(config.hidden), cast(Activation, config.activation), cast(Init, config.init)
        )
        model = Model(problem.dims, config.latent, network, config.logvar_floor)
        data = gather(members, torch.empty(0, device=training.device), use_labels=False)

        def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
            found = FittedMIWAE(model, members[index], data.scalers[index], params, curves)
            if final:
                found.count_draws()
            return found

        spec = train_spec(model, members, data, fitted, config.weight_prior)
        noise = {"eps": (config.samples, spec.sizes.unlabelled, config.latent)}
        return train(replace(spec, noise=noise), members, training, state)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        rows = min(config.batch_rows, shape.n_labelled + shape.n_unlabelled) * config.samples
        widths = (config.latent, *config.hidden[::-1], 2 * sum(shape.dims))
        inner = sum(a * b for a, b in zip(widths, widths[1:], strict=False))
        step = 1.5e-3 + 1.2e-10 * rows * inner
        return step * config.steps_per_epoch * training.epochs


class FittedMIWAE(Fitted):
    """A trained MIWAE."""

    def __init__(
        self, model: Model, member: Member, scaler: Scaler, params: Params, curves: Curves
    ) -> None:
        self.model, self.scaler, self.params = model, scaler, params
        self.seed, self.draws, self.rows = member.seed, member.config.draws, member.problem.rows
        self.curves = {name: values.numpy() for name, values in curves.items()}
        self.counted: dict[str, float] = {}

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        lacking = np.flatnonzero(~rows.present.all(1))
        mean = np.zeros((rows.n, sum(self.model.dims)))
        spread = np.zeros_like(mean)
        for start in range(0, len(lacking), CHUNK):
            here = lacking[start : start + CHUNK]
            mean[here], spread[here], _ = self._moments(_taken(rows, here))
        ends = np.cumsum(self.model.dims)[:-1]
        views = self.scaler.filled(rows, np.split(mean, ends, axis=1))
        variances = tuple(
            np.where(there[:, None], 0.0, of_view * (sd * keep) ** 2)
            for there, of_view, (_, sd, keep) in zip(
                rows.present.T, np.split(spread, ends, axis=1), self.scaler.columns, strict=True
            )
        )
        return views, variances

    def _moments(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean and variance (n, d) of p(x|x_O), z-scored, and effective draws (n,)."""
        views, present = tensors_of(rows, self.scaler, next(iter(self.params.values())))
        x, counted = side_by_side(views, present, kept_columns(self.scaler, views[0]))
        source = rng.generator(self.seed, "draws of imputation")
        eps = torch.randn(self.draws, 1, self.model.latent, generator=source).to(x)
        with torch.no_grad():
            log_w, of_x, logvar = self.model.weighed(self.params, x, counted, eps[None])
            weights = log_w.softmax(1)[..., None]
            mean = (weights * of_x).sum(1)
            spread = (weights * (logvar.exp() + (of_x - mean[:, None]).square())).sum(1)
            effective = 1 / weights.square().sum((1, 3))
        mean, spread, effective = (v[0].double().cpu().numpy() for v in (mean, spread, effective))
        return mean, spread, effective

    def count_draws(self) -> None:
        """Counts what the facts tell."""
        lacking = np.flatnonzero(~self.rows.present.all(1))[:WATCHED]
        found = [
            self._moments(_taken(self.rows, lacking[start : start + CHUNK]))[2]
            for start in range(0, len(lacking), CHUNK)
        ]
        if found:
            self.counted = {"effective_draws": float(np.concatenate(found).mean())}

    def facts(self) -> dict[str, float | int | str | bool]:
        return {"dropped_columns": self.scaler.dropped, **self.counted}

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves


def _taken(rows: Rows, index: np.ndarray) -> Rows:
    return Rows(tuple(view[index] for view in rows.views), rows.present[index], rows.ids[index])
