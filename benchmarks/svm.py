"""Time of an SVM against its estimate, and of its linear solvers against LIBSVM.

    python -m benchmarks.svm [--data | --synthetic] [--repeats 3]

Seconds of processor time with one thread, fit and prediction of at most 500 rows, medians.
``--synthetic``: classes that overlap completely, or are far apart. ``--data``: the data sets of
this project with all training labels, also with LIBSVM without an iteration limit, and the share of
test rows on which the two differ.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.svm import SVC

from datasets.base import HeldOut, Problem, Rows
from harness import registry
from harness.plan import resolve
from harness.plan.cards import method_cards
from methods._sklearn import FittedSklearn, concatenate
from methods.base import Fitted, Shape, Training
from methods.kernel.svm import SVM, Config
from protocols.base import BUDGETS, build, draw

KEYS = ("digits", "mfeat", "watch", "mnist_hog")
SIZES = (20, 100, 300, 301, 600, 1000, 2000, 6000)
WIDTHS, CLASSES, APART = (60, 160, 350), (2, 4, 10), (0.0, 4.0)
SETTINGS = (
    *(Config(C=c) for c in (0.01, 0.1, 1.0, 10.0, 100.0)),
    *(Config(kernel="rbf", C=c, gamma=g) for c, g in ((1.0, 1.0), (10.0, 0.3), (100.0, 0.1))),
)


def synthetic() -> Iterator[tuple[str, Problem, Rows]]:
    """Gaussian classes, at most 500 of the rows to predict."""
    for n, width, classes, apart in itertools.product(SIZES, WIDTHS, CLASSES, APART):
        rng = np.random.default_rng(n + width + classes)
        labels = np.arange(n) % classes
        centres = apart * rng.normal(size=(classes, width)) / np.sqrt(width)
        x = (rng.normal(size=(n, width)) + centres[labels]).astype(np.float32)
        rows = Rows((x,), np.ones((n, 1), bool), np.arange(n))
        names = tuple(map(str, range(classes)))
        problem = Problem(rows, labels, np.ones(n, bool), ("a",), names, rows)
        few = Rows((x[:500],), rows.present[:500], rows.ids[:500])
        yield f"distance {apart:g}", problem, few


def real() -> Iterator[tuple[str, Problem, Rows]]:
    """Trial 0 of the row ``SVM, all labels`` of each data set, and its test rows."""
    for key in KEYS:
        data, split = resolve.open_dataset(key)
        cells = registry.load_protocol("table2").cells(
            data, split, BUDGETS["paper"], method_cards()
        )
        scenario = next(c.scenario for c in cells if c.row.key == "svm_all_labels")
        made: tuple[Problem, HeldOut] = build(data, scenario, draw(data, scenario, 0, 0))
        yield key, made[0], made[1].test


def timed(run: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    """Median seconds, and the last answer."""
    taken, answer = [], np.zeros(0)
    for _ in range(repeats):
        began = time.process_time()
        answer = run()
        taken.append(time.process_time() - began)
    return float(np.median(taken)), answer


def unlimited(problem: Problem, test: Rows, fitted: Fitted, config: Config) -> np.ndarray:
    """Predictions of LIBSVM without a limit."""
    assert isinstance(fitted, FittedSklearn)
    x, y = (
        fitted.scaler.transform(concatenate(problem.rows))[problem.labelled],
        problem.labels[problem.labelled],
    )
    return (
        SVC(kernel="linear", C=config.C)
        .fit(x, y)
        .predict(fitted.scaler.transform(concatenate(test)))
    )


def main() -> None:
    """Print a row for each fit, then the share of estimates within a factor of three."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--data", action="store_true")
    which.add_argument("--synthetic", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    sources = [*([] if asked.data else [synthetic]), *([] if asked.synthetic else [real])]
    print("data | rows x features, classes | kernel, C | s | estimate | ratio | LIBSVM s | differ")
    for source in sources:
        ratios = []
        for name, problem, test in source():
            n, dims = int(problem.labelled.sum()), problem.dims
            shape = Shape(n, 0, dims, problem.n_classes)
            for config in SETTINGS:
                method, rng = SVM(config), np.random.default_rng(0)
                seconds, ours = timed(
                    lambda m=method, p=problem, t=test, r=rng: m.fit(p, r).predict(t), asked.repeats
                )
                ratios.append(SVM.cost(shape, config, Training()) / seconds)
                said = ""
                if source is real and config.kernel == "linear":
                    fitted = method.fit(problem, rng)
                    alone, theirs = timed(
                        lambda p=problem, t=test, f=fitted, c=config: unlimited(p, t, f, c), 1
                    )
                    said = f" | {alone:.3f} | {np.mean(ours != theirs):.4f}"
                print(
                    f"{name} | {n} x {sum(dims)}, {problem.n_classes} | {config.kernel}, "
                    f"{config.C:g} | {seconds:.4f} | {ratios[-1] * seconds:.4f} | "
                    f"{ratios[-1]:.2f}{said}",
                    flush=True,
                )
        found = np.array(ratios)
        held = np.mean((found > 1 / 3) & (found < 3))
        print(f"{source.__name__}: {len(found)} fits, {100 * held:.0f} % within a factor of three")


if __name__ == "__main__":
    main()
