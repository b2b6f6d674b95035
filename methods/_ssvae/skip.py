"""The bound of skip deep generative models [maaloe2016]: networks, objective, answers.

    q(a|x) q(y|a,x) q(z|a,x,y)        p(z) p(y) p(a|z,y) p(x|a,z,y)

Given a draw of a, this is a semi-supervised VAE of one view whose likelihood is log p(x|a,z,y) +
log p(a|z,y) - log q(a|x): classes are enumerated and KL(q(z|a,x,y) || p(z)) is in closed form, as
in ``bound.py``; a enters by its draws, the same for all classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methods._nn.classifier import FixedDraws
from methods._nn.data import Batch, BatchSizes, once_per_draw
from methods._nn.densities import DATA_LIMIT, LATENT_LIMIT, LOG_2PI, smooth_clamp
from methods._nn.fused_gaussian import Target
from methods._nn.layers import ParameterLayout, Params
from methods._nn.networks import Network, named, part, repeat_classes
from methods._ssvae.bound import (
    Likelihood,
    classes_of_bound,
    semisup_bound,
    share,
    weighted_bound,
    with_cross_entropy,
)
from methods._ssvae.model import Networks, network_noise
from methods._ssvae.posterior import Components


@dataclass(frozen=True)
class SkipVAE:
    """Networks and weights of a skip deep generative model; the functions of its objective.

    ``shares`` weigh mean L and mean U, ``error_weight`` times c the mean cross-entropy; ``width``
    are the features of x, ``auxiliary`` the width of a, ``auxiliary_limit`` the bound of the
    log-variances of q(a|x). ``warmup_epochs``: see :func:`classes_of_bound`; ``logvar_floor``: the
    least log-variance of p(x|a,z,y). An answer is the mean of q(y|a,x) over ``answer_draws`` draws
    of a. Reads the first view of a batch alone.

    Parts are named ``aux`` for q(a|x), ``cls`` for q(y|a,x), ``enc`` for q(z|a,x,y), ``dec_a`` and
    ``dec_x``. Of ``networks`` given as tuples, the first encoder and decoder are those of z and x,
    the second those of a.
    """

    width: int
    n_classes: int
    shares: tuple[float, float]
    networks: Networks
    error_weight: float = 1.0
    latent: int = 30
    auxiliary: int = 30
    warmup_epochs: int = 0
    logvar_floor: float = -DATA_LIMIT
    answer_draws: int = 100
    auxiliary_limit: float = LATENT_LIMIT

    @property
    def parts(self) -> dict[str, Network]:
        """All networks by name."""
        nets = self.networks
        return {
            "aux": nets.encoder_of(1),
            "cls": nets.classifier,
            "enc": nets.encoder_of(0),
            "dec_a": nets.decoder_of(1),
            "dec_x": nets.decoder_of(0),
        }

    @property
    def layout(self) -> ParameterLayout:
        """Parameters of q(a|x), q(y|a,x), q(z|a,x,y), p(a|z,y) and p(x|a,z,y)."""
        x, a, y = {"x": self.width}, {"a": self.auxiliary}, {"y": self.n_classes}
        z = {"z": self.latent}
        shapes = {
            "aux": (x, 2 * self.auxiliary),
            "cls": (x | a, self.n_classes),
            "enc": (x | a | y, 2 * self.latent),
            "dec_a": (z | y, 2 * self.auxiliary),
            "dec_x": (z | a | y, 2 * self.width),
        }
        parts = self.parts
        declared = {}
        for name, (inputs, outputs) in shapes.items():
            declared |= named(name, parts[name].parameters(inputs, outputs))
        return ParameterLayout(declared)

    def draws(self, sizes: BatchSizes, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        """Shapes of a step's noise: ``samples`` of a and of z; both always serve all classes."""
        rows = sizes.labelled + sizes.unlabelled
        latent = {"a": (samples, rows, self.auxiliary), "z": (samples, rows, self.latent)}
        return latent | network_noise(self.parts, (samples, rows))

    def auxiliaries(
        self, p: Params, x: Tensor, noise: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(a|x), each (t, b, A)."""
        inputs = {"x": x} | part(noise or {}, "aux")
        raw = self.networks.encoder_of(1).apply(part(p, "aux"), inputs)
        mean, spread = raw.split(self.auxiliary, -1)
        return mean, smooth_clamp(spread, self.auxiliary_limit)

    def inferred(self, p: Params, batch: Batch) -> tuple[Tensor, Tensor]:
        """Draws of a from q(a|x), and the log-density of each of their entries, both (t, b, A)."""
        mean, logvar = self.auxiliaries(p, batch.x[0], batch.noise)
        eps = batch.noise["a"]
        log_density = -0.5 * (eps.square() + logvar + LOG_2PI)
        return torch.addcmul(mean, (0.5 * logvar).exp(), eps), log_density

    def log_q(
        self, p: Params, x: Tensor, a: Tensor, noise: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Log q(y|a,x) (t, b, K)."""
        inputs = {"x": x, "a": a} | part(noise or {}, "cls")
        return torch.log_softmax(self.networks.classifier.apply(part(p, "cls"), inputs), -1)

    def posterior(self, p: Params, x: Tensor, a: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|a,x,y), (t, r, D), rows as ``repeat_classes`` has them."""
        inputs = {"x": x, "a": a} | part(batch.noise, "enc")
        raw = self.networks.encoder_of(0).per_class(part(p, "enc"), inputs, batch.onehot)
        mean, spread = raw.split(self.latent, -1)
        return mean, smooth_clamp(spread, LATENT_LIMIT)

    def likelihood(self, p: Params, x: Tensor, a: Tensor, batch: Batch) -> Likelihood:
        """The weighted sum of log p(x|a,z,y) + log p(a|z,y), a function of samples and weights."""
        known, onehot, parts = batch.n_labelled, batch.onehot, self.parts
        aim_x, aim_a = (repeat_classes(rows, known, self.n_classes) for rows in (x, a))
        inputs_x = {"a": a} | part(batch.noise, "dec_x")
        inputs_a = part(batch.noise, "dec_a")

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            total = z.new_zeros(len(z))
            for name, inputs, target in (
                ("dec_x", inputs_x, Target(aim_x, weight, batch.keep[0], self.logvar_floor)),
                ("dec_a", inputs_a, Target(aim_a, weight)),
            ):
                weights = part(p, name)
                total = total + parts[name].log_likelihood(weights, z, inputs, onehot, target)
            return total

        return summed

    def objective(
        self, p: Params, batch: Batch, shares: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """shares[0] mean L + shares[1] mean U (t,), and log q(y|a,x) of all draws (t, S b, K).

        Rows of the latter are those of :func:`once_per_draw`.
        """
        batch = once_per_draw(batch)
        return self.evidence(p, batch, self.inferred(p, batch), shares)

    def evidence(
        self, p: Params, batch: Batch, inferred: tuple[Tensor, Tensor], shares: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """The objective of a batch with one draw a row, given these draws of a.

        ``inferred`` are a and the log-densities of its entries as :meth:`inferred` gives them; an
        entry that is known instead of drawn has the log-density 0.
        """
        (a, log_density), x, known = inferred, batch.x[0], batch.n_labelled
        eps_z = repeat_classes(batch.noise["z"], known, self.n_classes)
        log_q_a = log_density.sum(-1, keepdim=True)
        log_q_a = repeat_classes(log_q_a, known, self.n_classes)[..., 0]  # (t, r)
        mean, logvar = self.posterior(p, x, a, batch)
        q = Components(mean[:, None], logvar[:, None], mean.new_zeros(len(mean), 1))
        log_q, likelihood = self.log_q(p, x, a, batch.noise), self.likelihood(p, x, a, batch)

        def bound(rows: Tensor) -> Tensor:
            of_z = weighted_bound(likelihood, q, eps_z[:, None, None], rows, "exact")
            return of_z - (rows * log_q_a).sum(-1)

        classes = classes_of_bound(log_q, batch, self.warmup_epochs)
        return semisup_bound(bound, classes, known, shares), log_q

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective with the cross-entropy of the mean of q(y|a,x) over draws; its logs."""
        bound, log_q = self.objective(p, batch, self.shares)
        return self.supervised(bound, log_q, batch)

    def supervised(
        self, bound: Tensor, log_q: Tensor, batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """``bound`` with the cross-entropy of the mean answer over draws; ``log_q`` of all draws.

        ``batch`` has its draws still apart, (t, S, b, .).
        """
        samples, known = batch.noise["a"].shape[1], batch.n_labelled
        draws = log_q[:, : samples * known].unflatten(1, (samples, known))
        mean = draws.logsumexp(1) - math.log(samples)  # (t, b_l, K)
        return with_cross_entropy(bound, mean, batch, self.error_weight)

    def classify(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: FixedDraws
    ) -> Tensor:
        """Log of the mean of q(y|a,x) over ``answer_draws`` draws of a, (1, n, K)."""
        mean, logvar = self.auxiliaries(p, x[0])
        return self.answer(p, x[0], (mean, (0.5 * logvar).exp()), draw)

    def answer(self, p: Params, x: Tensor, of_a: tuple[Tensor, Tensor], draw: FixedDraws) -> Tensor:
        """The same, where a has the means and standard deviations ``of_a``, each (1, n, A)."""
        mean, std = of_a
        scores = self.networks.classifier.given(part(p, "cls"), {"x": x})
        total = mean.new_zeros(())
        for number in range(self.answer_draws):  # one at a time: little memory, any number of rows
            a = torch.addcmul(mean, std, draw(f"a {number}", self.auxiliary))
            total = total + torch.log_softmax(scores({"a": a}), -1).exp()
        return (total / self.answer_draws).log()

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """The bound -U on log p(x) of unlabelled rows, and how long the warm-up was."""
        bound = -float(self.objective(p, batch, (0, 1))[0])
        return {"elbo": bound, "warmup_epochs": self.warmup_epochs}

    def clamp_hits(self, p: Params, batch: Batch) -> dict[str, float]:
        """Shares of log-variances beyond their bounds, each row with its likeliest class."""
        x, parts = batch.x[0], self.parts

        def spread(name: str, limits: tuple[float, float], **inputs: Tensor) -> Tensor:
            raw = parts[name].apply(part(p, name), inputs)
            raw = raw[..., raw.shape[-1] // 2 :]
            return (raw < limits[0]) | (raw > limits[1])

        a = self.auxiliaries(p, x)[0]
        classes = self.log_q(p, x, a).argmax(-1)
        y = torch.nn.functional.one_hot(classes, self.n_classes).to(x)
        raw = parts["enc"].apply(part(p, "enc"), {"x": x, "a": a, "y": y})
        z, latent = raw[..., : self.latent], (-LATENT_LIMIT, LATENT_LIMIT)
        auxiliary = -self.auxiliary_limit, self.auxiliary_limit
        floors = (self.logvar_floor, DATA_LIMIT), (-DATA_LIMIT, DATA_LIMIT)
        return {
            "clamp_hits_a": share([spread("aux", auxiliary, x=x)]),
            "clamp_hits_z": share([spread("enc", latent, x=x, a=a, y=y)]),
            "clamp_hits_x": share([spread("dec_x", floors[0], z=z, a=a, y=y)]),
            "clamp_hits_decoded_a": share([spread("dec_a", floors[1], z=z, y=y)]),
        }
