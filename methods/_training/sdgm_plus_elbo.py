"""SDGM+ [du2018, eq. 18]: an SDGM of some views whose auxiliary variable stands for the others.

x are the views that every row has, side by side; a has an entry for every feature of the views
that may be absent, and -log q(a = x_m|x) of the rows that have them joins the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methods._training.absent import demand_there, row_weights
from methods._training.data import Batch
from methods._training.densities import LOG_2PI
from methods._training.nets import Params
from methods._training.sdgm_elbo import SkipModel
from methods._training.semisup_elbo import Draw


@dataclass(frozen=True, kw_only=True)
class SkipPlusModel(SkipModel):
    """A skip deep generative model of the views ``always``, with a for the views ``maybe``.

    ``dims`` are the widths of all views; ``width`` and ``auxiliary`` have to be those of the two
    sides. ``proportions`` (N_l / N, N_u / N) of the training set. ``clamp``: where x_m is there, it
    is a, in training and in answers; otherwise a is drawn from q(a|x) in every row.
    """

    dims: tuple[int, ...]
    always: tuple[int, ...]
    maybe: tuple[int, ...]
    proportions: tuple[float, float]
    clamp: bool = False

    def two_sided(self, batch: Batch) -> Batch:
        """The batch with the views x (t, b, D) and x_m (t, b, A); ``present`` (t, b, A) of x_m."""
        kept = [
            batch.present.new_ones(len(batch.present), width) if keep is None else keep
            for keep, width in zip(batch.keep, self.dims, strict=True)
        ]
        whole = [all(batch.keep[v] is None for v in side) for side in (self.always, self.maybe)]
        return replace(
            batch,
            x=self.beside(batch.x),
            present=self.entries(batch.present),
            keep=tuple(None if w else k for w, k in zip(whole, self.beside(kept), strict=True)),
        )

    def beside(self, views: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The views of either side, side by side."""
        x, target = (torch.cat([views[v] for v in s], -1) for s in (self.always, self.maybe))
        return x, target

    def entries(self, present: Tensor) -> Tensor:
        """Presence (t, b, V) of views as that of every entry of x_m, (t, b, A)."""
        each = [present[..., v, None].expand(*present.shape[:-1], self.dims[v]) for v in self.maybe]
        return torch.cat(each, -1)

    def inferred(self, p: Params, batch: Batch) -> tuple[Tensor, Tensor]:
        """Draws of a, and the log-densities of those of their entries that are drawn."""
        a, log_q = super().inferred(p, batch)
        if not self.clamp:
            return a, log_q
        seen = batch.present
        return torch.where(seen > 0, batch.x[1], a), log_q * (1 - seen)

    def objective(
        self, p: Params, batch: Batch, shares: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """J_SDGM of eq. 18, as :meth:`SkipModel.objective` has it."""
        return super().objective(p, self.two_sided(batch), shares)

    def surprise(self, p: Params, batch: Batch) -> tuple[Tensor, Tensor]:
        """-log q(a = x_m|x) of every entry of x_m, zero where it is absent; 1 where it is there.

        Both (t, b, A). A column that is constant in training counts as absent: it remains an entry
        of a like those of an SDGM.
        """
        batch = self.two_sided(batch)
        (x, target), seen, keep = batch.x, batch.present, batch.keep[1]
        if keep is not None:
            seen = seen * keep[:, None]
        mean, logvar = self.auxiliaries(p, x)
        each = 0.5 * ((target - mean).square() * (-logvar).exp() + logvar + LOG_2PI)
        return each * seen, seen

    def imputation(self, p: Params, batch: Batch) -> Tensor:
        """1/N sum over rows of -log q(a = x_m|x), (t,), estimated from a minibatch."""
        rows = self.surprise(p, batch)[0].sum(-1)
        return rows @ row_weights(batch, self.proportions)

    def loss(self, p: Params, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """F of eq. 18 with the cross-entropy of SDGM, divided by N; its logs."""
        loss, logs = super().loss(p, batch)
        nll = self.imputation(p, batch)
        # J's weights sum to 2 in SDGM's own normalisation: alpha3 is relative to J in any.
        loss = loss + batch.hyper["alpha3"] * sum(self.shares) * nll
        return loss, logs | {"imputation": nll.detach(), "loss": loss.detach()}

    def classify(self, p: Params, x: tuple[Tensor, ...], present: Tensor, draw: Draw) -> Tensor:
        """Log of the mean of q(y|a,x) over draws of a, (1, n, K); clamped to x_m if so set."""
        demand_there(present, self.always)
        read, target = self.beside(x)
        mean, logvar = self.auxiliaries(p, read)
        std = (0.5 * logvar).exp()
        if self.clamp:
            seen = self.entries(present)
            mean, std = torch.where(seen > 0, target, mean), std * (1 - seen)
        return self.answer(p, read, (mean, std), draw)

    def impute(
        self, p: Params, x: tuple[Tensor, ...], present: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Means and log-variances of q(a|x), split into views; x itself is certain."""
        demand_there(present, self.always)
        moments = self.auxiliaries(p, self.beside(x)[0])
        widths = [self.dims[v] for v in self.maybe]
        means, logvars = list(x), [torch.full_like(view, -torch.inf) for view in x]
        for found, moment in zip((means, logvars), moments, strict=True):
            for v, part in zip(self.maybe, moment.split(widths, -1), strict=True):
                found[v] = part
        return tuple(means), tuple(logvars)

    def clamp_hits(self, p: Params, batch: Batch) -> dict[str, float]:
        return super().clamp_hits(p, self.two_sided(batch))

    def facts(self, p: Params, batch: Batch) -> dict[str, float]:
        """The bound -U on log p(x), or with ``clamp`` log p(x, x_m); mean surprise of an entry."""
        nll, seen = self.surprise(p, batch)
        found = {"imputation_nll": float(nll.sum() / seen.sum().clamp(min=1))}
        return super().facts(p, batch) | found
