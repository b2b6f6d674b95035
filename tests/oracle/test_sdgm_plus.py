"""SDGM+ against SDGM, least squares, torch's densities and exact linear-Gaussian likelihoods."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from methods._nn.data import Batch
from methods._nn.densities import DATA_LIMIT
from methods._ssvae.model import perceptrons
from methods._ssvae.skip import SkipVAE
from methods._ssvae.skip_missing import ImputingSkipVAE
from methods.base import ConfigError, SkipError, Training, UnsupportedError
from tests.helpers import config_of, fit, scenario, taken, tiny, trial
from tests.oracle.absent_cases import gaussian_pair, nmse
from tests.oracle.doubles import DOUBLE, normal, source
from tests.oracle.search import assert_finite_differences, optimise
from tests.oracle.test_sdgm import CLASSES, parameters
from tests.oracle.test_sdgm_linear_gaussian import WORLD, A, D, X, at_sigma_points
from tests.oracle.test_sdgm_linear_gaussian import linear as linear_skip

METHODS = ("sdgm_plus",)
DIMS = (2, 3, 1)
"""The view in the middle is always there."""
FORTY = Training(epochs=40, eval_every=40, patience=None)


def model(
    hidden: tuple[int, ...] = (7, 6),
    latent: int = 4,
    shares: tuple[float, float] = (0.4, 0.6),
    **changes: Any,
) -> ImputingSkipVAE:
    core = SkipVAE(
        3, CLASSES, shares, perceptrons(hidden), latent=latent, auxiliary=3,
        auxiliary_limit=DATA_LIMIT,
    )  # fmt: skip
    made = ImputingSkipVAE(core, DIMS, always=(1,), maybe=(0, 2), proportions=(0.3, 0.7))
    return replace(made, **changes)


def batch(
    made: ImputingSkipVAE, known: int, unknown: int, *, lacking: float = 0.5, samples: int = 1
) -> Batch:
    """Rows that lack each of the views ``maybe`` with probability ``lacking``, zero there."""
    b = known + unknown
    present = torch.ones(1, b, len(made.dims), dtype=DOUBLE)
    for v in made.maybe:
        present[..., v] = torch.rand(1, b, dtype=DOUBLE, generator=source(50 + v)) >= lacking
    labels = torch.randint(CLASSES, (1, known), generator=source(1))
    return Batch(
        x=tuple(normal(v, 1, b, d) * present[..., v, None] for v, d in enumerate(made.dims)),
        present=present,
        onehot=torch.eye(CLASSES, dtype=DOUBLE)[labels],
        n_labelled=known,
        noise={
            "a": normal(10, 1, samples, b, made.core.auxiliary),
            "z": normal(20, 1, samples, b, made.core.latent),
        },
        hyper={
            "c": torch.full((1,), 0.5, dtype=DOUBLE),
            "alpha3": torch.full((1,), 2.0, dtype=DOUBLE),
        },
        keep=(None,) * len(made.dims),
    )


def with_alpha3(data: Batch, value: float) -> Batch:
    return replace(data, hyper={**data.hyper, "alpha3": torch.full((1,), value, dtype=DOUBLE)})


def test_with_alpha3_zero_it_is_sdgm_on_the_views_that_are_always_there():
    made, p = model(), parameters(model())
    theirs = made.core
    data = with_alpha3(batch(made, 3, 4, samples=2), 0.0)
    alone = replace(data, x=(data.x[1],), present=data.present[..., 1:2], keep=(None,))
    ours, expected = made.loss(p, data)[0], theirs.loss(p, alone)[0]
    assert ours.item() == pytest.approx(expected.item(), abs=1e-10)


def test_the_term_of_eq_18_is_torchs_log_density_of_the_entries_that_are_there():
    made, p = model(), parameters(model())
    data = batch(made, 3, 4)
    mean, logvar = made.core.auxiliaries(p, data.x[1])
    of_q = Normal(mean[0], (0.5 * logvar[0]).exp())
    log_q = of_q.log_prob(torch.cat([data.x[0], data.x[2]], -1)[0])
    total = 0.0
    for row in range(7):
        weight = 0.3 / 3 if row < 3 else 0.7 / 4
        for v, entries in ((0, slice(0, 2)), (2, slice(2, 3))):
            if data.present[0, row, v]:
                total -= weight * float(log_q[row, entries].sum())
    assert 0 < data.present[..., [0, 2]].sum() < 14
    assert made.imputation_error(p, data).item() == pytest.approx(total, abs=1e-12)
    gain = made.loss(p, with_alpha3(data, 5.0))[0] - made.loss(p, with_alpha3(data, 0.0))[0]
    assert gain.item() == pytest.approx(5.0 * total, abs=1e-10)  # the weights of J sum to 1


def test_alpha3_weighs_the_term_against_j_alike_in_both_normalisations():
    whole, p, data = model(shares=(1.0, 1.0)), parameters(model()), batch(model(), 3, 4)
    half = model(shares=(0.5, 0.5))
    doubled = replace(data, hyper={**data.hyper, "c": 2 * data.hyper["c"]})
    assert whole.loss(p, doubled)[0].item() == pytest.approx(2 * half.loss(p, data)[0].item())


def test_minibatches_estimate_the_term_of_the_whole_set_without_bias():
    made, p = model(proportions=(4 / 12, 8 / 12)), parameters(model())
    data = batch(made, 4, 8)
    parts = []
    for known, unknown in (([0, 1], [4, 6, 8, 10]), ([2, 3], [5, 7, 9, 11])):
        rows = [*known, *unknown]
        x = tuple(view[:, rows] for view in data.x)
        parts.append(replace(data, x=x, present=data.present[:, rows], n_labelled=2))
    mean = sum(made.imputation_error(p, part) for part in parts) / 2
    torch.testing.assert_close(mean, made.imputation_error(p, data), atol=1e-12, rtol=0)


def test_linear_with_one_variance_the_term_is_least_where_least_squares_is():
    made = model(hidden=(), proportions=(10 / 40, 30 / 40))
    data = batch(made, 10, 30)

    def homoscedastic(p):
        first = torch.cat([torch.ones(3), torch.zeros(3)]).to(DOUBLE)
        return {**p, "aux.0.x": p["aux.0.x"] * first, "aux.0.b": p["aux.0.b"] * first}

    flat = optimise(made.layout, lambda p: made.imputation_error(homoscedastic(p), data))
    guess = made.core.auxiliaries(homoscedastic(made.layout.views(flat)), data.x[1])[0][0]
    design = torch.cat([data.x[1][0], torch.ones(40, 1, dtype=DOUBLE)], 1)
    for v, entries in ((0, slice(0, 2)), (2, slice(2, 3))):
        rows = data.present[0, :, v] > 0
        exact = design @ torch.linalg.lstsq(design[rows], data.x[v][0, rows]).solution
        torch.testing.assert_close(guess[:, entries], exact, atol=1e-7, rtol=0)


@pytest.mark.parametrize("clamp", [False, True])
def test_what_stands_at_absent_entries_enters_nothing(clamp):
    made, p = model(clamp=clamp), parameters(model())
    data = batch(made, 3, 4)
    other = tuple(view + 9 * (1 - data.present[..., v, None]) for v, view in enumerate(data.x))
    assert made.loss(p, data)[0].item() == made.loss(p, replace(data, x=other))[0].item()


def test_the_literal_classifier_reads_no_absent_view_and_the_clamped_one_reads_what_is_there():
    made, p, data = model(), parameters(model()), batch(model(), 0, 6, lacking=0.0)
    literal = replace(made, core=replace(made.core, answer_draws=4))
    clamped = replace(literal, clamp=True)
    other = (data.x[0] + 1, data.x[1], data.x[2] + 1)

    def said(made: ImputingSkipVAE, x: tuple[Tensor, ...]) -> Tensor:
        return made.classify(p, x, data.present, lambda name, _: normal(len(name), 1, 6, 3))

    torch.testing.assert_close(said(literal, data.x), said(literal, other), atol=0, rtol=0)
    given = clamped.core.log_q(p, data.x[1], torch.cat([data.x[0], data.x[2]], -1))
    torch.testing.assert_close(said(clamped, data.x), given, atol=1e-12, rtol=0)
    assert (said(clamped, other) - given).abs().max() > 1e-3
    torch.testing.assert_close(clamped.objective(p, data, (0, 1))[1], given, atol=0, rtol=0)


@pytest.mark.parametrize("clamp", [False, True])
def test_a_minibatch_without_complete_rows_has_a_finite_loss_and_gradient(clamp):
    made = model(clamp=clamp)
    p = {name: value.requires_grad_() for name, value in parameters(made).items()}
    data = batch(made, 2, 3, lacking=1.0)
    loss, logs = made.loss(p, data)
    assert logs["imputation"].item() == 0.0
    grads = torch.autograd.grad(loss.sum(), [*p.values()])
    assert all(grad.isfinite().all() for grad in (loss, *grads))


@pytest.mark.parametrize("clamp", [False, True])
def test_gradients_equal_finite_differences(clamp):
    made = model(hidden=(4, 3), latent=2, clamp=clamp)
    p, data = parameters(made), batch(made, 2, 3, samples=2)
    leaves = {name: value.detach().clone().requires_grad_() for name, value in p.items()}
    grads = torch.autograd.grad(made.loss(leaves, data)[0].sum(), [*leaves.values()])
    named = dict(zip(leaves, grads, strict=True))
    assert_finite_differences(lambda moved: made.loss(moved, data)[0], p, named)


def test_constant_columns_are_no_target_and_stay_finite():
    made, p, data = model(), parameters(model()), batch(model(), 3, 4, lacking=0.0)
    first = torch.tensor([[1.0, 0.0]], dtype=DOUBLE)
    part = made.imputation_error(p, replace(data, keep=(first, None, None)))
    mean, logvar = made.core.auxiliaries(p, data.x[1])
    of_q = Normal(mean, (0.5 * logvar).exp())
    extra = -of_q.log_prob(torch.cat([data.x[0], data.x[2]], -1))[0, :, 1]
    weights = torch.tensor([0.1] * 3 + [0.7 / 4] * 4, dtype=DOUBLE)
    lost = made.imputation_error(p, data) - part
    torch.testing.assert_close(lost, (extra @ weights)[None], atol=1e-12, rtol=0)


# ---------------------------------------------------------------- exact likelihoods


def linear(clamp: bool = False, **changes: Any) -> ImputingSkipVAE:
    """The world of SDGM's oracle, where a is a view that may be absent."""
    core = linear_skip(**changes)
    return ImputingSkipVAE(core, (X, A), (0,), (1,), proportions=(0.5, 0.5), clamp=clamp)


