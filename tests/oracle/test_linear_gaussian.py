"""The semi-supervised bound against the exact likelihood of linear-Gaussian models.

The production objective is called in float64 with the exact posterior put in and sigma points for
noise, so that nothing is left to chance: it must equal the log-likelihood less what its entropy
bound is known to lack.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from methods._nn.densities import gaussian
from methods._ssvae.bound import Likelihood, semisup_bound, weighted_bound
from methods._ssvae.posterior import Components
from tests.oracle.doubles import DOUBLE, source

METHODS = ("m2", "mvae", "smvae")
SLACK = 0.5 * (1 - math.log(2))
"""What the joint entropy bound lacks, in nats a latent dimension, where components coincide."""


class LinearGaussian:
    """x = W z + U_y + b + noise of variance psi, W chosen so that p(z|x,y) has diagonal covariance.

    One view per slice of ``cut``; all views share z.
    """

    def __init__(self, dims: tuple[int, ...], latent: int, classes: int) -> None:
        draw, width = source(3), sum(dims)
        q, _ = torch.linalg.qr(torch.randn(width, latent, dtype=DOUBLE, generator=draw))
        self.g = 0.5 + torch.rand(latent, dtype=DOUBLE, generator=draw)
        self.psi = 0.3 + torch.rand(width, dtype=DOUBLE, generator=draw)
        self.w = self.psi.sqrt()[:, None] * q * self.g
        self.u = torch.randn(classes, width, dtype=DOUBLE, generator=draw)
        edges = [sum(dims[:i]) for i in range(len(dims) + 1)]
        self.cut = [slice(a, b) for a, b in pairwise(edges)]

    def exact(self, x: Tensor) -> Tensor:
        """log p(x|y), (n, K)."""
        cov = self.w @ self.w.T + torch.diag(self.psi)
        dist = [torch.distributions.MultivariateNormal(u, cov) for u in self.u]
        return torch.stack([d.log_prob(x) for d in dist], -1)

    def posterior(self, x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (n, D) and log-variance (D,) of p(z|x,y), exactly diagonal."""
        precision = 1 + self.g**2
        mean = ((x - u) / self.psi) @ self.w / precision
        return mean, -precision.log()

    def likelihood(self, x: Tensor, u: Tensor) -> Likelihood:
        """The production objective's likelihood, for rows ``x`` (r, d) with offsets ``u``."""

        def summed(z: Tensor, weight: Tensor) -> Tensor:
            logvar = self.psi.log()
            values = [
                gaussian(x[:, c], z @ self.w[c].T + u[:, c], logvar[c].expand_as(x[:, c]))
                for c in self.cut
            ]
            return (weight * torch.stack(values).sum(0)).sum((1, 2))

        return summed


@pytest.mark.parametrize(
    ("views", "entropy", "slack"),
    [(1, "exact", 0.0), (1, "joint", SLACK), (2, "joint", SLACK), (3, "joint", SLACK)],
)
def test_linear_gaussian_bounds_equal_the_exact_log_likelihood(views, entropy, slack):
    latent, classes, n = 4, 3, 5
    world = LinearGaussian((4, 3, 5)[:views] if views > 1 else (9,), latent, classes)
    x = torch.randn(n, len(world.psi), dtype=DOUBLE, generator=source(8))
    labels = torch.tensor([0, 1, 2, 1, 0])
    conditional = world.exact(x)  # (n, K)
    joint = conditional - math.log(classes)
    # 2 D sigma points integrate a quadratic exactly.
    points = math.sqrt(latent) * torch.cat([torch.eye(latent), -torch.eye(latent)]).to(DOUBLE)
    eps = points[None, None, :, None, :]
    log_weights = torch.tensor([[0.2, -0.5, 0.1][:views]], dtype=DOUBLE).log_softmax(-1)

    def bound_of(rows_x: Tensor, u: Tensor):
        mean, logvar = world.posterior(rows_x, u)
        mean = mean.expand(1, views, -1, -1)
        q = Components(mean, logvar.expand_as(mean), log_weights)
        like = world.likelihood(rows_x, u)
        return lambda rows: weighted_bound(like, q, eps, rows, entropy)

    any_q = torch.randn(1, n, classes, dtype=DOUBLE, generator=source(9)).log_softmax(-1)
    labelled = semisup_bound(bound_of(x, world.u[labels]), any_q, n, (1.0, 0.0))
    expected = joint[torch.arange(n), labels].mean()
    assert -labelled.item() + slack * latent == pytest.approx(expected.item(), abs=1e-10)

    enumerated = bound_of(x.repeat(classes, 1), world.u.repeat_interleave(n, 0))
    marginal = joint.logsumexp(-1)
    for log_q in (any_q, (joint - marginal[:, None])[None]):
        unlabelled = semisup_bound(enumerated, log_q, 0, (0.0, 1.0))
        posterior = joint - marginal[:, None]
        gap = (log_q[0].exp() * (log_q[0] - posterior)).sum(-1)  # KL(q(y|X) || p(y|X))
        lost = marginal.mean() - slack * latent - gap.mean()
        assert -unlabelled.item() == pytest.approx(lost.item(), abs=1e-10)


@pytest.mark.parametrize("entropy", ["joint", "bhattacharyya"])
@pytest.mark.parametrize("seed", range(3))
def test_an_arbitrary_posterior_stays_below_the_exact_log_likelihood(entropy, seed):
    latent, n = 4, 6
    world = LinearGaussian((4, 3), latent, 2)
    x = torch.randn(n, 7, dtype=DOUBLE, generator=source(seed))
    u = world.u[torch.zeros(n, dtype=torch.long)]
    points = math.sqrt(latent) * torch.cat([torch.eye(latent), -torch.eye(latent)]).to(DOUBLE)
    mean = torch.randn(1, 2, n, latent, dtype=DOUBLE, generator=source(seed + 10))
    logvar = torch.randn(1, 2, n, latent, dtype=DOUBLE, generator=source(seed + 20))
    weights = torch.tensor([[0.3, -0.4]], dtype=DOUBLE).log_softmax(-1)
    exact = world.exact(x)[:, 0]
    for row in range(n):
        one = torch.zeros(1, n, dtype=DOUBLE)
        one[0, row] = 1
        eps = points[None, None, :, None, :]
        like = world.likelihood(x, u)
        value = weighted_bound(like, Components(mean, logvar, weights), eps, one, entropy)
        assert value.item() <= exact[row].item()
