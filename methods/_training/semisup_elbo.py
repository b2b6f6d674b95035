"""The semi-supervised bound shared by SMVAE and M2: objective, parameters, fitted classifier.

With N_l labelled and N_u unlabelled rows, N = N_l + N_u, eq. 8 divided by N reads

    F / N = (N_l / N) mean_l L + (N_u / N) mean_u U + c mean_l [-log q(y|X)],

since alpha = c N / N_l cancels. Each mean is estimated on its own share of a minibatch, so the
sizes of a minibatch change the variance of the estimate and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from methods._training.data import Batch, Batches
from methods._training.decode import Decoder, log_likelihood
from methods._training.densities import (
    DATA_LIMIT,
    LATENT_LIMIT,
    Entropy,
    expected_log_prior,
    mixture_entropy,
    of_rows,
    smooth_clamp,
)
from methods._training.nets import (
    Activation,
    Init,
    Layout,
    Parameter,
    Params,
    first_layer,
    mlp,
    perceptron,
    upper_layers,
)

Likelihood = Callable[[Tensor, Tensor], Tensor]
"""(samples z, weights) -> weighted sum of log-likelihoods."""
Draw = Callable[[str, int], Tensor]
"""(name, width) -> standard normal draws (1, n, width), fixed by the member and the rows' ids."""


def weighted_bound(
    likelihood: Likelihood,
    mean: Tensor,
    logvar: Tensor,
    eps: Tensor,
    log_weights: Tensor,
    rows: Tensor,
    entropy: Entropy,
) -> Tensor:
    """Eqs 1-2, and 5 without log p(y): the sum over rows of ``rows`` times the bound, (t,).

    ``mean``, ``logvar`` (t, V, r, D) of the components; ``log_weights`` (t, V), or (t, V, r) where
    they differ between rows; ``eps`` (t, V, S, r, D) or broadcastable: S stratified draws from each
    component; ``rows`` (t, r).
    ``likelihood`` maps samples z (t, V S, r, D) and weights (t, V S, r) to the weighted sum of
    sum_v log p(x_v | y, z), (t,).
    """
    std = (0.5 * logvar).exp()
    z = torch.addcmul(mean[:, :, None], std[:, :, None], eps)  # (t, V, S, r, D)
    lam = of_rows(log_weights).exp()  # (t, V, 1 or r)
    weight = (lam * rows[:, None])[:, :, None].expand(z.shape[:4]) / z.shape[2]
    fit = likelihood(z.flatten(1, 2), weight.flatten(1, 2))
    prior = (lam * expected_log_prior(mean, std.square())).sum(1)  # (t, r)
    return fit + (rows * (prior + mixture_entropy(mean, logvar, log_weights, entropy))).sum(-1)


def semisup_bound(
    bound: Callable[[Tensor], Tensor], log_q: Tensor, known: int, shares: tuple[float, float]
) -> Tensor:
    """J / N of eq. 7, (t,): shares[0] mean_l L + shares[1] mean_u U, classes enumerated (eq. 6).

    ``log_q`` (t, b, K), the first ``known`` rows labelled. ``bound`` maps weights (t, r) of rows to
    the weighted sum of their bounds without log p(y); its rows are the labelled ones, then the
    unlabelled ones once for every class, class by class.
    """
    n_classes, guess = log_q.shape[2], log_q[:, known:]
    q = guess.exp() * (shares[1] / max(guess.shape[1], 1))  # (t, b_u, K)
    first = q.new_full((len(q), known), shares[0] / max(known, 1))
    rows = torch.cat([first, q.transpose(1, 2).flatten(1)], 1)  # (t, r)
    log_prior = -math.log(n_classes) * rows.sum(-1)
    return (q * guess).sum((1, 2)) - bound(rows) - log_prior