@pytest.mark.parametrize("label", range(CLASSES))
def test_clamped_with_exact_posteriors_l_is_log_p_of_what_is_there(label):
    made, n = linear(label=label, clamp=True), 6
    data = batch(made, n, 0)
    data = replace(data, onehot=torch.eye(CLASSES, dtype=DOUBLE)[[label] * n][None])
    points = at_sigma_points(data, normal(4, 1, n, A))
    value, _ = made.objective(parameters(made), points, (1.0, 0.0))
    x, a = data.x[0][0], data.x[1][0]
    with_a, without = WORLD.log_joint(x, a)[:, label], WORLD.log_joint(x)[:, label]
    there = data.present[0, :, 1] > 0
    assert 0 < there.sum() < n
    exact = torch.where(there, with_a, without).mean()
    assert -value.item() == pytest.approx(exact.item(), abs=1e-10)


@pytest.mark.parametrize(("clamp", "lacking"), [(False, 0.0), (True, 0.0), (True, 1.0)])
def test_arbitrary_nets_stay_below_the_exact_log_likelihoods(clamp, lacking):
    """Taken literally the bound is on log p(x) even where a is there."""
    made, groups, draws = linear(free=True, clamp=clamp), 40, 400
    p, single = parameters(made, 2), batch(made, 1, 1, lacking=lacking)
    y, given = int(single.onehot.argmax()), clamp and lacking == 0
    joint = WORLD.log_joint(single.x[0][0], single.x[1][0] if given else None)
    for shares, exact in (((1.0, 0.0), joint[0, y]), ((0.0, 1.0), joint[1].logsumexp(-1))):
        values = []
        for group in range(groups):
            noise = {name: normal(1000 + 2 * group + (name == "z"), 1, draws, 2, width)
                     for name, width in (("a", A), ("z", D))}  # fmt: skip
            values.append(-made.objective(p, replace(single, noise=noise), shares)[0].item())
        assert np.mean(values) - 4 * np.std(values) / math.sqrt(groups) <= exact.item()


