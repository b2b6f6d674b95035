"""Our solvers beside public ones, in one run: ratios of processor time, each to its own tolerance.

    python -m benchmarks.peers [--repeats 5]

Peers of the lock are measured. Others give a line that says so: an environment with them is made
beside .venv, whose packages are locked.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.sparse import csr_array, eye_array

from benchmarks._measure import Row, medians
from benchmarks.graph_methods import problem
from harness import registry
from methods.base import Method
from methods.graph._graphs import normalised
from methods.graph._joined import Joined
from methods.graph._propagate import conjugate_gradients, one_hot
from methods.graph.label_spreading import LabelSpreading

ROWS = 2000
MISSING = {
    "pyro": "Pyro's enumerated M2 over ours (pip install pyro-ppl)",
    "cca_zoo": "cca-zoo's DCCA over ours, an epoch (pip install cca-zoo)",
    "svmlight": "an SVM-light class TSVM over ours (benchmarks.tsvm measures ours)",
}
"""Peers that the lock does not have, by module."""


def label_spreading(repeats: int) -> Iterator[Row]:
    """The solve alone, on one graph: conjugate gradients, and scikit-learn's iteration."""
    from sklearn.semi_supervised import LabelSpreading as Peer

    made, _ = problem(ROWS)
    config = LabelSpreading.Config()
    graph, targets = Joined.of(made.rows, config), one_hot(made)
    weights = csr_array(graph.weights)

    def ours() -> np.ndarray:
        system = eye_array(made.rows.n) - config.alpha * normalised(weights)
        return conjugate_gradients(csr_array(system), targets, targets)[0]

    peer = Peer(kernel=lambda *_: weights.copy(), alpha=config.alpha, max_iter=1000)
    places, labels = np.arange(made.rows.n, dtype=float)[:, None], made.labels
    seconds = medians({"ours": ours, "peer": lambda: peer.fit(places, labels)}, repeats)
    hidden = ~made.labelled
    same = np.mean(ours().argmax(1)[hidden] == peer.label_distributions_.argmax(1)[hidden])
    ratio = seconds["peer"] / seconds["ours"]
    yield Row(
        f"scikit-learn's LabelSpreading (tolerance .001) over our solve (to rounding), {ROWS} rows",
        f"{ratio:.1f}; {same:.1%} of the unlabelled rows get one class",
    )


def soft_impute(repeats: int) -> Iterator[Row]:
    """One fit with default settings, each to its own end."""
    made, _ = problem(ROWS)
    present = made.rows.present.copy()
    present[::3, 1] = False
    views = tuple(np.where(present[:, [v]], x, np.nan) for v, x in enumerate(made.rows.views))
    rows = replace(made.rows, views=views, present=present)
    lacking = replace(made, rows=rows)
    runs: dict[str, Callable[[], object]] = {}
    for name in ("soft_impute_als", "soft_impute"):
        kind: type[Method] = registry.load_method(name)
        fit = kind(kind.Config()).fit
        runs[name] = lambda fit=fit: fit(lacking, np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = medians(runs, repeats)
    ratio = seconds["soft_impute"] / seconds["soft_impute_als"]
    yield Row(f"fancyimpute's SoftImpute over our softImpute-ALS, {ROWS} rows", f"{ratio:.1f}")


def not_measured() -> Iterator[Row]:
    """Peers without a measurement here, with what a measurement needs."""
    for module, what in MISSING.items():
        state = "installed, no measurement written" if find_spec(module) else "not installed"
        yield Row(what, f"not measured: {module} {state}")


def rows(repeats: int) -> Iterator[Row]:
    """The measurements."""
    yield from label_spreading(repeats)
    yield from soft_impute(repeats)
    yield from not_measured()


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    torch.set_num_threads(1)
    for row in rows(parser.parse_args().repeats):
        print(f"{row.what:<95} {row.value}", flush=True)


if __name__ == "__main__":
    main()
