"""Deep CCA and its autoencoding kin against closed forms, scikit-learn and analytic gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from sklearn.datasets import load_digits
from torch import Tensor

from harness import registry
from methods._training.data import Batch
from methods.base import ConfigError
from methods.multiview import _cca
from methods.multiview._deep_cca import DeepCCA
from methods.multiview._views import ViewNets
from tests.helpers import config_of, fit, fresh, home, tiny, trial

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


def net(decodes: bool = False, **changes: object) -> DeepCCA:
    shape = {"dims": DIMS, "hidden": (7, 6), "latent": 3, "activation": "softplus"}
    return DeepCCA(ViewNets(**(shape | changes)), decodes)  # type: ignore[arg-type]


def linear(decodes: bool = False) -> DeepCCA:
    return net(decodes, hidden=(), activation="identity")


def batch(x: list[Tensor], ridge: float, weight: float = 0.0) -> Batch:
    empty, t = x[0].new_zeros(0), len(x[0])
    hyper = {"r": r(ridge, t), "reconstruction": r(weight, t)}
    return Batch(tuple(x), empty, empty, 0, {}, hyper, (None,) * len(x))


def start(made: DeepCCA, seed: int = 0, spread: float = 0.1) -> Tensor:
    flat = made.layout.initial([seed], DOUBLE)
    draw = torch.Generator().manual_seed(seed)
    return flat + spread * torch.randn(flat.shape, dtype=DOUBLE, generator=draw)


def optimise(made: DeepCCA, data: Batch) -> Tensor:
    """Parameters at which the production loss is least, by L-BFGS."""
    leaf = start(made).requires_grad_()
    search = torch.optim.LBFGS(
        [leaf],
        max_iter=2000,
        tolerance_grad=1e-10,
        tolerance_change=1e-15,
        history_size=30,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        search.zero_grad()
        loss = made.loss(made.layout.views(leaf), data)[0].sum()
        loss.backward()
        return loss

    search.step(closure)
    return leaf.detach()


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


def test_linear_nets_at_their_optimum_are_cca() -> None:
    x, made = views(), linear()
    data = batch(x, 0.0)
    loss, _ = made.loss(made.layout.views(optimise(made, data)), data)
    exact = canonical(x[0][0].numpy(), x[1][0].numpy())[:3].sum()
    assert -float(loss) == pytest.approx(exact, abs=1e-8)
    peer = CCA(3, scale=False, max_iter=5000, tol=1e-14).fit(x[0][0].numpy(), x[1][0].numpy())
    scores = peer.transform(x[0][0].numpy(), x[1][0].numpy())
    found = sum(np.corrcoef(a, b)[0, 1] for a, b in zip(scores[0].T, scores[1].T, strict=True))
    assert exact == pytest.approx(found, abs=1e-8)


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


def test_its_gradient_is_that_of_finite_differences() -> None:
    for decodes in (False, True):
        made, data = net(decodes, hidden=(4,), latent=2), batch(views(n=12), 0.2, 0.5)
        leaf = start(made).requires_grad_()

        def loss(flat: Tensor, made: DeepCCA = made, data: Batch = data) -> Tensor:
            p = made.layout.views(flat)
            if made.decodes:
                return made.loss(p, data)[0]
            return _cca.total_correlation(made.outputs(p, data.x), data.hyper["r"])

        assert torch.autograd.gradcheck(loss, leaf)


def test_output_biases_of_dcca_have_no_gradient_and_never_move() -> None:
    made, data = net(), batch(views(), 0.1)
    leaf = start(made).requires_grad_()
    made.loss(made.layout.views(leaf), data)[0].sum().backward()
    assert leaf.grad is not None
    gradients = made.layout.views(leaf.grad)
    assert not gradients["enc0.2.b"].any()
    assert gradients["enc0.1.b"].any()
    assert gradients["enc0.2.W"].any()


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


def test_dccae_linear_and_ruled_by_reconstruction_is_pca_of_every_view() -> None:
    x, made = [view - view.mean(1, keepdim=True) for view in views()], linear(decodes=True)
    data = batch(x, 0.1, 1e7)
    p = made.layout.views(optimise(made, data))
    error = made.reconstruction(p, made.outputs(p, data.x), data.x, data.keep)
    values = [np.linalg.svd(view[0].numpy(), compute_uv=False) for view in x]
    least = sum((v[3:] ** 2).sum() for v in values) / x[0].shape[1]
    assert float(error) == pytest.approx(least, rel=1e-6)
    assert float(error) >= least * (1 - 1e-12)


def test_the_objective_of_dccae_is_that_of_dcca_plus_lambda_times_the_error() -> None:
    x, both, alone = views(), net(decodes=True), net()
    p = both.layout.views(start(both))
    error = 0.0
    for v, view in enumerate(x):
        guess = both.nets.decode(p, v, both.nets.encode(p, v, view))
        error += float((view - guess).square().sum(-1).mean())
    total, _ = both.loss(p, batch(x, 0.2, 0.7))
    less, _ = alone.loss(p, batch(x, 0.2))
    assert float(total - less) == pytest.approx(0.7 * error, rel=1e-12)


def test_dcca_with_invertible_linear_nets_has_the_codes_of_cca() -> None:
    _, problem, answers = trial(tiny(dims=(4, 4)), home(registry.load_method("dcca")))
    config = config_of("dcca", hidden=(), activation="identity", latent=4, r=0.0, output="concat")
    codes = fit("dcca", problem, config).transform(answers.test)
    peer = CCA(4, max_iter=5000, tol=1e-14).fit(*(v.astype(float) for v in problem.rows.views))
    scores = peer.transform(*(v.astype(float) for v in answers.test.views))
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
    _, problem, _ = trial(tiny(dims=(6,)), home(registry.load_method(key)))
    with pytest.raises(ConfigError, match="two views"):
        fit(key, problem)


@pytest.mark.parametrize("key", METHODS)
def test_three_views_give_codes_of_all(key: str) -> None:
    _, problem, answers = trial(tiny(dims=(6, 4, 5)), home(registry.load_method(key)))
    for output, width in (("mean", 3), ("concat", 9)):
        config = config_of(key, latent=3, output=output)
        assert fit(key, problem, config).transform(answers.test).shape == (answers.test.n, width)