# ---------------------------------------------------------------- fits


def test_imputed_views_are_the_mean_and_variance_of_q_in_raw_units():
    _, problem, _ = trial(tiny(), scenario(missing=("b",), missing_fraction=0.4))
    fitted = fit("sdgm_plus", problem)
    absent = np.flatnonzero(~problem.rows.present[:, 1])
    views, variances = fitted.impute(taken(problem.rows, absent))
    inner: Any = fitted  # its parts are private to the package
    made, p, scaler = inner.spec.model, inner.params, inner.scaler
    x = torch.tensor(scaler.apply(problem.rows)[0][absent], dtype=torch.float32)[None]
    (mean, logvar), (centre, sd, _) = made.core.auxiliaries(p, x), scaler.columns[1]
    np.testing.assert_allclose(views[1], mean[0].numpy() * sd + centre, rtol=1e-5)
    assert variances is not None
    np.testing.assert_allclose(variances[1], logvar[0].exp().numpy() * sd**2, rtol=1e-5)
    assert not variances[0].any()


@pytest.mark.slow
def test_trained_on_gaussian_views_its_imputations_near_the_conditional_mean_and_variance():
    problem, truth, best = gaussian_pair(n=600)
    # Smooth nets: at this step size ReLU overfits the 600 rows within the 40 epochs.
    settings = {"activation": "softplus", "init": "glorot", "warmup_epochs": 0}
    config = config_of("sdgm_plus", alpha3=10.0, learning_rate=3e-3, **settings)
    fitted = fit("sdgm_plus", problem, config, FORTY)
    views, variances = fitted.impute(problem.rows)
    assert variances is not None
    absent = ~problem.rows.present[:, 1]
    reached = nmse(truth, views[1], absent)
    assert best < reached < 1.15 * best
    inside = np.abs(truth - views[1]) < 1.645 * np.sqrt(variances[1])
    assert 0.8 < inside[absent].mean() < 0.95


