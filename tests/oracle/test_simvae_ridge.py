"""SiMVAE's linear limit imputes as well as ridge regression: same data, same hidden entries.

Without hidden layers q_psi is linear in the views that are present, and as c1 grows, eq. 17 becomes
its mean error on rows that have the view: weighted least squares, whose residual variance is
learned too. Trained through the production loss, its NMSE has to reach that of scikit-learn's
ridge regression with a vanishing penalty.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from methods._nn.data import Batch, BatchSizes
from methods._ssvae.missing import IncompleteVAE
from tests.oracle.doubles import DOUBLE, source
from tests.oracle.search import optimise
from tests.oracle.simvae_cases import CLASSES, model

METHODS = ("simvae",)
ROWS, KNOWN = 120, 12


def case() -> tuple[Batch, torch.Tensor]:
    """Rows of two views, x_m linear in x_o and noise, absent from every other row; the whole x_m.

    Noise of the model is fixed, as in one endless step.
    """
    draw = source(4)
    x_o = torch.randn(ROWS, 5, dtype=DOUBLE, generator=draw)
    truth = x_o @ torch.randn(5, 4, dtype=DOUBLE, generator=draw) * 0.4
    truth = truth + torch.randn(ROWS, 4, dtype=DOUBLE, generator=draw) * 0.7
    present = torch.ones(1, ROWS, 2, dtype=DOUBLE)
    present[:, ::2, 1] = 0
    made = linear()
    noise = {
        name: torch.randn(1, *shape, dtype=DOUBLE, generator=draw)
        for name, shape in made.draws(BatchSizes(1, KNOWN, ROWS - KNOWN), 1, True).items()
    }
    labels = torch.randint(CLASSES, (KNOWN,), generator=draw)
    hyper = {"c": torch.full((1,), 0.5, dtype=DOUBLE)}
    x = (x_o[None], truth[None] * present[..., 1:])
    onehot = torch.eye(CLASSES, dtype=DOUBLE)[labels][None]
    return Batch(x, present, onehot, KNOWN, noise, hyper, (None, None)), truth


def linear() -> IncompleteVAE:
    """No hidden layer, and every row of a batch weighs the same."""
    return model(hidden=(), activation="identity", shares=(KNOWN / ROWS, 1 - KNOWN / ROWS))


def nmse(truth: torch.Tensor, guess: np.ndarray) -> float:
    """|X - X^| / |X| over the hidden rows."""
    hidden = truth[::2].numpy()
    return float(np.linalg.norm(hidden - guess) / np.linalg.norm(hidden))


def test_the_linear_limit_reaches_ridge_regression():
    data, truth = case()
    seen = slice(1, None, 2)
    ridge = Ridge(alpha=1e-8).fit(data.x[0][0, seen].numpy(), truth[seen].numpy())
    floor = nmse(truth, ridge.predict(data.x[0][0, ::2].numpy()))
    made = linear()
    data = replace(data, hyper={**data.hyper, "c1": torch.full((1,), 1000.0, dtype=DOUBLE)})
    found = optimise(made.layout, lambda p: made.loss(p, data)[0])
    views, _ = made.impute(made.layout.views(found), data.x, data.present)
    ours = nmse(truth, views[1][0, ::2].numpy())
    assert ours == pytest.approx(floor, rel=0.004)
    assert floor < 0.9  # the view can be predicted at all
