"""Initial values, warm-up, least log-variance; the former settings give the former numbers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from harness import registry
from methods._nn import trainer
from methods._nn.classifier import train_spec, unlabelled
from methods._nn.data import Batch
from methods._nn.layers import ParameterLayout
from methods._nn.networks import MLP, repeat_classes
from methods._nn.trainer import TrainSpec
from methods._ssvae.bound import weighted_bound
from methods.base import Finished, Member, Training
from methods.generative import m2, smvae
from protocols.base import Scenario, build, draw
from protocols.table2 import FORMER
from tests.unit.methods.former_training import LACKING, METHODS, measured, problem

EXPECTED = json.loads(Path(__file__).with_name("former_training.json").read_text("utf-8"))


@pytest.mark.parametrize("key", METHODS)
def test_the_former_settings_give_the_former_numbers(key):
    found = measured(key, **FORMER)
    for name, value in EXPECTED[key].items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12)


def test_fan_in_values_are_those_of_pytorchs_linear_layer():
    layout = ParameterLayout(MLP((20,), init="fan_in").parameters({"x": 30, "y": 10}, 5))
    views = layout.views(layout.initial([1], torch.float64))
    for name, width in (("0.x", 40), ("0.y", 40), ("0.b", 40), ("1.W", 20)):
        linear = torch.nn.Linear(width, 2000)
        bound = 1 / math.sqrt(width)
        assert float(linear.weight.detach().abs().max()) == pytest.approx(bound, rel=0.01)
        assert float(linear.bias.detach().abs().max()) == pytest.approx(bound, rel=0.01)
        assert views[name].abs().max() <= bound
        assert views[name].abs().max() > 0.7 * bound


def spec_and_batch(key: str, epoch: int, **settings: Any) -> tuple[TrainSpec, Any, Batch]:
    """What is trained, in float64, its parameters (1, P) as a leaf, a minibatch of ``epoch``."""
    method, made = cast(Any, registry.load_method(key)), problem(key in LACKING)
    config = method.Config(hidden=(8, 6), latent=3, **settings)
    member = Member(made, config, 5, lambda _: 0.0)
    spec = train_spec([member], method.spec(config, made), dtype=torch.float64)
    state = trainer.begin(spec, [member], Training())
    state.epoch = epoch
    update = next(trainer.updates(spec, state, [member], slice(0, 1)))
    return spec, state.flat.clone().requires_grad_(), update.batch


def gradient(spec: TrainSpec, flat: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
    loss, _ = spec.loss(spec.layout.views(flat), batch)
    return spec.layout.views(torch.autograd.grad(loss.sum(), flat)[0])


@pytest.mark.parametrize("key", METHODS)
def test_a_warm_up_stops_the_gradient_of_u_into_the_classifier_and_no_other(key):
    """Against autograd: the classifier's gradient is that of the cross-entropy alone, and every
    other net's is the one it has where U's gradient does reach the classifier."""
    spec, flat, batch = spec_and_batch(key, 3, warmup_epochs=3)
    warm = gradient(spec, flat, batch)
    whole = gradient(spec, flat, replace(batch, epoch=4))
    loss, logs = spec.loss(spec.layout.views(flat), batch)
    same, _ = spec.loss(spec.layout.views(flat), replace(batch, epoch=4))
    torch.testing.assert_close(loss, same, rtol=0, atol=0)  # the value does not change
    cross_entropy = torch.autograd.grad(
        _cross_entropy(spec, flat, batch).sum(), flat, allow_unused=True
    )[0]
    alone = spec.layout.views(cross_entropy)
    for name, value in warm.items():
        if name.startswith("cls"):
            torch.testing.assert_close(value, alone[name], rtol=1e-10, atol=1e-12)
            assert not torch.allclose(value, whole[name])
        elif name.startswith("dec"):
            torch.testing.assert_close(value, whole[name], rtol=1e-10, atol=1e-12)


def _cross_entropy(spec: TrainSpec, flat: torch.Tensor, batch: Batch) -> torch.Tensor:
    """c x cross-entropy as the loss has it: the loss less the bound, by switching c on and off."""
    hyper = {**batch.hyper, "c": torch.zeros_like(batch.hyper["c"])}
    with_c, _ = spec.loss(spec.layout.views(flat), batch)
    without, _ = spec.loss(spec.layout.views(flat), replace(batch, hyper=hyper))
    return with_c - without


def test_no_patience_runs_out_before_the_warm_up_ends():
    made = problem(False)
    for warmup, last in ((0, 3), (5, 7)):
        config = m2.Config(hidden=(8, 6), latent=3, warmup_epochs=warmup)
        scores = iter([1.0, *[0.0] * 20])
        member = Member(made, config, 5, lambda _, scores=scores: next(scores))
        events = m2.M2.fit_stack([member], Training(20, 1, 2))
        (end,) = (event for event in events if isinstance(event, Finished))
        assert end.epoch == 1
        assert end.fitted.arrays()["scored_epoch"].max() == last


@pytest.mark.parametrize("key", METHODS)
def test_a_method_says_its_warm_up_in_one_place(key):
    method: Any = registry.load_method(key)
    config, made = method.Config(warmup_epochs=7), problem(key in LACKING)
    assert method.warmup(config) == method.spec(config, made).warmup == 7


def test_a_profile_without_a_warm_up_has_none():
    for profile in ("authors2017", "authors2017_head"):
        assert smvae.SMVAE.warmup(smvae.Config(profile=profile, warmup_epochs=40)) == 0
    assert registry.load_method("svm").warmup(None) == 0


def test_a_profile_has_its_own_learning_rate():
    """Trained by the profile of 2017: .0003, whatever the settings say; without it, as they say."""
    made = problem(False)

    def fitted(**settings: Any) -> np.ndarray:
        member = Member(made, smvae.Config(**settings), 5, lambda _: 0.0)
        events = smvae.SMVAE.fit_stack([member], Training(2, 2, None))
        (end,) = (event for event in events if isinstance(event, Finished))
        return end.fitted.arrays()["loss"]

    own = fitted(profile="authors2017_head")
    given = fitted(profile="authors2017_head", learning_rate=0.01)
    np.testing.assert_array_equal(own, given)
    switches = dict(smvae.PROFILES["authors2017_head"])
    np.testing.assert_array_equal(own, fitted(**switches))
    faster = fitted(**switches | {"learning_rate": 0.01})
    assert not np.allclose(own, faster)


@pytest.mark.parametrize("key", METHODS)
def test_scores_terms_and_clamp_hits_are_logged(key):
    kind, made = registry.load_method(key), problem(key in LACKING)
    member = Member(made, cast(Any, kind.Config)(hidden=(8, 6), latent=3), 5, lambda _: 0.5)
    events = kind.fit_stack([member], Training(4, 2, None))
    (end,) = (event for event in events if isinstance(event, Finished))
    curves = end.fitted.arrays()
    assert curves["scored_epoch"].tolist() == [2, 4]
    assert curves["tuning_score"].tolist() == [0.5, 0.5]
    for name in ("bound", "cross_entropy", "loss"):
        assert curves[name].shape == (4,)
    for name in ("clamp_hits_z", "clamp_hits_x"):
        assert curves[name].shape == (2,)
        assert 0 <= end.fitted.facts()[name] <= 1


def test_clamp_hits_count_log_variances_beyond_their_bounds():
    spec, flat, batch = spec_and_batch("smvae", 1, logvar_floor=-2.0)
    with torch.no_grad():
        parts = spec.layout.views(flat)
        for v in range(2):
            parts[f"dec{v}.2.W"].zero_()
            parts[f"dec{v}.2.b"].zero_()
        half = parts["dec0.2.b"].shape[-1] // 2
        parts["dec0.2.b"][..., half] = -2.5  # one of view a's five log-variances
        assert spec.watch is not None
        hits = spec.watch(0, parts)
    assert hits["clamp_hits_x"] == pytest.approx(1 / 9)


def test_the_classifier_alone_is_smvae_whose_warm_up_never_ends():
    """Same classifier, initial values and minibatches: the same answers after every epoch."""
    made = problem(False)
    held_out: dict[str, list[np.ndarray]] = {}
    for name, settings in {
        "never ends": {"warmup_epochs": 99},
        "alone": {"trains": "classifier"},
        "bound too": {"warmup_epochs": 0},
    }.items():
        config = smvae.Config(hidden=(8, 6), latent=3, learning_rate=3e-3, **settings)
        seen = held_out.setdefault(name, [])

        def score(fitted: Any, seen: list[np.ndarray] = seen) -> float:
            x, present = fitted.tensors(made.tuning)
            seen.append(fitted.spec.model.classify(fitted.params, x, present, None).numpy())
            return 0.0

        list(smvae.SMVAE.fit_stack([Member(made, config, 5, score)], Training(6, 1, None)))
    np.testing.assert_allclose(held_out["alone"], held_out["never ends"], atol=1e-5)
    assert not np.allclose(held_out["alone"][-1], held_out["bound too"][-1], atol=1e-2)


def spread_over_classes(dataset: str, **settings: Any) -> float:
    """Median over rows of the range over classes of the bound at the start, nats."""
    data = registry.module("datasets", dataset).load()
    scenario = Scenario(data.splits[0].name, "inductive", 0.02, "random_min_one")
    made, _ = build(data, scenario, draw(data, scenario, 0, seed=1))
    config = smvae.Config(**settings)
    asked = smvae.SMVAE.spec(config, made)
    spec = train_spec([Member(made, config, 3, float)], asked, dtype=torch.float64)
    p, model = spec.layout.views(spec.layout.initial([3], torch.float64)), cast(Any, asked.model)
    batch = unlabelled(model, p, spec.data, (0, 3), 60)
    mean, logvar = model.encoded(p, batch.x, batch)
    eps = repeat_classes(batch.noise["eps"], 0, model.n_classes)
    rows = torch.zeros(1, mean.shape[2], dtype=torch.float64, requires_grad=True)
    likelihood, q = model.likelihood(p, batch.x, batch), model.posterior.combine(p, mean, logvar)
    bound = weighted_bound(likelihood, q, eps, rows, model.posterior.entropy)
    # Linear in the weights of rows: its slopes are the rows' own bounds, class by class.
    each = torch.autograd.grad(bound.sum(), rows)[0].view(model.n_classes, -1)
    return float((each.max(0).values - each.min(0).values).median())


@pytest.mark.parametrize("dataset", ["mfeat", "digits", "watch"])
def test_untrained_decoders_prefer_classes_by_less_than_cross_entropy_can_oppose(dataset):
    assert spread_over_classes(dataset) < smvae.Config().c
    assert spread_over_classes(dataset, **FORMER) > 3
