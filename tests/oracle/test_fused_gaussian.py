"""The fused decoder against the plain sum beside it, and that against torch's densities."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from methods._nn import fused_gaussian
from methods._nn.densities import DATA_LIMIT, smooth_clamp
from methods._nn.fused_gaussian import Target
from methods._nn.layers import Activation, ParameterLayout
from methods._nn.networks import MLP

METHODS = ("m2", "mvae", "sdgm", "smvae")
DOUBLE = torch.float64
T, L, ROWS, LATENT, WIDTH = 2, 2, 7, 3, 4


def case(hidden: tuple[int, ...]) -> tuple[list[Tensor], list[Tensor]]:
    """Weights of the layers, and z, base, x, weight."""
    draw = torch.Generator().manual_seed(0)
    layout = ParameterLayout(MLP(hidden).parameters({"z": LATENT}, 2 * WIDTH))
    flat = layout.initial([1, 2], DOUBLE)
    flat += 0.3 * torch.randn(flat.shape, dtype=DOUBLE, generator=draw)
    p = {k: v.clone().requires_grad_() for k, v in layout.views(flat).items()}
    first = hidden[0] if hidden else 2 * WIDTH
    shapes = [(T, L, ROWS, LATENT), (T, ROWS, first), (T, ROWS, WIDTH)]
    inputs = [torch.randn(s, dtype=DOUBLE, generator=draw).requires_grad_() for s in shapes]
    weight = torch.rand((T, L, ROWS), dtype=DOUBLE, generator=draw).requires_grad_()
    return [p[k] for k in p if k != "0.b"], [*inputs, weight]  # the first bias is part of ``base``


def mask() -> Tensor:
    keep = torch.ones(T, WIDTH, dtype=DOUBLE)
    keep[0, 1] = keep[1, 0] = keep[1, 3] = 0
    return keep


@pytest.mark.parametrize("chunk", [3, 100])
@pytest.mark.parametrize("kind", ["relu", "softplus", "identity"])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 6), (5, 6, 4)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("floor", [-DATA_LIMIT, 0.0])
def test_the_fused_sum_and_its_gradients_equal_the_plain_ones(
    monkeypatch, chunk, kind, hidden, masked, floor
):
    monkeypatch.setattr(fused_gaussian, "CHUNK_ROWS", chunk)
    weights, (z, base, x, weight) = case(hidden)
    target = Target(x, weight, mask() if masked else None, floor)
    ours = fused_gaussian.log_likelihood(kind, weights, z, base, target)
    theirs = fused_gaussian.plain(kind, weights, z, base, target)
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-12)
    leaves, scale = [z, base, x, weight, *weights], torch.tensor([1.0, -2.5], dtype=DOUBLE)
    for a, b in zip(
        torch.autograd.grad((ours * scale).sum(), leaves),
        torch.autograd.grad((theirs * scale).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
def test_the_plain_sum_is_that_of_torchs_densities_member_by_member(masked):
    weights, (z, base, x, weight) = case((5, 6))
    keep, floor = mask() if masked else None, -1.0
    ours = fused_gaussian.plain("softplus", weights, z, base, Target(x, weight, keep, floor))
    for t in range(T):
        first, *upper = (w[t] for w in weights)
        h = z[t] @ first + base[t]
        for matrix, bias in zip(upper[::2], upper[1::2], strict=True):
            h = torch.nn.functional.softplus(h) @ matrix + bias
        mean, raw = h.split(WIDTH, -1)
        middle, half = (DATA_LIMIT + floor) / 2, (DATA_LIMIT - floor) / 2
        off = raw - middle
        logvar = middle + off / (1 + (off / half) ** 4) ** 0.25
        density = Normal(mean, (0.5 * logvar).exp()).log_prob(x[t].expand_as(mean))
        used = slice(None) if keep is None else keep[t].bool()
        expected = (weight[t] * density[..., used].sum(-1)).sum()
        assert ours[t].item() == pytest.approx(expected.item(), abs=1e-11)


@pytest.mark.parametrize("classes", [False, True])
def test_the_switch_of_a_perceptron_changes_nothing_but_the_speed(classes):
    draw, known, unknown = torch.Generator().manual_seed(1), 3, 2
    rows = known + 3 * unknown if classes else known + unknown
    inputs = {"z": LATENT, "x1": 2} | ({"y": 3} if classes else {})
    layout = ParameterLayout(MLP((5, 4)).parameters(inputs, 2 * WIDTH))
    p = layout.views(layout.initial([1, 2], DOUBLE))
    z = torch.randn(T, L, rows, LATENT, dtype=DOUBLE, generator=draw)
    read = {"x1": torch.randn(T, known + unknown, 2, dtype=DOUBLE, generator=draw)}
    onehot = torch.eye(3, dtype=DOUBLE).expand(T, -1, -1) if classes else None
    target = Target(
        torch.randn(T, rows, WIDTH, dtype=DOUBLE, generator=draw),
        torch.rand(T, L, rows, dtype=DOUBLE, generator=draw),
    )
    nets = MLP((5, 4)), MLP((5, 4), fused=False)
    fused, plain = (net.log_likelihood(p, z, read, onehot, target) for net in nets)
    general = super(MLP, nets[0]).log_likelihood(p, z, read, onehot, target)
    torch.testing.assert_close(fused, plain, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(fused, general, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("kind", ["relu", "softplus"])
def test_gradcheck(kind: Activation):
    weights, inputs = case((5, 4))

    def value(z: Tensor, base: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        return fused_gaussian.log_likelihood(kind, weights, z, base, Target(x, weight))

    assert torch.autograd.gradcheck(value, inputs, eps=1e-6, atol=1e-6)


def test_gradients_reach_no_tensor_that_did_not_ask():
    weights, inputs = case((5, 4))
    fixed, (z, base, x, weight) = ([tensor.detach() for tensor in s] for s in (weights, inputs))
    value = fused_gaussian.log_likelihood("relu", fixed, z, base, Target(x, weight))
    assert not value.requires_grad
    theirs = fused_gaussian.plain("relu", fixed, z, base, Target(x, weight))
    torch.testing.assert_close(value, theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_softplus_in_all_its_range(dtype):
    pre = torch.linspace(-80, 80, 4001, dtype=dtype)
    expected = torch.nn.functional.softplus(pre.double(), threshold=200)
    value, saved = fused_gaussian._activate_(pre.clone(), "softplus")
    tight = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(value.double(), expected, atol=tight, rtol=tight)
    slope = fused_gaussian._times_slope_(torch.ones_like(pre), saved, "softplus")
    torch.testing.assert_close(slope.double(), pre.double().sigmoid(), atol=tight, rtol=0)


def test_the_clamp_is_smooth_monotone_and_bounded():
    raw = torch.linspace(-100, 100, 20_001, dtype=DOUBLE, requires_grad=True)
    bent = smooth_clamp(raw, DATA_LIMIT)
    (slope,) = torch.autograd.grad(bent.sum(), raw)
    assert bent.abs().max() < DATA_LIMIT
    assert (slope > 0).all()
    near = raw.abs() < 1
    torch.testing.assert_close(bent[near], raw[near], atol=2e-4, rtol=0)


def test_the_slope_of_the_clamp_is_that_of_its_formula():
    raw = torch.linspace(-30, 30, 1001, dtype=DOUBLE, requires_grad=True)
    before = raw.detach().clone()
    formula = raw * (1 + (raw / DATA_LIMIT) ** 4) ** -0.25
    ours = smooth_clamp(raw, DATA_LIMIT)
    torch.testing.assert_close(ours, formula, atol=1e-13, rtol=1e-13)
    slopes = [torch.autograd.grad(value.sum(), raw)[0] for value in (ours, formula)]
    torch.testing.assert_close(*slopes, atol=1e-13, rtol=1e-12)
    assert torch.equal(raw, before)
