"""The bounds of SiMVAE (Du et al. 2018, section 3.3): those of SMVAE on rows that psi completes.

Views are either in O, always there, or in M, absent from some rows; r_m = 1 where a row has m.

    P3   p(y) p(z) prod_m p(x_m|y,z) prod_o p(x_o|y,z,x_M)                                (10)
    Q3   prod_{m: r_m = 0} q_psi_m(x_m|x_O)  q(y|X) q(z|X,y)                              (11)

Jensen with Q3, for log p(x,y) of what a row has and for log p(x) without its label:

    E_q_psi [-LC(X,y)] + sum_m (1 - r_m) H[q_psi_m]                                       (12, 13)
    E_q_psi [sum_y q(y|X) (-LC(X,y) - log q(y|X))] + sum_m (1 - r_m) H[q_psi_m]           (14, 15)

X has x_m where r_m = 1 and a draw of q_psi_m, by its mean and standard deviation, where r_m = 0; LC
is SMVAE's L but for what p(x_o|.) reads. So the four bounds are SMVAE's two on completed rows, plus
entropies in closed form, and which of them holds for a row is a matter of its mask alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from methods._nn.classifier import FixedDraws
from methods._nn.data import Batch, BatchSizes, once_per_draw
from methods._nn.densities import DATA_LIMIT, LOG_2PI, smooth_clamp
from methods._nn.layers import ParameterLayout, Params
from methods._nn.missing import require_present, row_shares
from methods._nn.networks import Network, named, part
from methods._ssvae.bound import with_cross_entropy
from methods._ssvae.entropy import Entropy
from methods._ssvae.model import SemisupVAE, network_noise

Imputation = Literal["infinite", "single"]
AbsentEncoder = Literal["impute", "drop"]
Guesses = Mapping[int, tuple[Tensor, Tensor]]
"""Mean and log-variance (t, b, d_m) of q_psi_m for every m of M."""


@dataclass(frozen=True)
class IncompleteVAE:
    """A semi-supervised VAE ``core`` of completed rows, and psi, which completes them.

    ``may_miss``           M, as positions of views; the other views are O. Where p(x_o|.) reads
                           x_M (eq. 10), the edges of ``core`` say so.
    ``imputation``         an absent view is a new draw of q_psi in every step ("infinite
                           imputations"), or its mean and no entropy: a single one, and no bound.
    ``absent_encoder``     encoder m reads the completed x_m, or its component is left out and the
                           others' weights are renormalised.
    ``classifier_to_psi``  q(y|X) passes its gradient on to psi.

    Noise is (t, S, b, .) by name, S draws of every latent variable, x_m included: ``eps`` of z,
    (.) = C D; ``x<m>``; and ``coins`` where O is empty. Where O is empty, q_psi_m reads the other
    views of M that are there, zeros for those that are not, and the mask.
    """

    core: SemisupVAE
    may_miss: tuple[int, ...]
    imputation: Imputation = "infinite"
    absent_encoder: AbsentEncoder = "impute"
    classifier_to_psi: bool = True

    @property
    def n_classes(self) -> int:
        return self.core.n_classes

    @property
    def observed(self) -> tuple[int, ...]:
        """O."""
        return tuple(v for v in range(len(self.core.dims)) if v not in self.may_miss)

    def sources(self, m: int) -> tuple[int, ...]:
        """Views that q_psi_m reads."""
        return self.observed or tuple(v for v in self.may_miss if v != m)

    @property
    def parts(self) -> dict[str, Network]:
        """All networks by name: those of ``core`` and ``psi<m>``."""
        imputer = self.core.networks.imputer_of_view
        return self.core.parts | {f"psi{m}": imputer for m in self.may_miss}

    @property
    def layout(self) -> ParameterLayout:
        """That of ``core``, and a network of q_psi_m for every m."""
        dims, declared = self.core.dims, dict(self.core.layout.parameters)
        imputer = self.core.networks.imputer_of_view
        for m in self.may_miss:
            inputs = {f"x{v}": dims[v] for v in self.sources(m)}
            if not self.observed:
                inputs["mask"] = len(dims)
            declared |= named(f"psi{m}", imputer.parameters(inputs, 2 * dims[m]))
        return ParameterLayout(declared)

    def draws(self, sizes: BatchSizes, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        """Shapes of a step's noise; a draw always serves all classes."""
        rows, core = sizes.labelled + sizes.unlabelled, self.core
        width = core.posterior.components * core.latent
        shapes: dict[str, tuple[int, ...]] = {"eps": (samples, rows, width)}
        if self.imputation == "infinite":
            shapes |= {f"x{m}": (samples, rows, core.dims[m]) for m in self.may_miss}
        if not self.observed:
            shapes["coins"] = (samples, rows, len(core.dims))
        return shapes | network_noise(self.parts, (samples, rows))

    def guess(
        self,
        p: Params,
        m: int,
        x: tuple[Tensor, ...],
        mask: Tensor,
        noise: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (t, b, d_m) of q_psi_m; ``mask`` (t, b, V) is what it may read."""
        inputs = {f"x{v}": x[v] for v in self.sources(m)}
        if not self.observed:
            inputs = {f"x{v}": x[v] * mask[..., v, None] for v in self.sources(m)} | {"mask": mask}
        inputs |= part(noise or {}, f"psi{m}")
        raw = self.core.networks.imputer_of_view.apply(part(p, f"psi{m}"), inputs)
        mean, spread = raw.chunk(2, -1)
        return mean, smooth_clamp(spread, DATA_LIMIT)

    def guesses(
        self,
        p: Params,
        x: tuple[Tensor, ...],
        present: Tensor,
        noise: Mapping[str, Tensor] | None = None,
    ) -> Guesses:
        """Of use where m is absent, and with a view in O everywhere."""
        return {m: self.guess(p, m, x, present, noise) for m in self.may_miss}

    def completed(self, batch: Batch, guesses: Guesses) -> tuple[tuple[Tensor, ...], Tensor]:
        """X of every row, and sum_m (1 - r_m) H[q_psi_m] (t, b)."""
        x, entropy = list(batch.x), torch.zeros_like(batch.present[..., 0])
        for m, (mean, logvar) in guesses.items():
            present, keep = batch.present[..., m], batch.keep[m]
            drawn = mean
            if self.imputation == "infinite":
                drawn = torch.addcmul(mean, (0.5 * logvar).exp(), batch.noise[f"x{m}"])
                entropy = entropy + (1 - present) * _summed(0.5 * (logvar + LOG_2PI + 1), keep)
            if keep is not None:
                drawn = drawn * keep[:, None]
            x[m] = torch.where(present[..., None] > 0, x[m], drawn)
        return tuple(x), entropy

    def objective(
        self, p: Params, batch: Batch, shares: tuple[float, float], entropy: Entropy
    ) -> tuple[Tensor, Tensor]:
        """J / N (t,) of eq. 16, by ``shares`` of labelled and unlabelled rows, and log q (t, b, K).

        Rows of the latter are those of ``once_per_draw``, also b in what follows.
        """
        batch = once_per_draw(batch)
        guesses = self.guesses(p, batch.x, batch.present, batch.noise)
        return self.evidence(p, batch, guesses, shares, entropy)

    def evidence(
        self,
        p: Params,
        batch: Batch,
        guesses: Guesses,
        shares: tuple[float, float],
        entropy: Entropy,
    ) -> tuple[Tensor, Tensor]:
        """The objective, for a batch with one draw a row and psi's answers to it."""
        core = self.core
        x, of_psi = self.completed(batch, guesses)
        read = x if self.classifier_to_psi else tuple(view.detach() for view in x)
        log_q = core.log_q(p, read, part(batch.noise, "cls"))
        shape = (core.posterior.components, core.latent)
        eps = batch.noise["eps"].unflatten(-1, shape).movedim(2, 1)[:, :, None]
        complete = replace(batch, x=x, noise={**batch.noise, "eps": eps})
        present = batch.present if self.absent_encoder == "drop" else None
        bound = core.evidence(p, complete, log_q, shares, entropy, present)
        return bound - (row_shares(batch, shares) * of_psi).sum(-1), log_q

    def imputation_error(self, p: Params, batch: Batch, guesses: Guesses) -> Tensor:
        """The sum over m of the mean of -log q_psi_m(x_m|.) over rows that have x_m (17), (t,).

        Rows weigh as in J. A mean over no rows is left out. Where O is empty, every other view of a
        row is hidden with probability 1/2, unless nothing would be left to read: so psi meets
        the masks that it is to be asked about.
        """
        total = batch.present.new_zeros(len(batch.present))
        for m, (mean, logvar) in guesses.items():
            rows = row_shares(batch, self.core.shares) * batch.present[..., m]
            if not self.observed:
                mask = _thinned(batch.present, batch.noise["coins"], m)
                mean, logvar = self.guess(p, m, batch.x, mask, batch.noise)
                rows = rows * mask.amax(-1)
            squares = (batch.x[m] - mean).square() * torch.exp(-logvar)
            error = _summed(0.5 * (squares + logvar + LOG_2PI), batch.keep[m])
            weight = rows.sum(-1)
            total = total + (rows * error).sum(-1) / torch.where(weight > 0, weight, 1)
        return total

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """F / N (t,) of eq. 17, with c of the batch for c2, and what is logged of it."""
        batch = once_per_draw(batch)
        guesses = self.guesses(p, batch.x, batch.present, batch.noise)
        posterior = self.core.posterior
        bound, log_q = self.evidence(p, batch, guesses, self.core.shares, posterior.entropy)
        error = self.imputation_error(p, batch, guesses)
        loss, logs = with_cross_entropy(bound + batch.hyper["c1"] * error, log_q, batch)
        logs |= {"bound": bound.detach(), "imputation_nll": error.detach()}
        return loss, logs | posterior.logs(p)

    def classify(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: FixedDraws
    ) -> Tensor:
        """Log q(y|X) (t, n, K) of rows whose absent views are filled in."""
        return self.core.classify(p, x, present, draw)

    def impute(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Means and log-variances of q_psi_m; the views of O are certain, and must be there."""
        require_present(present, self.observed)
        guesses = self.guesses(p, x, present)
        certain = [(view, torch.full_like(view, -torch.inf)) for view in x]
        moments = [guesses.get(v, moments) for v, moments in enumerate(certain)]
        return tuple(mean for mean, _ in moments), tuple(logvar for _, logvar in moments)

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """The bound on log p of what unlabelled rows have, as trained and tight; warm-up; lam."""
        posterior = self.core.posterior
        return {
            "elbo": -float(self.objective(p, batch, (0, 1), posterior.entropy)[0]),
            "elbo_tight": -float(self.objective(p, batch, (0, 1), posterior.tight)[0]),
            "warmup_epochs": self.core.warmup_epochs,
        } | posterior.facts(p)

    def clamp_hits(self, p: Params, batch: Batch) -> dict[str, float]:
        """Those of ``core``, absent entries being zero."""
        return self.core.clamp_hits(p, batch)


def _summed(values: Tensor, keep: Tensor | None) -> Tensor:
    """``values`` (t, b, d) summed over the columns that ``keep`` (t, d) has."""
    return values.sum(-1) if keep is None else (values * keep[:, None]).sum(-1)


def _thinned(present: Tensor, coins: Tensor, m: int) -> Tensor:
    """The mask without view ``m``, a coin for each other view that is there, one left at least."""
    others = present.clone()
    others[..., m] = 0
    left = others * (coins > 0)
    return torch.where(left.amax(-1, keepdim=True) > 0, left, others)
