"""Outputs of absent views, guessed from the outputs of the views that a row has.

The linear guess of least mean squared error: with the training outputs' means and covariances,

    h_m^ = mean_m + S_mo (S_oo + R_o)^-1 (h_o - mean_o),

o all views that are present, R_o a ridge a view: linear (ridge) regression, the conditional mean
of Gaussian outputs. In canonical coordinates it multiplies each variate by its correlation. The
control :func:`direct` leaves that factor out, as if all correlations were perfect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from methods.multiview._cca import LinearCCA, centred


@dataclass(frozen=True, eq=False)
class Moments:
    """Of all views' outputs side by side, D in all: mean (D,), covariance (D, D), ridge (D,)."""

    widths: tuple[int, ...]
    mean: Tensor
    covariance: Tensor
    ridge: Tensor

    @classmethod
    def of(cls, outputs: Sequence[Tensor], ridges: Sequence[Tensor]) -> Moments:
        """Of outputs (n, d_v) a view, with the absolute ridges (scalars)."""
        joined = torch.cat(tuple(outputs), 1)
        off = centred(joined)
        widths = tuple(h.shape[1] for h in outputs)
        ridge = [r.reshape(1).expand(width) for r, width in zip(ridges, widths, strict=True)]
        return cls(widths, joined.mean(0), off.mT @ off / (len(off) - 1), torch.cat(ridge))

    def complete(self, outputs: Sequence[Tensor], present: Tensor) -> list[Tensor]:
        """Outputs (n, d_v) a view, guessed where ``present`` (n, V) is False."""
        off = torch.cat(tuple(outputs), 1) - self.mean
        for pattern in torch.unique(present, dim=0):
            if pattern.all():
                continue
            rows = (present == pattern).all(1).nonzero()
            known = pattern.repeat_interleave(torch.tensor(self.widths).to(pattern.device))
            o, m = known.nonzero()[:, 0], (~known).nonzero()[:, 0]
            system = self.covariance[o][:, o] + torch.diag(self.ridge[o])
            weights = torch.linalg.solve(system, self.covariance[o][:, m])
            off[rows, m] = off[rows, o] @ weights
        return list((off + self.mean).split(self.widths, 1))


def direct(cca: LinearCCA, outputs: Sequence[Tensor], present: Tensor) -> list[Tensor]:
    """Outputs (n, d_v) a view; where absent, those with the mean variates of the present views."""
    weights = present.T[:, :, None].to(outputs[0])  # (V, n, 1)
    variates = (torch.stack(cca.apply(outputs)) * weights).sum(0) / weights.sum(0).clamp(min=1)
    guesses = [
        mean + variates @ torch.linalg.pinv(matrix)
        for mean, matrix in zip(cca.means, cca.maps, strict=True)
    ]
    return [
        torch.where(present[:, v, None], h, guess)
        for v, (h, guess) in enumerate(zip(outputs, guesses, strict=True))
    ]
