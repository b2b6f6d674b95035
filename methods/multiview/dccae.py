"""DCCAE: deep canonically correlated autoencoders, DCCA whose outputs must also rebuild the views.

Minimised [Wang et al. 2015], with decoders g_v that mirror the encoders f_v and the
total correlation of ``dcca.py``, summed over pairs of views:

    - || (S_11 + r_1 I)^-1/2 S_12 (S_22 + r_2 I)^-1/2 ||_tr
    + lambda / n sum_X sum_v |x_v - g_v(f_v(x_v))|^2,             r_v = r tr(S_vv) / d

on z-scored features, lambda from 1e-3 to 10. Everything else as in DCCA: a linear CCA of the
outputs follows, with the same r; labels are unused; a single view is refused. Trained are all rows
of the Problem that have every view; the others are counted in the record.

Imputation, for which Wang et al. give no recipe: the absent view's outputs h_m are guessed from
those of the views that are present by the linear map of least squared error on the training rows,
a ridge of ``ridge`` times the mean variance of outputs added, and decoded, x_m = g_m(h_m). In
canonical coordinates this multiplies every variate by its correlation. The control
``imputation="direct"`` takes the variates over as they are: on tuning rows of mfeat (fou and zer,
zer absent in half of the rows, lambda 1) its relative error was .97, against .84 as above and .83
by ridge regression of the raw views. Lambda 1 imputed best from fou, 0.1 from fac.

Representation: the mean of the views' canonical variates, or, ``output="concat"``, all of them side
by side; outputs of absent views are guessed as above first.

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
from functools import cached_property
from typing import cast, final

import numpy as np
import torch
from torch import Tensor

from datasets.base import Rows
from methods._nn.data import tensors_of
from methods.base import Can, Event, Member, Training, hp
from methods.multiview import _cca, _deep_cca, _regression


@dataclass(frozen=True)
class Config(_deep_cca.Config):
    """Settings of DCCAE."""

    reconstruction: float = hp(
        1e-1,
        "lambda, the weight of the reconstruction error",
        grid=(1e-3, 1e-2, 1e-1, 1.0, 10.0),
        low=0.0,
        high=1e6,
        batchable=True,
    )
    imputation: str = hp(
        "canonical", "how outputs are guessed", choices=("canonical", "direct"), batchable=True
    )
    ridge: float = hp(
        0.3, "of that guess, in mean variances of the outputs", low=0.0, high=1e6, batchable=True
    )


class FittedDCCAE(_deep_cca.FittedDeepCCA):
    """A trained DCCAE."""

    decodes = True

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], None]:
        with torch.no_grad():
            h = self.outputs(rows)
            guesses = [self.net.nets.decode(self.params, v, view) for v, view in enumerate(h)]
        return self.scaler.filled(rows, [guess[0].cpu().numpy() for guess in guesses]), None

    def facts(self) -> dict[str, float | int | str | bool]:
        return super().facts() | {"incomplete_rows_left_out": self.left_out}

    def outputs(self, rows: Rows) -> list[Tensor]:
        """f_v(x_v) of rows, (1, n, d) a view; guesses where a view is absent."""
        x, present = tensors_of(rows, self.scaler, self.params["enc0.0.b"])
        h = self.net.outputs(self.params, x)
        if rows.present.all():
            return h
        outputs, known = [view[0] for view in h], present[0] > 0
        config = cast(Config, self.config)
        if config.imputation == "direct":
            return [view[None] for view in _regression.direct(self.cca, outputs, known)]
        return [view[None] for view in self._moments.complete(outputs, known)]

    @cached_property
    def _moments(self) -> _regression.Moments:
        r = torch.tensor([float(cast(Config, self.config).ridge)])
        ridges = [_cca.ridge(h[None], r.to(h)) for h in self.training]
        return _regression.Moments.of(self.training, ridges)


@final
class DCCAE(_deep_cca.DeepCCAMethod):
    """Deep canonically correlated autoencoders."""

    version, title = 1, "DCCAE"
    cites = ("Wang et al., ICML 2015",)
    can = Can(
        represent=True, impute=True, unlabelled=True, missing_views=True, labels=False, views=2
    )
    Config = Config
    fitted = FittedDCCAE

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        return super().fit_stack(members, training, state)
