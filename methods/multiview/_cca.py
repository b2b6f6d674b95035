"""Regularised canonical correlation analysis, as an objective for nets and as a linear map.

With centred outputs H_v (n, d) and S_uv = H_u' H_v / (n - 1), S_vv + r_v I in place of S_vv,

    T_uv = L_u^-1 S_uv L_v^-T,   L_v L_v' = S_vv + r_v I,

has the singular values of S_uu^-1/2 S_uv S_vv^-1/2 (an orthogonal change of basis apart): the
canonical correlations; their sum is the trace norm of T [Andrew et al. 2013, section 3]. Triangular
solves take the place of inverse square roots because the gradient of an eigendecomposition divides
by differences of eigenvalues: two equal ones, such as two dead units have, turn it into NaN.
Everything is computed in double precision, which costs nothing at this size.

``r`` is relative throughout :func:`total_correlation` and :func:`fit`: r_v = r x the mean variance
of the outputs of view v. An absolute r loses its grip on nets, which can make their outputs larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

FLOOR = 1e-10
"""Added to r_v, so that a view whose outputs are all constant has zero correlation, not NaN."""
RANK = 1e-7
"""Correlations below this are zero: their directions were not determined by the rows."""


def trace_norm(first: Tensor, second: Tensor, r1: Tensor, r2: Tensor) -> Tensor:
    """Sum of the canonical correlations (t,) of outputs (t, n, d); r absolute, (t,), n > 1.

    Differentiable. A member whose covariance is not positive definite (r = 0 and fewer rows than
    outputs) gets NaN, gradient included, and leaves the others alone.
    """
    first, second = (centred(h.double()) for h in (first, second))
    t = _coherence(first, second, _factor(first, r1), _factor(second, r2))
    sound = t.isfinite().all((-2, -1))
    values = singular_values(torch.where(sound[:, None, None], t, 0.0))
    poison = torch.where(sound, 0.0, torch.nan).to(t)
    return values.sum(-1) + poison * first.sum((-2, -1))


def singular_values(t: Tensor) -> Tensor:
    """Singular values (t, d) of square matrices (t, d, d), descending; differentiable.

    LAPACK's gesdd does not converge on a few matrices of less than full rank, and on their
    transposes, which have the same values, it does. Raises torch.linalg.LinAlgError where neither
    converges.
    """
    try:
        return torch.linalg.svdvals(t)
    except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
        return torch.linalg.svdvals(t.mT)


def total_correlation(outputs: Sequence[Tensor], r: Tensor) -> Tensor:
    """Trace norms (t,) summed over pairs of views, as in Kettenring's sum of correlations."""
    ridges = [ridge(h, r) for h in outputs]
    pairs = combinations(range(len(outputs)), 2)
    norms = [trace_norm(outputs[u], outputs[v], ridges[u], ridges[v]) for u, v in pairs]
    return torch.stack(norms).sum(0)


def ridge(outputs: Tensor, r: Tensor) -> Tensor:
    """r_v (t,): ``r`` (t,) times the mean variance of outputs (t, n, d)."""
    n, d = outputs.shape[-2:]
    variance = centred(outputs.double()).square().sum((-2, -1)) / ((n - 1) * d)
    return r.double() * variance + FLOOR


def centred(h: Tensor) -> Tensor:
    return h - h.mean(-2, keepdim=True)


@dataclass(frozen=True, eq=False)
class LinearCCA:
    """Canonical directions of V views of one member, best first.

    ``means`` (d,) and ``maps`` (d, k) a view; ``correlations`` (k,): the regularised canonical
    correlations of the rows that it was fitted on. A direction of zero correlation maps to zero.
    """

    means: tuple[Tensor, ...]
    maps: tuple[Tensor, ...]
    correlations: Tensor

    def apply(self, outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Canonical variates (n, k) a view of outputs (n, d)."""
        parts = zip(outputs, self.means, self.maps, strict=True)
        return tuple((h.double() - mean) @ matrix for h, mean, matrix in parts)


def fit(outputs: Sequence[Tensor], ridges: Sequence[Tensor], k: int) -> LinearCCA:
    """Linear CCA of outputs (n, d) a view, to ``k`` <= d directions; ridges absolute, scalars.

    The top eigenvectors of the matrix of all T_uv, u != v. For two views its eigenvalues are plus
    and minus the canonical correlations and this is CCA; for more, it is the multi-set form that
    maximises the summed correlations under one joint norm [Kettenring 1971]. Variates have unit
    (regularised) variance on average over views.
    """
    means = tuple(h.double().mean(0) for h in outputs)
    hs = [(h.double() - mean)[None] for h, mean in zip(outputs, means, strict=True)]
    factors = [_factor(h, r.reshape(1)) for h, r in zip(hs, ridges, strict=True)]
    views = range(len(hs))
    rows = []
    for u in views:
        row = [_coherence(hs[u], hs[v], factors[u], factors[v])[0] for v in views]
        row[u] = torch.zeros_like(row[u])
        rows.append(torch.cat(row, 1))
    values, vectors = torch.linalg.eigh(torch.cat(rows, 0))
    values, vectors = values.flip(0)[:k], vectors.flip(1)[:, :k]
    values = torch.where(values > RANK, values, 0.0)
    peak = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    vectors = vectors * peak.sign() * (values > 0) * len(hs) ** 0.5
    widths = [h.shape[-1] for h in hs]
    maps = tuple(
        torch.linalg.solve_triangular(factor[0].T, part, upper=True)
        for factor, part in zip(factors, vectors.split(widths), strict=True)
    )
    return LinearCCA(means, maps, values / (len(hs) - 1))


def pearson(variates: Sequence[Tensor]) -> float:
    """Pearson correlations of paired variates (n, k), summed over k and over pairs of views.

    Nothing is refitted, so that it means something on few rows; a constant variate counts zero.
    """
    units = []
    for z in variates:
        z = centred(z)
        length = torch.linalg.vector_norm(z, dim=0)
        units.append(torch.where(length > FLOOR, z / length.clamp(min=FLOOR), 0.0))
    return float(sum((a * b).sum() for a, b in combinations(units, 2)))


def _factor(h: Tensor, r: Tensor) -> Tensor:
    """Lower Cholesky factor (t, d, d) of the covariance of centred ``h`` plus r; NaN if not PD."""
    covariance = h.mT @ h / (h.shape[-2] - 1)
    eye = torch.eye(h.shape[-1], dtype=h.dtype, device=h.device)
    factor, failed = torch.linalg.cholesky_ex(covariance + r.to(h)[:, None, None] * eye)
    return torch.where((failed == 0)[:, None, None], factor, torch.nan)


def _coherence(h1: Tensor, h2: Tensor, l1: Tensor, l2: Tensor) -> Tensor:
    """T_12 = L_1^-1 S_12 L_2^-T, (t, d, d)."""
    cross = h1.mT @ h2 / (h1.shape[-2] - 1)
    left = torch.linalg.solve_triangular(l1, cross, upper=False)
    return torch.linalg.solve_triangular(l2, left.mT, upper=False).mT
