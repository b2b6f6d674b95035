"""CorrNet against PCA, reduced-rank regression, CCA, and its objective spelt out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from torch import Tensor

from methods._nn.data import Batch
from methods.multiview._views import ViewNets
from methods.multiview.corrnet import Model, pearson
from tests.oracle.search import assert_finite_differences, optimise, start
from tests.oracle.test_cca import canonical
from tests.oracle.test_mae import pca_error, rows

METHODS = ("corrnet",)
DOUBLE = torch.float64
DIMS = (5, 4)


def net(inputs: str = "all_and_each", units: str = "sigmoid", **changes: Any) -> Model:
    shape: dict[str, Any] = {"dims": DIMS, "hidden": (), "latent": 3, "activation": "softplus"}
    return Model(ViewNets(**(shape | changes)), units, inputs)


def linear(inputs: str = "all_and_each", latent: int = 3) -> Model:
    return net(inputs, "identity", latent=latent)


def batch(x: list[Tensor], weight: float = 0.0, present: Tensor | None = None) -> Batch:
    empty, t = x[0].new_zeros(0), len(x[0])
    there = x[0].new_ones(t, x[0].shape[1], len(x)) if present is None else present
    hyper = {"correlation": torch.full((t,), weight, dtype=DOUBLE)}
    return Batch(tuple(x), there, empty, 0, {}, hyper, (None,) * len(x))


def loss(made: Model, flat: Tensor, data: Batch) -> float:
    return float(made.loss(made.layout.views(flat), data)[0])


def best(made: Model, data: Batch) -> Tensor:
    """Parameters at which the production loss is least."""
    return optimise(made.layout, lambda p: made.loss(p, data)[0])


def masked(x: list[Tensor], present: Tensor) -> list[Tensor]:
    return [view * present[..., v, None] for v, view in enumerate(x)]


def absence(n: int, views: int, seed: int = 5) -> Tensor:
    """Presence (1, n, V): any pattern but none at all."""
    draw = torch.Generator().manual_seed(seed)
    present = (torch.rand(1, n, views, dtype=DOUBLE, generator=draw) < 0.6).to(DOUBLE)
    present[present.sum(-1) == 0] = 1
    return present


def numpy_code(p: dict[str, Tensor], x: list[Tensor], shown: list[int], row: int) -> np.ndarray:
    """The common layer of one row, of one hidden layer, by hand."""
    total = p["common.b"][0, 0].numpy()
    for v in shown:
        total = total + x[v][0, row].numpy() @ p[f"enc{v}.0.x"][0].numpy()
    return 1 / (1 + np.exp(-total))


def half_square(p: dict[str, Tensor], x: list[Tensor], code: np.ndarray, v: int, row: int) -> float:
    guess = code @ p[f"dec{v}.0.z"][0].numpy() + p[f"dec{v}.0.b"][0, 0].numpy()
    return 0.5 * float(((x[v][0, row].numpy() - guess) ** 2).sum())


def test_linear_without_correlation_and_shown_all_views_it_is_pca_of_the_concatenation() -> None:
    x, made = rows(), linear("all")
    found = loss(made, best(made, batch(x)), batch(x))
    assert found == pytest.approx(0.5 * pca_error(x, 3), rel=1e-8)


def test_linear_without_correlation_it_is_reduced_rank_regression_on_masked_inputs() -> None:
    x = rows()
    parts = [view[0].numpy() for view in x]
    blank = [np.zeros_like(part) for part in parts]
    shown = [parts, [parts[0], blank[1]], [blank[0], parts[1]]]
    design = np.concatenate([np.concatenate(part, 1) for part in shown])
    target = np.tile(np.concatenate(parts, 1), (3, 1))
    guess = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    tail = np.linalg.svd(guess, compute_uv=False)[3:]
    least = 0.5 * (((target - guess) ** 2).sum() + (tail**2).sum()) / len(parts[0])
    made = linear()
    assert loss(made, best(made, batch(x)), batch(x)) == pytest.approx(least, rel=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_linear_no_parameters_cross_reconstruct_better_than_reduced_rank_regression(
    seed: int,
) -> None:
    x, made = rows(), linear()
    first, second = (view[0].numpy() for view in x)
    guess = first @ np.linalg.lstsq(first, second, rcond=None)[0]
    tail = np.linalg.svd(guess, compute_uv=False)[3:]
    least = (((second - guess) ** 2).sum() + (tail**2).sum()) / len(first)
    flat = best(made, batch(x)) if seed == 0 else start(made.layout, seed, 0.5)
    p = made.layout.views(flat)
    only_first = torch.tensor([1.0, 0.0], dtype=DOUBLE).expand(1, x[0].shape[1], 2)
    code = made.code(p, made.parts(p, masked(x, only_first), only_first))
    error = (x[1] - made.nets.decode(p, 1, code)).square().sum(-1).mean()
    assert float(error) >= least * (1 - 1e-12)


def test_ruled_by_correlation_one_linear_unit_finds_the_first_canonical_correlation() -> None:
    x, made = rows(), linear(latent=1)
    p = made.layout.views(best(made, batch(x, 1e7)))
    correlation = made.terms(p, x, batch(x).present, (None, None))[1]
    first, second = (view[0].numpy() for view in x)
    exact = canonical(first, second)[0]
    assert float(correlation) == pytest.approx(exact, rel=1e-7)
    peer = CCA(1, scale=False, max_iter=5000, tol=1e-14).fit(first, second)
    scores = peer.transform(first, second)
    found = np.corrcoef(scores[0][:, 0], scores[1][:, 0])[0, 1]
    assert float(correlation) == pytest.approx(found, rel=1e-7)


def test_its_correlation_is_that_of_numpy_over_the_rows_that_count() -> None:
    draw = torch.Generator().manual_seed(2)
    h = [torch.randn(2, 30, 4, dtype=DOUBLE, generator=draw) for _ in range(2)]
    weight = (torch.rand(2, 30, dtype=DOUBLE, generator=draw) < 0.7).to(DOUBLE)
    found = pearson(h[0], h[1], weight)
    for t in range(2):
        kept = weight[t].bool()
        pairs = [[view[t, kept, j].numpy() for view in h] for j in range(4)]
        exact = sum(np.corrcoef(first, second)[0, 1] for first, second in pairs)
        assert float(found[t]) == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("counted", [0, 1])
def test_without_rows_to_correlate_the_term_is_zero_with_a_finite_gradient(counted: int) -> None:
    h = torch.randn(1, 6, 3, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    leaf, weight = h.requires_grad_(), torch.zeros(1, 6, dtype=DOUBLE)
    weight[0, :counted] = 1
    value = pearson(leaf, leaf.square(), weight)
    value.sum().backward()
    assert float(value.detach()) == 0
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("dims", [(5, 4), (5, 4, 3)])
def test_the_objective_is_its_sum_over_rows_views_and_pairs_spelt_out(
    dims: tuple[int, ...],
) -> None:
    x, views = rows(n=20, dims=dims), range(len(dims))
    present, made = absence(20, len(dims)), net(dims=dims)
    x = masked(x, present)
    flat = start(made.layout)
    p = made.layout.views(flat)
    total, there = 0.0, present[0].bool().numpy()
    for row in range(20):
        own = [v for v in views if there[row, v]]
        for shown in [own, *([v] for v in own if len(own) > 1)]:
            code = numpy_code(p, x, shown, row)
            total += sum(half_square(p, x, code, v, row) for v in own) / 20
    for u in views:
        for v in range(u):
            both = np.flatnonzero(there[:, u] & there[:, v])
            codes = [np.array([numpy_code(p, x, [w], r) for r in both]) for w in (u, v)]
            pairs = zip(codes[0].T, codes[1].T, strict=True)
            total -= 0.7 * len(both) / 20 * sum(np.corrcoef(a, b)[0, 1] for a, b in pairs)
    assert loss(made, flat, batch(x, 0.7, present)) == pytest.approx(total, rel=1e-6)


def test_a_row_with_one_view_adds_its_reconstruction_of_that_view_and_nothing_else() -> None:
    x, made = rows(n=12), net()
    flat = start(made.layout)
    whole = loss(made, flat, batch([view[:, :9] for view in x], 2.0))
    present = torch.ones(1, 12, 2, dtype=DOUBLE)
    present[:, 9:, 1] = 0
    x = masked(x, present)
    p = made.layout.views(flat)
    extra = sum(half_square(p, x, numpy_code(p, x, [0], row), 0, row) for row in range(9, 12))
    assert 12 * loss(made, flat, batch(x, 2.0, present)) == pytest.approx(9 * whole + extra)


def test_what_stands_where_a_view_is_absent_changes_nothing() -> None:
    made, present = net(hidden=(6,)), absence(20, 2)
    flat = start(made.layout)
    x = masked(rows(n=20), present)
    other = [view + 9 * (1 - present[..., v, None]) for v, view in enumerate(x)]
    said = [loss(made, flat, batch(views, 2.0, present)) for views in (x, other)]
    assert said[0] == pytest.approx(said[1], rel=1e-12)


def test_the_order_of_rows_changes_nothing() -> None:
    x, made, present = rows(n=20), net(), absence(20, 2)
    x, flat = masked(x, present), start(net().layout)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(3))
    turned = batch([view[:, order] for view in x], 2.0, present[:, order])
    assert loss(made, flat, turned) == pytest.approx(
        loss(made, flat, batch(x, 2.0, present)), rel=1e-12
    )


@pytest.mark.parametrize("hidden", [(), (6, 5)])
def test_its_gradient_is_that_of_finite_differences(hidden: tuple[int, ...]) -> None:
    made, present = net(hidden=hidden), absence(15, 2)
    data = batch(masked(rows(n=15), present), 0.7, present)
    p = {
        name: value.clone().requires_grad_()
        for name, value in made.layout.views(start(made.layout)).items()
    }
    grads = torch.autograd.grad(made.loss(p, data)[0].sum(), list(p.values()))
    fixed = {name: value.detach() for name, value in p.items()}
    assert_finite_differences(
        lambda p: made.loss(p, data)[0], fixed, dict(zip(p, grads, strict=True))
    )


def test_the_common_layer_has_one_bias_however_many_views_it_reads() -> None:
    for hidden in ((), (6, 5)):
        layout = net(hidden=hidden).layout
        last = f".{len(hidden)}.b"
        assert [name for name in layout.parameters if name.endswith("common.b")] == ["common.b"]
        assert not [n for n in layout.parameters if n.startswith("enc") and n.endswith(last)]
