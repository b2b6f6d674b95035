"""AMMSS: adaptive multi-modal semi-supervised classification over graphs, a reconstruction.

No code of the authors is public and only the paper's abstract could be consulted: one class
indicator matrix shared by the modalities is learned together with their weights. The equations are
ours, with the weighting that the same authors published that year for multi-view k-means (IJCAI
2013); no result of the original has been reproduced with them. Minimised over G (n, c), alpha (V,):

    sum_v alpha_v^r t_v,   t_v = tr(G' L_v G),   G_l = Y_l,   alpha >= 0,   sum_v alpha_v = 1

with r > 1, L_v = I - D_v^-1/2 W_v D_v^-1/2 and one-hot labels Y_l, by turns, from equal weights:
G_u = -L_uu^-1 L_ul Y_l with L = sum_v alpha_v^r L_v, and alpha_v proportional to t_v^(1 / (1 - r)),
until the objective falls by less than 1e-8 of itself (at least 3, at most 1000 rounds; ``facts``
says if it has not settled). A row's class is its largest entry of G.

As r nears 1 one view takes all; as r grows, weights alpha become equal and those of the graphs,
alpha^r, inverse to the energies. r is tuned: log10 r in .1, .3, ..., 1.9. The default is r = 2 to
two digits, where the problem is quadratic in alpha. ``fit = soft`` puts lambda |G_l - Y_l|^2 in
place of G_l = Y_l, which is its limit for large lambda.

W_v is the graph of AMGL, so that the two rows differ in weighting alone: probabilistic nearest
neighbours, k = 5, of raw features; or a self-tuning heat kernel.

Unlabelled rows are nodes of the graphs; the method is purely transductive and answers only rows of
its Problem, by id. Rows with absent views are refused. Rows that no path joins to a label get the
commonest labelled class and are counted in ``facts``. The problem is not jointly convex: the
solution is the one reached from equal weights.

Departs from the paper: unknown in detail. Clamped labels, the graph, the stopping rule and the grid
of r are our choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import logsumexp

from datasets.base import Problem
from methods import base
from methods.base import Can, Fitted, Method, Shape, Training, hp
from methods.graph._graphs import view_graphs
from methods.graph._propagate import Transduced, alternate, cost_of, one_hot

LOG10_R = (0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9)
ROUNDS = 1000  # middling powers settle slowly


@dataclass(frozen=True)
class Config(base.Config):
    """``lam`` belongs to the soft fit only."""

    log10_r: float = hp(0.3, "log10 of the power r of weights", grid=LOG10_R, low=0.01, high=2.0)
    fit: str = hp("hard", "labels clamped, or penalised", choices=("hard", "soft"))
    lam: float = hp(1.0, "weight of the penalty on labels", low=1e-9, high=1e9)
    graph: str = hp("pkn", "edge weights", choices=("pkn", "self_tuning"))
    neighbours: int = hp(5, "k of the graphs", low=1, high=1000)
    scaling: str = hp("none", "of features, within a view", choices=("none", "zscore"))


@final
class AMMSS(Method):
    """Adaptive multi-modal semi-supervised classification, reconstructed."""

    version, title, quick = 1, "AMMSS (reconstruction)", True
    cites = ("Cai, Nie, Cai and Huang, ICCV 2013", "Cai, Nie and Huang, IJCAI 2013")
    can = Can(classify=True, unlabelled=True, inductive=False)
    Config = Config

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Deterministic: ``rng`` is not used."""
        config, r = self.config, 10**self.config.log10_r
        graphs = view_graphs(problem.rows, config.graph, config.neighbours, config.scaling)
        solved = alternate(
            [graph.matrix for graph in graphs],
            one_hot(problem),
            problem.labelled,
            lambda energies: reweighted(energies, r),
            fit=np.inf if config.fit == "hard" else config.lam,
            rounds=ROUNDS,
        )
        log_powers, _ = reweighted(solved.energies, r)
        return Transduced(problem, graphs, solved, np.exp(log_powers / r))

    @classmethod
    def cost(cls, shape: Shape, config: Config, training: Training) -> float:
        return cost_of(shape, sharing=len(LOG10_R))


def reweighted(energies: np.ndarray, r: float) -> tuple[np.ndarray, float]:
    """Log of alpha_v^r, (V,), for the best alpha on the simplex, and of the objective there.

    alpha_v = t_v^(1 / (1 - r)) / sum_w t_w^(1 / (1 - r)), where the objective has the value
    (sum_v t_v^(1 / (1 - r)))^(1 - r).
    """
    logs = np.log(energies) / (1 - r)
    total = logsumexp(logs)
    return r * (logs - total), float((1 - r) * total)
