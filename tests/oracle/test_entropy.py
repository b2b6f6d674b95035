"""Entropy bounds of a Gaussian mixture against Monte Carlo and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from methods._nn.densities import gaussian
from methods._ssvae.entropy import expected_log_prior, mixture_entropy

METHODS = ("mvae", "smvae")
DOUBLE = torch.float64
SLACK = 0.5 * (1 - math.log(2))


def mixture(gap: float, latent: int = 30) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    mean = torch.randn(1, 2, 1, latent, dtype=DOUBLE, generator=draw)
    mean[:, 1, :, 0] += gap
    logvar = 0.5 * torch.randn(1, 2, 1, latent, dtype=DOUBLE, generator=draw)
    return mean, logvar, torch.tensor([[0.7, 0.3]], dtype=DOUBLE).log()


def sampled(mean: Tensor, logvar: Tensor, log_weights: Tensor, n: int) -> tuple[float, float]:
    """Monte Carlo entropy and its standard error."""
    draw = torch.Generator().manual_seed(1)
    pick = torch.multinomial(log_weights[0].exp(), n, replacement=True, generator=draw)
    z = mean[0, pick, 0] + (0.5 * logvar[0, pick, 0]).exp() * torch.randn(
        n, mean.shape[-1], dtype=DOUBLE, generator=draw
    )
    parts = torch.stack([gaussian(z, mean[0, v, 0], logvar[0, v, 0]) for v in range(2)], -1)
    values = -(parts + log_weights[0]).logsumexp(-1)
    return values.mean().item(), (values.std() / math.sqrt(n)).item()


@pytest.mark.parametrize("gap", [0.0, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("kind", ["joint", "bhattacharyya"])
def test_bounds_lie_below_monte_carlo(gap, kind):
    parts = mixture(gap)
    value, error = sampled(*parts, 20_000)
    assert mixture_entropy(*parts, kind).item() <= value + 4 * error


def test_the_joint_bound_misses_a_known_amount_when_components_are_far_apart():
    parts = mixture(60.0)
    value, error = sampled(*parts, 20_000)
    joint = mixture_entropy(*parts, "joint").item()
    assert joint + SLACK * 30 == pytest.approx(value, abs=4 * error)


@pytest.mark.parametrize("gap", [0.0, 3.0, 60.0])
def test_the_pairwise_bound_is_tight(gap):
    parts = mixture(gap)
    value, error = sampled(*parts, 20_000)
    assert value - mixture_entropy(*parts, "bhattacharyya").item() < 0.2 + 4 * error


def test_the_per_dimension_form_is_no_bound():
    """It counts the mixture's own entropy once a dimension; keep it, the profile needs it."""
    mean, logvar, log_weights = mixture(0.0)
    mean = mean + 40 * torch.tensor([0.0, 1.0], dtype=DOUBLE)[None, :, None, None]
    parts = mean, logvar, log_weights
    value, error = sampled(*parts, 20_000)
    per_dim = mixture_entropy(*parts, "per_dim").item()
    assert per_dim > value + 5 + 4 * error
    cross = -(log_weights.exp() * log_weights).sum().item()
    assert per_dim - value == pytest.approx(29 * cross - SLACK * 30, abs=0.1 + 4 * error)


@pytest.mark.parametrize("kind", ["joint", "per_dim", "bhattacharyya", "exact"])
def test_one_component_has_the_entropy_of_its_gaussian(kind):
    mean, logvar, _ = mixture(0.0)
    value = mixture_entropy(mean[:, :1], logvar[:, :1], torch.zeros(1, 1, dtype=DOUBLE), kind)
    exact = 0.5 * (logvar[:, :1].sum() + 30 * (1 + math.log(2 * math.pi)))
    lacking = SLACK * 30 if kind in ("joint", "per_dim") else 0.0
    assert value.item() == pytest.approx(exact.item() - lacking, abs=1e-10)


def test_the_joint_bound_is_that_of_the_supplement_written_out():
    mean, logvar, log_weights = mixture(1.0, latent=2)
    total = 0.0
    for v in range(2):
        inner = 0.0
        for w in range(2):
            var = logvar[0, v, 0].exp() + logvar[0, w, 0].exp()
            density = gaussian(mean[0, v, 0], mean[0, w, 0], var.log()).exp()
            inner = inner + log_weights[0, w].exp() * density
        total = total - log_weights[0, v].exp() * inner.log()
    assert mixture_entropy(mean, logvar, log_weights, "joint").item() == pytest.approx(
        total.item(), abs=1e-12
    )


@pytest.mark.parametrize("kind", ["joint", "per_dim", "bhattacharyya"])
def test_entropy_stays_finite_in_single_precision_at_the_bounds(kind):
    for level in (-8.0, 8.0):
        mean = torch.zeros(1, 2, 1, 30)
        mean[:, 1] = 50.0
        mean.requires_grad_()
        logvar = torch.full((1, 2, 1, 30), level, requires_grad=True)
        value = mixture_entropy(mean, logvar, torch.tensor([[0.0, -30.0]]), kind)
        value.sum().backward()
        assert value.isfinite().all()
        assert mean.grad is not None
        assert mean.grad.isfinite().all()


def test_expected_log_prior_is_that_of_sampling():
    draw = torch.Generator().manual_seed(2)
    mean = torch.randn(3, dtype=DOUBLE, generator=draw)
    logvar = torch.randn(3, dtype=DOUBLE, generator=draw)
    z = mean + (0.5 * logvar).exp() * torch.randn(200_000, 3, dtype=DOUBLE, generator=draw)
    values = gaussian(z, torch.zeros_like(z), torch.zeros_like(z))
    error = 4 * (values.std() / math.sqrt(len(z))).item()
    assert expected_log_prior(mean, logvar.exp()).item() == pytest.approx(
        values.mean().item(), abs=error
    )
