"""Deep CCA and DCCAE against closed forms, scikit-learn and analytic gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from torch import Tensor

from harness import registry
from methods._nn.data import Batch
from methods.base import ConfigError
from methods.multiview import _cca
from methods.multiview._deep_cca import DeepCCA, FittedDeepCCA
from methods.multiview._views import ViewNets
from tests.helpers import (
    config_of,
    fit,
    fit_all,
    fresh,
    home,
    members,
    same,
    scenario,
    tiny,
    trial,
)
from tests.oracle.search import optimise, start
from tests.oracle.test_cca import DIMS, canonical, r, views

METHODS = ("dcca", "dccae")


def net(decodes: bool = False, **changes: Any) -> DeepCCA:
    shape: dict[str, Any] = {"dims": DIMS, "hidden": (7, 6), "latent": 3, "activation": "softplus"}
    return DeepCCA(ViewNets(**(shape | changes)), decodes)


def linear(decodes: bool = False) -> DeepCCA:
    return net(decodes, hidden=(), activation="identity")


def batch(x: list[Tensor], ridge: float, weight: float = 0.0) -> Batch:
    empty, t = x[0].new_zeros(0), len(x[0])
    hyper = {"r": r(ridge, t), "reconstruction": r(weight, t)}
    return Batch(tuple(x), empty, empty, 0, {}, hyper, (None,) * len(x))


def best(made: DeepCCA, data: Batch) -> Tensor:
    """Parameters at which the production loss is least."""
    return optimise(made.layout, lambda p: made.loss(p, data)[0])


def test_linear_nets_at_their_optimum_are_cca() -> None:
    x, made = views(), linear()
    data = batch(x, 0.0)
    loss, _ = made.loss(made.layout.views(best(made, data)), data)
    exact = canonical(x[0][0].numpy(), x[1][0].numpy())[:3].sum()
    assert -float(loss) == pytest.approx(exact, abs=1e-8)
    peer = CCA(3, scale=False, max_iter=5000, tol=1e-14).fit(x[0][0].numpy(), x[1][0].numpy())
    scores = peer.transform(x[0][0].numpy(), x[1][0].numpy())
    found = sum(np.corrcoef(a, b)[0, 1] for a, b in zip(scores[0].T, scores[1].T, strict=True))
    assert exact == pytest.approx(found, abs=1e-8)


def test_its_gradient_is_that_of_finite_differences() -> None:
    for decodes in (False, True):
        made, data = net(decodes, hidden=(4,), latent=2), batch(views(n=12), 0.2, 0.5)
        leaf = start(made.layout).requires_grad_()

        def loss(flat: Tensor, made: DeepCCA = made, data: Batch = data) -> Tensor:
            p = made.layout.views(flat)
            if made.decodes:
                return made.loss(p, data)[0]
            return _cca.total_correlation(made.outputs(p, data.x), data.hyper["r"])

        assert torch.autograd.gradcheck(loss, leaf)


def test_output_biases_of_dcca_have_no_gradient_and_never_move() -> None:
    made, data = net(), batch(views(), 0.1)
    leaf = start(made.layout).requires_grad_()
    made.loss(made.layout.views(leaf), data)[0].sum().backward()
    assert leaf.grad is not None
    gradients = made.layout.views(leaf.grad)
    assert not gradients["enc0.2.b"].any()
    assert gradients["enc0.1.b"].any()
    assert gradients["enc0.2.W"].any()


def test_dccae_linear_and_ruled_by_reconstruction_is_pca_of_every_view() -> None:
    x, made = [view - view.mean(1, keepdim=True) for view in views()], linear(decodes=True)
    data = batch(x, 0.1, 1e7)
    p = made.layout.views(best(made, data))
    error = made.reconstruction(p, made.outputs(p, data.x), data.x, data.keep)
    values = [np.linalg.svd(view[0].numpy(), compute_uv=False) for view in x]
    least = sum((v[3:] ** 2).sum() for v in values) / x[0].shape[1]
    assert float(error) == pytest.approx(least, rel=1e-6)
    assert float(error) >= least * (1 - 1e-12)


def test_the_objective_of_dccae_is_that_of_dcca_plus_lambda_times_the_error() -> None:
    x, both, alone = views(), net(decodes=True), net()
    p = both.layout.views(start(both.layout))
    error = 0.0
    for v, view in enumerate(x):
        guess = both.nets.decode(p, v, both.nets.encode(p, v, view))
        error += float((view - guess).square().sum(-1).mean())
    total, _ = both.loss(p, batch(x, 0.2, 0.7))
    less, _ = alone.loss(p, batch(x, 0.2))
    assert float(total - less) == pytest.approx(0.7 * error, rel=1e-12)


def test_dcca_with_invertible_linear_nets_has_the_codes_of_cca() -> None:
    _, problem, held_out = trial(tiny(dims=(4, 4)), home(registry.load_method("dcca")))
    config = config_of("dcca", hidden=(), activation="identity", latent=4, r=0.0, output="concat")
    codes = fit("dcca", problem, config).transform(held_out.test)
    peer = CCA(4, max_iter=5000, tol=1e-14).fit(*(v.astype(float) for v in problem.rows.views))
    scores = peer.transform(*(v.astype(float) for v in held_out.test.views))
    for mine, theirs in zip(codes.T, np.concatenate(scores, 1).T, strict=True):
        assert abs(np.corrcoef(mine, theirs)[0, 1]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("key", METHODS)
def test_the_loss_on_new_rows_correlates_them_along_the_directions_of_training(key: str) -> None:
    _, problem, _ = trial(tiny(), home(registry.load_method(key)))
    config = config_of(key, reconstruction=0.0, latent=3, directions=3, output="concat")
    fitted, new = fit(key, problem, config), fresh(problem.dims, n=40)
    z = fitted.transform(new)
    total = sum(np.corrcoef(z[:, j], z[:, j + 3])[0, 1] for j in range(3))
    assert fitted.loss(new) == pytest.approx(-total, abs=1e-5)


@pytest.mark.parametrize("key", METHODS)
def test_one_view_is_refused_by_name(key: str) -> None:
    _, problem, _ = trial(tiny(dims=(6,)), scenario())
    with pytest.raises(ConfigError, match="two views"):
        fit(key, problem)


@pytest.mark.parametrize("key", METHODS)
def test_three_views_give_codes_of_all(key: str) -> None:
    _, problem, held_out = trial(tiny(dims=(6, 4, 5)), home(registry.load_method(key)))
    for output, width in (("mean", 3), ("concat", 9)):
        config = config_of(key, latent=3, output=output)
        assert fit(key, problem, config).transform(held_out.test).shape == (held_out.test.n, width)


@pytest.mark.parametrize("key", METHODS)
def test_members_that_differ_in_their_codes_alone_share_their_nets(key: str) -> None:
    _, problem, held_out = trial(tiny(), home(registry.load_method(key)))
    configs = [config_of(key, latent=4, directions=k) for k in (4, 2)]
    stack = [replace(m, seed=7) for m in members([problem] * 2, configs)]
    whole, part = (cast(FittedDeepCCA, fitted) for fitted in fit_all(key, stack))
    assert same(whole.params, part.params, within=0)
    codes = whole.transform(held_out.test), part.transform(held_out.test)
    np.testing.assert_array_equal(codes[0][:, :2], codes[1])
    np.testing.assert_array_equal(
        codes[1], fit_all(key, stack[1:], alone=True)[0].transform(held_out.test)
    )
