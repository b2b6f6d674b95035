"""Pseudo-labels: a perceptron takes its own answers on unlabelled rows for labels, more and more.

Minimised by Adam, one step for every minibatch of labelled and unlabelled rows [lee2013, eq. 15]:

    mean_l CE(f(x_l), y_l) + a(t) mean_u CE(f(x_u), argmax f(x_u)),

where a(t) is 0 in the first sixth of the steps, rises in a line until two thirds and stays at its
last value; pseudo-labels are those of the net as it is at that step. The net is scikit-learn's
``MLPClassifier``, one hidden layer of ReLU units and an L2 penalty, on the concatenated, z-scored
views; its last step is kept, no epoch is chosen. Rows with absent views are refused.

Departs from the paper: the paper has no such row. Of its source: a small net without dropout and
without pretraining, 600 steps; so this is a cheap stand-in, not the strongest pseudo-labelling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from sklearn.neural_network import MLPClassifier

from datasets.base import Problem
from methods import base
from methods._scaling import Standardiser
from methods._sklearn import FittedSklearn, concatenate
from methods.base import Can, Fitted, Method, Shape, Training, hp

LABELLED, UNLABELLED = 64, 256  # rows of a minibatch, or as many as there are
START, FULL = 1 / 6, 2 / 3  # shares of the steps where a(t) begins and ends to rise


@dataclass(frozen=True)
class Config(base.Config):
    """``weight`` is the last value of a(t), 3 in the source."""

    weight: float = hp(3.0, "of unlabelled rows at last", grid=(0.3, 1.0, 3.0), low=0.0)
    penalty: float = hp(1e-4, "L2, of weights", grid=(1e-4, 1e-2), low=0.0)
    hidden: int = hp(100, "units", low=1)
    learning_rate: float = hp(1e-3, "of Adam", low=1e-6, high=1.0)
    steps: int = hp(600, "of Adam", low=1)


@final
class PseudoLabelMLP(Method):
    """Pseudo-labels on scikit-learn's perceptron."""

    version, title = 2, "Pseudo-label MLP"
    cites = ("Lee, ICML workshop on challenges in representation learning 2013",)
    can, Config = Can(classify=True, unlabelled=True), Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        config = self.config
        features = concatenate(problem.rows)
        scaler = Standardiser().fit(features)
        x, y, known = scaler.transform(features), problem.labels, problem.labelled
        labelled, unlabelled = np.flatnonzero(known), np.flatnonzero(~known)
        sizes = min(LABELLED, len(labelled)), min(UNLABELLED, len(unlabelled))
        net = MLPClassifier(
            (config.hidden,),
            alpha=config.penalty,
            learning_rate_init=config.learning_rate,
            batch_size=sum(sizes),
            random_state=int(rng.integers(2**31)),
        )
        classes = np.unique(y[known])
        for step in range(config.steps):
            own = rng.choice(labelled, sizes[0], replace=False)
            other = rng.choice(unlabelled, sizes[1], replace=False)
            guess = np.full(len(other), classes[0])
            if step and len(other):
                guess = net.predict(x[other])
            share = ramp(step / config.steps) * config.weight
            weights = np.repeat([1.0, share], sizes) / np.repeat(np.maximum(sizes, 1), sizes)
            net.partial_fit(
                x[np.concatenate([own, other])], np.concatenate([y[own], guess]), weights, classes
            )
        return FittedSklearn(scaler, net, problem.n_classes)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        """Measured on one core: 1.7 s at 64 columns, 2 s at 123."""
        return config.steps * (2.5e-3 + 8e-6 * sum(shape.dims))


def ramp(done: float) -> float:
    """a(t) over its last value, at a share ``done`` of the steps."""
    return float(np.clip((done - START) / (FULL - START), 0, 1))
