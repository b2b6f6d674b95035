"""DCCA: deep canonical correlation analysis, nets whose outputs correlate across views.

With outputs H_v = f_v(X_v) (n, d), centred, and S_uv = H_u' H_v / (n - 1), minimised is minus the
total correlation [Andrew et al. 2013, section 3; for more than two views summed over all pairs]:

    - || (S_11 + r_1 I)^-1/2 S_12 (S_22 + r_2 I)^-1/2 ||_tr,    r_v = r tr(S_vv) / d

Then a linear CCA of the outputs on the training rows, with the same r, gives each view's canonical
variates z_v (for more views the multi-set form, see ``_cca.py``). All rows of the Problem train
alike, labels unused; rows with absent views are refused, as is a single view.

Representation: the mean of the views' variates, or, ``output="concat"``, all of them side by side.
The mean is, but for weights, what both views say of the common cause in the probabilistic reading
of CCA [Bach and Jordan 2005]; on tuning rows it was the better one in most cases with few rows.

The loss on new rows, which chooses the epoch, is minus the Pearson correlations of paired variates
along the directions of training, summed. Nothing is refitted on the new rows: the training
objective on fewer rows than d calls any two views perfectly correlated, and with hardly more it
rises by chance. So memorised training rows, which is where this objective ends on few rows, show as
a loss that grows.

Departs from the paper: r is in units of the mean variance of the outputs, for nets escape an
absolute r by making their outputs larger. Its default 1 (grid 0.1 to 10) is large by the measure
of thousands of rows; on 24 to 1200 rows it came near the best of the grid in held-out correlation
and in tuning accuracy alike. Andrew et al. pre-train with denoising autoencoders and optimise by
L-BFGS on all rows; Du et al. take SMVAE's nets and Adam: so here, softplus units, no pre-training,
Adam with step 1e-3 (Du et al.: 3e-4) and an epoch of ``steps_per_epoch`` minibatches whatever the
number of rows, with all rows up to ``batch_rows`` in each; smaller ones would be trained on chance
correlations. A small weight decay is Wang et al.'s (2015). How many directions the codes keep, best
first, is tuned: of a thousand rows ten classified better than thirty, of a few dozen far worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from methods._scaling import require_complete
from methods.base import Can, Event, Member, Training, hp
from methods.multiview import _deep_cca


@dataclass(frozen=True)
class Config(_deep_cca.Config):
    """Settings of DCCA."""

    r: float = hp(
        1.0,
        "regularisation, in mean variances of the outputs",
        grid=(0.1, 1.0, 10.0),
        low=0.0,
        high=1e6,
        batchable=True,
    )


@final
class DCCA(_deep_cca.DeepCCAMethod):
    """Deep CCA."""

    version, title = 1, "DCCA"
    cites = ("Andrew et al., ICML 2013",)
    can = Can(represent=True, unlabelled=True, labels=False, views=2)
    Config = Config
    fitted = _deep_cca.FittedDeepCCA

    @classmethod
    def fit_stack(
        cls, members: Sequence[Member], training: Training, state: bytes | None = None
    ) -> Iterator[Event]:
        for member in members:
            require_complete(member.problem.rows)
        return super().fit_stack(members, training, state)
