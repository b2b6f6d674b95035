"""A semi-supervised VAE of several views, made of networks and a posterior.

p(y) uniform, p(z) = N(0, I), p(x_v|y,z) Gaussian; q(y|X) a classifier of all views, q(z|X,y) what a
:class:`~methods._ssvae.posterior.Posterior` makes of one encoder a view. One view makes it M2, a
mixture of several SMVAE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methods._nn.classifier import FixedDraws
from methods._nn.data import Batch, BatchSizes
from methods._nn.densities import DATA_LIMIT, LATENT_LIMIT, smooth_clamp
from methods._nn.fused_gaussian import Target
from methods._nn.layers import Activation, Init, Parameter, ParameterLayout, Params
from methods._nn.networks import MLP, Network, named, part, repeat_classes
from methods._ssvae.bound import (
    Likelihood,
    classes_of_bound,
    semisup_bound,
    share,
    weighted_bound,
    with_cross_entropy,
)
from methods._ssvae.entropy import Entropy
from methods._ssvae.posterior import Posterior


@dataclass(frozen=True)
class Networks:
    """The architectures of a model.

    ``encoder``, ``decoder``  one for all views, or one for each.
    ``classifier``            of all views.
    ``imputer``               q_psi(x_m|x_o), from several views to one (None: the classifier's).
    """

    encoder: Network | tuple[Network, ...]
    decoder: Network | tuple[Network, ...]
    classifier: Network
    imputer: Network | None = None

    def encoder_of(self, v: int) -> Network:
        """The encoder of view ``v``."""
        return self.encoder if isinstance(self.encoder, Network) else self.encoder[v]

    def decoder_of(self, v: int) -> Network:
        """The decoder of view ``v``."""
        return self.decoder if isinstance(self.decoder, Network) else self.decoder[v]

    @property
    def imputer_of_view(self) -> Network:
        """The architecture of q_psi."""
        return self.imputer or self.classifier


def perceptrons(
    hidden: tuple[int, ...] = (100, 50), activation: Activation = "softplus", init: Init = "glorot"
) -> Networks:
    """Perceptrons with hidden layers ``hidden``, decoders mirrored."""
    mlp = MLP(hidden, activation, init)
    return Networks(mlp, replace(mlp, hidden=hidden[::-1]), mlp)


@dataclass(frozen=True)
class SemisupVAE:
    """Networks and switches; the functions of the objective.

    ``shares`` weigh mean L and mean U: (N_l / N, N_u / N), or (1/2, 1/2) in balanced batching.
    ``latent`` is the width of z. ``edges``: the views that the decoder of each view reads besides y
    and z (empty: none). ``sampled``: views are [means | log-variances] and x is drawn from them in
    every step. ``warmup_epochs``: see :func:`classes_of_bound`. ``logvar_floor``: the least
    log-variance of a decoder. ``classifier_alone``: q(y|X) is trained on the labelled rows by
    cross-entropy, and nothing else is trained.

    Parts are named ``enc<v>``, ``dec<v>`` and ``cls``. The noise of a step is ``eps`` of z,
    ``input`` of sampled views, and ``<part>.<input>`` of networks that ask for some.
    """

    dims: tuple[int, ...]
    n_classes: int
    shares: tuple[float, float]
    networks: Networks
    posterior: Posterior
    latent: int = 30
    warmup_epochs: int = 0
    logvar_floor: float = -DATA_LIMIT
    edges: tuple[tuple[int, ...], ...] = ()
    sampled: bool = False
    classifier_alone: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of each view as the networks read them."""
        return tuple(d // 2 for d in self.dims) if self.sampled else self.dims

    def read_by(self, v: int) -> tuple[int, ...]:
        """Views that the decoder of view ``v`` reads."""
        return self.edges[v] if self.edges else ()

    @property
    def parts(self) -> dict[str, Network]:
        """All networks by name."""
        nets = self.networks
        views = range(len(self.dims))
        parts = {f"enc{v}": nets.encoder_of(v) for v in views}
        return parts | {f"dec{v}": nets.decoder_of(v) for v in views} | {"cls": nets.classifier}

    @property
    def layout(self) -> ParameterLayout:
        """Encoders [x_v, y] -> z, decoders, one classifier, what the posterior has."""
        classes, nets = {"y": self.n_classes}, self.networks
        declared: dict[str, Parameter] = {}
        for v, width in enumerate(self.widths):
            encoder = nets.encoder_of(v).parameters({"x": width} | classes, 2 * self.latent)
            others = {f"x{other}": self.widths[other] for other in self.read_by(v)}
            inputs = {"z": self.latent} | classes | others
            decoder = nets.decoder_of(v).parameters(inputs, 2 * width)
            declared |= named(f"enc{v}", encoder) | named(f"dec{v}", decoder)
        views = {f"x{v}": width for v, width in enumerate(self.widths)}
        declared |= named("cls", nets.classifier.parameters(views, self.n_classes))
        return ParameterLayout(declared | self.posterior.parameters())

    def draws(self, sizes: BatchSizes, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        """Shapes of a step's noise: ``samples`` of z a component, one for all classes or each."""
        rows = sizes.labelled + sizes.unlabelled
        repeated = rows if share_eps else sizes.labelled + self.n_classes * sizes.unlabelled
        shapes: dict[str, tuple[int, ...]] = {
            "eps": (self.posterior.components, samples, repeated, self.latent)
        }
        if self.sampled:
            shapes["input"] = (rows, sum(self.widths))
        return shapes | network_noise(self.parts, (rows,))

    def inputs(self, x: tuple[Tensor, ...], noise: Tensor | None) -> tuple[Tensor, ...]:
        """Features the networks read: ``x``, or a draw from its Gaussians with ``noise``."""
        if noise is None:
            return x
        split = [view.split(width, -1) for view, width in zip(x, self.widths, strict=True)]
        draws = noise.split(self.widths, -1)
        return tuple(m + (0.5 * lv).exp() * e for (m, lv), e in zip(split, draws, strict=True))

    def log_q(
        self, p: Params, x: tuple[Tensor, ...], noise: dict[str, Tensor] | None = None
    ) -> Tensor:
        """Log q(y|X) (t, b, K); ``noise`` is that of the classifier, while training."""
        views = {f"x{v}": view for v, view in enumerate(x)} | (noise or {})
        return torch.log_softmax(self.networks.classifier.apply(part(p, "cls"), views), -1)

    def encoded(self, p: Params, x: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Tensor]:
        """Means and log-variances (t, V, r, D), rows as ``repeat_classes`` orders them."""
        raw = []
        for v, view in enumerate(x):
            inputs = {"x": view} | part(batch.noise, f"enc{v}")
            encoder = self.networks.encoder_of(v)
            raw.append(encoder.per_class(part(p, f"enc{v}"), inputs, batch.onehot))
        mean, spread = torch.stack(raw, 1).split(self.latent, -1)
        return mean, smooth_clamp(spread, LATENT_LIMIT)

    def likelihood(self, p: Params, x: tuple[Tensor, ...], batch: Batch) -> Likelihood:
        """The function of samples and weights that :func:`weighted_bound` asks for."""
        known, onehot = batch.n_labelled, batch.onehot

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            total = z.new_zeros(len(z))
            for v, view in enumerate(x):
                inputs = {f"x{other}": x[other] for other in self.read_by(v)}
                inputs |= part(batch.noise, f"dec{v}")
                keep = batch.keep[v]
                if keep is not None:
                    keep = keep[:, : view.shape[2]]
                explained = repeat_classes(view, known, self.n_classes)
                target = Target(explained, weight, keep, self.logvar_floor)
                weights, decoder = part(p, f"dec{v}"), self.networks.decoder_of(v)
                total = total + decoder.log_likelihood(weights, z, inputs, onehot, target)
            return total

        return summed

    def objective(
        self, p: Params, batch: Batch, shares: tuple[float, float], entropy: Entropy
    ) -> tuple[Tensor, Tensor]:
        """J / N (t,) of eq. 7 with ``shares`` (N_l / N, N_u / N), and log q of all (t, b, K)."""
        x = self.inputs(batch.x, batch.noise.get("input"))
        log_q = self.log_q(p, x, part(batch.noise, "cls"))
        return self.evidence(p, replace(batch, x=x), log_q, shares, entropy), log_q

    def evidence(
        self,
        p: Params,
        batch: Batch,
        log_q: Tensor,
        shares: tuple[float, float],
        entropy: Entropy,
        present: Tensor | None = None,
    ) -> Tensor:
        """J / N (t,), given the classifier's answers and the features as networks read them.

        ``present`` (t, b, V) of 0 and 1: encoders of absent views are left out (None: all enter).
        """
        known = batch.n_labelled
        mean, logvar = self.encoded(p, batch.x, batch)
        eps = batch.noise["eps"]  # (t, C, S, b, D): one draw for every label, or (t, C, S, r, D)
        if eps.shape[3] != mean.shape[2]:
            eps = repeat_classes(eps, known, self.n_classes)
        if present is not None:
            present = repeat_classes(present, known, self.n_classes).transpose(1, 2)
        q = self.posterior.combine(p, mean, logvar, present)
        likelihood = self.likelihood(p, batch.x, batch)

        def bound(rows: Tensor) -> Tensor:
            return weighted_bound(likelihood, q, eps, rows, entropy)

        classes = classes_of_bound(log_q, batch, self.warmup_epochs)
        return semisup_bound(bound, classes, known, shares)

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """F / N (t,) of eq. 8 and what is logged of it, each (t, ...)."""
        if self.classifier_alone:
            known, noise = batch.n_labelled, part(batch.noise, "cls")
            x = self.inputs(batch.x, batch.noise.get("input"))
            labelled = tuple(view[:, :known] for view in x)
            log_q = self.log_q(p, labelled, {k: v[:, :known] for k, v in noise.items()})
            bound = log_q.new_zeros(len(log_q))
        else:
            bound, log_q = self.objective(p, batch, self.shares, self.posterior.entropy)
        loss, logs = with_cross_entropy(bound, log_q, batch)
        return loss, logs | self.posterior.logs(p)

    def classify(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: FixedDraws
    ) -> Tensor:
        """Log q(y|X) (t, n, K) of rows to be predicted; one draw each where x is drawn."""
        noise = draw("test input", sum(self.widths)) if self.sampled else None
        return self.log_q(p, self.inputs(x, noise))

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """The bound -U on log p(X) of unlabelled rows, as trained and tight; warm-up; posterior."""
        if self.classifier_alone:
            return {}
        return {
            "elbo": -float(self.objective(p, batch, (0, 1), self.posterior.entropy)[0]),
            "elbo_tight": -float(self.objective(p, batch, (0, 1), self.posterior.tight)[0]),
            "warmup_epochs": self.warmup_epochs,
        } | self.posterior.facts(p)

    def clamp_hits(self, p: Params, batch: Batch) -> dict[str, float]:
        """Shares of log-variances beyond their bounds, each row with its likeliest class."""
        if self.classifier_alone:
            return {}
        x = self.inputs(batch.x, batch.noise.get("input"))
        classes = self.log_q(p, x).argmax(-1)
        y = torch.nn.functional.one_hot(classes, self.n_classes).to(x[0])
        of_z, of_x = [], []
        for v, view in enumerate(x):
            raw = self.networks.encoder_of(v).apply(part(p, f"enc{v}"), {"x": view, "y": y})
            mean, spread = raw.split(self.latent, -1)
            of_z.append(spread.abs() > LATENT_LIMIT)
            for w, width in enumerate(self.widths):
                inputs = {f"x{other}": x[other] for other in self.read_by(w)}
                inputs |= {"z": mean, "y": y}
                decoder = self.networks.decoder_of(w)
                raw = decoder.apply(part(p, f"dec{w}"), inputs)[..., width:]
                of_x.append((raw < self.logvar_floor) | (raw > DATA_LIMIT))
        return {"clamp_hits_z": share(of_z), "clamp_hits_x": share(of_x)}


def network_noise(
    parts: dict[str, Network], leading: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    """Shapes of what networks draw in a step, ``(*leading, width)`` by ``<part>.<input>``."""
    return {
        f"{name}.{key}": (*leading, width)
        for name, network in parts.items()
        for key, width in network.noise().items()
    }
