"""SiMVAE as it is fitted: patterns of absence, switches, imputation in raw units, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch

from datasets.base import Problem, Rows
from methods._nn.classifier import FittedClassifier, Imputer
from methods.base import ConfigError, Finished, Member, Training, UnsupportedError
from methods.generative.simvae import Config, SiMVAE
from tests.unit.methods.conftest import SMALL, ends, problem

DIMS = (5, 4, 3)


def hidden(rows: Rows, lost: np.ndarray) -> Rows:
    """The same rows without the views (n, V) ``lost``."""
    views = tuple(np.where(lost[:, v, None], np.nan, view) for v, view in enumerate(rows.views))
    return Rows(tuple(view.astype(np.float32) for view in views), ~lost, rows.ids)


def incomplete(may_miss: tuple[str, ...], dims: tuple[int, ...] = DIMS, known: int = 12) -> Problem:
    """A small Problem, whose rows lack any of ``may_miss`` half the time, but never all views."""
    made = problem(0, known=known, dims=dims)
    lost = np.random.default_rng(1).random((made.rows.n, len(dims))) < 0.5
    lost &= np.isin(made.view_names, may_miss)
    lost[lost.all(1), 0] = False
    return replace(made, rows=hidden(made.rows, lost), may_miss=may_miss)


def fitted(made: Problem, epochs: int = 2, **changes: Any) -> FittedClassifier:
    config = Config(**{**SMALL, **changes})
    member = Member(made, config, 0, lambda one: one.predict(made.tuning).mean())
    (end,) = ends(SiMVAE.fit_stack([member], Training(epochs=epochs, eval_every=1))).values()
    assert isinstance(end, Finished), end
    assert isinstance(end.fitted, FittedClassifier)
    return end.fitted


@pytest.mark.parametrize("may_miss", [("b",), ("a", "c"), ("a", "b", "c")])
def test_rows_may_lack_any_of_the_views_that_may_be_absent(may_miss):
    made = incomplete(may_miss)
    one = fitted(made)
    for bits in range(2 ** len(may_miss)):
        lost = np.zeros((made.tuning.n, 3), bool)
        for place, name in enumerate(may_miss):
            lost[:, made.view_names.index(name)] = bits >> place & 1
        if lost.all():
            continue
        rows = hidden(made.tuning, lost)
        views, variances = one.impute(rows)
        assert variances is not None
        assert all(np.isfinite(part).all() for part in (*views, *variances))
        for v in range(3):
            assert ((variances[v] > 0) == lost[:, v, None]).all()
        assert set(one.predict(rows)) <= {0, 1, 2}


def test_an_imputation_is_the_mean_of_q_psi_and_its_variance_in_raw_units():
    made = incomplete(("b",), dims=(5, 4))
    x_m = made.rows.views[1] * 100 + 7
    x_m[:, 2] = np.where(made.rows.present[:, 1], 3.0, np.nan)  # constant
    made = replace(made, rows=replace(made.rows, views=(made.rows.views[0], x_m)))
    one = fitted(made)
    (guess, spread), absent = (part[1] for part in one.impute(made.rows)), ~made.rows.present[:, 1]
    x, present = one.tensors(made.rows)
    with torch.no_grad():
        means, logvars = cast(Imputer, one.spec.model).impute(one.params, x, present)
    mean, sd, _ = one.scaler.columns[1]
    for column in (0, 1, 3):
        raw = means[1][0, :, column].numpy() * sd[column] + mean[column]
        np.testing.assert_allclose(guess[absent, column], raw[absent], rtol=1e-6)
        raw = logvars[1][0, :, column].exp().numpy() * sd[column] ** 2
        np.testing.assert_allclose(spread[absent, column], raw[absent], rtol=1e-6)
    assert (guess[:, 2] == 3).all()
    assert not spread[:, 2].any()
    np.testing.assert_array_equal(guess[~absent], x_m[~absent])


def test_a_row_without_a_view_is_classified_as_with_the_mean_of_q_psi_in_its_place():
    made = incomplete(("b",), dims=(5, 4))
    one = fitted(made, epochs=20)
    rows = hidden(made.tuning, np.tile([False, True], (made.tuning.n, 1)))
    views, _ = one.impute(rows)
    filled = Rows(tuple(v.astype(np.float32) for v in views), np.ones_like(rows.present), rows.ids)
    np.testing.assert_array_equal(one.predict(rows), one.predict(filled))


def test_a_class_without_labelled_row_is_never_predicted():
    made = incomplete(("b",))
    labels = np.where(made.labels == 1, -1, made.labels)
    made = replace(made, labels=labels, labelled=labels >= 0)
    assert made.labelled.any()
    assert 1 not in fitted(made).predict(made.rows)


def test_the_share_of_incomplete_rows_and_the_weights_of_every_epoch_are_told():
    made = incomplete(("b",))
    one = fitted(made, epochs=3)
    told = ~made.rows.present.all(1)
    assert one.facts()["incomplete_share"] == pytest.approx(told.mean())
    assert {"elbo", "elbo_tight", "weight_0", "weight_2"} <= one.facts().keys()
    assert one.arrays()["view_weights"].shape == (3, 3)
    for curve in ("cross_entropy", "loss", "imputation_nll"):
        assert one.arrays()[curve].shape == (3,)


@pytest.mark.parametrize(
    ("may_miss", "known", "changes"),
    [
        (("b",), 12, {"mc_samples": 2, "batching": "proportional"}),
        (("b",), 40, {"batching": "balanced", "activation": "relu"}),  # all rows labelled
        (("a", "b", "c"), 12, {"imputation": "single", "weights": "uniform"}),
        (("a", "b"), 12, {"absent_encoder": "drop", "entropy": "per_dim"}),
        (("a", "b"), 12, {"absent_encoder": "drop", "entropy": "bhattacharyya"}),
        (("b",), 12, {"reads_missing": False, "classifier_to_psi": False}),
        (("b",), 12, {"batches_per_epoch": 40, "labelled_rows": 1}),  # one row of each kind a step
    ],
)
def test_every_switch_trains(may_miss, known, changes):
    one = fitted(incomplete(may_miss, known=known), **changes)
    assert all(np.isfinite(curve).all() for curve in one.arrays().values())
    assert all(value.isfinite().all() for value in one.params.values())


def test_where_no_view_may_be_absent_the_fit_says_what_to_do():
    with pytest.raises(ConfigError, match=r"Scenario\.missing"):
        next(iter(SiMVAE.fit_stack([Member(problem(), Config(), 0, float)], Training())))
    made = replace(problem(dims=(5,)), may_miss=("a",))
    with pytest.raises(ConfigError, match="two views"):
        next(iter(SiMVAE.fit_stack([Member(made, Config(), 0, float)], Training())))


def test_a_row_without_a_view_that_is_always_there_is_refused():
    made = incomplete(("b",))
    lost = np.zeros((made.tuning.n, 3), bool)
    lost[0, 2] = True
    one = fitted(made)
    for ask in (one.predict, one.impute):
        with pytest.raises(UnsupportedError, match="every row has"):
            ask(hidden(made.tuning, lost))
