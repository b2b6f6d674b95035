"""The semi-supervised bound against closed forms: enumeration, gradients, limits, symmetries.

Everything here calls the production objective in float64; only nets and noise are replaced.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from methods._nn.data import Batch
from methods._nn.densities import gaussian
from methods._nn.layers import Params
from methods._nn.networks import repeat_classes
from methods._ssvae.bound import semisup_bound, weighted_bound
from methods._ssvae.entropy import Entropy
from methods._ssvae.model import SemisupVAE, perceptrons
from methods._ssvae.posterior import Components, Mixture
from tests.oracle.doubles import DOUBLE, source
from tests.oracle.search import assert_finite_differences

METHODS = ("m2", "smvae")
SLACK = 0.5 * (1 - math.log(2))
"""What the joint entropy bound lacks, in nats a latent dimension, where components coincide."""


def model(
    dims: tuple[int, ...] = (5, 4),
    hidden: tuple[int, ...] = (7, 6),
    entropy: Entropy = "joint",
    **changes: Any,
) -> SemisupVAE:
    nets, posterior = perceptrons(hidden), Mixture(len(dims), entropy)
    made = SemisupVAE(dims, 3, shares=(0.4, 0.6), networks=nets, posterior=posterior, latent=4)
    return replace(made, **changes)


def parameters(made: SemisupVAE, seed: int = 0, t: int = 1) -> dict[str, Tensor]:
    flat = made.layout.initial([seed + i for i in range(t)], DOUBLE)
    flat += 0.1 * torch.randn(flat.shape, dtype=DOUBLE, generator=source(seed))
    return made.layout.views(flat)


def batch(made: SemisupVAE, known: int = 3, unknown: int = 4, seed: int = 1, t: int = 1) -> Batch:
    draw, b = source(seed), known + unknown
    x = tuple(torch.randn(t, b, d, dtype=DOUBLE, generator=draw) for d in made.dims)
    eps = torch.randn(t, len(x), 1, b, made.latent, dtype=DOUBLE, generator=draw)
    labels = torch.randint(made.n_classes, (t, known), generator=draw)
    onehot = torch.eye(made.n_classes, dtype=DOUBLE)[labels]
    hyper = {"c": torch.full((t,), 0.5, dtype=DOUBLE)}
    present = torch.ones(t, b, len(x), dtype=DOUBLE)
    return Batch(x, present, onehot, known, {"eps": eps}, hyper, (None,) * len(x))


def test_enumeration_of_classes_equals_a_loop_over_them():
    made, unknown = model(), 4
    p, data = parameters(made), batch(model(), known=0, unknown=4)
    whole, log_q = made.objective(p, data, (0.0, 1.0), "joint")
    total = 0.0
    for row in range(unknown):
        for y in range(made.n_classes):
            single = Batch(
                x=tuple(view[:, row : row + 1] for view in data.x),
                present=data.present[:, row : row + 1],
                onehot=torch.eye(3, dtype=DOUBLE)[None, y : y + 1],
                n_labelled=1,
                noise={"eps": data.noise["eps"][:, :, :, row : row + 1]},
                hyper=data.hyper,
                keep=data.keep,
            )
            loss_l, _ = made.objective(p, single, (1.0, 0.0), "joint")
            q = log_q[0, row, y]
            total += q.exp() * (loss_l + q)
    assert whole.item() == pytest.approx(total.item() / unknown, abs=1e-12)


def test_loss_is_the_weighted_sum_of_its_parts():
    made = model()
    p, data = parameters(made), batch(made)
    loss, logs = made.loss(p, data)
    j, _ = made.objective(p, data, made.shares, "joint")
    assert loss.item() == pytest.approx((j + 0.5 * logs["cross_entropy"]).item(), abs=1e-12)


def flat_gradient(made: SemisupVAE, p: Params, data: Batch) -> dict[str, Tensor]:
    leaves = {name: value.detach().clone().requires_grad_() for name, value in p.items()}
    loss, _ = made.loss(leaves, data)
    names = list(leaves)
    grads = torch.autograd.grad(loss.sum(), [leaves[k] for k in names], allow_unused=True)
    return {k: g for k, g in zip(names, grads, strict=True) if g is not None}


def test_one_view_smvae_has_the_gradients_of_m2():
    joint, exact = model((6,)), model((6,), entropy="exact")
    p, data = parameters(joint), batch(joint)
    ours, theirs = flat_gradient(joint, p, data), flat_gradient(exact, p, data)
    for name, grad in ours.items():
        torch.testing.assert_close(grad, theirs[name], rtol=0, atol=1e-12)
    values = [made.loss(p, data)[0].item() for made in (joint, exact)]
    assert values[0] - values[1] == pytest.approx(SLACK * 4, abs=1e-12)


def test_permuting_views_permutes_the_mixture_and_leaves_the_bound():
    made, order = model((5, 4, 3)), [2, 0, 1]
    p = parameters(made)
    p["logits"] = torch.tensor([[0.3, -0.2, 0.9]], dtype=DOUBLE)
    data = batch(made)
    turned = replace(made, dims=tuple(made.dims[v] for v in order))
    renamed = {}
    for new, old in enumerate(order):
        for name, value in p.items():
            for kind in ("enc", "dec"):
                if name.startswith(f"{kind}{old}."):
                    renamed[name.replace(f"{kind}{old}.", f"{kind}{new}.")] = value
            if name == f"cls.0.x{old}":
                renamed[f"cls.0.x{new}"] = value
    renamed |= {k: v for k, v in p.items() if k.startswith("cls.") and ".0.x" not in k}
    renamed["logits"] = p["logits"][:, order]
    noise = {"eps": data.noise["eps"][:, order]}
    moved = replace(data, x=tuple(data.x[v] for v in order), noise=noise)
    loss, logs = made.loss(p, data)
    other, other_logs = turned.loss(renamed, moved)
    assert loss.item() == pytest.approx(other.item(), abs=1e-12)
    torch.testing.assert_close(logs["view_weights"][:, order], other_logs["view_weights"])


def test_a_one_hot_mixture_equals_the_model_with_that_encoder_alone():
    made = model((5, 4))
    p, data = parameters(made), batch(made)
    p["logits"] = torch.tensor([[0.0, -800.0]], dtype=DOUBLE)
    loss, _ = made.objective(p, data, made.shares, "joint")
    x, eps = data.x, data.noise["eps"][:, :1]
    mean, logvar = made.encoded(p, x, data)
    log_weights = torch.zeros(1, 1, dtype=DOUBLE)

    def bound(rows: Tensor) -> Tensor:
        like = made.likelihood(p, x, data)
        draws = repeat_classes(eps, data.n_labelled, made.n_classes)
        q = Components(mean[:, :1], logvar[:, :1], log_weights)
        return weighted_bound(like, q, draws, rows, "joint")

    single = semisup_bound(bound, made.log_q(p, x), data.n_labelled, made.shares)
    assert loss.item() == pytest.approx(single.item(), abs=1e-12)


def test_gradients_equal_finite_differences():
    made = model((3, 2), hidden=(4, 3), latent=2)
    p, data = parameters(made), batch(made, known=2, unknown=2)
    grads = flat_gradient(made, p, data)
    assert_finite_differences(lambda moved: made.loss(moved, data)[0], p, grads)


def test_supplement_b_estimators_are_the_gradients_of_the_likelihood_term():
    """Supplement B, T = 1: d/d theta, d/d mu, d/d s and d/d lam of E log p(x|y,z) in closed form.

    A linear decoder x = A z + b with unit variance, so that every derivative can be written out.
    """
    draw, views, n, latent, width = source(5), 2, 3, 4, 5
    a = torch.randn(width, latent, dtype=DOUBLE, generator=draw).requires_grad_()
    x = torch.randn(n, width, dtype=DOUBLE, generator=draw)
    mean = torch.randn(1, views, n, latent, dtype=DOUBLE, generator=draw).requires_grad_()
    s = (0.5 + torch.rand(1, views, n, latent, dtype=DOUBLE, generator=draw)).requires_grad_()
    eps = torch.randn(1, views, 1, n, latent, dtype=DOUBLE, generator=draw)
    lam = torch.tensor([[0.3, 0.7]], dtype=DOUBLE).requires_grad_()
    rows = torch.ones(1, n, dtype=DOUBLE)

    def likelihood(z: Tensor, weight: Tensor) -> Tensor:
        return (weight * gaussian(x, z @ a.T, torch.zeros_like(x))).sum((1, 2))

    def whole(with_fit: bool) -> Tensor:
        like = likelihood if with_fit else lambda z, _: z.new_zeros(1)
        log_weights = lam.log()
        q = Components(mean, 2 * s.log(), log_weights)
        return weighted_bound(like, q, eps, rows, "joint").sum()

    # The likelihood term alone: the bound less the bound without it.
    leaves = (mean, s, lam)
    fitted = torch.autograd.grad(whole(True), (*leaves, a))
    rest = torch.autograd.grad(whole(False), leaves)
    got = [f - r for f, r in zip(fitted, rest, strict=False)]
    with torch.no_grad():
        z = (mean + s * eps[:, :, 0])[0]  # (V, n, D)
        residual = x - z @ a.T  # (V, n, d)
        by_z = residual @ a  # d log p / d z
        share = lam[0][:, None, None]
        torch.testing.assert_close(got[0][0], share * by_z)
        torch.testing.assert_close(got[1][0], share * by_z * eps[0, :, 0])
        values = gaussian(x, z @ a.T, torch.zeros_like(x)).sum(-1)
        torch.testing.assert_close(got[2][0], values)
        theta = (share[..., None] * residual[..., None] * z[:, :, None]).sum((0, 1))
        torch.testing.assert_close(fitted[3], theta)


@pytest.mark.parametrize("entropy", ["joint", "bhattacharyya"])
def test_mixture_weights_settle_at_the_softmax_of_their_components_worth(entropy):
    """Separated components, frozen nets: lam_l is proportional to exp(a_l), its mean own bound."""
    draw, views, n, latent = source(6), 3, 5, 4
    centres = 60 * torch.eye(views, latent, dtype=DOUBLE)
    mean = centres[:, None] + torch.randn(views, n, latent, dtype=DOUBLE, generator=draw)
    logvar = 0.3 * torch.randn(views, n, latent, dtype=DOUBLE, generator=draw)
    worth = torch.randn(views, n, dtype=DOUBLE, generator=draw)

    def likelihood(z: Tensor, weight: Tensor) -> Tensor:
        # Undo E log p(z) of the far components, so that their worths lie within a few nats.
        radius = 0.5 * (mean.square() + logvar.exp()).sum(-1)
        return (weight * (worth + radius)).sum((1, 2))

    eps, rows = torch.zeros(1, views, 1, n, latent, dtype=DOUBLE), torch.full((1, n), 1 / n)
    logits = torch.zeros(1, views, dtype=DOUBLE, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12)

    def closure() -> Tensor:
        optimiser.zero_grad()
        weights = logits.log_softmax(-1)
        q = Components(mean[None], logvar[None], weights)
        loss = -weighted_bound(likelihood, q, eps, rows.to(DOUBLE), entropy).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    own = (worth + 0.5 * logvar.sum(-1)).mean(-1)
    expected = own.softmax(-1)
    assert expected.min() > 0.02
    torch.testing.assert_close(logits.softmax(-1)[0], expected, atol=1e-6, rtol=0)


def test_split_first_layers_equal_layers_on_the_concatenation():
    made = model((5,))
    p, data = parameters(made), batch(made, known=2, unknown=0)
    mean, _ = made.encoded(p, data.x, data)
    joined = torch.cat([data.x[0], data.onehot], -1)
    first = torch.cat([p["enc0.0.x"], p["enc0.0.y"]], 1)
    h = torch.nn.functional.softplus(joined @ first + p["enc0.0.b"])
    h = torch.nn.functional.softplus(h @ p["enc0.1.W"] + p["enc0.1.b"])
    plain = (h @ p["enc0.2.W"] + p["enc0.2.b"])[..., : made.latent]
    torch.testing.assert_close(mean[:, 0], plain, atol=1e-12, rtol=0)


def test_labels_of_unlabelled_rows_cannot_enter():
    made = model()
    p, data = parameters(made), batch(made, known=2, unknown=3)
    assert data.onehot.shape[1] == data.n_labelled
    assert made.loss(p, data)[0].isfinite().all()
