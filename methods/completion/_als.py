"""softImpute-ALS on second moments: nuclear-norm completion of a matrix that lacks whole blocks.

For X (n, p) with present entries O, and A (n, k), B (p, k) of at most r columns, the objective is

    1/2 |P_O(X - A B')|_F^2 + lambda/2 (|A|_F^2 + |B|_F^2)

[hastie2015]; the last two terms are lambda |M|_* at its smallest over all A B' = M. Given B a row's
best factors are the ridge regression of its present entries on theirs, so that rows with the same
entries present share one map W: A = X W. A then enters only by X'A = S W and A'A = W'S W with
S = X'X over those rows: a sweep costs p^2 k for every pattern of absence, however many rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg

from methods.completion._columns import rows_alike

NOISE = 1e-7
"""Singular values below this share of the largest are rounding: they are roots of moments."""
SWEEPS = 5
"""Of ALS, between two steps of SVD, which cost several of them."""
WARM = 1e-3
"""Steepness that ends the rounds at a lambda before the last."""


@dataclass(frozen=True, eq=False)
class Moments:
    """All that is read of a matrix X (n, p) with NaN where absent.

    ``observed``  (g, p), the patterns of present entries.  ``grams`` (g, p, p), X'X over the rows
    of each pattern, with zeros for absent entries.
    """

    observed: np.ndarray
    grams: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> Moments:
        patterns, which = rows_alike(~np.isnan(x))
        parts = (np.where(seen, x[which == g], 0.0) for g, seen in enumerate(patterns))
        return cls(patterns, np.stack([part.T @ part for part in parts]))

    @cached_property
    def total(self) -> np.ndarray:
        """X'X (p, p) over all rows."""
        return self.grams.sum(0)

    @property
    def squares(self) -> float:
        """|P_O(X)|^2."""
        return float(self.total.trace())

    @cached_property
    def columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Patterns in which a column is present, (c, g), and which of these each column has."""
        return rows_alike(self.observed.T)


def ridge_maps(b: np.ndarray, observed: np.ndarray, lam: float) -> np.ndarray:
    """W (g, p, k) such that X W are the best factors of rows with entries ``observed`` (g, p).

    X has zeros for absent entries, as have the maps. With ``lam`` = 0 the shortest factors.
    """
    seen = observed[:, :, None] * b
    return seen @ _inverse(seen.mT @ seen, lam)


@dataclass(frozen=True, eq=False)
class Factors:
    """The fit M = A B' with the best A = X W for B.

    ``b`` (p, k), ``maps`` W (g, p, k), ``cross`` X'A (g, p, k), ``inner`` A'A (g, k, k); sums over
    the rows of each pattern.
    """

    moments: Moments
    lam: float
    b: np.ndarray
    maps: np.ndarray
    cross: np.ndarray
    inner: np.ndarray

    @classmethod
    def of(cls, moments: Moments, b: np.ndarray, lam: float) -> Factors:
        maps = ridge_maps(b, moments.observed, lam)
        cross = moments.grams @ maps
        return cls(moments, lam, b, maps, cross, maps.mT @ cross)

    @classmethod
    def nothing(cls, moments: Moments) -> Factors:
        """M = 0."""
        return cls.of(moments, np.zeros((moments.observed.shape[1], 0)), 1.0)

    @property
    def objective(self) -> float:
        seen = self.moments.observed[:, :, None] * self.b
        misfit = self.moments.squares - 2 * np.sum(self.cross * seen)
        misfit += np.sum(self.inner * (seen.mT @ seen))
        size = self.inner.trace(axis1=1, axis2=2).sum() + np.sum(self.b**2)
        return float(misfit + self.lam * size) / 2

    @cached_property
    def slope(self) -> np.ndarray:
        """Derivative (p, k) of the objective by B, negative; that by A is zero."""
        seen = self.moments.observed[:, :, None] * self.b
        return (self.cross - seen @ self.inner).sum(0) - self.lam * self.b

    @property
    def steepness(self) -> float:
        """Size of the slope, relative to that of X'A, which the other terms balance."""
        size = np.linalg.norm(self.cross.sum(0))
        return float(np.linalg.norm(self.slope) / size) if size else 0.0

    @cached_property
    def decomposed(self) -> tuple[np.ndarray, np.ndarray]:
        """Right singular vectors (p, k) and singular values (k,) of M, in rising order."""
        q, r = np.linalg.qr(self.b)
        values, z = np.linalg.eigh(r @ self.inner.sum(0) @ r.T)
        return q @ z, np.sqrt(np.maximum(values, 0))

    def filled(self) -> np.ndarray:
        """Y'Y (p, p) of Y, which is X where present and M elsewhere."""
        absent = ~self.moments.observed[:, :, None] * self.b
        return self._moment(absent)

    def residual(self) -> np.ndarray:
        """G'G (p, p) of G = P_O(X - M)."""
        return self._moment(-(self.moments.observed[:, :, None] * self.b))

    def _moment(self, c: np.ndarray) -> np.ndarray:
        """(X + A c')'(X + A c') over all rows, ``c`` (g, p, k)."""
        pairs = ((0, 2), (0, 2))
        mixed = np.tensordot(self.cross, c, pairs)
        return self.moments.total + mixed + mixed.T + np.tensordot(c @ self.inner, c, pairs)


