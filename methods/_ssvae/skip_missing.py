"""SDGM+ [du2018, eq. 18]: an SDGM of some views whose auxiliary variable replaces the others.

x are the views that every row has, side by side; a has an entry for every feature of the views
that may be absent, and -log q(a = x_m|x) of the rows that have them joins the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methods._nn.classifier import FixedDraws
from methods._nn.data import Batch, BatchSizes, once_per_draw
from methods._nn.densities import LOG_2PI
from methods._nn.layers import ParameterLayout, Params
from methods._nn.missing import require_present, row_weights
from methods._ssvae.skip import SkipVAE


@dataclass(frozen=True)
class ImputingSkipVAE:
    """A skip deep generative model ``core`` of the views ``always``, with a for those of ``maybe``.

    ``dims`` are the widths of all views; width and auxiliary of ``core`` have to be those of the
    two sides. ``proportions`` (N_l / N, N_u / N) of the training set. ``clamp``: where x_m is
    there, it is a, in training and in answers; otherwise a is drawn from q(a|x) in every row.
    """

    core: SkipVAE
    dims: tuple[int, ...]
    always: tuple[int, ...]
    maybe: tuple[int, ...]
    proportions: tuple[float, float]
    clamp: bool = False

    @property
    def layout(self) -> ParameterLayout:
        return self.core.layout

    @property
    def n_classes(self) -> int:
        return self.core.n_classes

    def draws(self, sizes: BatchSizes, samples: int, share_eps: bool) -> dict[str, tuple[int, ...]]:
        """Those of ``core``."""
        return self.core.draws(sizes, samples, share_eps)

    def two_sided(self, batch: Batch) -> Batch:
        """The batch with the views x (t, b, D) and x_m (t, b, A); ``present`` (t, b, A) of x_m."""
        masks = [
            batch.present.new_ones(len(batch.present), width) if keep is None else keep
            for keep, width in zip(batch.keep, self.dims, strict=True)
        ]
        sides = zip((self.always, self.maybe), self.beside(masks), strict=True)
        keep = [None if all(batch.keep[v] is None for v in side) else k for side, k in sides]
        return replace(
            batch,
            x=self.beside(batch.x),
            present=self.entries(batch.present),
            keep=tuple(keep),
        )

    def beside(self, views: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The views of either side, side by side."""
        x, target = (torch.cat([views[v] for v in s], -1) for s in (self.always, self.maybe))
        return x, target

    def entries(self, present: Tensor) -> Tensor:
        """Presence (t, b, V) of views as that of every entry of x_m, (t, b, A)."""
        shape = present.shape[:-1]
        views = [present[..., v, None].expand(*shape, self.dims[v]) for v in self.maybe]
        return torch.cat(views, -1)

    def objective(
        self, p: Params, batch: Batch, shares: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """J_SDGM of eq. 18, as :meth:`SkipVAE.objective` has it."""
        batch = once_per_draw(self.two_sided(batch))
        a, log_density = self.core.inferred(p, batch)
        if self.clamp:
            present = batch.present
            a = torch.where(present > 0, batch.x[1], a)
            log_density = log_density * (1 - present)
        return self.core.evidence(p, batch, (a, log_density), shares)

    def imputation_nll(self, p: Params, batch: Batch) -> tuple[Tensor, Tensor]:
        """-log q(a = x_m|x) of every entry of x_m, zero where it is absent; 1 where it is there.

        Both (t, b, A). A column that is constant in training counts as absent: it remains an entry
        of a like those of an SDGM.
        """
        batch = self.two_sided(batch)
        (x, target), present, keep = batch.x, batch.present, batch.keep[1]
        if keep is not None:
            present = present * keep[:, None]
        mean, logvar = self.core.auxiliaries(p, x)
        entries = 0.5 * ((target - mean).square() * (-logvar).exp() + logvar + LOG_2PI)
        return entries * present, present

    def imputation_error(self, p: Params, batch: Batch) -> Tensor:
        """1/N sum over rows of -log q(a = x_m|x), (t,), estimated from a minibatch."""
        rows = self.imputation_nll(p, batch)[0].sum(-1)
        return rows @ row_weights(batch, self.proportions)

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """F of eq. 18 with the cross-entropy of SDGM, divided by N; its logs."""
        shares = self.core.shares
        loss, logs = self.core.supervised(*self.objective(p, batch, shares), batch)
        error = self.imputation_error(p, batch)
        # J's weights sum to 2 in SDGM's own normalisation: alpha3 is relative to J in any.
        loss = loss + batch.hyper["alpha3"] * sum(shares) * error
        return loss, logs | {"imputation": error.detach(), "loss": loss.detach()}

    def classify(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: FixedDraws
    ) -> Tensor:
        """Log of the mean of q(y|a,x) over draws of a, (1, n, K); clamped to x_m if so set."""
        require_present(present, self.always)
        read, target = self.beside(x)
        mean, logvar = self.core.auxiliaries(p, read)
        std = (0.5 * logvar).exp()
        if self.clamp:
            entries = self.entries(present)
            mean, std = torch.where(entries > 0, target, mean), std * (1 - entries)
        return self.core.answer(p, read, (mean, std), draw)

    def impute(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Means and log-variances of q(a|x), split into views; x itself is certain."""
        require_present(present, self.always)
        moments = self.core.auxiliaries(p, self.beside(x)[0])
        widths = [self.dims[v] for v in self.maybe]
        means, logvars = list(x), [torch.full_like(view, -torch.inf) for view in x]
        for views, moment in zip((means, logvars), moments, strict=True):
            for v, columns in zip(self.maybe, moment.split(widths, -1), strict=True):
                views[v] = columns
        return tuple(means), tuple(logvars)

    def clamp_hits(self, p: Params, batch: Batch) -> dict[str, float]:
        """Those of ``core``."""
        return self.core.clamp_hits(p, self.two_sided(batch))

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """The bound -U on log p(x), or with ``clamp`` log p(x, x_m); mean error of an entry."""
        nll, present = self.imputation_nll(p, batch)
        return {
            "elbo": -float(self.objective(p, batch, (0, 1))[0]),
            "warmup_epochs": self.core.warmup_epochs,
            "imputation_nll": float(nll.sum() / present.sum().clamp(min=1)),
        }
