"""What a fitted CorrNet says of rows, absent views among them."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch

from datasets.base import Rows
from methods.base import ConfigError, FitError, Training
from methods.multiview.corrnet import FittedCorrNet
from tests.helpers import config_of, fit, fresh, scenario, taken, tiny, trial
from tests.oracle.test_corrnet import batch

METHODS = ("corrnet",)


def lacking(view_rows: Rows, v: int, count: int) -> Rows:
    """The same rows, the first ``count`` without view ``v``."""
    present, views = view_rows.present.copy(), [view.copy() for view in view_rows.views]
    present[:count, v] = False
    views[v][:count] = np.nan
    return replace(view_rows, views=tuple(views), present=present)


def test_it_imputes_what_the_views_that_are_present_make_of_the_common_layer() -> None:
    _, problem, _ = trial(tiny(), scenario())
    fitted = cast(FittedCorrNet, fit("corrnet", problem, config_of("corrnet", latent=7)))
    new = lacking(fresh(problem.dims), 1, 6)
    views, spreads = fitted.impute(new)
    p = {name: value[0].numpy() for name, value in fitted.params.items()}
    mean, sd = (
        [getattr(view.astype(np.float64), kind)(0) for view in problem.rows.views]
        for kind in ("mean", "std")
    )
    first = (new.views[0][:6] - mean[0]) / sd[0]
    code = 1 / (1 + np.exp(-(first @ p["enc0.0.x"] + p["common.b"])))
    guess = (code @ p["dec1.0.z"] + p["dec1.0.b"]) * sd[1] + mean[1]
    assert spreads is None
    np.testing.assert_allclose(views[1][:6], guess, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(views[0], new.views[0])
    np.testing.assert_array_equal(views[1][6:], new.views[1][6:])
    np.testing.assert_allclose(fitted.transform(new)[:6], code, rtol=1e-5, atol=1e-6)


def test_three_views_are_imputed_under_any_pattern_of_absence() -> None:
    wanted = scenario(missing=("a", "b", "c"), missing_fraction=0.7)
    _, problem, _ = trial(tiny(dims=(6, 4, 5)), wanted)
    fitted = fit("corrnet", problem)
    views, _ = fitted.impute(problem.rows)
    patterns = {tuple(row) for row in problem.rows.present.tolist()}
    assert len(patterns) > 4
    for v, (view, true) in enumerate(zip(views, problem.rows.views, strict=True)):
        present = problem.rows.present[:, v]
        assert np.isfinite(view).all()
        np.testing.assert_array_equal(view[present], true[present])
    assert fitted.facts()["incomplete_rows"] == int((~problem.rows.present.all(1)).sum())


def test_its_loss_on_new_rows_is_its_objective() -> None:
    _, problem, _ = trial(tiny(), scenario())
    fitted = cast(FittedCorrNet, fit("corrnet", problem, config_of("corrnet", correlation=3.0)))
    new, made = fresh(problem.dims), fitted.model
    x = [torch.as_tensor(view)[None] for view in fitted.scaler.apply(new)]
    exact = made.loss(fitted.params, batch(x, 3.0))[0]
    assert fitted.loss(new) == pytest.approx(float(exact), rel=1e-12)
    assert fitted.loss(taken(new, np.arange(15)[::-1])) == pytest.approx(float(exact), rel=1e-10)


def test_it_imputes_better_than_the_mean_where_views_tell_of_each_other() -> None:
    wanted = scenario(missing=("b",), missing_fraction=0.5)
    data = tiny(n=240, gap=8.0)
    _, problem, held_out = trial(data, wanted)
    fitted = fit("corrnet", problem, training=Training(epochs=20, eval_every=20, patience=None))
    hidden = ~problem.rows.present[:, 1]
    truth = held_out.complete.views[1]
    mean = truth[~hidden].mean(0)
    error, trivial = (
        np.square(guess - truth[hidden]).sum()
        for guess in (fitted.impute(problem.rows)[0][1][hidden], mean)
    )
    assert error < 0.5 * trivial


def test_one_view_is_refused_by_name() -> None:
    _, problem, _ = trial(tiny(dims=(6,)), scenario())
    with pytest.raises(ConfigError, match="two views"):
        fit("corrnet", problem)


def test_views_that_never_meet_in_a_row_are_refused_by_name() -> None:
    wanted = scenario(missing=("b",), missing_fraction=1.0)
    _, problem, _ = trial(tiny(), wanted)
    with pytest.raises(FitError, match="two views"):
        fit("corrnet", problem)
