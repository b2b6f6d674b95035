"""SiMVAE's objective against eqs 10-17 spelt out row by row, closed forms, limits, symmetries.

Everything here calls the production objective in float64; only nets and noise are replaced.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from torch import Tensor

from methods._nn.layers import Params
from tests.oracle.doubles import DOUBLE, source
from tests.oracle.search import assert_finite_differences, optimise
from tests.oracle.simvae_cases import (
    CLASSES,
    batch,
    gradients,
    model,
    parameters,
    spelt,
    taken,
)

METHODS = ("simvae",)
TWO, THREE = (5, 4), (5, 4, 3)


@pytest.mark.parametrize(
    ("dims", "changes"),
    [
        (TWO, {}),
        (TWO, {"may_miss": (0,)}),
        (THREE, {"may_miss": (1, 2)}),
        (THREE, {"may_miss": (0,)}),
        (TWO, {"may_miss": (0, 1)}),
        (THREE, {"may_miss": (0, 1, 2)}),
        (TWO, {"imputation": "single"}),
        (THREE, {"may_miss": (0, 2), "absent_encoder": "drop"}),
        (TWO, {"reads_missing": False}),
    ],
)
def test_the_loss_is_the_papers_sum_over_the_four_kinds_of_rows(dims, changes):
    made = model(dims, **changes, shares=(0.4, 0.6))  # of 4 labelled and 6 unlabelled rows
    p, data = parameters(made), batch(made)
    p["logits"] = torch.tensor([[0.3, -0.2, 0.9][: len(dims)]], dtype=DOUBLE)
    assert 0 < data.present.mean() < 1
    loss, logs = made.loss(p, data)
    assert loss.item() == pytest.approx(spelt(made, p, data).item(), abs=1e-10)
    torch.testing.assert_close(logs["loss"], loss)


@pytest.mark.parametrize("may_miss", [(1,), (0, 1)])
def test_every_gradient_is_that_of_the_spelt_out_loss(may_miss):
    made = model(may_miss=may_miss)
    p, data = parameters(made), batch(made)
    ours = gradients(made, p, data)
    leaves = {name: value.detach().clone().requires_grad_() for name, value in p.items()}
    theirs = torch.autograd.grad(spelt(made, leaves, data), [*leaves.values()])
    for name, grad in zip(leaves, theirs, strict=True):
        torch.testing.assert_close(ours[name], grad, atol=1e-10, rtol=0)


def test_gradients_equal_finite_differences():
    made = model((3, 2), hidden=(4, 3), latent=2)
    p, data = parameters(made), batch(made, 2, 3)
    grads = gradients(made, p, data)
    assert min(grads[name].abs().max() for name in grads if name.startswith("psi1")) > 0
    assert_finite_differences(lambda moved: made.loss(moved, data)[0], p, grads)


# ---------------------------------------------------------------- what the terms do


def test_classes_of_incomplete_rows_are_enumerated_as_in_a_loop():
    made, unknown = model(), 4
    p, data = parameters(made), batch(made, 0, unknown)
    whole, log_q = made.objective(p, data, (0.0, 1.0), "joint")
    total = 0.0
    for row in range(unknown):
        for y in range(CLASSES):
            single = replace(
                taken(data, [], [row]), onehot=torch.eye(CLASSES, dtype=DOUBLE)[None, y : y + 1]
            )
            bound, _ = made.objective(p, replace(single, n_labelled=1), (1.0, 0.0), "joint")
            q = log_q[0, row, y]
            total += (q.exp() * (bound + q)).item()
    assert whole.item() == pytest.approx(total / unknown, abs=1e-12)


def test_with_all_views_present_nothing_of_psi_is_in_j():
    made = model()
    data = batch(made)
    data = replace(data, present=torch.ones_like(data.present))
    p = parameters(made)
    other = {k: 2 * v + 1 if k.startswith("psi") else v for k, v in p.items()}
    values = [made.objective(q, data, made.core.shares, "joint")[0].item() for q in (p, other)]
    assert values[0] == pytest.approx(values[1], abs=1e-12)
    _, entropy = made.completed(data, made.guesses(p, data.x, data.present))
    assert not entropy.any()


@pytest.mark.parametrize("entropy", ["joint", "per_dim", "bhattacharyya"])
def test_complete_rows_without_the_edge_from_x_m_to_x_o_are_smvaes(entropy):
    made = model(reads_missing=False, entropy=entropy)
    p, data = parameters(made), batch(made)
    data = replace(data, present=torch.ones_like(data.present))
    eps = data.noise["eps"].unflatten(-1, (2, 4)).movedim(3, 1)  # (t, V, S, b, D)
    theirs, logs = made.core.loss(p, replace(data, noise={"eps": eps}))
    ours, our_logs = made.loss(p, data)
    error = our_logs["imputation_nll"]
    assert ours.item() == pytest.approx((theirs + 0.7 * error).item(), abs=1e-12)
    torch.testing.assert_close(our_logs["cross_entropy"], logs["cross_entropy"])


def test_the_order_of_rows_and_of_their_masks_means_nothing():
    made = model(THREE, may_miss=(0, 2))
    p, data = parameters(made), batch(made)
    loss, _ = made.loss(p, data)
    turned, _ = made.loss(p, taken(data, [2, 0, 3, 1], [5, 1, 0, 4, 2, 3]))
    assert loss.item() == pytest.approx(turned.item(), abs=1e-12)


def test_members_of_a_stack_do_not_affect_each_other():
    made = model(may_miss=(0, 1))
    p, data = parameters(made, t=3), batch(made, t=3)
    together, _ = made.loss(p, data)
    for i in range(3):
        alone = replace(
            data,
            x=tuple(view[i : i + 1] for view in data.x),
            present=data.present[i : i + 1],
            onehot=data.onehot[i : i + 1],
            noise={name: value[i : i + 1] for name, value in data.noise.items()},
            hyper={name: value[i : i + 1] for name, value in data.hyper.items()},
        )
        loss, _ = made.loss({k: v[i : i + 1] for k, v in p.items()}, alone)
        assert loss.item() == pytest.approx(together[i].item(), abs=1e-12)


def test_the_loss_of_many_draws_is_the_mean_over_draws():
    made = model(may_miss=(0, 1))
    p, data = parameters(made), batch(made, samples=3)
    each = [
        made.loss(p, replace(data, noise={k: v[:, s : s + 1] for k, v in data.noise.items()}))[0]
        for s in range(3)
    ]
    assert made.loss(p, data)[0].item() == pytest.approx(torch.cat(each).mean().item(), abs=1e-12)


def test_absent_entries_cannot_enter():
    made = model()
    p, data = parameters(made), batch(made)
    absent = 1 - data.present[..., 1, None]
    other = replace(data, x=(data.x[0], data.x[1] + 1000 * absent))
    assert made.loss(p, data)[0].item() == made.loss(p, other)[0].item()


def test_a_batch_without_complete_or_labelled_or_incomplete_rows_lacks_a_mean_and_nothing_else():
    made = model()
    p, data = parameters(made), batch(made)
    odd, even = [1, 3, 5], [0, 2, 4]  # unlabelled rows: complete, incomplete
    for known, unknown in (([0, 2], even), ([], even), ([], odd), ([1], []), ([0], [])):
        shares = (float(bool(known)), float(bool(unknown)))
        part, one = taken(data, known, unknown), model(shares=shares)
        loss, logs = one.loss(p, part)
        bound, log_q = one.objective(p, part, shares, "joint")
        expected = bound + 0.7 * logs["imputation_nll"]
        if known:
            first = log_q[:, : len(known)]
            expected = expected - 0.5 * (first * part.onehot).sum(-1).mean(-1)
        assert loss.item() == pytest.approx(expected.item(), abs=1e-12)
        assert all(grad.isfinite().all() for grad in gradients(one, p, part).values())
        complete = part.present.amin(-1).any()
        assert bool(logs["imputation_nll"] == 0) != bool(complete)


def test_labels_reach_psi_by_the_classifier_unless_they_are_told_not_to():
    made = model()
    p, data = parameters(made), batch(made)
    more = replace(data, hyper=data.hyper | {"c": data.hyper["c"] + 1})
    for passes in (True, False):
        one = replace(made, classifier_to_psi=passes)
        few, many = gradients(one, p, data), gradients(one, p, more)
        same = torch.equal(few["psi1.2.W"], many["psi1.2.W"])
        assert same != passes
        assert not torch.equal(few["cls.0.x1"], many["cls.0.x1"])


def test_constant_columns_stay_zero_and_out_of_every_density():
    made = model()
    p, data = parameters(made), batch(made)
    keep = torch.tensor([[1.0, 0.0, 1.0, 1.0]], dtype=DOUBLE)
    data = replace(data, x=(data.x[0], data.x[1] * keep[:, None]), keep=(None, keep))
    x, _ = made.completed(
        replace(data, noise={k: v[:, 0] for k, v in data.noise.items()}),
        made.guesses(p, data.x, data.present),
    )
    assert not x[1][..., 1].any()
    value = made.loss(p, data)[0].item()
    p["psi1.2.b"] = p["psi1.2.b"] + torch.tensor([0, 3, 0, 0, 0, -2, 0, 0], dtype=DOUBLE)
    assert made.loss(p, data)[0].item() == pytest.approx(value, abs=1e-12)


def test_linear_psi_of_constant_variance_is_least_squares_as_c1_grows():
    made = model(hidden=(), activation="identity", latent=2, shares=(6 / 46, 40 / 46))
    data = batch(made, 6, 40)
    with_x_m = data.present[0, :, 1] > 0
    slope = torch.randn(5, 4, dtype=DOUBLE, generator=source(4))
    aim = data.x[1] + (data.x[0] @ slope) * data.present[..., 1, None]
    data = replace(data, x=(data.x[0], aim))
    mask = torch.tensor([1.0] * 4 + [0.0] * 4, dtype=DOUBLE)

    def constant(p: Params) -> Params:
        return {**p, "psi1.0.x0": p["psi1.0.x0"] * mask}

    def error(p: Params) -> Tensor:
        q = constant(p)
        return made.imputation_error(q, data, made.guesses(q, data.x, data.present))

    p = constant(made.layout.views(optimise(made.layout, error)))
    x, y = data.x[0][0, with_x_m].numpy(), data.x[1][0, with_x_m].numpy()
    line = LinearRegression().fit(x, y)
    np.testing.assert_allclose(p["psi1.0.x0"][0, :, :4].T, line.coef_, atol=1e-6)
    np.testing.assert_allclose(p["psi1.0.b"][0, 0, :4], line.intercept_, atol=1e-6)
    left = np.square(y - line.predict(x)).mean(0)
    _, logvar = made.guesses(p, data.x, data.present)[1]
    np.testing.assert_allclose(logvar[0, 0].exp(), left, atol=1e-6)
    # The loss grows by this error with c1, so that psi minimises it alone as c1 grows.
    more = replace(data, hyper=data.hyper | {"c1": data.hyper["c1"] + 1})
    rise = made.loss(p, more)[0] - made.loss(p, data)[0]
    assert rise.item() == pytest.approx(error(p).item(), abs=1e-9)
