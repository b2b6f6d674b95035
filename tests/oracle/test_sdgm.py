"""SDGM's bound against quadrature, M2, loops over classes and draws; and the half moons."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons
from torch import Tensor

from datasets.base import Problem, Rows
from methods._nn.data import Batch
from methods._nn.densities import gaussian
from methods._ssvae.model import SemisupVAE, perceptrons
from methods._ssvae.posterior import Mixture
from methods._ssvae.skip import SkipVAE
from methods.base import Finished, Member, Training
from methods.generative import sdgm
from tests.oracle.doubles import DOUBLE, normal, source
from tests.oracle.search import assert_finite_differences
from tests.unit.methods.conftest import problem

METHODS = ("sdgm",)
CLASSES = 3


def parameters(made: SkipVAE | SemisupVAE, seed: int = 0) -> dict[str, Tensor]:
    flat = made.layout.initial([seed], DOUBLE)
    flat += 0.1 * torch.randn(flat.shape, dtype=DOUBLE, generator=source(seed))
    return made.layout.views(flat)


def model(hidden: tuple[int, ...] = (7, 6), **changes: Any) -> SkipVAE:
    made = SkipVAE(5, CLASSES, (0.4, 0.6), perceptrons(hidden), latent=4, auxiliary=3)
    return replace(made, **changes)


def batch(made: SkipVAE, known: int, unknown: int, samples: int = 1, seed: int = 1) -> Batch:
    b = known + unknown
    labels = torch.randint(made.n_classes, (1, known), generator=source(seed))
    return Batch(
        x=(normal(seed, 1, b, made.width),),
        present=torch.ones(1, b, 1, dtype=DOUBLE),
        onehot=torch.eye(made.n_classes, dtype=DOUBLE)[labels],
        n_labelled=known,
        noise={
            "a": normal(seed + 10, 1, samples, b, made.auxiliary),
            "z": normal(seed + 20, 1, samples, b, made.latent),
        },
        hyper={"c": torch.full((1,), 0.5, dtype=DOUBLE)},
        keep=(None,),
    )


def test_the_nets_own_likelihood_is_bounded_as_quadrature_has_it():
    """One a, one z: log p(x,y) of the production decoders by integration over a grid."""
    made = model(width=2, latent=1, auxiliary=1, hidden=(6, 5))
    p = parameters(made, 4)
    grid = torch.linspace(-9, 9, 601, dtype=DOUBLE)
    cell = 2 * math.log(18 / 600)
    data = batch(made, 0, 2, 20000)
    plain = torch.nn.functional.softplus

    def net(name: str, first: Tensor) -> tuple[Tensor, Tensor]:
        h = plain(first + p[f"{name}.0.b"][0])
        h = plain(h @ p[f"{name}.1.W"][0] + p[f"{name}.1.b"][0])
        mean, raw = (h @ p[f"{name}.2.W"][0] + p[f"{name}.2.b"][0]).chunk(2, -1)
        return mean, raw / (1 + (raw / 6) ** 4) ** 0.25

    z, a = grid[:, None, None], grid[None, :, None]
    log_p = []
    for y in range(CLASSES):
        mean_a, logvar_a = net("dec_a", z @ p["dec_a.0.z"][0] + p["dec_a.0.y"][0, y])
        parts = z @ p["dec_x.0.z"][0] + a @ p["dec_x.0.a"][0] + p["dec_x.0.y"][0, y]
        mean_x, logvar_x = net("dec_x", parts)
        prior = gaussian(z, torch.zeros_like(z), torch.zeros_like(z))
        of_a = gaussian(a, mean_a, logvar_a)
        of_x = [gaussian(x, mean_x, logvar_x) for x in data.x[0][0]]
        log_p.append([(prior + of_a + one).logsumexp((0, 1)) + cell for one in of_x])
    exact = torch.tensor(log_p, dtype=DOUBLE).logsumexp(0).mean() - math.log(CLASSES)
    bound = -made.objective(p, data, (0.0, 1.0))[0].item()
    assert exact.item() - 3 < bound < exact.item()


def test_nets_that_ignore_a_give_the_bound_of_m2():
    made = model()
    nets, single = made.networks, Mixture(1, "exact")
    theirs = SemisupVAE((5,), CLASSES, made.shares, nets, single, made.latent)
    p = parameters(made)
    for name, value in p.items():
        silent = name.startswith(("aux", "dec_a.2"))  # both are N(0, I)
        if silent or name in ("cls.0.a", "enc.0.a", "dec_x.0.a"):
            value.zero_()
    renamed = {"enc": "enc0", "dec_x": "dec0", "cls": "cls"}
    q = {}
    for name, value in p.items():
        head, _, tail = name.partition(".")
        if head in renamed and tail != "0.a":
            q[f"{renamed[head]}.{tail}"] = value
    q["cls.0.x0"] = q.pop("cls.0.x")
    assert q.keys() == theirs.layout.parameters.keys()
    data = batch(made, 3, 4)
    of_m2 = replace(data, noise={"eps": data.noise["z"][:, None]})
    ours, (m2s, log_q) = made.loss(p, data)[0], theirs.objective(q, of_m2, made.shares, "exact")
    error = -(log_q[:, :3] * data.onehot).sum(-1).mean(-1)
    assert ours.item() == pytest.approx((m2s + 0.5 * error).item(), abs=1e-12)


def test_enumeration_of_classes_equals_a_loop_over_draws_and_classes():
    made, n, samples = model(), 4, 2
    p, data = parameters(made), batch(model(), 0, 4, 2)
    whole, _ = made.objective(p, data, (0.0, 1.0))
    total = 0.0
    for draw in range(samples):
        for row in range(n):
            for y in range(CLASSES):
                one = replace(
                    data,
                    x=(data.x[0][:, row : row + 1],),
                    present=data.present[:, row : row + 1],
                    onehot=torch.eye(CLASSES, dtype=DOUBLE)[None, y : y + 1],
                    n_labelled=1,
                    noise={k: v[:, draw : draw + 1, row : row + 1] for k, v in data.noise.items()},
                )
                loss, log_q = made.objective(p, one, (1.0, 0.0))
                total += log_q[0, 0, y].exp() * (loss + log_q[0, 0, y])
    assert whole.item() == pytest.approx(total.item() / n / samples, abs=1e-12)


def test_the_loss_of_many_draws_is_the_mean_over_draws_with_the_log_of_the_mean_of_q():
    made, samples, known = model(error_weight=7.0), 3, 2
    p, data = parameters(made), batch(model(), 2, 3, 3)
    bounds, guesses = [], []
    for draw in range(samples):
        noise = {name: value[:, draw : draw + 1] for name, value in data.noise.items()}
        bound, log_q = made.objective(p, replace(data, noise=noise), made.shares)
        bounds.append(bound)
        guesses.append(log_q[:, :known].exp())
    mean = torch.stack(guesses).mean(0)
    error = -(mean.log() * data.onehot).sum(-1).mean(-1)
    loss, logs = made.loss(p, data)
    assert logs["cross_entropy"].item() == pytest.approx(error.item(), abs=1e-12)
    expected = torch.stack(bounds).mean(0) + 7.0 * 0.5 * error
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)


def test_gradients_equal_finite_differences():
    made = model(width=3, hidden=(4, 3), latent=2, auxiliary=2)
    p, data = parameters(made), batch(made, 2, 2, 2)
    leaves = {name: value.detach().clone().requires_grad_() for name, value in p.items()}
    loss, _ = made.loss(leaves, data)
    grads = torch.autograd.grad(loss.sum(), [*leaves.values()])
    named = dict(zip(leaves, grads, strict=True))
    assert_finite_differences(lambda moved: made.loss(moved, data)[0], p, named)


def test_an_answer_is_the_mean_of_q_over_draws_of_a():
    made, n = model(answer_draws=4), 6
    p, x = parameters(made), normal(2, 1, 6, 5)
    eps = {f"a {number}": normal(30 + number, 1, n, 3) for number in range(4)}
    said = made.classify(p, (x,), torch.ones(1, x.shape[1], 1), lambda name, _: eps[name])
    mean, logvar = made.auxiliaries(p, x)
    each = [made.log_q(p, x, mean + (0.5 * logvar).exp() * e).exp() for e in eps.values()]
    torch.testing.assert_close(said.exp(), torch.stack(each).mean(0), atol=1e-12, rtol=0)


def test_half_the_authors_loss_is_the_papers_with_equal_shares_and_c_times_n_over_twice_n_l():
    made, config = problem(0, n=40, known=6), sdgm.Config(c=0.3, hidden=(7, 6), latent=4)
    authors = cast(SkipVAE, sdgm.SDGM.spec(config, made).model)
    paper = sdgm.SDGM.spec(replace(config, normalisation="paper"), made).model
    p, data = parameters(authors), batch(authors, 3, 4)
    scaled = replace(data, hyper={"c": data.hyper["c"] * 40 / (2 * 6)})
    half, whole = authors.loss(p, data)[0] / 2, paper.loss(p, scaled)[0]
    assert half.item() == pytest.approx(whole.item(), abs=1e-12)


@pytest.mark.parametrize(
    ("known", "changes"),
    [
        (6, {"normalisation": "paper", "batching": "proportional", "mc_samples": 2}),
        (12, {"batching": "minibatch", "clip": 1.0, "activation": "relu"}),  # all rows labelled
        (6, {"nets": "maaloe2016", "weight_prior": False}),
    ],
)
def test_every_switch_trains(known, changes):
    made = problem(0, n=12, known=known)
    config = sdgm.Config(**{"hidden": (8, 6), "latent": 3, "batches_per_epoch": 2, **changes})
    member = Member(made, config, 0, lambda fitted: fitted.predict(made.tuning).mean())
    events = sdgm.SDGM.fit_stack([member], Training(epochs=2, eval_every=1))
    (end,) = (event for event in events if isinstance(event, Finished))
    assert math.isfinite(end.fitted.facts()["elbo"])
    assert end.fitted.arrays()["cross_entropy"].shape == (2,)


# ---------------------------------------------------------------- the authors' own example


def half_moons(n: int, seed: int) -> tuple[Problem, Rows, np.ndarray]:
    """Two moons of ``n`` rows, labels at the ends and the middle of each; test rows, their labels.

    The noise is .1: at the .2 of the authors' loader the moons overlap, and no rule errs less often
    than 3.1 %.
    """
    t = np.array([0.0, 0.5, 1.0]) * np.pi
    upper = np.stack([np.cos(t), np.sin(t)], 1)
    lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1)
    x, _ = make_moons(n, noise=0.1, random_state=seed)
    test, truth = make_moons(n, noise=0.1, random_state=seed + 1)

    def rows(view: np.ndarray, first: int) -> Rows:
        ids = np.arange(first, first + len(view))
        return Rows((view.astype(np.float32),), np.ones((len(view), 1), bool), ids)

    labels = np.r_[0, 0, 0, 1, 1, 1, np.full(n, -1)]
    problem = Problem(
        rows=rows(np.concatenate([upper, lower, x]), 2 * n),
        labels=labels,
        labelled=labels >= 0,
        view_names=("xy",),
        class_names=("upper", "lower"),
        tuning=rows(test[:9], 0),
    )
    return problem, rows(test, 0), truth


@pytest.mark.slow
def test_six_labels_divide_the_half_moons_in_the_start_with_the_best_bound():
    """The authors' example; some starts end in another division of the plane, of a lower bound.

    The noise of .1 asks for decoders of small variance, and 44 epochs leave no room for a warm-up.
    """
    problem, test, truth = half_moons(10_000, 0)
    config = sdgm.Config(
        c=0.01, hidden=(100, 100), latent=2, auxiliary=2, activation="relu", batch=250,
        learning_rate=3e-3, init="glorot", warmup_epochs=0, logvar_floor=-6.0,
    )  # fmt: skip
    members = [Member(problem, config, seed, lambda _: 0.0) for seed in range(4)]
    training = Training(epochs=44, eval_every=44, patience=None)
    events = list(sdgm.SDGM.fit_stack(members, training))
    fits = [event.fitted for event in events if isinstance(event, Finished)]
    best = max(fits, key=lambda fitted: float(fitted.facts()["elbo"]))
    assert np.mean(best.predict(test) != truth) < 0.01
