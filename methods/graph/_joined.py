"""One graph of all rows, and classes of rows outside it: what label diffusion methods share.

The graph's W is the mean of the views' graphs, or that of the views side by side. Side by side,
features as they are (``scaling`` none) are first divided by the root of their view's total
variance: a distance over both views would else be that of the view in the smaller unit. A method
gives every row of its Problem a score for each class; a row outside it has the weighted mean of
the values that its nearest rows carry, which is where the method's energy is least with all else
as it is (Delalleau, Bengio and Le Roux, AISTATS 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors

from datasets.base import Problem, Rows
from methods import base
from methods.base import Fitted, Shape, UnsupportedError, hp
from methods.graph._graphs import decay, scale, view_graphs
from methods.graph._propagate import one_hot

NEIGHBOURS = (5, 7, 10, 20)


@dataclass(frozen=True)
class GraphConfig(base.Config):
    """Settings of the graph. Where the unit of features means nothing, z-scores may be better."""

    graph: str = hp("mean", "of view graphs, or one graph", choices=("mean", "concatenation"))
    neighbours: int = hp(10, "k of the graphs", grid=NEIGHBOURS, low=1, high=1000)
    scaling: str = hp("none", "of columns", grid=("none", "zscore"), choices=("none", "zscore"))


@dataclass(frozen=True, eq=False)
class Joined:
    """``weights`` W (n, n) of rows that lie at ``points``, an (n, p) for each graph in the mean.

    ``scales``  shift and divisor that were applied to each.   ``sizes`` divisor of each view.
    """

    weights: csr_array
    points: tuple[np.ndarray, ...]
    scales: tuple[tuple[np.ndarray, np.ndarray], ...]
    sizes: tuple[float, ...]
    config: Any

    @classmethod
    def of(cls, rows: Rows, config: Any) -> Joined:
        """Raises UnsupportedError where a view is absent, FitError with fewer than three rows."""
        _refuse_absent(rows)
        sizes = tuple(_size(view, config) for view in rows.views)
        placed = _placed(rows, sizes, config)
        graphs = view_graphs(placed, "gaussian", config.neighbours, config.scaling)
        weights = csr_array(sum(graph.weights for graph in graphs) / len(graphs))
        points = [view.astype(np.float64) for view in placed.views]
        scales = tuple(scale(one, config.scaling) for one in points)
        moved = (apart(one, *how) for one, how in zip(points, scales, strict=True))
        return cls(weights, tuple(moved), scales, sizes, config)

    def towards(self, rows: Rows) -> csr_array:
        """Weights (m, n) of rows outside the graph to those in it, of the same formula."""
        n = len(self.points[0])
        total = csr_array((rows.n, n))
        k = min(self.config.neighbours, n)
        placed = _placed(rows, self.sizes, self.config)
        for own, how, view in zip(self.points, self.scales, placed.views, strict=True):
            search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(own)
            distance, near = search.kneighbors(apart(view.astype(np.float64), *how))
            ends = np.arange(0, rows.n * k + 1, k)
            weights = decay(np.square(distance)).ravel()
            total = total + csr_array((weights, near.ravel(), ends), shape=(rows.n, n))
        return csr_array(total)

    @property
    def degree(self) -> np.ndarray:
        """Row sums of W, (n,)."""
        return np.asarray(self.weights.sum(axis=1)).ravel()


class Spread(Fitted):
    """Classes by the largest score, of the Problem's rows by id, of others by their neighbours.

    ``scores`` (n, c) of the Problem's rows; ``carried`` (n, c) what each gives to a row outside;
    ``free`` (n,) rows that no path joins to a label. They, and rows outside that are near such rows
    alone, get the commonest labelled class.
    """

    def __init__(
        self,
        problem: Problem,
        graph: Joined,
        scores: np.ndarray,
        carried: np.ndarray,
        free: np.ndarray,
        steps: int,
    ) -> None:
        self.prior = one_hot(problem).mean(0)
        self.scores = np.where(free[:, None], self.prior, scores)
        self.carried, self.free, self.graph, self.steps = carried, free, graph, steps
        self.place = {row: i for i, row in enumerate(problem.rows.ids.tolist())}

    def predict(self, rows: Rows) -> np.ndarray:
        """Classes (n,). UnsupportedError where a view is absent."""
        _refuse_absent(rows)
        place = np.array([self.place.get(row, -1) for row in rows.ids.tolist()], int)
        scores, outside = self.scores[place], place < 0
        if outside.any():
            scores[outside] = self.outside(_taken(rows, outside))
        return scores.argmax(1).astype(np.int64)

    def outside(self, rows: Rows) -> np.ndarray:
        """Scores (m, c) of rows that the Problem does not hold."""
        weights = self.graph.towards(rows)
        reaches = weights @ (~self.free).astype(float) > 0
        known = np.where(self.free[:, None], 0.0, self.carried)
        return np.where(reaches[:, None], weights @ known, self.prior)

    def facts(self) -> dict[str, float | int | str | bool]:
        return {"cg_steps": self.steps, "label_free_rows": int(self.free.sum())}


def apart(points: np.ndarray, shift: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """``points`` shifted and divided, column by column."""
    return (points - shift) / spread


def cost_of(shape: Shape, sharing: int = 1) -> float:
    """Core-seconds of one fit and the answers for as many rows, ``sharing`` fits a graph.

    Measured on one core, 1,100 to 1,400 rows in two views: 0.04 to 0.09 s.
    """
    n = shape.n_labelled + shape.n_unlabelled
    graphs = 6e-10 * n**2 * (sum(shape.dims) / 10 + 10)
    return 0.006 + graphs / sharing + 4.5e-6 * n * shape.n_classes


def _size(view: np.ndarray, config: Any) -> float:
    """What the columns of a view are divided by before they stand beside another view's."""
    if config.graph == "mean" or config.scaling != "none":
        return 1.0
    return float(np.sqrt(view.var(axis=0, dtype=np.float64).sum())) or np.inf


def _placed(rows: Rows, sizes: tuple[float, ...], config: Any) -> Rows:
    """The rows as the graphs read them: all views, or one of all columns."""
    if config.graph == "mean":
        return rows
    views = [view / size for view, size in zip(rows.views, sizes, strict=True)]
    return Rows((np.concatenate(views, axis=1),), np.ones((rows.n, 1), bool), rows.ids)


def _refuse_absent(rows: Rows) -> None:
    if not rows.present.all():
        raise UnsupportedError("this method cannot read rows with absent views; impute them first")


def _taken(rows: Rows, wanted: np.ndarray) -> Rows:
    return Rows(tuple(view[wanted] for view in rows.views), rows.present[wanted], rows.ids[wanted])
