"""DCCA: deep canonical correlation analysis.

Departs from the paper: see below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from methods import base
from methods.base import Can, Event, Member, Shape, StackedMethod, Training, hp
from methods.multiview import _deep_cca


@dataclass(frozen=True)
class Config(base.Config):
    """Settings of DCCA."""

    hidden: tuple[int, ...] = hp((100, 50), "encoder layers")
    latent: int = hp(30, "outputs of a view", low=1, high=1000)
    directions: int = hp(
        30, "canonical directions kept, at most", grid=(10, 30), low=1, high=1000, stacks=True
    )
    r: float = hp(
        1.0,
        "regularisation, in mean variances of the outputs",
        grid=(0.1, 1.0, 10.0),
        low=0.0,
        high=1e6,
        stacks=True,
    )
    output: str = hp("mean", "codes of the views", choices=("mean", "concat"), stacks=True)
    activation: str = hp("softplus", "nonlinearity", choices=("softplus", "relu", "identity"))
    steps_per_epoch: int = hp(20, "minibatches of an epoch", low=1, high=100_000)
    batch_rows: int = hp(500, "rows of a minibatch, at most", low=3, high=1_000_000)
    learning_rate: float = hp(1e-3, "Adam's step size", low=1e-6, high=1.0, stacks=True)
    weight_prior: float = hp(1.0, "precision of a Gaussian prior on weights", low=0.0, high=1e6)


@final
class DCCA(StackedMethod):
    """Deep CCA."""

    version, title = 1, "DCCA"
    cites = ("Andrew et al., ICML 2013",)
    can = Can(represent=True, unlabelled=True)
    Config = Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        return _deep_cca.fit_stack(members, training, state, decodes=False)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        return _deep_cca.cost(shape, config, training, decodes=False)
