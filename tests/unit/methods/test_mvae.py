"""MVAE: its outputs, its loss on new rows, one view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from methods.base import ConfigError, Finished, Training
from methods.generative.mvae import MVAE, Config
from tests.unit.methods.conftest import SMALL, ends, member, problem

TRAINING = Training(epochs=4, eval_every=2, patience=None)


def fit(made, **changes) -> Finished:
    config = Config(**{**SMALL, **changes})
    one = replace(member(0, made=made), config=config, score=lambda f: -f.loss(made.tuning))
    end = ends(MVAE.fit_stack([one], TRAINING))[0]
    assert isinstance(end, Finished), end
    return end


def test_the_code_is_the_mean_of_the_mixture_and_reads_no_label():
    made = problem(0)
    fitted = fit(made).fitted
    codes = fitted.transform(made.tuning)
    assert codes.shape == (12, 3)
    assert codes.dtype == np.float32
    blind = replace(made, labels=np.full_like(made.labels, -1), labelled=made.labelled & False)
    np.testing.assert_array_equal(fit(blind).fitted.transform(made.tuning), codes)


def test_the_loss_is_fixed_by_the_rows():
    made = problem(0)
    fitted = fit(made).fitted
    rows = made.tuning
    one = replace(
        rows, views=tuple(v[3:4] for v in rows.views), present=rows.present[3:4], ids=rows.ids[3:4]
    )
    assert fitted.loss(rows) == fitted.loss(rows)
    parts = []
    for k in range(rows.n):
        cut = slice(k, k + 1)
        views = tuple(v[cut] for v in rows.views)
        parts.append(fitted.loss(replace(one, views=views, ids=rows.ids[cut])))
    assert np.mean(parts) == pytest.approx(fitted.loss(rows), rel=1e-5)


def test_training_lowers_the_loss():
    curve = fit(problem(0)).fitted.arrays()["loss"]
    assert curve[-1] < curve[0]


def test_one_view_is_a_plain_vae_whose_code_may_hold_log_variances():
    made = problem(0, dims=(5,))
    end = fit(made, output="mean_logvar")
    assert end.fitted.transform(made.tuning).shape == (12, 6)
    assert end.fitted.facts()["weight_0"] == 1.0
    with pytest.raises(ConfigError, match="single view"):
        fit(problem(0), output="mean_logvar")


def test_uniform_weights_stay_uniform():
    end = fit(problem(0), weights="uniform")
    np.testing.assert_allclose(end.fitted.arrays()["view_weights"], 0.5)
