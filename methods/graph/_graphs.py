"""Similarity graphs of the views: nearest rows, edge weights, normalisation; kept by content.

A view's graph joins each row to its nearest rows; its matrix is S = D^-1/2 W D^-1/2 and its
normalised Laplacian L = I - S.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors

from datasets.base import Rows, constant
from methods.base import FitError, UnsupportedError

SIGMA_RANK = 7  # the neighbour whose distance is a row's own scale
SPARE = 4  # neighbours searched beyond those needed, since the search rounds distances


def neighbours(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances and row numbers of the ``k`` nearest other rows, each (n, k), ascending.

    A row is never its own neighbour, whatever rows equal it. Distances are of differences, not of
    expanded squares, so that equal rows are at 0 exactly; ties go to the lower row number.
    """
    count = min(k + SPARE, len(points) - 1)
    centred = points - points.mean(0)  # the search expands squares: keep them small
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(centred)
    near = search.kneighbors(return_distance=False)  # without a query, rows are not their own
    near.sort(axis=1)
    squared = np.empty(near.shape)
    block = max(1, int(4e6 / (count * points.shape[1])))
    for start in range(0, len(points), block):
        part = slice(start, start + block)
        squared[part] = ((points[part, None] - points[near[part]]) ** 2).sum(-1)
    order = squared.argsort(axis=1, kind="stable")[:, :k]
    return np.take_along_axis(squared, order, 1), np.take_along_axis(near, order, 1)


def pkn(squared: np.ndarray, near: np.ndarray) -> csr_array:
    """Probabilistic nearest-neighbour graph W (n, n), symmetric, from k + 1 neighbours (n, k + 1).

    Row i gives neighbour j the weight (d_k+1 - d_j) / sum_m (d_k+1 - d_m), of squared distances:
    weights sum to 1, and neighbours tied with the last have none. Where all k + 1 distances are
    equal that is 0/0, and the k neighbours share alike. Then W = (W + W') / 2. No parameter but k.
    Source: Nie, Wang, Jordan and Huang, AAAI 2016, as AMGL's authors use it.
    """
    gaps = squared[:, -1:] - squared[:, :-1]
    gaps[all_tied(squared)] = 1.0
    weights = gaps / gaps.sum(1, keepdims=True)
    directed = _from_lists(weights, near[:, :-1])
    return csr_array((directed + directed.T) / 2)


def all_tied(squared: np.ndarray) -> np.ndarray:
    """Rows (n,) whose neighbours are all equally far, as where a row has many copies."""
    return squared[:, -1] == squared[:, 0]


def self_tuning(squared: np.ndarray, near: np.ndarray, k: int) -> csr_array:
    """Heat kernel exp(-d_ij / (s_i s_j)) over k nearest neighbours, d squared, joined by maximum.

    s_i is the distance to row i's seventh neighbour, so lists hold at least that many where rows
    suffice; a row with seven copies is joined to copies alone, by weights of 1. Source:
    Zelnik-Manor and Perona, NeurIPS 2004.
    """
    sigma = np.sqrt(squared[:, min(SIGMA_RANK, squared.shape[1]) - 1])
    scale = np.maximum(sigma[:, None] * sigma[near], 1e-3 * squared)  # exp(-1000) is 0
    exponent = np.divide(squared, scale, out=np.zeros_like(squared), where=squared > 0)
    directed = _from_lists(np.exp(-exponent)[:, :k], near[:, :k])
    return csr_array(directed.maximum(directed.T))


def gaussian(squared: np.ndarray, near: np.ndarray) -> csr_array:
    """Weights exp(-4 d_ij / d_ik) over k nearest neighbours, d squared, then W = (W + W') / 2.

    d_ik is that of row i's k-th neighbour, ``squared`` and ``near`` (n, k); copies weigh 1. Source:
    Calder, Cook, Thorpe and Slepcev, ICML 2020.
    """
    directed = _from_lists(decay(squared), near)
    return csr_array((directed + directed.T) / 2)


def decay(squared: np.ndarray) -> np.ndarray:
    """exp(-4 d_ij / d_ik) of squared distances (n, k), ascending."""
    last = np.broadcast_to(squared[:, -1:], squared.shape)
    return np.exp(-4 * np.divide(squared, last, out=np.zeros_like(squared), where=last > 0))


def normalised(weights: csr_array) -> csr_array:
    """S = D^-1/2 W D^-1/2, with D the row sums of W; a row without links stays empty."""
    degree = weights.sum(axis=1)
    root = 1 / np.sqrt(np.where(degree > 0, degree, 1.0))
    return csr_array(weights.multiply(root[:, None]).multiply(root[None]))


def _from_lists(weights: np.ndarray, near: np.ndarray) -> csr_array:
    n, k = near.shape
    ends = np.arange(0, n * k + 1, k)
    graph = csr_array((weights.ravel(), near.ravel(), ends), shape=(n, n))
    graph.eliminate_zeros()
    return graph


@dataclass(frozen=True)
class Graph:
    """One view's W and S, and how many of its rows have only equally far neighbours."""

    weights: csr_array
    matrix: csr_array
    tied: int

    @classmethod
    def of(cls, weights: csr_array, tied: int = 0) -> Graph:
        return cls(weights, normalised(weights), tied)


_KEPT: OrderedDict[tuple[str, str, int, str], Graph] = OrderedDict()
_MOST_KEPT = 16


def view_graphs(rows: Rows, kind: str, k: int, scaling: str) -> tuple[Graph, ...]:
    """A graph for each view: ``kind`` pkn, self_tuning or gaussian, ``scaling`` none or zscore.

    Graphs are kept in memory by content, a few at a time: candidates of one trial, and methods that
    run in one process, build them once. Raises UnsupportedError where a view is absent, FitError
    where there are too few rows to have neighbours.
    """
    if not rows.present.all():
        raise UnsupportedError("this method cannot read rows with absent views; impute them first")
    if rows.n < 3:
        raise FitError(f"a graph needs at least three rows, this problem has {rows.n}")
    graphs = []
    for view in rows.views:
        content = hashlib.sha256(f"{view.dtype}{view.shape}".encode())
        content.update(view.tobytes())
        key = (content.hexdigest(), kind, k, scaling)
        graph = _KEPT.get(key) or _build(view.astype(np.float64), kind, k, scaling)
        _KEPT[key] = graph
        _KEPT.move_to_end(key)
        graphs.append(graph)
    while len(_KEPT) > max(_MOST_KEPT, len(graphs)):
        _KEPT.popitem(last=False)
    return tuple(graphs)


def _build(points: np.ndarray, kind: str, k: int, scaling: str) -> Graph:
    shift, spread = scale(points, scaling)
    points = (points - shift) / spread
    k = min(k, len(points) - 2)
    if kind == "pkn":
        squared, near = neighbours(points, k + 1)
        return Graph.of(pkn(squared, near), int(all_tied(squared).sum()))
    if kind == "gaussian":
        return Graph.of(gaussian(*neighbours(points, k)))
    squared, near = neighbours(points, min(max(k, SIGMA_RANK), len(points) - 1))
    return Graph.of(self_tuning(squared, near, k))


def scale(points: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """Shift and divisor of columns, each (p,): mean and sd for zscore, 0 and 1 for none.

    The divisor of a constant column is infinite: it is 0 in every row, in whatever unit.
    """
    if scaling == "none":
        return np.zeros(points.shape[1]), np.ones(points.shape[1])
    return points.mean(0), np.where(constant(points), np.inf, points.std(0))
