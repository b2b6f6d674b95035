"""AMGL: auto-weighted multiple graph learning, parameter-free label propagation over the views.

Minimised over F (n, c) with the labelled rows clamped to their one-hot labels, F_l = Y_l [nie2016]:

    sum_v sqrt(t_v),   t_v = tr(F' L_v F),   L_v = I - D_v^-1/2 W_v D_v^-1/2

by turns, from equal weights: F_u = -kappa L_uu^-1 L_ul Y_l with L = sum_v alpha_v L_v, and
alpha_v = 1 / (2 sqrt(t_v)), until the objective falls by less than 1e-8 of itself (at least 3, at
most 100 rounds; ``facts`` says if it has not settled). A row's class is its largest entry of F. W_v
is the probabilistic nearest-neighbour graph, k = 5, of squared Euclidean distances of the view's
raw features. The objective is jointly convex.

``variant = exact`` solves for F with kappa = 1, the minimiser. ``authors``, the default, keeps the
kappa = 1/2 of the authors' published code: that leaves each solve's largest entries as they are but
halves F_u in the energies, hence changes the weights and what follows. The objective may then rise;
the rounds end there, as in that code, and ``facts`` says that it has not converged.

Unlabelled rows are nodes of the graphs; the method is purely transductive and answers only rows of
its Problem, by id. Rows with absent views are refused. Rows that no path joins to a label (they
make L_uu singular) get the commonest labelled class and are counted in ``facts``.

Departs from the paper: a row is excluded from its own neighbours by its number, where the authors'
code drops the nearest one, which among equal rows may be another; a row whose k + 1 nearest are all
equally far, where the graph's formula is 0/0, shares its weight alike; systems are solved by
conjugate gradients to a residual of 1e-10 in place of an explicit inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import logsumexp, softmax

from datasets.base import Problem
from methods import base
from methods.base import Can, Fitted, Method, Shape, Training, hp
from methods.graph._graphs import view_graphs
from methods.graph._propagate import Transduced, alternate, cost_of, one_hot


@dataclass(frozen=True)
class Config(base.Config):
    """Nothing is tuned: the paper's point is that nothing needs to be."""

    variant: str = hp("authors", "kappa: 1/2 or 1", choices=("authors", "exact"))
    neighbours: int = hp(5, "k of the graphs", low=1, high=1000)
    scaling: str = hp("none", "of features, within a view", choices=("none", "zscore"))


@final
class AMGL(Method):
    """Auto-weighted multiple graph learning."""

    version, title, quick = 1, "AMGL", True
    cites = ("Nie, Li and Li, IJCAI 2016",)
    can = Can(classify=True, unlabelled=True, inductive=False)
    Config = Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic: ``rng`` is not used."""
        config = self.config
        graphs = view_graphs(problem.rows, "pkn", config.neighbours, config.scaling)
        kappa = 0.5 if config.variant == "authors" else 1.0
        matrices = [graph.matrix for graph in graphs]
        solved = alternate(matrices, one_hot(problem), problem.labelled, reweighted, step=kappa)
        return Transduced(problem, graphs, solved, softmax(reweighted(solved.energies)[0]))

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        return cost_of(shape)


def reweighted(energies: np.ndarray) -> tuple[np.ndarray, float]:
    """Log of alpha_v = 1 / (2 sqrt(t_v)), (V,), and of the objective sum_v sqrt(t_v)."""
    halves = np.log(energies) / 2
    return -np.log(2) - halves, float(logsumexp(halves))
