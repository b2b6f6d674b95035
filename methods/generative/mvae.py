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
from methods._training import noise
from methods._training.data import (
    Batch,
    Batches,
    Scaler,
    demand_complete,
    gather,
    per_member,
    scaled,
)
from methods._training.decode import Decoder, log_likelihood
from methods._training.densities import LATENT_LIMIT, Entropy, smooth_clamp
from methods._training.loop import Curves, Task, train
from methods._training.nets import Activation, Init, Layout, Parameter, Params, mlp, perceptron
from methods._training.semisup_elbo import weighted_bound
from methods.base import Can, ConfigError, Event, Fitted, Member, Shape, StackedMethod, Training, hp


@dataclass(frozen=True)
class Config(base.Config):
    """Settings of MVAE."""

    hidden: tuple[int, ...] = hp((100, 50), "encoder layers; decoders mirror them")
    latent: int = hp(30, "width of z", low=1, high=1000)
    output: str = hp("mean", "representation", choices=("mean", "mean_logvar"))
    activation: str = hp("softplus", "nonlinearity", choices=("softplus", "relu"))
    init: str = hp("glorot", "initial weights, see nets.Init", choices=("fan_in", "glorot"))
    logvar_floor: float = hp(-6.0, "least log-variance of decoded data", low=-6.0, high=5.0)
    entropy: str = hp("joint", "entropy bound", choices=("joint", "per_dim", "bhattacharyya"))
    weights: str = hp("learned", "lam", choices=("learned", "uniform"))
    batches_per_epoch: int = hp(10, "minibatches of an epoch", low=1, high=100_000)
    learning_rate: float = hp(3e-4, "Adam's step size", low=1e-6, high=1.0, stacks=True)
    weight_prior: bool = hp(True, "N(0, 1) prior on weights, logits excepted")


@dataclass(frozen=True)
class Net:
    """The nets of an MVAE and its bound."""

    dims: tuple[int, ...]
    config: Config

    @cached_property
    def layout(self) -> Layout:
        """Encoders, mirrored decoders, and the mixture's logits."""
        hidden, latent = tuple(self.config.hidden), self.config.latent
        init = cast(Init, self.config.init)
        found: dict[str, Parameter] = {}
        for v, width in enumerate(self.dims):
            found |= mlp(f"enc{v}", {"x": width}, hidden, 2 * latent, init)
            found |= mlp(f"dec{v}", {"z": latent}, hidden[::-1], 2 * width, init)
        found["logits"] = Parameter((len(self.dims),))
        return Layout(found, frozenset({"logits"}))

    def posterior(self, p: Params, x: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Means and log-variances (t, V, r, D)."""
        activation = cast(Activation, self.config.activation)
        depth = len(self.config.hidden)
        raw = [perceptron(p, f"enc{v}", {"x": x[v]}, depth, activation) for v in range(len(x))]
        mean, spread = torch.stack(raw, 1).split(self.config.latent, -1)
        return mean, smooth_clamp(spread, LATENT_LIMIT)

    def log_weights(self, p: Params) -> Tensor:
        """Log lam (t, V); logits that stay zero are uniform weights."""
        logits = p["logits"]
        return torch.log_softmax(logits if self.config.weights == "learned" else 0 * logits, -1)

    def bound(self, p: Params, batch: Batch) -> Tensor:
        """Mean over rows of the lower bound on log p(X), (t,)."""
        activation = cast(Activation, self.config.activation)
        depth = len(self.config.hidden)

        def likelihood(z: Tensor, weight: Tensor) -> Tensor:
            total = z.new_zeros(len(z))
            for v, x in enumerate(batch.x):
                decoder = Decoder(f"dec{v}", "z", depth, activation, self.config.logvar_floor)
                base = p[f"dec{v}.0.b"].expand(-1, x.shape[1], -1)
                keep = batch.keep[v]
                total = total + log_likelihood(decoder, p, z, base, x, weight, keep)
            return total

        mean, logvar = self.posterior(p, batch.x)
        rows = mean.new_full((len(mean), mean.shape[2]), 1 / mean.shape[2])
        entropy = cast(Entropy, self.config.entropy)
        weights, eps = self.log_weights(p), batch.noise["eps"]
        return weighted_bound(likelihood, mean, logvar, eps, weights, rows, entropy)

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
            demand_complete(member.problem.rows)
        net, plan = Net(problem.dims, config), _batches(config, problem.rows.n)
        data = gather(members, torch.empty(0, device=training.device), use_labels=False)

        def fitted(index: int, params: Params, curves: Curves, final: bool) -> Fitted:
            return FittedMVAE(net, data.scalers[index], params, members[index].seed, curves)

        task = Task(
            layout=net.layout,
            data=data,
            loss=net.loss,
            batches=plan,
            noise={"eps": (len(net.dims), 1, plan.unlabelled, config.latent)},
            hyper={},
            rates=per_member(members, "learning_rate"),
            fitted=fitted,
            prior=float(config.weight_prior),
        )
        return train(task, members, training, state)

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

    def __init__(self, net: Net, scaler: Scaler, params: Params, seed: int, curves: Curves) -> None:
        self.net, self.scaler, self.params, self.seed = net, scaler, params, seed
        self.curves = {name: values.numpy() for name, values in curves.items()}

    def transform(self, rows: Rows) -> np.ndarray:
        with torch.no_grad():
            mean, logvar = self.net.posterior(self.params, self._tensors(rows))
            if self.net.config.output == "mean_logvar":
                codes = torch.cat([mean[0, 0], logvar[0, 0]], -1)
            else:
                lam = self.net.log_weights(self.params).exp()[0]  # (V,)
                codes = (lam[:, None, None] * mean[0]).sum(0)
        return codes.cpu().numpy().astype(np.float32)

    def loss(self, rows: Rows) -> float:
        """Minus the bound per row; each row's draw is fixed by the seed and its id."""
        x = self._tensors(rows)
        width = len(x) * self.net.config.latent
        draw = noise.normals_by_id(self.seed, "loss", rows.ids, width)
        eps = torch.as_tensor(draw).to(x[0]).view(1, rows.n, len(x), 1, -1).permute(0, 2, 3, 1, 4)
        like = x[0]
        keep = tuple(torch.as_tensor(k)[None].to(like) for _, _, k in self.scaler.columns)
        batch = Batch(x, like, like, 0, {"eps": eps}, {}, keep)
        with torch.no_grad():
            return -float(self.net.bound(self.params, batch))

    def facts(self) -> dict[str, float | int | str | bool]:
        lam = self.net.log_weights(self.params).exp()[0].tolist()
        return {f"weight_{v}": weight for v, weight in enumerate(lam)} | {
            "dropped_columns": self.scaler.dropped
        }

    def arrays(self) -> dict[str, np.ndarray]:
        return self.curves

    def _tensors(self, rows: Rows) -> tuple[Tensor, ...]:
        return scaled(rows, self.scaler, next(iter(self.params.values())))


def _batches(config: Config, n: int) -> Batches:
    """Every row once an epoch, the remainder dropped."""
    steps = max(1, min(config.batches_per_epoch, n))
    return Batches(steps, 0, n // steps)