def classes_of_bound(log_q: Tensor, batch: Batch, warmup_epochs: int) -> Tensor:
    """``log_q`` as U reads it: without gradient in the first ``warmup_epochs`` epochs.

    In these the classifier learns from the labels alone, and the decoders and encoders learn from
    its answers: untrained decoders prefer classes at random, by more than cross-entropy can oppose.
    """
    return log_q.detach() if 0 < batch.epoch <= warmup_epochs else log_q


def share(hits: Sequence[Tensor]) -> float:
    """The share of True."""
    return float(torch.cat([hit.flatten() for hit in hits]).double().mean())


def over_labels(rows: Tensor, onehot: Tensor, embed: Tensor) -> Tensor:
    """``rows`` (t, b, h) plus each row's label embedding: (t, r, h), r = b_l + K b_u.

    Labelled rows come first with their own label ``onehot`` (t, b_l, K), then the unlabelled rows
    once for every class, class by class; ``embed`` (t, K, h).
    """
    (t, _, h), known = rows.shape, onehot.shape[1]
    first = torch.baddbmm(rows[:, :known], onehot, embed)
    rest = (rows[:, None, known:] + embed[:, :, None]).view(t, -1, h)
    return torch.cat([first, rest], 1)


def repeat(rows: Tensor, known: int, n_classes: int) -> Tensor:
    """``rows`` (..., b, h) lined up with :func:`over_labels`: (..., b_l + K b_u, h)."""
    rest = rows[..., known:, :]
    return torch.cat([rows[..., :known, :], *[rest] * n_classes], -2)


