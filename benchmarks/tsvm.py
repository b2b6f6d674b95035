"""Time of a transductive SVM over that of an SVM on the labelled rows, measured in one run.

    python -m benchmarks.tsvm [--repeats 5]

The two are timed in turn, so that other load slows both. An SVM on so few rows takes about a
millisecond; the ratio shows the cost of the unlabelled rows, and milliseconds are for orientation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from sklearn.svm import SVC, LinearSVC

from datasets.base import Problem, Rows
from methods._sklearn import concatenate
from methods.kernel.tsvm import TSVM, Config

SHAPES = {"two classes": (135, 4536, 30, 2), "ten classes": (60, 400, 60, 10)}
"""Labelled and unlabelled rows, features, classes."""


def problem(shape: tuple[int, int, int, int]) -> Problem:
    """Overlapping Gaussian classes of a shape in ``SHAPES``."""
    known, unknown, width, classes = shape
    rng, n = np.random.default_rng(0), known + unknown
    labels = np.arange(n) % classes
    centres = 2.5 * rng.normal(size=(classes, width)) / np.sqrt(width)
    x = (centres[labels] + rng.normal(size=(n, width))).astype(np.float32)
    rows = Rows((x,), np.ones((n, 1), bool), np.arange(n))
    labelled = np.arange(n) < known
    names = tuple(str(k) for k in range(classes))
    return Problem(rows, np.where(labelled, labels, -1), labelled, ("a",), names, rows)


def timed(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median processor seconds of each run, taken in turn."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            began = time.process_time()
            run()
            taken[name].append(time.process_time() - began)
    return {name: float(np.median(values[1:])) for name, values in taken.items()}


def measure(name: str, repeats: int) -> None:
    """Print what was measured on shape ``name``."""
    task = problem(SHAPES[name])
    x, y = concatenate(task.rows)[task.labelled], task.labels[task.labelled]
    runs: dict[str, Callable[[], object]] = {
        "LinearSVC": lambda: LinearSVC(C=0.1, dual=False).fit(x, y),
        "SVC": lambda: SVC(kernel="linear", C=0.1).fit(x, y),
    }
    for c in Config.grid():
        method = TSVM(Config(**c))
        runs[f"TSVM, C {c['C']:g}, {c['ratio']}"] = lambda m=method: m.fit(
            task, np.random.default_rng(0)
        )
    found = timed(runs, repeats)
    for run, seconds in found.items():
        ratios = ", ".join(f"{seconds / found[k]:7.1f} x {k}" for k in ("LinearSVC", "SVC"))
        print(f"{name}: {run:<26} {1e3 * seconds:8.1f} ms   {ratios}")


def main() -> None:
    """Measure all shapes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    for name in SHAPES:
        measure(name, repeats)


if __name__ == "__main__":
    main()
