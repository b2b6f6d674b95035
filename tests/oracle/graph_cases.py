"""Small problems for the oracles of the graph methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.base import HIDDEN, Problem, Rows
from methods.graph import _graphs


def problem_of(views: Sequence[np.ndarray], classes: np.ndarray, labelled: np.ndarray) -> Problem:
    """A complete Problem of ``views``, with ``classes`` shown where ``labelled``; ids from 100."""
    rows = Rows(
        tuple(views), np.ones((len(classes), len(views)), bool), np.arange(len(classes)) + 100
    )
    names = tuple(str(k) for k in range(int(classes.max()) + 1))
    labels = np.where(labelled, classes, HIDDEN)
    return Problem(rows, labels, labelled, tuple("abcdef"[: len(views)]), names, rows)


def blobs(
    n: int = 40, dims: Sequence[int] = (5, 3), classes: int = 3, known: int = 2, seed: int = 0
) -> tuple[Problem, np.ndarray]:
    """Gaussian classes, float64, ``known`` labelled rows a class at the front; and the classes."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % classes
    views = [3 * rng.normal(size=(classes, d))[truth] + rng.normal(size=(n, d)) for d in dims]
    return problem_of(views, truth, np.arange(n) < known * classes), truth


def matrices(problem: Problem) -> list:
    """S of every view, sparse."""
    return [graph.matrix for graph in _graphs.view_graphs(problem.rows, "pkn", 5, "none")]


def laplacians(problem: Problem) -> list[np.ndarray]:
    """I - S of every view, dense."""
    return [np.eye(problem.rows.n) - graph.toarray() for graph in matrices(problem)]
