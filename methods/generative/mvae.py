"""MVAE: multi-view VAE with a Gaussian-mixture posterior, unsupervised [du2018, eqs 1-2].

Model: p(z) = N(0, I), p(x_v|z) Gaussian, independent over views (eq. 1). Inference: q(z|X) = sum_v
lam_v N(mu_v(x_v), diag s2_v(x_v)) (eq. 2), lam = softmax of V logits shared by all rows. Minimised:

    -1/N sum_X [ sum_l lam_l { sum_v log p(x_v|z_l) + E_l log p(z) } + H(lam, mu, s2) ]

with z_l = mu_l + s_l eps_l, one draw from every component. One view gives a plain VAE. All rows of
the Problem train alike, labels unused; rows with absent views are refused.

Representation: the mean of the mixture, sum_v lam_v mu_v(x_v), the posterior's one point summary
that moves smoothly as lam nears a corner; or, of one view, its means and log-variances.

Departs from the paper: it trains no MVAE alone, so minibatches and stopping are SMVAE's here;
log-variances are bounded, weights have an N(0, 1) prior and gradients are clipped at norm 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast, final

import numpy as np
import torch
from torch import Tensor

from datasets.base import Rows
from methods import base
from methods._nn import rng
from methods._nn.data import Batch, BatchSizes, gather, per_member, scaled
from methods._nn.densities import LATENT_LIMIT, smooth_clamp
from methods._nn.fused_gaussian import Target
from methods._nn.layers import Activation, Init, Parameter, ParameterLayout, Params
from methods._nn.networks import named, part
from methods._nn.trainer import Curves, TrainSpec, train
from methods._scaling import Scaler, require_complete
from methods._ssvae.bound import weighted_bound
from methods._ssvae.entropy import Entropy
from methods._ssvae.model import Networks, perceptrons
from methods._ssvae.posterior import Components, Mixture
from methods.base import Can, ConfigError, Event, Fitted, Member, Shape, StackedMethod, Training, hp


@dataclass(frozen=True)
class Config(base.Config):
    """Settings of MVAE."""

    hidden: tuple[int, ...] = hp((100, 50), "encoder layers; decoders mirror them")
    latent: int = hp(30, "width of z", low=1, high=1000)
    output: str = hp("mean", "representation", choices=("mean", "mean_logvar"))
    activation: str = hp("softplus", "nonlinearity", choices=("softplus", "relu"))
    init: str = hp("glorot", "initial weights, see layers.Init", choices=("fan_in", "glorot"))
    logvar_floor: float = hp(-6.0, "least log-variance of decoded data", low=-6.0, high=5.0)
    entropy: str = hp("joint", "entropy bound", choices=("joint", "per_dim", "bhattacharyya"))
    weights: str = hp("learned", "lam", choices=("learned", "uniform"))
    batches_per_epoch: int = hp(10, "minibatches of an epoch", low=1, high=100_000)
    learning_rate: float = hp(
        3e-4, "Adam's step size", low=1e-6, high=1.0, batchable=True, tune=(1e-4, 1e-2)
    )
    weight_prior: bool = hp(True, "N(0, 1) prior on weights, logits excepted")


@dataclass(frozen=True)
class Model:
    """The networks of an MVAE and its bound."""

    dims: tuple[int, ...]
    config: Config

    @cached_property
    def networks(self) -> Networks:
        """Encoders and mirrored decoders."""
        activation, init = cast(Activation, self.config.activation), cast(Init, self.config.init)
        return perceptrons(tuple(self.config.hidden), activation, init)

    @cached_property
    def posterior(self) -> Mixture:
        """Logits that stay zero are uniform weights."""
        return Mixture(len(self.dims), cast(Entropy, self.config.entropy))

    @cached_property
    def layout(self) -> ParameterLayout:
        """Encoders, mirrored decoders, and the mixture's logits."""
        latent, declared = self.config.latent, dict[str, Parameter]()
        for v, width in enumerate(self.dims):
            encoder = self.networks.encoder_of(v).parameters({"x": width}, 2 * latent)
            decoder = self.networks.decoder_of(v).parameters({"z": latent}, 2 * width)
            declared |= named(f"enc{v}", encoder) | named(f"dec{v}", decoder)
        declared["logits"] = Parameter((len(self.dims),), prior=False)
        return ParameterLayout(declared)

    def encoded(self, p: Params, x: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Means and log-variances (t, V, r, D)."""
        raw = [
            self.networks.encoder_of(v).apply(part(p, f"enc{v}"), {"x": view})
            for v, view in enumerate(x)
        ]
        mean, spread = torch.stack(raw, 1).split(self.config.latent, -1)
        return mean, smooth_clamp(spread, LATENT_LIMIT)

    def log_weights(self, p: Params) -> Tensor:
        """Log lam (t, V)."""
        learned = self.config.weights == "learned"
        return self.posterior.log_weights(p if learned else {"logits": 0 * p["logits"]})

    def bound(self, p: Params, batch: Batch) -> Tensor:
        """Mean over rows of the lower bound on log p(X), (t,)."""

        def likelihood(z: Tensor, weight: Tensor) -> Tensor:
            total = z.new_zeros(len(z))
            for v, x in enumerate(batch.x):
                target = Target(x, weight, batch.keep[v], self.config.logvar_floor)
                decoder, weights = self.networks.decoder_of(v), part(p, f"dec{v}")
                total = total + decoder.log_likelihood(weights, z, {}, None, target)
            return total

        mean, logvar = self.encoded(p, batch.x)
        rows = mean.new_full((len(mean), mean.shape[2]), 1 / mean.shape[2])
        q = Components(mean, logvar, self.log_weights(p))
        return weighted_bound(likelihood, q, batch.noise["eps"], rows, self.posterior.entropy)

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the mean bound (t,), and what is logged."""
        loss = -self.bound(p, batch)
        weights = self.log_weights(p).detach().exp()
        return loss, {"loss": loss.detach(), "view_weights": weights}


@final
class MVAE(StackedMethod):
    """Multi-view VAE."""

    version, title = 1, "MVAE"
    cites = ("Du et al., ACM Multimedia 2018",)
    can = Can(represent=True, unlabelled=True, labels=False)
    Config = Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        config, problem = members[0].config, members[0].problem
        if config.output == "mean_logvar" and len(problem.dims) > 1:
            raise ConfigError("MVAE.output = 'mean_logvar' needs a single view")
        for member in members:
            require_complete(member.problem.rows)
        model, sizes = Model(problem.dims, config), _sizes(config, problem.rows.n)
        data = gather(members, torch.empty(0, device=training.device), use_labels=False)

        def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
            return FittedMVAE(model, data.scalers[index], params, members[index].seed, curves)

        spec = TrainSpec(
            layout=model.layout,
            data=data,
            loss=model.loss,
            sizes=sizes,
            noise={"eps": (len(model.dims), 1, sizes.unlabelled, config.latent)},
            hyper={},
            rates=per_member(members, "learning_rate"),
            fitted=fitted,
            prior=float(config.weight_prior),
        )
        return train(spec, members, training, state)

    @classmethod
    def code_width(cls, shape: Shape, config: Config) -> int:
        return config.latent if config.output == "mean" else 2 * config.latent

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        n, views = shape.n_labelled + shape.n_unlabelled, len(shape.dims)
        work = n * views * (2 * config.hidden[0] * sum(shape.dims) + 12_000 * views)
        return (1e-3 * config.batches_per_epoch + 1.2e-10 * work) * training.epochs


class FittedMVAE(Fitted):
    """A trained MVAE."""

    def __init__(
        self, model: Model, scaler: Scaler, params: Params, seed: int, curves: Curves
    ) -> None:
        self.model, self.scaler, self.params, self.seed = model, scaler, params, seed
        self.curves = {name: values.numpy() for name, values in curves.items()}

    def transform(self, rows: Rows) -> np.ndarray:
        with torch.no_grad():
            mean, logvar = self.model.encoded(self.params, self._tensors(rows))
            if self.model.config.output == "mean_logvar":
                codes = torch.cat([mean[0, 0], logvar[0, 0]], -1)
            else:
                lam = self.model.log_weights(self.params).exp()[0]  # (V,)
                codes = (lam[:, None, None] * mean[0]).sum(0)
        return codes.cpu().numpy().astype(np.float32)

    def loss(self, rows: Rows) -> float:
        """Minus the bound per row; each row's draw is fixed by the seed and its id."""
        x = self._tensors(rows)
        width = len(x) * self.model.config.latent
        draw = rng.normals_by_id(self.seed, "loss", rows.ids, width)
        eps = torch.as_tensor(draw).to(x[0]).view(1, rows.n, len(x), 1, -1).permute(0, 2, 3, 1, 4)
        like = x[0]
        keep = tuple(torch.as_tensor(k)[None].to(like) for _, _, k in self.scaler.columns)
        batch = Batch(x, like, like, 0, {"eps": eps}, {}, keep)
        with torch.no_grad():
            return -float(self.model.bound(self.params, batch))

    def facts(self) -> dict[str, float | int | str | bool]:
        lam = self.model.log_weights(self.params).exp()[0].tolist()
        return {f"weight_{v}": weight for v, weight in enumerate(lam)} | {
            "dropped_columns": self.scaler.dropped
        }

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves

    def _tensors(self, rows: Rows) -> tuple[Tensor, ...]:
        return scaled(rows, self.scaler, next(iter(self.params.values())))


def _sizes(config: Config, n: int) -> BatchSizes:
    """Every row once an epoch, the remainder dropped."""
    steps = max(1, min(config.batches_per_epoch, n))
    return BatchSizes(steps, 0, n // steps)
