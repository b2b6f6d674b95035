"""The multimodal autoencoder against PCA, reduced-rank regression, and its objective spelt out."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from harness import registry
from methods._nn.data import Batch
from methods.multiview._views import ViewNets
from methods.multiview.mae import FittedMAE, Model
from tests.helpers import config_of, fit, fresh, home, tiny, trial
from tests.oracle.search import optimise, start

METHODS = ("mae",)
DOUBLE = torch.float64
DIMS = (5, 4)


def net(inputs: str = "all_and_each", **changes: Any) -> Model:
    shape: dict[str, Any] = {"dims": DIMS, "hidden": (7, 6), "latent": 3, "activation": "softplus"}
    return Model(ViewNets(**(shape | changes)), inputs)


def linear(inputs: str) -> Model:
    return net(inputs, hidden=(), activation="identity")


def rows(n: int = 60, dims: tuple[int, ...] = DIMS, t: int = 1, seed: int = 1) -> list[Tensor]:
    """Centred rows (t, n, d_v) whose features are correlated within and across views."""
    draw = torch.Generator().manual_seed(seed)
    common = torch.randn(t, n, 4, dtype=DOUBLE, generator=draw)
    views = []
    for d in dims:
        mix = torch.randn(t, 4, d, dtype=DOUBLE, generator=draw)
        noise = torch.randn(t, n, d, dtype=DOUBLE, generator=draw)
        view = common @ mix + 0.7 * noise
        views.append(view - view.mean(1, keepdim=True))
    return views


def batch(x: list[Tensor]) -> Batch:
    empty = x[0].new_zeros(0)
    return Batch(tuple(x), empty, empty, 0, {}, {}, (None,) * len(x))


def minimum(made: Model, x: list[Tensor]) -> float:
    """The least value of the production loss that L-BFGS finds."""
    p = optimise(made.layout, lambda p: made.loss(p, batch(x))[0])
    return float(made.loss(made.layout.views(p), batch(x))[0])


def pca_error(x: list[Tensor], k: int) -> float:
    """Mean squared error of the best rank-k approximation [Eckart and Young 1936]."""
    whole = torch.cat(x, -1)[0].numpy()
    return float((np.linalg.svd(whole, compute_uv=False)[k:] ** 2).sum() / len(whole))


def test_linear_and_shown_all_views_its_optimum_is_pca_of_the_concatenation() -> None:
    x = rows()
    assert minimum(linear("all"), x) == pytest.approx(pca_error(x, 3), rel=1e-8)


def test_linear_its_optimum_is_the_reduced_rank_regression_on_masked_inputs() -> None:
    x = rows()
    parts = [view[0].numpy() for view in x]
    blank = [np.zeros_like(part) for part in parts]
    masked = [parts, [parts[0], blank[1]], [blank[0], parts[1]]]
    design = np.concatenate([np.concatenate(part, 1) for part in masked])
    target = np.tile(np.concatenate(parts, 1), (3, 1))
    guess = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    tail = np.linalg.svd(guess, compute_uv=False)[3:]
    least = (((target - guess) ** 2).sum() + (tail**2).sum()) / len(parts[0])
    assert minimum(linear("all_and_each"), x) == pytest.approx(least, rel=1e-8)
    assert least >= 3 * pca_error(x, 3)  # no input shows more than all views do


@pytest.mark.parametrize("seed", range(5))
def test_linear_no_parameters_reconstruct_better_than_pca(seed: int) -> None:
    x, made = rows(), linear("all_and_each")
    loss = made.loss(made.layout.views(start(made.layout, seed, 0.5)), batch(x))[0]
    assert float(loss) >= 3 * pca_error(x, 3)


def test_the_loss_is_the_sum_over_inputs_and_views_spelt_out() -> None:
    dims = (5, 4, 3)
    made, x = net(dims=dims), rows(dims=dims)
    p = made.layout.views(start(made.layout))
    total = 0.0
    for shown in [{0, 1, 2}, {0}, {1}, {2}]:
        masked = [view if v in shown else torch.zeros_like(view) for v, view in enumerate(x)]
        code = made.code(p, masked)
        for v, view in enumerate(x):
            guess = made.nets.decode(p, v, code)
            total += float((view - guess).square().sum(-1).mean())
    assert float(made.loss(p, batch(x))[0]) == pytest.approx(total, rel=1e-12)


def test_a_code_of_one_view_is_the_code_with_zeros_in_the_others() -> None:
    made, x = net(), rows()
    p = made.layout.views(start(made.layout))
    codes = made.codes(p, x)
    zeros = [torch.zeros_like(view) for view in x]
    torch.testing.assert_close(codes[1], made.code(p, [x[0], zeros[1]]), rtol=0, atol=1e-13)
    torch.testing.assert_close(codes[2], made.code(p, [zeros[0], x[1]]), rtol=0, atol=1e-13)
    torch.testing.assert_close(codes[0], made.code(p, x), rtol=0, atol=0)


def test_the_joint_code_is_one_linear_layer_on_the_concatenated_tops() -> None:
    made, x = net(), rows()
    p = made.layout.views(start(made.layout))
    tops, matrix, bias = [], [], torch.zeros((), dtype=DOUBLE)
    for v, view in enumerate(x):
        h = torch.nn.functional.softplus(view @ p[f"enc{v}.0.x"] + p[f"enc{v}.0.b"])
        tops.append(torch.nn.functional.softplus(h @ p[f"enc{v}.1.W"] + p[f"enc{v}.1.b"]))
        matrix.append(p[f"enc{v}.2.W"])
        bias = bias + p[f"enc{v}.2.b"]
    layer = torch.cat(tops, -1) @ torch.cat(matrix, 1) + bias
    torch.testing.assert_close(made.code(p, x), layer, rtol=1e-12, atol=1e-12)


def test_its_gradient_is_that_of_finite_differences() -> None:
    made, x = net(hidden=(4, 3), latent=2), rows(n=4)
    leaf = start(made.layout).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda flat: made.loss(made.layout.views(flat), batch(x))[0], leaf
    )


def test_columns_that_were_constant_in_training_are_left_out() -> None:
    made, x = net(), rows()
    x[0][..., 4] = 0
    p = made.layout.views(start(made.layout))
    mask = torch.tensor([[1.0, 1, 1, 1, 0]], dtype=DOUBLE)
    whole, part = made.error(p, x, (None, None)), made.error(p, x, (mask, None))
    guess = made.nets.decode(p, 0, torch.cat(made.codes(p, x), 1))
    extra = guess[..., 4].square().sum() / x[0].shape[1]
    torch.testing.assert_close(whole - part, extra[None], rtol=1e-12, atol=1e-12)


def test_one_view_is_a_plain_autoencoder() -> None:
    made, x = net(dims=(5,), hidden=(), activation="identity"), rows(dims=(5,))
    assert minimum(made, x) == pytest.approx(pca_error(x, 3), rel=1e-8)


def test_codes_and_loss_of_a_fit_are_those_of_its_nets_on_scaled_rows() -> None:
    _, problem, _ = trial(tiny(), home(registry.load_method("mae")))
    fitted = cast(FittedMAE, fit("mae", problem, config_of("mae", latent=3)))
    new = fresh(problem.dims)
    scaled = []
    for own, view in zip(problem.rows.views, new.views, strict=True):
        wide = own.astype(np.float64)
        scaled.append(torch.tensor((view - wide.mean(0)) / wide.std(0)).float()[None])
    made, p = fitted.model, fitted.params
    np.testing.assert_allclose(fitted.transform(new), made.code(p, scaled)[0], atol=1e-5)
    assert fitted.loss(new) == pytest.approx(float(made.loss(p, batch(scaled))[0]), rel=1e-5)
