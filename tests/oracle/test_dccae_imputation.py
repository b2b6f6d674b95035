"""What DCCAE puts in place of absent views, against regression and Gaussian conditionals."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge
from torch import Tensor

from datasets.base import Problem, Rows
from methods._scaling import Scaler
from methods.base import FitError, Fitted, UnsupportedError
from methods.multiview import _cca, _regression
from methods.multiview._deep_cca import DeepCCA, FittedDeepCCA
from methods.multiview._views import ViewNets
from methods.multiview.dccae import FittedDCCAE
from tests.helpers import config_of, fit, scenario, taken, tiny, trial

METHODS = ("dccae",)
DOUBLE = torch.float64


def correlated(n: int, dims: tuple[int, ...], seed: int = 1) -> Rows:
    """Rows in raw units whose views tell of each other."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 3))
    views = tuple(
        (3 * common @ rng.normal(size=(3, d)) + rng.normal(size=(n, d)) + 5).astype(np.float32)
        for d in dims
    )
    return Rows(views, np.ones((n, len(dims)), bool), np.arange(n))


def lacking(rows: Rows, *absent: int) -> Rows:
    present, views = rows.present.copy(), list(rows.views)
    for v in absent:
        present[:, v] = False
        views[v] = np.full_like(views[v], np.nan)
    return Rows(tuple(views), present, rows.ids)


def with_nets(rows: Rows, encoders: list[np.ndarray], **settings: object) -> FittedDCCAE:
    """A fitted model with linear encoders and their inverses, whose training rows these are."""
    dims = tuple(view.shape[1] for view in rows.views)
    latent = encoders[0].shape[1]
    config = config_of("dccae", hidden=(), latent=latent, activation="identity", **settings)
    params: dict[str, Tensor] = {}
    for v, matrix in enumerate(encoders):
        params[f"enc{v}.0.x"] = torch.tensor(matrix)[None]
        params[f"enc{v}.0.b"] = torch.full((1, 1, latent), 0.3, dtype=DOUBLE)
        inverse = np.linalg.inv(matrix)
        params[f"dec{v}.0.z"] = torch.tensor(inverse)[None]
        params[f"dec{v}.0.b"] = torch.tensor(-0.3 * inverse.sum(0))[None, None]
    scaler = Scaler.fit(rows)
    x = [torch.as_tensor(view)[None] for view in scaler.apply(rows)]
    net = DeepCCA(ViewNets(dims, (), latent, "identity"), decodes=True)
    return FittedDCCAE(net, config, scaler, params, x, {})


def identities(dims: tuple[int, ...]) -> list[np.ndarray]:
    return [np.eye(d) for d in dims]


def scaled(rows: Rows, like: Rows) -> list[np.ndarray]:
    wide = [view.astype(np.float64) for view in like.views]
    pairs = zip(rows.views, wide, strict=True)
    return [(view - own.mean(0)) / own.std(0) for view, own in pairs]


@pytest.mark.parametrize("ridge", [0.0, 0.1, 3.0])
def test_with_identity_nets_it_is_ridge_regression_of_one_view_on_the_other(ridge: float) -> None:
    known, new = correlated(60, (4, 4)), correlated(9, (4, 4), seed=1)
    fitted = with_nets(known, identities((4, 4)), ridge=ridge)
    first, second = scaled(known, known)
    # The mean variance of z-scored features is n / (n - 1), and scikit-learn divides by neither.
    peer = Ridge(alpha=60 * ridge) if ridge else LinearRegression()
    guess = peer.fit(first, second).predict(scaled(new, known)[0])
    wide = known.views[1].astype(np.float64)
    raw = guess * wide.std(0) + wide.mean(0)
    views, spreads = fitted.impute(lacking(new, 1))
    assert spreads is None
    np.testing.assert_allclose(views[1], raw, rtol=1e-5)


def test_invertible_linear_nets_change_nothing_of_least_squares() -> None:
    known, new = correlated(60, (4, 4)), correlated(9, (4, 4), seed=2)
    rng = np.random.default_rng(3)
    plain = with_nets(known, identities((4, 4)), ridge=0.0)
    mixed = with_nets(known, [rng.normal(size=(4, 4)) for _ in range(2)], ridge=0.0)
    holes = lacking(new, 0)
    np.testing.assert_allclose(mixed.impute(holes)[0][0], plain.impute(holes)[0][0], rtol=1e-5)


def test_of_three_views_it_is_least_squares_on_the_two_that_are_present() -> None:
    known, new = correlated(80, (4, 4, 4)), correlated(9, (4, 4, 4), seed=4)
    fitted = with_nets(known, identities((4, 4, 4)), ridge=0.0)
    parts, asked = scaled(known, known), scaled(new, known)
    wide = known.views[1].astype(np.float64)
    for present in ([0, 2], [2]):
        peer = LinearRegression().fit(np.concatenate([parts[v] for v in present], 1), parts[1])
        guess = peer.predict(np.concatenate([asked[v] for v in present], 1))
        holes = lacking(new, *({0, 1, 2} - set(present)))
        raw = guess * wide.std(0) + wide.mean(0)
        np.testing.assert_allclose(fitted.impute(holes)[0][1], raw, rtol=1e-5)


