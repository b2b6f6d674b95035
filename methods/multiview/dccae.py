"""DCCAE: deep canonically correlated autoencoders, DCCA whose outputs must also rebuild the views.

Minimised [Wang et al. 2015], with decoders g_v that mirror the encoders f_v and the
total correlation of ``dcca.py``, summed over pairs of views:

    - || (S_11 + r_1 I)^-1/2 S_12 (S_22 + r_2 I)^-1/2 ||_tr
    + lambda / n sum_X sum_v |x_v - g_v(f_v(x_v))|^2,             r_v = r tr(S_vv) / d

on z-scored features, lambda from 1e-3 to 10. Everything else as in DCCA: a linear CCA of the
outputs follows, with the same r; all rows of the Problem train alike, labels unused; rows with
absent views are refused, as is a single view. Representation: the mean of the views' canonical
variates, or, ``output="concat"``, all of them side by side.

The loss on new rows, which chooses the epoch, is lambda times their reconstruction error minus the
Pearson correlations of their variates along the directions of training, summed; nothing is refitted
on them, since few rows correlate perfectly once directions are free.

Departs from the paper: Wang et al. pre-train with restricted Boltzmann machines and optimise by
stochastic gradients with momentum; Du et al. take SMVAE's nets and Adam: so here, softplus units,
no pre-training, Adam with step 1e-3 (Du et al.: 3e-4) and an epoch of ``steps_per_epoch``
minibatches whatever the number of rows, with all rows up to ``batch_rows`` in each. r is in units
of the mean variance of the outputs, for nets escape an absolute r by making their outputs larger,
and 1 by default, as in DCCA; lambda and the number of directions are tuned, not r. Weight decay is
small, as in theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from methods.base import Can, Event, Member, Shape, StackedMethod, Training, hp
from methods.multiview import _deep_cca


@dataclass(frozen=True)
class Config(_deep_cca.Config):
    """Settings of DCCAE."""

    reconstruction: float = hp(
        1e-1,
        "lambda, the weight of the reconstruction error",
        grid=(1e-3, 1e-2, 1e-1, 1.0, 10.0),
        low=0.0,
        high=1e6,
        stacks=True,
    )


@final
class DCCAE(StackedMethod):
    """Deep canonically correlated autoencoders."""

    version, title = 1, "DCCAE"
    cites = ("Wang et al., ICML 2015",)
    can = Can(represent=True, unlabelled=True)
    Config = Config

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        return _deep_cca.fit_stack(members, training, state, decodes=True)

    @classmethod
    def code_width(cls, shape: Shape, config: Config) -> int:
        return _deep_cca.code_width(shape, config)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        return _deep_cca.cost(shape, config, training, decodes=True)
