"""The bound of skip deep generative models [maaloe2016]: nets, objective, answers.

    q(a|x) q(y|a,x) q(z|a,x,y)        p(z) p(y) p(a|z,y) p(x|a,z,y)

Given a draw of a, this is a semi-supervised VAE of one view whose likelihood is log p(x|a,z,y) +
log p(a|z,y) - log q(a|x): classes are enumerated and KL(q(z|a,x,y) || p(z)) is in closed form, as
in ``semisup_elbo``; a enters by its draws, the same for all classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from methods._training.data import Batch, Batches, once_per_draw
from methods._training.decode import Decoder, log_likelihood
from methods._training.densities import DATA_LIMIT, LATENT_LIMIT, LOG_2PI, smooth_clamp
from methods._training.nets import (
    Activation,
    Init,
    Layout,
    Params,
    first_layer,
    mlp,
    perceptron,
    upper_layers,
)
from methods._training.semisup_elbo import (
    Draw,
    Likelihood,
    classes_of_bound,
    over_labels,
    repeat,
    semisup_bound,
    share,
    weighted_bound,
)


@dataclass(frozen=True)
class SkipModel:
    """Nets and weights of a skip deep generative model; the functions of its objective.

    ``shares`` weigh mean L and mean U, ``error_weight`` times c the mean cross-entropy; ``width``
    are the features of x, ``auxiliary`` the width of a, ``auxiliary_limit`` the bound of the
    log-variances of q(a|x). ``warmup_epochs``: see :func:`classes_of_bound`; ``logvar_floor``: the
    least log-variance of p(x|a,z,y). An answer is the mean of q(y|a,x) over ``answer_draws`` draws
    of a. Reads the first view of a batch alone.
    """

    width: int
    n_classes: int
    shares: tuple[float, float]
    error_weight: float = 1.0
    hidden: tuple[int, ...] = (100, 50)
    latent: int = 30
    auxiliary: int = 30
    activation: Activation = "softplus"
    init: Init = "glorot"
    warmup_epochs: int = 0
    logvar_floor: float = -DATA_LIMIT
    answer_draws: int = 100
    auxiliary_limit: float = LATENT_LIMIT

    @property
    def layout(self) -> Layout:
        """Nets of q(a|x), q(y|a,x), q(z|a,x,y), and mirrored ones of p(a|z,y), p(x|a,z,y)."""
        x, a, y = {"x": self.width}, {"a": self.auxiliary}, {"y": self.n_classes}
        z, mirrored = {"z": self.latent}, self.hidden[::-1]
        return Layout(
            mlp("aux", x, self.hidden, 2 * self.auxiliary, self.init)
            | mlp("cls", x | a, self.hidden, self.n_classes, self.init)
            | mlp("enc", x | a | y, self.hidden, 2 * self.latent, self.init)
            | mlp("dec_a", z | y, mirrored, 2 * self.auxiliary, self.init)
            | mlp("dec_x", z | a | y, mirrored, 2 * self.width, self.init)
        )

    def draws(self, sizes: Batches, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        """Shapes of a step's noise: ``samples`` of a and of z; both always serve all classes."""
        rows = sizes.labelled + sizes.unlabelled
        return {"a": (samples, rows, self.auxiliary), "z": (samples, rows, self.latent)}

    def auxiliaries(self, p: Params, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(a|x), each (t, b, A)."""
        raw = perceptron(p, "aux", {"x": x}, len(self.hidden), self.activation)
        mean, spread = raw.split(self.auxiliary, -1)
        return mean, smooth_clamp(spread, self.auxiliary_limit)

    def inferred(self, p: Params, batch: Batch) -> tuple[Tensor, Tensor]:
        """Draws of a from q(a|x), and the log-density of each of their entries, both (t, b, A)."""
        mean, logvar = self.auxiliaries(p, batch.x[0])
        eps = batch.noise["a"]
        log_density = -0.5 * (eps.square() + logvar + LOG_2PI)
        return torch.addcmul(mean, (0.5 * logvar).exp(), eps), log_density

    def log_q(self, p: Params, x: Tensor, a: Tensor) -> Tensor:
        """Log q(y|a,x) (t, b, K)."""
        return self._log_q(p, first_layer(p, "cls", {"x": x, "a": a}))

    def posterior(self, p: Params, x: Tensor, a: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|a,x,y), each (t, r, D), rows as ``over_labels`` has them."""
        first = over_labels(first_layer(p, "enc", {"x": x, "a": a}), onehot, p["enc.0.y"])
        raw = upper_layers(p, "enc", first, len(self.hidden), self.activation)
        mean, spread = raw.split(self.latent, -1)
        return mean, smooth_clamp(spread, LATENT_LIMIT)

    def likelihood(self, p: Params, x: Tensor, a: Tensor, batch: Batch) -> Likelihood:
        """The weighted sum of log p(x|a,z,y) + log p(a|z,y), a function of samples and weights."""
        known, onehot, depth = batch.n_labelled, batch.onehot, len(self.hidden)
        bias = p["dec_a.0.b"].expand(-1, a.shape[1], -1)
        bases = {
            "dec_x": over_labels(first_layer(p, "dec_x", {"a": a}), onehot, p["dec_x.0.y"]),
            "dec_a": over_labels(bias, onehot, p["dec_a.0.y"]),
        }
        targets = {
            "dec_x": repeat(x, known, self.n_classes),
            "dec_a": repeat(a, known, self.n_classes),
        }
        keeps = {"dec_x": batch.keep[0], "dec_a": None}
        floors = {"dec_x": self.logvar_floor, "dec_a": -DATA_LIMIT}

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            total = z.new_zeros(len(z))
            for name, base in bases.items():
                decoder = Decoder(name, "z", depth, self.activation, floors[name])
                total = total + log_likelihood(
                    decoder, p, z, base, targets[name], weight, keeps[name]
                )
            return total

        return summed

    def objective(
        self, p: Params, batch: Batch, shares: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """shares[0] mean L + shares[1] mean U (t,), and log q(y|a,x) of all draws (t, S b, K).

        Rows of the latter are those of :func:`once_per_draw`.
        """
        batch = once_per_draw(batch)
        x, known = batch.x[0], batch.n_labelled
        eps_z = repeat(batch.noise["z"], known, self.n_classes)
        a, log_q_a = self.inferred(p, batch)
        log_q_a = repeat(log_q_a.sum(-1, keepdim=True), known, self.n_classes)[..., 0]  # (t, r)
        mean, logvar = self.posterior(p, x, a, batch.onehot)
        log_q, likelihood = self.log_q(p, x, a), self.likelihood(p, x, a, batch)
        alone = mean.new_zeros(len(mean), 1)  # the log-weight of a single component

        def bound(rows: Tensor) -> Tensor:
            parts = mean[:, None], logvar[:, None], eps_z[:, None, None], alone
            return weighted_bound(likelihood, *parts, rows, "exact") - (rows * log_q_a).sum(-1)

        classes = classes_of_bound(log_q, batch, self.warmup_epochs)
        return semisup_bound(bound, classes, known, shares), log_q

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective with the cross-entropy of the mean of q(y|a,x) over draws; its logs."""
        loss, log_q = self.objective(p, batch, self.shares)
        logs = {"bound": loss.detach()}
        if known := batch.n_labelled:
            samples = batch.noise["a"].shape[1]
            each = log_q[:, : samples * known].unflatten(1, (samples, known))
            mean = each.logsumexp(1) - math.log(samples)  # (t, b_l, K)
            error = -(mean * batch.onehot).sum(-1).mean(-1)
            loss = loss + self.error_weight * batch.hyper["c"] * error
            logs["cross_entropy"] = error.detach()
        logs["loss"] = loss.detach()
        return loss, logs

    def classify(self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: Draw) -> Tensor:
        """Log of the mean of q(y|a,x) over ``answer_draws`` draws of a, (1, n, K)."""
        mean, logvar = self.auxiliaries(p, x[0])
        return self.answer(p, x[0], (mean, (0.5 * logvar).exp()), draw)

    def answer(self, p: Params, x: Tensor, of_a: tuple[Tensor, Tensor], draw: Draw) -> Tensor:
        """The same, where a has the means and standard deviations ``of_a``, each (1, n, A)."""
        (mean, std), read = of_a, first_layer(p, "cls", {"x": x})
        total = mean.new_zeros(())
        for number in range(self.answer_draws):  # one at a time: little memory, any number of rows
            a = torch.addcmul(mean, std, draw(f"a {number}", self.auxiliary))
            total = total + self._log_q(p, torch.baddbmm(read, a, p["cls.0.a"])).exp()
        return (total / self.answer_draws).log()

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """The bound -U on log p(x) of unlabelled rows, and how long the warm-up was."""
        bound = -float(self.objective(p, batch, (0, 1))[0])
        return {"elbo": bound, "warmup_epochs": self.warmup_epochs}

    def clamp_hits(self, p: Params, batch: Batch) -> dict[str, float]:
        """Shares of log-variances beyond their bounds, each row with its likeliest class."""
        x, depth = batch.x[0], len(self.hidden)

        def spread(name: str, limits: tuple[float, float], **inputs: Tensor) -> Tensor:
            raw = perceptron(p, name, inputs, depth, self.activation)
            raw = raw[..., raw.shape[-1] // 2 :]
            return (raw < limits[0]) | (raw > limits[1])

        a = self.auxiliaries(p, x)[0]
        classes = self.log_q(p, x, a).argmax(-1)
        y = torch.nn.functional.one_hot(classes, self.n_classes).to(x)
        raw = perceptron(p, "enc", {"x": x, "a": a, "y": y}, depth, self.activation)
        z, latent = raw[..., : self.latent], (-LATENT_LIMIT, LATENT_LIMIT)
        auxiliary = -self.auxiliary_limit, self.auxiliary_limit
        floors = (self.logvar_floor, DATA_LIMIT), (-DATA_LIMIT, DATA_LIMIT)
        return {
            "clamp_hits_a": share([spread("aux", auxiliary, x=x)]),
            "clamp_hits_z": share([spread("enc", latent, x=x, a=a, y=y)]),
            "clamp_hits_x": share([spread("dec_x", floors[0], z=z, a=a, y=y)]),
            "clamp_hits_decoded_a": share([spread("dec_a", floors[1], z=z, y=y)]),
        }

    def _log_q(self, p: Params, first: Tensor) -> Tensor:
        scores = upper_layers(p, "cls", first, len(self.hidden), self.activation)
        return torch.log_softmax(scores, -1)
