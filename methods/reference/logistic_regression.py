"""Logistic regression: L2-penalised multinomial regression on the concatenated views.

Minimises sum_i -log softmax(W x_i + b)[y_i] + |W|^2 / (2 C) over the labelled rows. Unlabelled rows
are not used; rows with absent views are refused. A reference row, not one of the paper's.
Departs from the paper: the paper has no such row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression as Estimator

from datasets.base import Problem
from methods import base
from methods._sklearn import SklearnMethod
from methods.base import Can, hp


@dataclass(frozen=True)
class Config(base.Config):
    """``C`` is the inverse strength of the penalty, on z-scored features."""

    C: float = hp(1.0, "inverse penalty", grid=(0.001, 0.01, 0.1, 1.0, 10.0, 100.0), low=1e-6)


class LogisticRegression(SklearnMethod):
    """Row ``Logistic regression``."""

    version, title = 1, "Logistic regression"
    cites = ("Cox, JRSS B 1958", "Pedregosa et al., scikit-learn, JMLR 2011")
    can = Can(classify=True)
    Config = Config

    def estimator(self, problem: Problem, rng: np.random.Generator) -> Estimator:
        """scikit-learn's L-BFGS solver, run to convergence (an unconverged fit is an error)."""
        return Estimator(C=self.config.C, max_iter=5000)
