"""CoNet against least squares, ridge and logistic regression, and its objective spelt out.

No code, text or table of the authors' is public: these hold it to what its objective implies.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from methods._nn import classifier
from methods._nn.data import Batch
from methods._nn.layers import Params
from methods.base import ConfigError, SkipError, Training, UnsupportedError
from methods.multiview import conet
from methods.multiview.conet import Model
from tests.helpers import config_of, fit, fit_all, members, scenario, tiny, trial
from tests.oracle.absent_cases import class_pair, gaussian_pair, nmse
from tests.oracle.search import assert_finite_differences, optimise, start

METHODS = ("conet",)
DOUBLE = torch.float64
DIMS, CLASSES = (2, 3, 1), 3
"""The view in the middle is always there."""
KNOWN, ROWS = 12, 40


def net(**changes: object) -> Model:
    made = Model(
        DIMS, always=(1,), maybe=(0, 2), n_classes=CLASSES,
        proportions=(KNOWN / ROWS, 1 - KNOWN / ROWS), generator=(6, 4, 6), hidden=(5,),
    )  # fmt: skip
    return replace(made, **changes)


def batch(
    *, known: int = KNOWN, rows: int = ROWS, lacking: float = 0.5, gamma: float = 0.7,
    beta: float = 0.3,
) -> Batch:  # fmt: skip
    """Correlated rows that lack each view but the middle one with probability ``lacking``."""
    draw = torch.Generator().manual_seed(3)
    common = torch.randn(1, rows, 2, dtype=DOUBLE, generator=draw)
    present = torch.ones(1, rows, len(DIMS), dtype=DOUBLE)
    present[..., [0, 2]] = (torch.rand(1, rows, 2, generator=draw) >= lacking).to(DOUBLE)
    views = []
    for v, d in enumerate(DIMS):
        view = common @ torch.randn(2, d, dtype=DOUBLE, generator=draw)
        view = view + 0.5 * torch.randn(1, rows, d, dtype=DOUBLE, generator=draw)
        views.append(view * present[..., v, None])
    labels = torch.randint(CLASSES, (1, known), generator=draw)
    return Batch(
        x=tuple(views),
        present=present,
        onehot=torch.eye(CLASSES, dtype=DOUBLE)[labels],
        n_labelled=known,
        noise={},
        hyper={name: torch.full((1,), value) for name, value in (("gamma", gamma), ("beta", beta))},
        keep=(None,) * len(DIMS),
    )


def generated(made: Model, p: Params, data: Batch) -> dict[int, Tensor]:
    return made.answers(p, data.x, data.present)[0]


@pytest.mark.parametrize("eta", [0.0, 0.1])
def test_linear_without_labels_and_agreement_it_is_least_squares_or_ridge(eta: float) -> None:
    made, data = net(generator=()), batch(gamma=0.0, beta=0.0)

    def loss(p: Params) -> Tensor:
        squares = torch.stack([value.square().sum() for value in p.values()]).sum()
        return made.loss(p, data)[0] + eta * squares

    p = made.layout.views(optimise(made.layout, loss))
    design = torch.cat([data.x[1][0], torch.ones(ROWS, 1, dtype=DOUBLE)], 1)
    for v, guess in generated(made, p, data).items():
        rows = data.present[0, :, v] > 0
        seen = design[rows]
        gram = seen.T @ seen / rows.sum() + eta * torch.eye(4, dtype=DOUBLE)
        exact = design @ torch.linalg.solve(gram, seen.T @ data.x[v][0, rows] / rows.sum())
        torch.testing.assert_close(guess[0], exact, atol=1e-7, rtol=0)


def test_the_trainer_adds_eta_times_the_squared_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    _, problem, _ = trial(tiny(), scenario(missing=("b",), missing_fraction=0.4))
    caught = []
    monkeypatch.setattr(classifier, "train", lambda spec, *_: caught.append(spec))
    stack = members([problem], [config_of("conet", eta=0.03)])
    conet.CoNet.fit_stack(stack, Training(epochs=1))
    assert caught[0].prior / (2 * problem.rows.n) == pytest.approx(
        0.03
    )  # as TrainSpec.prior has it


def test_the_loss_is_its_three_terms_spelt_out() -> None:
    made, data = net(), batch()
    p = made.layout.views(start(made.layout))
    guesses, log_f = made.answers(p, data.x, data.present)
    f = [one[0].exp() for one in log_f]
    total = 0.0
    weight = [made.proportions[0] / KNOWN] * KNOWN
    weight += [made.proportions[1] / (ROWS - KNOWN)] * (ROWS - KNOWN)
    for v, guess in guesses.items():
        seen = [i for i in range(ROWS) if data.present[0, i, v]]
        errors = [float((data.x[v][0, i] - guess[0, i]).square().sum()) for i in seen]
        total += float(np.average(errors, weights=[weight[i] for i in seen]))
    for i in range(ROWS):
        for v in range(3):
            if i < KNOWN:
                total -= 0.7 / KNOWN * math.log(float(f[v][i, data.onehot[0, i].argmax()]))
            for w in range(v):
                total += 0.3 * weight[i] * float((f[v][i] - f[w][i]).square().sum())
    assert float(made.loss(p, data)[0]) == pytest.approx(total, rel=1e-6)


def test_what_is_present_is_never_replaced() -> None:
    made, data = net(), batch()
    p = made.layout.views(start(made.layout))
    full, variances = made.impute(p, data.x, data.present)
    assert variances is None
    for v, (view, own) in enumerate(zip(full, data.x, strict=True)):
        there = data.present[0, :, v] > 0
        torch.testing.assert_close(view[0, there], own[0, there], atol=0, rtol=0)
        if v in made.maybe:
            guess = generated(made, p, data)[v]
            torch.testing.assert_close(view[0, ~there], guess[0, ~there], atol=0, rtol=0)


def test_what_stands_at_absent_entries_enters_nothing() -> None:
    made, data = net(), batch()
    p = made.layout.views(start(made.layout))
    other = tuple(view + 9 * (1 - data.present[..., v, None]) for v, view in enumerate(data.x))
    moved = replace(data, x=other)
    assert float(made.loss(p, data)[0]) == float(made.loss(p, moved)[0])


@pytest.mark.parametrize("lacking", [0.0, 0.5])
def test_labels_and_agreement_reach_the_generator_through_absent_rows_alone(lacking: float) -> None:
    made, data = net(), batch(lacking=lacking)
    flat = start(made.layout).requires_grad_()
    _, entropy, apart = made.terms(made.layout.views(flat), data)
    (slope,) = torch.autograd.grad((entropy + apart).sum(), flat)
    of_g = [g for name, g in made.layout.views(slope).items() if name.startswith("gen")]
    assert any(bool(g.any()) for g in of_g) == (lacking > 0)
    fixed = generated(made, made.layout.views(flat), data)
    guesses = {v: guess.detach().requires_grad_() for v, guess in fixed.items()}
    full = conet.completed(data.x, data.present, guesses)
    slopes = torch.autograd.grad(
        torch.stack([one.sum() for one in full]).sum(), [*guesses.values()]
    )
    for v, one in zip(guesses, slopes, strict=True):
        torch.testing.assert_close(one[..., 0], 1 - data.present[..., v], atol=0, rtol=0)


@pytest.mark.parametrize("shared", [False, True])
def test_gradients_equal_finite_differences(shared: bool) -> None:
    made, data = net(shared=shared), batch(known=4, rows=9)
    p = made.layout.views(start(made.layout))
    leaves = {name: value.detach().clone().requires_grad_() for name, value in p.items()}
    grads = torch.autograd.grad(made.loss(leaves, data)[0].sum(), [*leaves.values()])
    named = dict(zip(leaves, grads, strict=True))
    assert_finite_differences(lambda moved: made.loss(moved, data)[0], p, named)


def test_a_minibatch_without_complete_rows_has_a_finite_loss_and_gradient() -> None:
    made, data = net(), batch(lacking=1.1)
    flat = start(made.layout).requires_grad_()
    loss, logs = made.loss(made.layout.views(flat), data)
    assert float(logs["generation"]) == 0.0
    assert torch.autograd.grad(loss.sum(), flat)[0].isfinite().all()


def test_an_answer_is_the_mean_of_all_classifiers() -> None:
    made, data = net(), batch()
    p = made.layout.views(start(made.layout))
    said = made.classify(p, data.x, data.present, lambda name, width: torch.empty(0))
    each = torch.stack(made.answers(p, data.x, data.present)[1]).exp()
    assert len(each) == 3
    torch.testing.assert_close(said.exp(), each.mean(0), atol=1e-12, rtol=0)


def test_a_linear_shared_net_is_least_squares_beside_logistic_regression() -> None:
    made, data = net(shared=True, hidden=()), batch(known=30)
    data = replace(data, hyper={**data.hyper, "gamma": torch.full((1,), 10.0)})
    p = made.layout.views(optimise(made.layout, lambda p: made.loss(p, data)[0]))
    guesses, (log_f,) = made.answers(p, data.x, data.present)
    x = data.x[1][0]
    peer = LogisticRegression(C=math.inf, tol=1e-10, max_iter=1000)
    peer.fit(x[:30].numpy(), data.onehot[0].argmax(-1).numpy())
    np.testing.assert_allclose(log_f[0].exp(), peer.predict_proba(x.numpy()), atol=1e-5)
    rows = data.present[0, :, 0] > 0
    weight = torch.full((ROWS, 1), made.proportions[0] / 30, dtype=DOUBLE)
    weight[30:] = made.proportions[1] / (ROWS - 30)
    design = torch.cat([x, torch.ones(ROWS, 1, dtype=DOUBLE)], 1)
    root = weight[rows].sqrt()
    exact = design @ torch.linalg.lstsq(root * design[rows], root * data.x[0][0, rows]).solution
    torch.testing.assert_close(guesses[0][0], exact, atol=1e-6, rtol=0)


# ---------------------------------------------------------------- fits

FORTY = Training(epochs=40, eval_every=40, patience=None)
TWENTY = Training(epochs=20, eval_every=20, patience=None)
SIXTY = Training(epochs=60, eval_every=60, patience=None)


def test_on_gaussian_views_imputation_comes_near_the_conditional_mean() -> None:
    problem, truth, best = gaussian_pair(n=600)
    config = config_of("conet", gamma=0.01, beta=0.01, generator=(), learning_rate=1e-2)
    views, variances = fit("conet", problem, config, FORTY).impute(problem.rows)
    assert variances is None
    reached = nmse(truth, views[1], ~problem.rows.present[:, 1])
    assert best < reached < 1.05 * best


def test_a_large_beta_makes_the_classifiers_agree() -> None:
    problem, _, _ = class_pair(n=300, lacking=0.4, known=60)
    grid = [config_of("conet", beta=beta, learning_rate=3e-3) for beta in (0.0, 10.0, 100.0)]
    fits = fit_all("conet", members([problem] * 3, grid), TWENTY)
    apart = [float(fitted.facts()["disagreement"]) for fitted in fits]
    assert apart[0] > 2 * apart[1] > 40 * apart[2]


@pytest.mark.slow
def test_labels_improve_imputation_where_complete_rows_are_few_and_views_tell_the_class() -> None:
    """On average over draws; also for rows that have no label of their own."""
    cases = [class_pair(seed=seed) for seed in range(8)]
    reached = []
    for gamma in (0.0, 10.0):
        grid = [config_of("conet", gamma=gamma, beta=0.0)] * len(cases)
        fits = fit_all("conet", members([case[0] for case in cases], grid), SIXTY)
        for (problem, truth, best), fitted in zip(cases, fits, strict=True):
            views, _ = fitted.impute(problem.rows)
            absent = ~problem.rows.present[:, 1]
            unlabelled = absent & ~problem.labelled
            reached.append([nmse(truth, views[1], rows) for rows in (absent, unlabelled)])
            assert reached[-1][0] > best
    without, with_labels = np.array(reached).reshape(2, len(cases), 2).mean(1)
    assert (with_labels < 0.97 * without).all()


@pytest.mark.parametrize("form", ["heads", "shared_hidden"])
@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_both_forms_train_with_any_share_of_incomplete_rows(form: str, fraction: float) -> None:
    wanted = scenario(missing=("a", "c"), missing_fraction=fraction)
    _, problem, held_out = trial(tiny(dims=(4, 3, 2)), wanted)
    fitted = fit("conet", problem, config_of("conet", form=form))
    assert set(fitted.predict(held_out.test)) <= {0, 1, 2}
    assert math.isfinite(float(fitted.facts()["generation_error"]))
    assert fitted.arrays()["cross_entropy"].shape == (3,)


def test_without_a_view_that_is_always_there_or_one_that_may_be_absent_it_says_so() -> None:
    cases = {(): (ConfigError, "names none"), ("a", "b"): (SkipError, "every row has")}
    for missing, (error, what) in cases.items():
        with pytest.raises(error, match=what):
            fit("conet", trial(tiny(), scenario(missing=missing))[1])


def test_rows_that_lack_a_view_which_is_said_to_be_always_there_are_refused() -> None:
    _, problem, _ = trial(tiny(), scenario(missing=("b",), missing_fraction=0.4))
    fitted, rows = fit("conet", problem), problem.tuning
    lacking = replace(rows, present=np.array([[False, True]] * rows.n))
    for answer in (fitted.predict, fitted.impute):
        with pytest.raises(UnsupportedError, match="absent"):
            answer(lacking)