def test_without_a_view_that_is_always_there_or_one_that_may_be_absent_it_says_so():
    cases = {(): (ConfigError, "names none"), ("a", "b"): (SkipError, "every row has")}
    for missing, (error, what) in cases.items():
        with pytest.raises(error, match=what):
            fit("sdgm_plus", trial(tiny(), scenario(missing=missing))[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"normalisation": "paper", "batching": "proportional", "mc_samples": 2},
        {"clamp_a": True, "activation": "relu", "alpha3": 1e3},
        {"clamp_a": True, "mc_samples": 2, "alpha3": 0.0},
    ],
)
@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_every_switch_trains_with_any_share_of_incomplete_rows(changes, fraction):
    wanted = scenario(missing=("a", "c"), missing_fraction=fraction)
    _, problem, _ = trial(tiny(dims=(4, 3, 2)), wanted)
    fitted = fit("sdgm_plus", problem, config_of("sdgm_plus", hidden=(8, 6), latent=3, **changes))
    assert all(math.isfinite(float(fact)) for fact in fitted.facts().values())
    assert fitted.arrays()["imputation"].shape == (3,)


def test_rows_that_lack_a_view_which_is_said_to_be_always_there_are_refused():
    _, problem, _ = trial(tiny(), scenario(missing=("b",), missing_fraction=0.4))
    fitted, rows = fit("sdgm_plus", problem), problem.tuning
    lacking = replace(rows, present=rows.present & [False, True])
    for answer in (fitted.predict, fitted.impute):
        with pytest.raises(UnsupportedError, match="absent"):
            answer(lacking)