def als_sweep(f: Factors) -> Factors:
    """Best B for A, then best A for B."""
    kinds, which = f.moments.columns
    target, b = f.cross.sum(0), np.empty_like(f.b)
    inverses = _inverse(np.tensordot(kinds.astype(float), f.inner, 1), f.lam)
    for kind, inverse in enumerate(inverses):
        b[which == kind] = target[which == kind] @ inverse
    return Factors.of(f.moments, b, f.lam)


def svd_step(f: Factors, lam: float, rank: int) -> Factors:
    """Soft-threshold the SVD of the filled matrix, keep ``rank``, then best A for B.

    The one step that may change how many columns A and B have.
    """
    p = f.b.shape[0]
    rank = min(rank, p)
    moment = f.filled()
    values, v = scipy.linalg.eigh(moment, subset_by_index=(p - rank, p - 1))
    sigma = np.sqrt(np.maximum(values, 0))
    d = sigma - lam
    keep = d > NOISE * sigma[-1]
    return Factors.of(f.moments, v[:, keep] * np.sqrt(d[keep]), lam)


@dataclass(frozen=True, eq=False)
class Solution:
    """Where the rounds ended.

    ``top``  lambda_0, the least lambda at which M = 0.  ``objectives`` one a round at the last
    lambda, falling; ``rounds`` those at all.  ``converged``: see :func:`complete`.
    """

    factors: Factors
    top: float
    objectives: np.ndarray
    rounds: int
    converged: bool


def follow(
    moments: Moments, shares: Sequence[float], rank: int, threshold: float, rounds: int
) -> Solution:
    """Minimise at each lambda = share x lambda_0 in turn, from where the one before ended.

    ``rounds`` at each; ``threshold`` that of the last, those before it may stop at WARM.
    """
    factors, taken = Factors.nothing(moments), 0
    top = float(np.sqrt(np.linalg.eigvalsh(factors.filled())[-1]))
    objectives, converged = [factors.objective], True
    for k, share in enumerate(shares, start=1):
        stop = threshold if k == len(shares) else max(threshold, WARM)
        factors, objectives, converged = complete(factors, share * top, rank, stop, rounds)
        taken += len(objectives)
    return Solution(factors, top, np.array(objectives), taken, converged)


def complete(
    start: Factors, lam: float, rank: int, threshold: float, rounds: int
) -> tuple[Factors, list[float], bool]:
    """Minimise at one lambda; the objective after each round, and whether M settled.

    A round is SWEEPS of ALS, which follow absent entries at once but are slow to weaken a direction
    and find no new one, and one step of SVD, which does both at once. The rounds end when the slope
    after that step is at most ``threshold``: see :attr:`Factors.steepness`.
    """
    f = svd_step(start, lam, rank)
    objectives = [f.objective]
    while f.steepness > threshold:
        if len(objectives) == rounds:
            return f, objectives, False
        for _ in range(SWEEPS):
            f = als_sweep(f)
        f = svd_step(f, lam, rank)
        objectives.append(f.objective)
    return f, objectives, True


def certificate(f: Factors) -> dict[str, float]:
    """How far from the optimum over all M; for lambda > 0.

    With G = P_O(X - M) and M = U D V',

    ``certificate``   |G (I - VV')|_2 / lambda: at most 1 at an optimum, above where rank binds;
    ``stationarity``  |G'A - lambda B| / (lambda |B|): 0 at an optimum of any rank;
    ``gap``           (primal - dual) / primal, which bounds the objective's excess: the dual's
                      value at a multiple of G whose spectral norm is at most lambda, the largest of
                      <G, X> - |G|^2 / 2.
    """
    g, v = f.residual(), f.decomposed[0]
    norm = np.sqrt(max(0.0, np.linalg.eigvalsh(g)[-1]))
    out = np.eye(len(g)) - v @ v.T
    outside = np.sqrt(max(0.0, np.linalg.eigvalsh(out @ g @ out)[-1]))
    seen = f.moments.observed[:, :, None] * f.b
    size = f.lam * np.linalg.norm(f.b)
    share = min(1.0, f.lam / norm) if norm else 1.0
    dual = share * (f.moments.squares - np.sum(f.cross * seen)) - share**2 / 2 * g.trace()
    return {
        "certificate": float(outside / f.lam),
        "stationarity": float(np.linalg.norm(f.slope) / size) if size else 0.0,
        "gap": float(1 - dual / f.objective) if f.objective else 0.0,
    }


def _inverse(gram: np.ndarray, lam: float) -> np.ndarray:
    """(gram + lam I)^-1 of a stack (c, k, k); the pseudo-inverse where ``lam`` is 0."""
    if lam == 0:
        return np.linalg.pinv(gram, rtol=NOISE**2, hermitian=True)
    return np.linalg.inv(gram + lam * np.eye(gram.shape[-1]))
