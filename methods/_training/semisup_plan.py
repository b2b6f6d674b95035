"""Minibatches, shared settings and cost of semi-supervised VAEs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from datasets.base import Problem
from methods._training.data import Batches
from methods.base import Config, Shape, Training, hp

Batching = Literal["proportional", "minibatch", "balanced"]
BATCHING: tuple[Batching, ...] = ("proportional", "minibatch", "balanced")


@dataclass(frozen=True)
class Plan:
    """How minibatches are cut, and which weights eq. 7 gives to mean L and mean U.

    ``proportional``  weights N_l / N and N_u / N of the training set: the sum over the data set.
    ``minibatch``     weights of the minibatch, in which labelled rows are over-represented: they
                      count as often as they are drawn.
    ``balanced``      as many labelled as unlabelled rows, weights 1/2 and 1/2 (Maaloe et al. 2016).
    """

    batching: Batching
    batches_per_epoch: int
    labelled_rows: int
    rows: int | None = None


@dataclass(frozen=True)
class SemisupConfig(Config):
    """The settings that all semi-supervised VAEs share; ``make_task`` reads them."""

    c: float = hp(
        0.5, "weight of mean cross-entropy", grid=(0.1, 0.5, 1.0), low=0, high=1000, stacks=True
    )
    hidden: tuple[int, ...] = hp((100, 50), "encoder and classifier layers; decoders mirror them")
    latent: int = hp(30, "width of z", low=1, high=1000)
    activation: str = hp("relu", "nonlinearity", choices=("softplus", "relu"))
    init: str = hp("fan_in", "initial weights, see nets.Init", choices=("fan_in", "glorot"))
    warmup_epochs: int = hp(
        40, "first epochs, in which U does not train q(y|X)", low=0, high=100_000
    )
    logvar_floor: float = hp(-1.0, "least log-variance of decoded data", low=-6.0, high=5.0)
    batching: str = hp("minibatch", "weights of L and U, see Plan", choices=BATCHING)
    batches_per_epoch: int = hp(10, "least minibatches of an epoch", low=1, high=100_000)
    batch: int | None = hp(100, "most unlabelled rows of a minibatch; None: no bound", low=1)
    labelled_rows: int = hp(24, "least labelled rows a minibatch, as far as there are", low=1)
    mc_samples: int = hp(1, "draws of each latent variable", low=1, high=100)
    learning_rate: float = hp(3e-4, "Adam's step size", low=1e-6, high=1.0, stacks=True)
    clip: float = hp(0.0, "largest gradient norm (0: none)", low=0, high=1e9)
    weight_prior: bool = hp(True, "N(0, 1) prior on weights, mixture logits excepted")

    def net_settings(self) -> dict[str, Any]:
        """What the models of all semi-supervised VAEs are made with."""
        names = ("latent", "activation", "init", "warmup_epochs", "logvar_floor")
        return {"hidden": tuple(self.hidden)} | {name: getattr(self, name) for name in names}

    def plan(self) -> Plan:
        """How minibatches are cut."""
        batching = cast(Batching, self.batching)
        return Plan(batching, self.batches_per_epoch, self.labelled_rows, self.batch)


def batches(plan: Plan, n_labelled: int, n_unlabelled: int) -> Batches:
    """Sizes of the minibatches of an epoch.

    An epoch passes once over the unlabelled rows, in ``batches_per_epoch`` equal parts, or in more
    where a part would hold over ``rows`` of them; the remainder is dropped. The labelled rows are
    cut likewise, but a minibatch has no fewer than ``labelled_rows`` of them (balanced: than of
    unlabelled ones), as far as there are; they are used again within the epoch when they run out.
    """
    pool = n_unlabelled or n_labelled
    steps = plan.batches_per_epoch
    if plan.rows is not None:
        steps = max(steps, -(-pool // plan.rows))
    steps = max(1, min(steps, pool))
    share = pool // steps
    least = share if plan.batching == "balanced" else plan.labelled_rows
    known = min(n_labelled, max(least, round(n_labelled / steps)))
    return Batches(steps, known, share if n_unlabelled else 0)


def shares(plan: Plan, n_labelled: int, n_unlabelled: int) -> tuple[float, float]:
    """Weights of mean L and mean U; see :class:`Plan`."""
    known, unknown = n_labelled, n_unlabelled
    if plan.batching == "minibatch":
        sizes = batches(plan, n_labelled, n_unlabelled)
        known, unknown = sizes.labelled, sizes.unlabelled
    if plan.batching == "balanced" and min(known, unknown) > 0:
        return 0.5, 0.5
    return proportions(known, unknown)


def proportions(n_labelled: int, n_unlabelled: int) -> tuple[float, float]:
    """(N_l / N, N_u / N)."""
    total = n_labelled + n_unlabelled
    return n_labelled / total, n_unlabelled / total


def counts(problem: Problem) -> tuple[int, int]:
    """(N_l, N_u) of a Problem."""
    known = int(problem.labelled.sum())
    return known, len(problem.labelled) - known


def step_cost(shape: Shape, sizes: Batches, hidden: tuple[int, ...]) -> float:
    """Rough core-seconds of one step: its multiplications, at the rate of small matrices."""
    components = len(shape.dims)
    rows = sizes.labelled + shape.n_classes * sizes.unlabelled
    inner = sum(a * b for a, b in zip((60, *hidden[::-1]), hidden[::-1], strict=False))
    heads = 2 * hidden[0] * sum(shape.dims)
    decoders = components * rows * (heads + components * inner)
    encoders = components * rows * inner
    return 0.002 + 1.2e-10 * (decoders + encoders)


def fit_cost(config: SemisupConfig, shape: Shape, training: Training) -> float:
    """Rough core-seconds of one fit to its last epoch; ``config`` with its profile put in."""
    sizes = batches(config.plan(), shape.n_labelled, shape.n_unlabelled)
    return step_cost(shape, sizes, config.hidden) * sizes.steps * training.epochs
