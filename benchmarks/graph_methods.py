"""Time and memory of the graph methods on simulated Gaussian classes.

    python -m benchmarks.graph_methods [--rows 4700 18000]

A trial is one fit: one of AMGL, or AMMSS over its whole grid of r, which shares the graphs. Seconds
are processor time of one thread, which other load changes little. Peak memory is that of this
process, so sizes run in ascending order. Last, the time of a dense solve over that of a solve by
conjugate gradients of the same system, measured in one run.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from datasets.base import HIDDEN, Problem, Rows
from harness.run import resources
from methods.base import Fitted, Method
from methods.graph import _graphs, _propagate
from methods.graph.amgl import AMGL
from methods.graph.ammss import AMMSS

DIMS, CLASSES, SHARE = (310, 33), 3, 0.03
DENSE_ROWS = 1500


def problem(n: int) -> tuple[Problem, np.ndarray]:
    """Overlapping Gaussian classes in the shape of SEED, 3 % labelled; and the true classes."""
    rng = np.random.default_rng(0)
    truth = rng.integers(CLASSES, size=n)
    views = tuple(
        (rng.normal(size=(CLASSES, d))[truth] + 3 * rng.normal(size=(n, d))).astype(np.float32)
        for d in DIMS
    )
    rows = Rows(views, np.ones((n, len(DIMS)), bool), np.arange(n))
    labelled = np.arange(n) < SHARE * n
    labels = np.where(labelled, truth, HIDDEN)
    return Problem(rows, labels, labelled, ("eeg", "eye"), ("a", "b", "c"), rows), truth


def fit(method: type[Method], made: Problem, **settings: float) -> tuple[Fitted, float]:
    """A fit and its processor time in seconds."""
    began = time.process_time()
    fitted = method(method.Config(**settings)).fit(made, np.random.default_rng(0))
    return fitted, time.process_time() - began


def measure(n: int) -> None:
    """Print seconds, memory and accuracy at ``n`` rows."""
    made, truth = problem(n)
    began = time.process_time()
    _graphs.view_graphs(made.rows, "pkn", 5, "none")
    graphs = time.process_time() - began
    fitted, amgl = fit(AMGL, made)
    hidden = ~made.labelled
    right = np.mean(fitted.predict(made.rows)[hidden] == truth[hidden])
    grid = [fit(AMMSS, made, **candidate) for candidate in AMMSS.Config.grid()]
    facts = fitted.facts()
    print(f"{n} rows: graphs                     {graphs:.2f} s")
    print(f"{n} rows: AMGL on them               {amgl:.2f} s", end="")
    print(f" ({facts['rounds']} rounds, {facts['cg_steps']} steps, {right:.3f} right)")
    print(f"{n} rows: AMMSS on them, all {len(grid)} r   {sum(s for _, s in grid):.2f} s")
    print(f"{n} rows: peak memory                {resources.peak_memory_mb() / 1024:.2f} GiB")


def dense_ratio(repeats: int = 5) -> None:
    """Print the time of a dense solve over that of a sparse one."""
    made, _ = problem(DENSE_ROWS)
    graphs = [graph.matrix for graph in _graphs.view_graphs(made.rows, "pkn", 5, "none")]
    graph, targets = _propagate.combine(graphs, np.zeros(2)), _propagate.one_hot(made)
    start, u = np.zeros(targets.shape), ~made.labelled
    taken: dict[str, list[float]] = {"dense": [], "sparse": []}
    for _ in range(repeats):
        began = time.process_time()
        change, _ = _propagate.propagate(graph, targets, made.labelled, start)
        middle = time.process_time()
        L = np.eye(DENSE_ROWS) - graph.toarray()
        dense = -np.linalg.solve(L[u][:, u], L[u] @ targets)
        taken["dense"].append(time.process_time() - middle)
        taken["sparse"].append(middle - began)
    ratio = np.median(taken["dense"]) / np.median(taken["sparse"])
    gap = abs(dense - change[u]).max()
    print(f"{DENSE_ROWS} rows: dense solve / ours        {ratio:.0f} (differ by {gap:.0e})")


def main() -> None:
    """Measure all sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[4700, 18000])
    for n in sorted(parser.parse_args().rows):
        measure(n)
    dense_ratio()


if __name__ == "__main__":
    main()