def gaussian(n: int = 30) -> tuple[list[Tensor], np.ndarray, np.ndarray]:
    """Outputs (n, 2) of three views whose sample mean and covariance are these, exactly."""
    rng = np.random.default_rng(5)
    mix = rng.normal(size=(6, 6))
    covariance, mean = mix @ mix.T, rng.normal(size=6)
    draw = rng.normal(size=(n, 6))
    draw -= draw.mean(0)
    white = draw @ np.linalg.inv(np.linalg.cholesky(draw.T @ draw / (n - 1)).T)
    whole = torch.tensor(white @ np.linalg.cholesky(covariance).T + mean)
    return list(whole.split(2, 1)), mean, covariance


def test_of_gaussian_outputs_it_is_the_conditional_mean_under_every_pattern() -> None:
    h, mean, covariance = gaussian()
    moments = _regression.Moments.of(h, [torch.zeros((), dtype=DOUBLE)] * 3)
    patterns = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 1, 0]]) > 0
    present = patterns.repeat(6, 1)
    blank = [torch.where(present[:, v, None], view, 0.0) for v, view in enumerate(h)]
    found = torch.cat(moments.complete(blank, present), 1).numpy()
    whole = torch.cat(h, 1).numpy()
    for row, there in enumerate(present.repeat_interleave(2, dim=1).numpy()):
        o, m = np.flatnonzero(there), np.flatnonzero(~there)
        gain = covariance[np.ix_(m, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
        np.testing.assert_allclose(found[row, o], whole[row, o], rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(
            found[row, m], mean[m] + gain @ (whole[row] - mean)[o], rtol=1e-10, atol=1e-10
        )


def test_in_canonical_coordinates_each_variate_is_multiplied_by_its_correlation() -> None:
    h, _, _ = gaussian()
    pair, none = h[:2], torch.zeros((), dtype=DOUBLE)
    cca = _cca.fit(pair, [none] * 2, 2)
    present = torch.tensor([[True, False]]).expand(30, 2)
    shrunk = cca.apply(_regression.Moments.of(pair, [none] * 2).complete(pair, present))
    np.testing.assert_allclose(shrunk[1], shrunk[0] * cca.correlations, atol=1e-10)
    plain = cca.apply(_regression.direct(cca, pair, present))
    np.testing.assert_allclose(plain[1], plain[0], atol=1e-10)


def test_a_row_without_any_view_gets_the_means() -> None:
    h, mean, _ = gaussian()
    moments = _regression.Moments.of(h, [torch.zeros((), dtype=DOUBLE)] * 3)
    found = moments.complete([view[:1] for view in h], torch.zeros(1, 3) > 0)
    np.testing.assert_allclose(torch.cat(found, 1)[0], mean, atol=1e-12)


# ---------------------------------------------------------------- the fit


def halved() -> Problem:
    return trial(tiny(), scenario(missing=("b",), missing_fraction=0.5))[1]


def params(fitted: Fitted) -> dict[str, Tensor]:
    return cast(FittedDeepCCA, fitted).params


def test_rows_with_absent_views_do_not_touch_training() -> None:
    problem = halved()
    whole = problem.rows.present.all(1)
    few = replace(
        problem,
        rows=taken(problem.rows, whole),
        labels=problem.labels[whole],
        labelled=problem.labelled[whole],
    )
    moved = [view.copy() for view in problem.rows.views]
    moved[0][~whole] += 100
    other = replace(problem, rows=replace(problem.rows, views=tuple(moved)))
    one, same, also = (params(fit("dccae", p)) for p in (problem, few, other))
    for name, value in one.items():
        assert torch.equal(value, same[name])
        assert torch.equal(value, also[name])


def test_rows_left_out_of_training_are_counted() -> None:
    problem = halved()
    left = int((~problem.rows.present.all(1)).sum())
    assert left > 0
    assert fit("dccae", problem).facts()["incomplete_rows_left_out"] == left


@pytest.mark.parametrize("imputation", ["canonical", "direct"])
def test_present_entries_are_given_back_as_they_are(imputation: str) -> None:
    problem = halved()
    fitted = fit("dccae", problem, config_of("dccae", imputation=imputation))
    for v, view in enumerate(fitted.impute(problem.rows)[0]):
        present = problem.rows.present[:, v]
        assert np.isfinite(view).all()
        np.testing.assert_array_equal(view[present], problem.rows.views[v][present])


def test_codes_of_a_row_without_a_view_are_those_of_its_guessed_outputs() -> None:
    known, new = correlated(60, (4, 4)), correlated(9, (4, 4), seed=2)
    fitted = with_nets(known, identities((4, 4)), ridge=0.0, directions=4)
    holes = lacking(new, 1)
    filled = replace(new, views=fitted.impute(holes)[0])
    np.testing.assert_allclose(fitted.transform(holes), fitted.transform(filled), atol=1e-4)


def test_too_few_complete_rows_are_refused_by_name() -> None:
    problem = halved()
    present = problem.rows.present.copy()
    present[np.flatnonzero(present.all(1))[2:], 1] = False
    views = (problem.rows.views[0], np.where(present[:, 1:], problem.rows.views[1], np.nan))
    few = replace(problem, rows=replace(problem.rows, views=views, present=present))
    with pytest.raises(FitError, match="at least 3 rows with every view, not 2"):
        fit("dccae", few)


def test_dcca_which_rebuilds_nothing_still_refuses_such_rows() -> None:
    with pytest.raises(UnsupportedError, match="absent"):
        fit("dcca", halved())
