"""The total correlation and linear CCA against textbook forms, analytic gradients, known sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from methods.multiview import _cca

METHODS = ("dcca", "dccae")
DOUBLE = torch.float64
DIMS = (5, 4)


def views(n: int = 80, dims: tuple[int, ...] = DIMS, t: int = 1, seed: int = 1) -> list[Tensor]:
    """Rows (t, n, d_v) with features correlated within and across views."""
    draw = torch.Generator().manual_seed(seed)
    common = torch.randn(t, n, 4, dtype=DOUBLE, generator=draw)
    found = []
    for d in dims:
        mix = torch.randn(t, 4, d, dtype=DOUBLE, generator=draw)
        found.append(common @ mix + torch.randn(t, n, d, dtype=DOUBLE, generator=draw) + 0.3)
    return found


def r(value: float, t: int = 1) -> Tensor:
    return torch.full((t,), value, dtype=DOUBLE)


def root(s: np.ndarray) -> np.ndarray:
    """The symmetric inverse square root."""
    values, vectors = np.linalg.eigh(s)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def canonical(x: np.ndarray, y: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """Canonical correlations by symmetric roots, the textbook form."""
    x, y, n = x - x.mean(0), y - y.mean(0), len(x) - 1
    sx = x.T @ x / n + ridge * np.eye(x.shape[1])
    sy = y.T @ y / n + ridge * np.eye(y.shape[1])
    return np.linalg.svd(root(sx) @ (x.T @ y / n) @ root(sy), compute_uv=False)


@pytest.mark.parametrize("ridge", [1e-8, 0.1, 2.0])
def test_the_trace_norm_is_the_sum_of_canonical_correlations(ridge: float) -> None:
    x, y = views(t=3)
    found = _cca.trace_norm(x, y, r(ridge, 3), r(ridge, 3))
    exact = [canonical(a.numpy(), b.numpy(), ridge).sum() for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(found, exact, rtol=1e-12)


def test_its_gradient_is_that_of_andrew_et_al() -> None:
    ridge = 0.3
    first, second = (h.requires_grad_() for h in views(dims=(4, 4)))
    _cca.trace_norm(first, second, r(ridge), r(ridge)).sum().backward()
    h1, h2 = (h.detach()[0].numpy() for h in (first, second))
    h1, h2, n = h1 - h1.mean(0), h2 - h2.mean(0), len(h1) - 1
    r1, r2 = (root(h.T @ h / n + ridge * np.eye(4)) for h in (h1, h2))
    u, d, vt = np.linalg.svd(r1 @ (h1.T @ h2 / n) @ r2)
    g11, g12 = -0.5 * r1 @ u @ np.diag(d) @ u.T @ r1, r1 @ u @ vt @ r2
    assert first.grad is not None
    np.testing.assert_allclose(first.grad[0], (2 * h1 @ g11 + h2 @ g12.T) / n, atol=1e-14)


def test_without_ridge_invertible_maps_of_the_outputs_change_nothing() -> None:
    x, y = views()
    draw = torch.Generator().manual_seed(3)
    a = torch.randn(5, 5, dtype=DOUBLE, generator=draw)
    b = torch.randn(4, 4, dtype=DOUBLE, generator=draw)
    plain, mapped = (_cca.trace_norm(*pair, r(0), r(0)) for pair in ((x, y), (x @ a, 7 - y @ b)))
    torch.testing.assert_close(plain, mapped, rtol=1e-10, atol=1e-10)


def test_the_ridge_is_in_units_of_the_outputs_so_their_scale_changes_nothing() -> None:
    x, y = views()
    plain, scaled = (_cca.total_correlation(pair, r(0.5)) for pair in ([x, y], [1e3 * x, 0.1 * y]))
    torch.testing.assert_close(plain, scaled, rtol=1e-7, atol=0)


@pytest.mark.parametrize(("n", "d"), [(5, 8), (9, 8), (40, 3)])
def test_the_total_correlation_lies_between_zero_and_the_rank(n: int, d: int) -> None:
    draw = torch.Generator().manual_seed(n)
    x, y = (torch.randn(1, n, d, dtype=DOUBLE, generator=draw) for _ in range(2))
    found = float(_cca.trace_norm(x, y, r(1e-9), r(1e-9)))
    assert 0 <= found <= min(d, n - 1) + 1e-6
    if n - 1 <= d:  # fewer rows than outputs: any two views look perfectly correlated
        assert found == pytest.approx(n - 1, abs=1e-5)


def test_equal_singular_values_and_dead_units_have_finite_gradients() -> None:
    x = views(dims=(4,))[0]
    dead = x.clone()
    dead[..., 2:] = 0.7
    constant = torch.ones_like(x)
    for first, second in ((x, x.clone()), (dead, x), (dead, dead.clone()), (constant, x)):
        leaf = first.clone().requires_grad_()
        value = _cca.total_correlation([leaf, second], r(0.1))
        value.sum().backward()
        assert value.isfinite().all()
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
    assert float(_cca.total_correlation([constant, x], r(0.1))) == pytest.approx(0, abs=1e-12)


def test_a_member_without_a_solution_is_nan_and_leaves_the_others_alone() -> None:
    x, y = views(t=2)
    bad = x.clone()
    bad[1, :, 1] = bad[1, :, 0] = 0  # no ridge: a singular covariance
    leaf = bad.requires_grad_()
    value = _cca.trace_norm(leaf, y, r(0, 2), r(0, 2))
    value.sum().backward()
    assert leaf.grad is not None
    assert value.isnan().tolist() == [False, True]
    assert leaf.grad[0].isfinite().all()
    assert leaf.grad[1].isnan().any()


def test_with_three_views_the_correlations_of_all_pairs_are_added() -> None:
    x = views(dims=(5, 4, 3))
    arrays = [view[0].numpy() for view in x]
    pairs = [(0, 1), (0, 2), (1, 2)]
    exact = sum(canonical(arrays[u], arrays[v]).sum() for u, v in pairs)
    assert float(_cca.total_correlation(x, r(0))) == pytest.approx(exact, rel=1e-6)


def halves() -> list[Tensor]:
    images = load_digits().images / 16
    parts = (images[:, :, :4], images[:, :, 4:])
    return [torch.tensor(part.reshape(len(part), -1)) for part in parts]


@pytest.mark.parametrize(
    ("ridge", "train", "test"), [(1e-6, 6.357, 5.523), (1e-3, 6.064, 5.618), (1e-2, 5.308, 5.346)]
)
def test_linear_cca_of_the_halves_of_digits_has_its_known_sums(
    ridge: float, train: float, test: float
) -> None:
    # Recorded with a separate numpy program: ten directions, first 1200 rows for training.
    x = halves()
    found = _cca.fit([half[:1200] for half in x], [r(ridge)] * 2, 10)
    held_out = _cca.pearson(found.apply([half[1200:] for half in x]))
    assert float(found.correlations.sum()) == pytest.approx(train, abs=6e-4)
    assert held_out == pytest.approx(test, abs=6e-4)


@pytest.mark.parametrize("ridge", [1e-10, 0.3])
def test_linear_cca_maps_to_uncorrelated_variates_of_unit_regularised_variance(
    ridge: float,
) -> None:
    x = [view[0] for view in views(n=400)]
    found = _cca.fit(x, [r(ridge)] * 2, 4)
    exact = canonical(x[0].numpy(), x[1].numpy(), ridge)
    np.testing.assert_allclose(found.correlations, exact, rtol=1e-9)
    z = [part.numpy() for part in found.apply(x)]
    for part, matrix in zip(z, found.maps, strict=True):
        spread = part.T @ part / (len(part) - 1) + ridge * (matrix.T @ matrix).numpy()
        np.testing.assert_allclose(spread, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(z[0].T @ z[1] / (len(z[0]) - 1), np.diag(exact), atol=1e-9)


def test_a_direction_that_the_rows_do_not_determine_maps_to_zero() -> None:
    x = [view[0] for view in views(n=4, dims=(6, 6))]
    found = _cca.fit(x, [r(0.1)] * 2, 6)
    assert (found.correlations > 0).tolist() == [True] * 3 + [False] * 3
    new = found.apply([view[0] for view in views(n=9, dims=(6, 6), seed=2)])
    assert all((z[:, :3] != 0).all() and not z[:, 3:].any() for z in new)


def test_copies_of_one_view_are_perfectly_correlated_in_multi_set_form() -> None:
    x = views()[0][0]
    found = _cca.fit([x, x @ torch.diag(torch.arange(1.0, 6.0).double()), -x], [r(0)] * 3, 5)
    np.testing.assert_allclose(found.correlations, np.ones(5), atol=1e-12)


def test_a_decomposition_that_does_not_converge_is_that_of_the_transpose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As LAPACK's gesdd does not on a few matrices of less than full rank; values and gradient."""
    x = [view.requires_grad_() for view in views()]
    expected = _cca.trace_norm(*x, r(0.1), r(0.1))
    gradients = torch.autograd.grad(expected.sum(), x)
    real, calls = torch.linalg.svdvals, []

    def first_fails(t: Tensor) -> Tensor:
        calls.append(t)
        if len(calls) == 1:
            raise torch.linalg.LinAlgError("did not converge")
        return real(t)

    monkeypatch.setattr(torch.linalg, "svdvals", first_fails)
    found = _cca.trace_norm(*x, r(0.1), r(0.1))
    assert len(calls) == 2
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    for mine, other in zip(torch.autograd.grad(found.sum(), x), gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-12)
