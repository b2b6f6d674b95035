"""Label propagation: labels are clamped, and every other row is the mean of its neighbours.

Minimised over F (n, c) with labelled rows clamped to their one-hot labels, F_l = Y_l [zhu2003]:

    tr(F' L F),   L = D - W,     hence     F_u = -L_uu^-1 L_ul Y_l,

the harmonic function of the graph, and the limit of the rounds of [zhu2002]. A row's class is its
largest entry of F. With few labels in many rows F is nearly constant away from them, and classes
are read off small differences: Poisson learning is made for that case. W is one graph: the mean of
the views' graphs, or the graph of the views side by side; its weights are exp(-4 d_ij / d_ik) over
the k nearest rows, d squared distances. Rows that no path joins to a label (they make L_uu
singular) get the commonest labelled class and are counted in ``facts``.

Unlabelled rows are nodes. Rows of the Problem are answered by id; any other row has the weighted
mean of F over its nearest rows. So it serves the transductive and the inductive paradigm. Rows with
absent views are refused.

Departs from the paper: the paper has no such row. k and the scaling of columns are tuned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.sparse import csr_array, diags_array

from datasets.base import Problem
from methods.base import Can, Fitted, Method, Shape, Training
from methods.graph._joined import GraphConfig, Joined, Spread, cost_of
from methods.graph._propagate import conjugate_gradients, one_hot, reached


@dataclass(frozen=True)
class Config(GraphConfig):
    """Nothing but the graph."""


@final
class LabelPropagation(Method):
    """Harmonic functions on a graph."""

    version, title, quick = 2, "Label propagation", True
    cites = (
        "Zhu and Ghahramani, CMU-CALD-02-107, 2002",
        "Zhu, Ghahramani and Lafferty, ICML 2003",
    )
    can, Config = Can(classify=True, unlabelled=True), Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic: ``rng`` is not used."""
        graph, assigned = Joined.of(problem.rows, self.config), one_hot(problem)
        joined = reached(graph.weights, problem.labelled)
        moves = np.flatnonzero(joined & ~problem.labelled)
        laplacian = csr_array(diags_array(graph.degree) - graph.weights)[moves]
        right = -(laplacian @ assigned)
        start = np.zeros_like(right)
        found, steps = conjugate_gradients(csr_array(laplacian[:, moves]), right, start)
        assigned[moves] = found
        return Spread(problem, graph, assigned, assigned, ~joined, steps)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        return cost_of(shape)
