"""Poisson learning: labels are sources and sinks of a Poisson equation on a graph of all rows.

Where label propagation clamps F at labelled rows, this solves, for U (n, c) [calder2020, eq. 2.4],

    L U = sum_j (y_j - ybar) delta_j    over labelled rows j,    L = D - W,    sum_i d_i U_i = 0,

with one-hot labels y_j, their mean ybar and degrees d_i. A row's class is its largest entry of U.
At one label a class clamped propagation degenerates: away from the labels F is a constant, and one
class takes nearly all rows; U is not, since its sources stay as strong however many rows there are.

W is one graph: the mean of the views' graphs, or the graph of the views side by side; its weights
are exp(-4 d_ij / d_ik) over the k nearest rows, d squared distances. The equation has a solution
where sources add up to nothing, so on a graph of several components it is solved in each, ybar
being the mean of the component's own labels; a class without a label there is never its answer.
Rows of components without a label get the commonest labelled class and are counted in ``facts``.

Unlabelled rows are nodes. Rows of the Problem are answered by id; any other row has the weighted
mean of U over its nearest rows. So it serves the transductive and the inductive paradigm. Rows with
absent views are refused.

Departs from the paper: the paper has no such row. k and the scaling of columns are tuned. The
equation is solved to a residual of 1e-10 in place of a number of steps of a random walk;
frequencies of classes that would be known beforehand are not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from datasets.base import Problem
from methods.base import Can, Fitted, Method, Shape, Training
from methods.graph._joined import GraphConfig, Joined, Spread, cost_of
from methods.graph._propagate import conjugate_gradients, one_hot


@dataclass(frozen=True)
class Config(GraphConfig):
    """Nothing but the graph."""


@final
class PoissonLearning(Method):
    """Graph based semi-supervised learning at very low label rates."""

    version, title, quick = 2, "Poisson learning", True
    cites = ("Calder, Cook, Thorpe and Slepcev, ICML 2020",)
    can, Config = Can(classify=True, unlabelled=True), Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic: ``rng`` is not used."""
        graph, targets = Joined.of(problem.rows, self.config), one_hot(problem)
        component = connected_components(graph.weights, directed=False)[1]
        counts = per(component, targets)  # (components, c)
        labels = counts.sum(1, keepdims=True)
        means = counts / np.maximum(labels, 1)
        sources = np.where(problem.labelled[:, None], targets - means[component], 0.0)
        potential, steps = solved(graph, component, sources)
        absent = (counts == 0)[component]
        scores = np.where(absent, potential.min() - 1, potential)
        free = (labels == 0)[component, 0]
        return Spread(problem, graph, scores, scores, free, steps)

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        return cost_of(shape)


def solved(graph: Joined, component: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, int]:
    """U (n, c) with L U = ``sources`` and sum_i d_i U_i = 0 in each component, and the CG steps.

    ``sources`` (n, c) add up to 0 in each component (n,), where L has the constants as null space.
    """
    degree = graph.degree[:, None]
    laplacian = csr_array(diags_array(graph.degree) - graph.weights)
    found, steps = conjugate_gradients(laplacian, sources, np.zeros_like(sources))
    means = per(component, degree * found) / per(component, degree)
    return found - means[component], steps


def per(component: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums (components, c) of ``values`` (n, c)."""
    sums = np.zeros((component.max() + 1, values.shape[1]))
    np.add.at(sums, component, values)
    return sums
