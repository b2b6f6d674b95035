"""Linear Gaussian views of a class and hidden sources: how they are drawn, and their exact law.

A view is ``x = means[y] + sum_s P_s s`` over sources ``s``, independent standard normal vectors:
the shared ``z``, and noise of its own. So all views together are Gaussian given the class, with a
covariance that no class changes; p(X|y), p(y|X) and E[x_m|x_o] are closed forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

DRAWS = 200_000
"""Monte Carlo draws of the Bayes accuracy; its standard error is then at most .0012."""


@dataclass(frozen=True, eq=False)
class View:
    """A view: class means ``(K, d)``, and the map ``(d, width)`` of every source that it has."""

    means: np.ndarray
    parts: Mapping[str, np.ndarray]

    @property
    def dim(self) -> int:
        return self.means.shape[1]

    def draw(self, y: np.ndarray, sources: Mapping[str, np.ndarray]) -> np.ndarray:
        """Rows ``(n, d)`` of classes ``y``; ``sources`` ``(n, width)`` by name."""
        return self.means[y] + sum(sources[name] @ part.T for name, part in self.parts.items())


@dataclass(frozen=True, eq=False)
class Joint:
    """The law of several views side by side: priors ``(K,)``, means ``(K, D)``, ``cov`` (D, D)."""

    priors: np.ndarray
    means: np.ndarray
    cov: np.ndarray

    @classmethod
    def of(cls, priors: np.ndarray, views: Sequence[View]) -> Joint:
        blocks = [[_cross(left, right) for right in views] for left in views]
        return cls(priors, np.concatenate([v.means for v in views], axis=1), np.block(blocks))

    @cached_property
    def precision(self) -> np.ndarray:
        return np.linalg.inv(self.cov)

    def log_densities(self, rows: np.ndarray) -> np.ndarray:
        """Log-densities p(X|y) of rows ``(n, D)``, in nats, ``(n, K)``."""
        _, log_det = np.linalg.slogdet(self.cov)
        gaps = rows[:, None] - self.means  # (n, K, D)
        quadratic = np.einsum("nkd,de,nke->nk", gaps, self.precision, gaps, optimize=True)
        return -0.5 * (quadratic + log_det + self.means.shape[1] * np.log(2 * np.pi))

    def posterior(self, rows: np.ndarray) -> np.ndarray:
        """p(y|X) of rows ``(n, D)``, ``(n, K)``."""
        # The quadratic term of a row is the same for all classes and cancels.
        weights = self.precision @ self.means.T  # (D, K)
        constant = np.log(self.priors) - 0.5 * np.einsum("kd,dk->k", self.means, weights)
        return _normalised(rows @ weights + constant)

    def bayes_accuracy(self, draws: int = DRAWS, scale: float = 1.0) -> tuple[float, float]:
        """The highest accuracy that any classifier can have, and its standard error.

        E max_y p(y|X): the scores of all classes are K Gaussians with a known covariance, so that
        draws of them suffice and no rows are drawn. The draws are the same in every call.

        ``scale``  as if all class means were multiplied by it.
        """
        rng = np.random.default_rng(0)
        # (K, K), covariance of the scores
        gram = scale**2 * self.means @ self.precision @ self.means.T
        y = rng.choice(len(self.priors), draws, p=self.priors)
        values, vectors = np.linalg.eigh(gram)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        noise = rng.standard_normal((draws, len(self.priors))) @ root.T
        scores = gram[y] + noise - 0.5 * np.diag(gram) + np.log(self.priors)
        best = _normalised(scores).max(axis=1)
        return float(best.mean()), float(best.std(ddof=1) / np.sqrt(draws))

    def conditional_mean(self, rows: np.ndarray, known: int) -> np.ndarray:
        """E[x_m|x_o] of rows ``(n, known)`` of the first columns x_o, ``(n, D - known)``.

        The mean over classes of the linear regressions within each, weighed by p(y|x_o).
        """
        own = Joint(self.priors, self.means[:, :known], self.cov[:known, :known])
        slope = own.precision @ self.cov[:known, known:]  # (known, D - known)
        intercepts = self.means[:, known:] - self.means[:, :known] @ slope  # (K, D - known)
        return rows @ slope + own.posterior(rows) @ intercepts


def with_bayes_accuracy(
    priors: np.ndarray, views: Mapping[str, View], wanted: float, draws: int = 20_000
) -> dict[str, View]:
    """``views``, class means scaled alike so that all together have this Bayes accuracy.

    By bisection on the same ``draws``; the accuracy rises with the scale.
    """
    joint = Joint.of(priors, list(views.values()))
    low, high = 0.0, 64.0
    for _ in range(24):
        middle = 0.5 * (low + high)
        below = joint.bayes_accuracy(draws, middle)[0] < wanted
        low, high = (middle, high) if below else (low, middle)
    return {name: View(high * view.means, view.parts) for name, view in views.items()}


def _cross(left: View, right: View) -> np.ndarray:
    shared = [name for name in left.parts if name in right.parts]
    start = np.zeros((left.dim, right.dim))
    return sum((left.parts[name] @ right.parts[name].T for name in shared), start)


def _normalised(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)