@dataclass(frozen=True)
class Model:
    """Nets and switches of a semi-supervised multi-view VAE; the functions of its objective.

    ``shares`` weigh mean L and mean U: (N_l / N, N_u / N), or (1/2, 1/2) in balanced batching.
    ``sampled``: views are [means | log-variances] and x is drawn from them in every step.
    ``warmup_epochs``: see :func:`classes_of_bound`. ``logvar_floor``: the least log-variance of
    a decoder. ``classifier_alone``: q(y|X) is trained on the labelled rows by cross-entropy, and
    nothing else is trained.
    """

    dims: tuple[int, ...]
    n_classes: int
    shares: tuple[float, float]
    hidden: tuple[int, ...] = (100, 50)
    latent: int = 30
    activation: Activation = "softplus"
    init: Init = "glorot"
    warmup_epochs: int = 0
    logvar_floor: float = -DATA_LIMIT
    entropy: Entropy = "joint"
    learn_weights: bool = True
    sampled: bool = False
    classifier_alone: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of each view as the nets read them."""
        return tuple(d // 2 for d in self.dims) if self.sampled else self.dims

    @property
    def tight(self) -> Entropy:
        """The tightest entropy that this model has."""
        return "exact" if len(self.dims) == 1 else "bhattacharyya"

    def edges(self, v: int) -> tuple[int, ...]:
        """Views that the decoder of view ``v`` reads besides y and z: none in P2."""
        return ()

    @property
    def layout(self) -> Layout:
        """Encoders [x_v, y] -> hidden -> z, decoders mirrored, one classifier, mixture logits."""
        classes, mirrored = {"y": self.n_classes}, self.hidden[::-1]
        found: dict[str, Parameter] = {}
        for v, width in enumerate(self.widths):
            found |= mlp(f"enc{v}", {"x": width} | classes, self.hidden, 2 * self.latent, self.init)
            read = {f"x{other}": self.widths[other] for other in self.edges(v)}
            decoded = {"z": self.latent} | classes | read
            found |= mlp(f"dec{v}", decoded, mirrored, 2 * width, self.init)
        parts = {f"x{v}": width for v, width in enumerate(self.widths)}
        found |= mlp("cls", parts, self.hidden, self.n_classes, self.init)
        free: set[str] = set()
        if self.learn_weights and len(self.dims) > 1:
            found["logits"] = Parameter((len(self.dims),))
            free.add("logits")
        return Layout(found, frozenset(free))

    def log_weights(self, p: Params) -> Tensor:
        """Log lam (t, V)."""
        if "logits" in p:
            return torch.log_softmax(p["logits"], -1)
        like = next(iter(p.values()))
        return like.new_full((len(like), len(self.dims)), -math.log(len(self.dims)))

    def component_weights(self, p: Params, batch: Batch) -> Tensor:
        """What :func:`weighted_bound` takes as ``log_weights``."""
        return self.log_weights(p)

    def inputs(self, x: tuple[Tensor, ...], noise: Tensor | None) -> tuple[Tensor, ...]:
        """Features the nets read: ``x`` itself, or a draw from its Gaussians with ``noise``."""
        if noise is None:
            return x
        split = [view.split(width, -1) for view, width in zip(x, self.widths, strict=True)]
        draws = noise.split(self.widths, -1)
        return tuple(m + (0.5 * lv).exp() * e for (m, lv), e in zip(split, draws, strict=True))

    def draws(self, sizes: Batches, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        """Shapes of a step's noise: ``samples`` of z a component, one for all classes or each."""
        rows = sizes.labelled + sizes.unlabelled
        repeated = rows if share_eps else sizes.labelled + self.n_classes * sizes.unlabelled
        shapes: dict[str, tuple[int, ...]] = {
            "eps": (len(self.dims), samples, repeated, self.latent)
        }
        if self.sampled:
            shapes["input"] = (rows, sum(self.widths))
        return shapes

    def classify(self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: Draw) -> Tensor:
        """Log q(y|X) (t, n, K) of rows to be predicted; one draw each where x is drawn."""
        noise = draw("test input", sum(self.widths)) if self.sampled else None
        return self.log_q(p, self.inputs(x, noise))

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """The bound -U on log p(X) of unlabelled rows, loose and tight; weights lam; warm-up."""
        if self.classifier_alone:
            return {}
        weights = self.log_weights(p).exp()[0].tolist()
        return {
            "elbo": -float(self.objective(p, batch, (0, 1), self.entropy)[0]),
            "elbo_tight": -float(self.objective(p, batch, (0, 1), self.tight)[0]),
            "warmup_epochs": self.warmup_epochs,
        } | {f"weight_{v}": weight for v, weight in enumerate(weights)}

    def clamp_hits(self, p: Params, batch: Batch) -> dict[str, float]:
        """Shares of log-variances beyond their bounds, each row with its likeliest class."""
        if self.classifier_alone:
            return {}
        x = self.inputs(batch.x, batch.noise.get("input"))
        classes = self.log_q(p, x).argmax(-1)
        onehot = torch.nn.functional.one_hot(classes, self.n_classes).to(x[0])
        depth, of_z, of_x = len(self.hidden), [], []
        for v, view in enumerate(x):
            raw = perceptron(p, f"enc{v}", {"x": view, "y": onehot}, depth, self.activation)
            mean, spread = raw.split(self.latent, -1)
            of_z.append(spread.abs() > LATENT_LIMIT)
            for w, width in enumerate(self.widths):
                read = {f"x{other}": x[other] for other in self.edges(w)}
                read |= {"z": mean, "y": onehot}
                raw = perceptron(p, f"dec{w}", read, depth, self.activation)[..., width:]
                of_x.append((raw < self.logvar_floor) | (raw > DATA_LIMIT))
        return {"clamp_hits_z": share(of_z), "clamp_hits_x": share(of_x)}

    def log_q(self, p: Params, x: tuple[Tensor, ...]) -> Tensor:
        """Log q(y|X) (t, b, K)."""
        parts = {f"x{v}": view for v, view in enumerate(x)}
        scores = perceptron(p, "cls", parts, len(self.hidden), self.activation)
        return torch.log_softmax(scores, -1)

    def posterior(self, p: Params, x: tuple[Tensor, ...], onehot: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log-variances (t, V, r, D), rows as in :func:`over_labels`."""
        raw = []
        for v, view in enumerate(x):
            read = first_layer(p, f"enc{v}", {"x": view})
            first = over_labels(read, onehot, p[f"enc{v}.0.y"])
            raw.append(upper_layers(p, f"enc{v}", first, len(self.hidden), self.activation))
        mean, spread = torch.stack(raw, 1).split(self.latent, -1)
        return mean, smooth_clamp(spread, LATENT_LIMIT)

    def likelihood(self, p: Params, x: tuple[Tensor, ...], batch: Batch) -> Likelihood:
        """The function of samples and weights that :func:`weighted_bound` asks for."""
        known, onehot, depth = batch.n_labelled, batch.onehot, len(self.hidden)

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            total = z.new_zeros(len(z))
            for v, view in enumerate(x):
                decoder = Decoder(f"dec{v}", "z", depth, self.activation, self.logvar_floor)
                read = first_layer(p, f"dec{v}", {f"x{w}": x[w] for w in self.edges(v)})
                read = read.expand(-1, view.shape[1], -1)  # the bias alone has one row
                base = over_labels(read, onehot, p[f"dec{v}.0.y"])
                target, keep = repeat(view, known, self.n_classes), batch.keep[v]
                if keep is not None:
                    keep = keep[:, : view.shape[2]]
                total = total + log_likelihood(decoder, p, z, base, target, weight, keep)
            return total

        return summed

    def objective(
        self, p: Params, batch: Batch, shares: tuple[float, float], entropy: Entropy
    ) -> tuple[Tensor, Tensor]:
        """J / N (t,) of eq. 7 with ``shares`` (N_l / N, N_u / N), and log q of all (t, b, K)."""
        x = self.inputs(batch.x, batch.noise.get("input"))
        return self.objective_of(p, x, batch, shares, entropy)

    def objective_of(
        self,
        p: Params,
        x: tuple[Tensor, ...],
        batch: Batch,
        shares: tuple[float, float],
        entropy: Entropy,
    ) -> tuple[Tensor, Tensor]:
        """The objective of rows with views ``x`` (t, b, .), whatever the batch has for features."""
        known, onehot = batch.n_labelled, batch.onehot
        mean, logvar = self.posterior(p, x, onehot)
        eps = batch.noise["eps"]  # (t, V, S, b, D): one draw for every label, or (t, V, S, r, D)
        if eps.shape[3] != mean.shape[2]:
            eps = repeat(eps, known, self.n_classes)
        log_q, likelihood = self.log_q(p, x), self.likelihood(p, x, batch)
        log_weights = self.component_weights(p, batch)

        def bound(rows: Tensor) -> Tensor:
            return weighted_bound(likelihood, mean, logvar, eps, log_weights, rows, entropy)

        classes = classes_of_bound(log_q, batch, self.warmup_epochs)
        return semisup_bound(bound, classes, known, shares), log_q

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """F / N (t,) of eq. 8 and what is logged of it, each (t, ...)."""
        if self.classifier_alone:
            known = batch.n_labelled
            x = self.inputs(batch.x, batch.noise.get("input"))
            log_q = self.log_q(p, tuple(view[:, :known] for view in x))
            return self.supervised(p, batch, log_q.new_zeros(len(log_q)), log_q)
        return self.supervised(p, batch, *self.objective(p, batch, self.shares, self.entropy))

    def supervised(
        self, p: Params, batch: Batch, loss: Tensor, log_q: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """``loss`` plus c times the mean cross-entropy of labelled rows (eq. 8), and the logs."""
        logs = {"bound": loss.detach()}
        if known := batch.n_labelled:
            error = -(log_q[:, :known] * batch.onehot).sum(-1).mean(-1)
            loss = loss + batch.hyper["c"] * error
            logs["cross_entropy"] = error.detach()
        logs["loss"] = loss.detach()
        logs["view_weights"] = self.log_weights(p).detach().exp()
        return loss, logs
