"""Label spreading: labels diffuse over a graph of all rows, and each keeps a pull to its own.

Minimised over F (n, c), with Y one-hot in labelled rows and zero elsewhere [zhou2003]:

    tr(F' (I - S) F) + (1 / alpha - 1) |F - Y|^2,    S = D^-1/2 W D^-1/2,

whose solution is proportional to (I - alpha S)^-1 Y. A row's class is its largest entry of F. A
label may lose to its neighbours in F; labelled rows are asked for no answer here. W is one graph:
the mean of the views' graphs, or the graph of the views side by side; its weights are
exp(-4 d_ij / d_ik) over the k nearest rows, d squared distances. ``facts`` counts the rows that no
path joins to a label; they get the commonest labelled class.

Unlabelled rows are nodes. Rows of the Problem are answered by id. Any other row has the weighted
mean of F_j / sqrt(d_j) over its nearest rows, d_j their degrees: with all else as it is, the
minimum of the first term. So it serves the transductive and the inductive paradigm. Rows with
absent views are refused.

Departs from the paper: the paper has no such row. alpha, k and the scaling of columns are tuned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.sparse import csr_array, eye_array

from datasets.base import Problem
from methods.base import Can, Fitted, Method, Shape, Training, hp
from methods.graph._graphs import normalised
from methods.graph._joined import GraphConfig, Joined, Spread, cost_of
from methods.graph._propagate import conjugate_gradients, one_hot, reached

ALPHAS = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Config(GraphConfig):
    """``alpha`` near 1 leaves labels little pull."""

    alpha: float = hp(0.9, "share of the neighbours in F", grid=ALPHAS, low=0.0, high=0.9999)


@final
class LabelSpreading(Method):
    """Learning with local and global consistency."""

    version, title, quick = 2, "Label spreading", True
    cites = ("Zhou, Bousquet, Lal, Weston and Schölkopf, NeurIPS 2003",)
    can, Config = Can(classify=True, unlabelled=True), Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic: ``rng`` is not used."""
        graph, targets = Joined.of(problem.rows, self.config), one_hot(problem)
        system = eye_array(problem.rows.n) - self.config.alpha * normalised(graph.weights)
        assigned, steps = conjugate_gradients(csr_array(system), targets, targets)
        carried = assigned / np.sqrt(graph.degree)[:, None]  # at least 1/2: a row's own nearest
        free = ~reached(graph.weights, problem.labelled)
        return Spread(problem, graph, assigned, carried, free, steps)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        return 0.7 * cost_of(shape, sharing=len(ALPHAS))  # a system that is easier to solve
