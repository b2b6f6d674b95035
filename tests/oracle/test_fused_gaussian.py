"""The chunked decoder against the same sum written plainly, value and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from methods._training import decode, nets
from methods._nn.fused_gaussian import Decoder, log_likelihood
from methods._nn.densities import DATA_LIMIT, gaussian, smooth_clamp
from methods._nn.layers import Activation, ParameterLayout, mlp

METHODS = ("m2", "mvae", "sdgm", "smvae")
DOUBLE = torch.float64
T, L, ROWS, LATENT, WIDTH = 2, 2, 7, 3, 4


def case(hidden: tuple[int, ...]) -> tuple[dict[str, Tensor], list[Tensor]]:
    draw = torch.Generator().manual_seed(0)
    layout = ParameterLayout(mlp("d", {"z": LATENT}, hidden, 2 * WIDTH))
    flat = layout.initial([1, 2], DOUBLE)
    flat += 0.3 * torch.randn(flat.shape, dtype=DOUBLE, generator=draw)
    p = {k: v.clone().requires_grad_() for k, v in layout.views(flat).items()}
    shapes = [(T, L, ROWS, LATENT), (T, ROWS, hidden[0]), (T, ROWS, WIDTH)]
    inputs = [torch.randn(s, dtype=DOUBLE, generator=draw).requires_grad_() for s in shapes]
    weight = torch.rand((T, L, ROWS), dtype=DOUBLE, generator=draw).requires_grad_()
    return p, [*inputs, weight]


def plain(
    p: dict[str, Tensor],
    depth: int,
    kind: Activation,
    inputs: list[Tensor],
    keep: Tensor | None,
    floor: float = -DATA_LIMIT,
) -> Tensor:
    z, base, x, weight = inputs
    act = torch.relu if kind == "relu" else torch.nn.functional.softplus
    total = []
    for t in range(T):
        h = z[t] @ p["d.0.z"][t] + base[t]
        for i in range(1, depth + 1):
            h = act(h) @ p[f"d.{i}.W"][t] + p[f"d.{i}.b"][t]
        mean, raw = h.split(WIDTH, -1)
        middle, half = (DATA_LIMIT + floor) / 2, (DATA_LIMIT - floor) / 2
        logvar, target = middle + smooth_clamp(raw - middle, half), x[t].expand_as(mean)
        used = slice(None) if keep is None else keep[t].bool()
        value = gaussian(target[..., used], mean[..., used], logvar[..., used])
        total.append((weight[t] * value).sum())
    return torch.stack(total)


@pytest.mark.parametrize("chunk", [3, 100])
@pytest.mark.parametrize("kind", ["relu", "softplus"])
@pytest.mark.parametrize("hidden", [(5,), (5, 6), (5, 6, 4)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("floor", [-DATA_LIMIT, 0.0])
def test_the_chunked_sum_equals_the_plain_one(monkeypatch, chunk, kind, hidden, masked, floor):
    monkeypatch.setattr(decode, "CHUNK_ROWS", chunk)
    p, inputs = case(hidden)
    keep = None
    if masked:
        keep = torch.ones(T, WIDTH, dtype=DOUBLE)
        keep[0, 1] = keep[1, 0] = keep[1, 3] = 0
    decoder = Decoder("d", "z", len(hidden), kind, floor)
    z, base, x, weight = inputs
    ours = log_likelihood(decoder, p, z, base, x, weight, keep)
    theirs = plain(p, len(hidden), kind, inputs, keep, floor)
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
    names = [name for name in p if name != "d.0.b"]  # the first bias is part of ``base``
    leaves, scale = [*inputs, *(p[k] for k in names)], torch.tensor([1.0, -2.5], dtype=DOUBLE)
    for a, b in zip(
        torch.autograd.grad((ours * scale).sum(), leaves),
        torch.autograd.grad((theirs * scale).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-11, rtol=0)


@pytest.mark.parametrize("kind", ["relu", "softplus"])
def test_gradcheck(kind):
    p, inputs = case((5, 4))
    decoder = Decoder("d", "z", 2, kind)
    assert torch.autograd.gradcheck(
        lambda *parts: log_likelihood(decoder, p, *parts), inputs, eps=1e-6, atol=1e-6
    )


def test_gradients_reach_no_tensor_that_did_not_ask():
    p, (z, base, x, weight) = case((5, 4))
    fixed = {k: v.detach() for k, v in p.items()}
    inputs = [tensor.detach() for tensor in (z, base, x, weight)]
    value = log_likelihood(Decoder("d", "z", 2, "relu"), fixed, *inputs)
    assert not value.requires_grad
    theirs = plain(p, 2, "relu", [z, base, x, weight], None)
    torch.testing.assert_close(value, theirs.detach(), atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_softplus_in_all_its_range(dtype):
    pre = torch.linspace(-80, 80, 4001, dtype=dtype)
    expected = torch.nn.functional.softplus(pre.double(), threshold=200)
    value, kept = nets.activate_(pre.clone(), "softplus")
    tight = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(value.double(), expected, atol=tight, rtol=tight)
    slope = nets.backward_activation_(torch.ones_like(pre), kept, "softplus")
    torch.testing.assert_close(slope.double(), pre.double().sigmoid(), atol=tight, rtol=0)


def test_the_clamp_is_smooth_monotone_and_bounded():
    raw = torch.linspace(-100, 100, 20_001, dtype=DOUBLE, requires_grad=True)
    bent = smooth_clamp(raw, DATA_LIMIT)
    (slope,) = torch.autograd.grad(bent.sum(), raw)
    assert bent.abs().max() < DATA_LIMIT
    assert (slope > 0).all()
    near = raw.abs() < 1
    torch.testing.assert_close(bent[near], raw[near], atol=2e-4, rtol=0)
