"""Networks that are handed in, for every member of the family; and the page that shows how."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from harness import registry
from methods._nn.classifier import ClassifierSpec, FittedClassifier, fit, train_spec
from methods._nn.layers import Parameter, ParameterLayout, Params, dense
from methods._nn.networks import MLP, Inputs, Network, part
from methods._ssvae.model import Networks, perceptrons
from methods.base import Finished, Member, Training
from tests.unit.methods.conftest import ends, problem
from tests.unit.methods.former_training import LACKING, METHODS
from tests.unit.methods.former_training import problem as two_views

DOUBLE = torch.float64


@pytest.fixture(scope="module")
def page(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[ModuleType]:
    """docs/extending.md's method, and its network with the settings that hand it in."""
    text = (root / "docs/extending.md").read_text("utf-8")
    method, _, network, settings, *_ = re.findall(r"```python\n(.*?)```", text, re.S)
    modules = []
    for name, source in (("page_method", method), ("page_network", network + settings)):
        path = tmp_path_factory.mktemp("page") / f"{name}.py"
        path.write_text(source, "utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        modules.append(module)
    return modules


@dataclass(frozen=True)
class Convolution(Network):
    """A kernel of three bands slides over each channel of ``x``; the other inputs join after it."""

    channels: int = 2
    width: int = 6

    def parameters(self, inputs: Mapping[str, int], outputs: int) -> dict[str, Parameter]:
        others = sum(width for name, width in inputs.items() if name != "x")
        first = dense(inputs["x"] + others, self.width, "fan_in")
        last = dense(self.width, outputs, "fan_in")
        declared = dict(zip(("1.W", "1.b", "2.W", "2.b"), first + last, strict=True))
        return {"kernel": Parameter((3,), 0.5)} | declared

    def apply(self, p: Params, inputs: Inputs) -> Tensor:
        x = inputs["x"]
        bands = x.unflatten(-1, (self.channels, -1))  # (t, r, channels, bands)
        padded = torch.nn.functional.pad(bands, (1, 1)).unfold(-1, 3, 1)
        slid = (padded * p["kernel"][:, None, None, None]).sum(-1).flatten(2)
        others = [rows for name, rows in sorted(inputs.items()) if name != "x"]
        h = torch.baddbmm(p["1.b"], torch.cat([slid, *others], -1), p["1.W"]).relu()
        return torch.baddbmm(p["2.b"], h, p["2.W"])


def with_networks(spec: ClassifierSpec, networks: Networks) -> ClassifierSpec:
    model = cast(Any, spec.model)
    if hasattr(model, "core"):
        return replace(spec, model=replace(model, core=replace(model.core, networks=networks)))
    return replace(spec, model=replace(model, networks=networks))


def asked(key: str, networks: Networks) -> tuple[ClassifierSpec, Any]:
    """What method ``key`` has trained, with ``networks``; a config."""
    method: Any = registry.load_method(key)
    config = method.Config(latent=3, learning_rate=3e-3, warmup_epochs=0)
    spec = method.spec(config, two_views(key in LACKING))
    return with_networks(spec, networks), config


def fitted(key: str, networks: Networks, seeds: tuple[int, ...]) -> list[FittedClassifier]:
    """Members trained for three epochs."""
    spec, config = asked(key, networks)
    members = [Member(two_views(key in LACKING), config, seed, lambda _: 0.0) for seed in seeds]
    found = ends(fit(members, spec, Training(3, 3, None), None))
    finished = [cast(Finished, found[i]) for i in range(len(seeds))]
    return [cast(FittedClassifier, end.fitted) for end in finished]


def residual(page: list[ModuleType]) -> Networks:
    return page[1].ResidualConfig().networks()


def deep(page: list[ModuleType]) -> Networks:
    return perceptrons((9, 8, 7))


HANDED_IN = {"residual, LayerNorm, dropout": residual, "three hidden layers": deep}


@pytest.mark.parametrize("name", HANDED_IN)
@pytest.mark.parametrize("key", METHODS)
def test_every_member_of_the_family_trains_with_other_networks(key, name, page):
    (one,) = fitted(key, HANDED_IN[name](page), (5,))
    curve = one.arrays()["loss"]
    assert np.isfinite(curve).all()
    assert curve[-1] < curve[0]
    assert all(np.isfinite(float(fact)) for fact in one.facts().values())
    rows = two_views(False).tuning
    assert np.array_equal(one.predict(rows), one.predict(rows))  # no dropout in an answer


def test_a_convolution_over_channels_is_an_encoder_of_one_view_alone():
    made = problem(0, dims=(8, 4))
    method: Any = registry.load_method("smvae")
    config = method.Config(latent=3, learning_rate=3e-3)
    plain = perceptrons((8, 6))
    networks = replace(plain, encoder=(Convolution(), cast(Network, plain.encoder)))
    spec = with_networks(method.spec(config, made), networks)
    members = [Member(made, config, 5, lambda _: 0.0)]
    end = cast(Finished, ends(fit(members, spec, Training(4, 4, None), None))[0])
    p = cast(FittedClassifier, end.fitted).params
    assert p["enc0.kernel"].shape == (1, 3)
    assert "enc1.0.x" in p
    curve = end.fitted.arrays()["loss"]
    assert curve[-1] < curve[0]


@pytest.mark.parametrize("key", ["smvae", "simvae", "sdgm"])
def test_members_with_dropout_do_not_affect_each_other(key, page):
    both, (alone,) = fitted(key, residual(page), (5, 6)), fitted(key, residual(page), (6,))
    for name, value in alone.params.items():
        torch.testing.assert_close(both[1].params[name], value, atol=1e-5, rtol=1e-4)


def test_dropout_is_drawn_for_rows_in_training_and_for_nothing_else(page):
    spec, config = asked("smvae", residual(page))
    member = Member(two_views(False), config, 5, lambda _: 0.0)
    noise = train_spec([member], spec).noise
    assert {"enc0.drop", "enc1.drop", "dec0.drop", "dec1.drop", "cls.drop"} <= noise.keys()
    model = cast(Any, spec.model)
    p = model.layout.views(model.layout.initial([1], DOUBLE))
    x = tuple(torch.randn(1, 7, d, dtype=DOUBLE) for d in (5, 4))
    drop = {"drop": torch.randn(1, 7, 64, dtype=DOUBLE)}
    assert not torch.allclose(model.log_q(p, x, drop), model.log_q(p, x))


@pytest.mark.parametrize("network", ["perceptron", "residual"])
def test_what_follows_from_parameters_and_apply_equals_its_definition(network, page):
    """per_class, given and log_likelihood against apply on rows written out one class at a time."""
    net = MLP((5, 4)) if network == "perceptron" else page[1].Residual(8, 1)
    layout = ParameterLayout(net.parameters({"x": 4, "y": 3}, 6))
    p = layout.views(layout.initial([1, 2], DOUBLE))
    source = torch.Generator().manual_seed(0)
    known, x = 2, torch.randn(2, 5, 4, dtype=DOUBLE, generator=source)
    onehot = torch.eye(3, dtype=DOUBLE)[torch.tensor([[0, 2], [1, 1]])]
    found = net.per_class(p, {"x": x}, onehot)
    first = net.apply(p, {"x": x[:, :known], "y": onehot})
    torch.testing.assert_close(found[:, :known], first, atol=1e-12, rtol=0)
    for k in range(3):
        label = torch.eye(3, dtype=DOUBLE)[k].expand(2, 3, 3)
        rest = net.apply(p, {"x": x[:, known:], "y": label})
        rows = slice(known + 3 * k, known + 3 * k + 3)
        torch.testing.assert_close(found[:, rows], rest, atol=1e-12, rtol=0)
        given = net.given(p, {"x": x[:, known:]})({"y": label})
        torch.testing.assert_close(given, rest, atol=1e-12, rtol=0)


def test_parts_are_found_by_their_whole_name():
    p = {"enc1.0.b": torch.ones(1), "enc10.0.b": torch.zeros(1)}
    assert part(p, "enc1").keys() == {"0.b"}
    assert part(p, "enc1")["0.b"] == 1


def test_a_parameter_starts_about_its_value_and_may_be_left_out_of_the_prior():
    layout = ParameterLayout({"gain": Parameter((50,), 0.1, 1.0, prior=False)})
    flat = layout.initial([3], DOUBLE)
    assert flat.min() >= 0.9
    assert flat.max() <= 1.1
    assert flat.std() > 0
    assert not layout.prior_mask(flat).any()


def test_the_pages_method_learns_above_chance(page):
    """Trained on a small Problem, it classifies tuning rows far better than one in three."""
    made, method = problem(0, n=60, known=18), page[0].PoEVAE
    labels = np.random.default_rng(0).integers(3, size=72)[60:]  # as ``problem`` draws them
    config = page[0].Config(hidden=(16,), latent=3, warmup_epochs=10, learning_rate=3e-3)
    scores = []

    def score(one: Any) -> float:
        scores.append(float((one.predict(made.tuning) == labels).mean()))
        return scores[-1]

    events = method.fit_stack([Member(made, config, 1, score)], Training(40, 10, None))
    end = ends(events)[0]
    assert isinstance(end, Finished)
    assert scores[-1] > 0.7
    assert end.fitted.facts()["elbo_tight"] == end.fitted.facts()["elbo"]
    assert method.warmup(config) == 10


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (("methods.completion.mean_impute", "methods.completion.ridge_impute"), "torch"),
        (("methods.multiview.conet", "methods.multiview.dccae"), "methods._ssvae"),
        (("methods._nn.classifier",), "methods._ssvae"),
    ],
)
def test_no_method_imports_more_than_it_is_made_of(root, modules, absent):
    code = f"import sys, {', '.join(modules)}; sys.exit({absent!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
