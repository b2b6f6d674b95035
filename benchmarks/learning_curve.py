"""Tuning accuracy over epochs, the evidence behind the preview budget's number of epochs.

    python -m benchmarks.learning_curve [--epochs 240] [--trials 3] [--out docs/figures]

For every default data set at its lowest label fraction: SMVAE (inductive, transductive) and M2 on
the concatenation, at their default settings, scored on tuning rows every few epochs. The rule: the
preview's epochs reach a tuning accuracy within 2 points of what four times as many reach, each with
its best epoch restored. Writes ``preview_epochs.csv`` and ``.png``; test rows are never read.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import cast

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd  # noqa: E402 - after the threads are set

from datasets.base import Answers, Problem  # noqa: E402
from harness import inputs, registry  # noqa: E402
from harness.execute import accuracy  # noqa: E402
from methods.base import Failed, Fitted, Member, StackedMethod, Training  # noqa: E402
from protocols.base import (  # noqa: E402
    BUDGETS,
    Paradigm,
    Scenario,
    build,
    draw,
    label_fractions,
    label_rule,
    seed_of,
)

DATA = ("mfeat", "mnist_hog", "watch")
CURVES = (("smvae", "inductive"), ("smvae", "transductive"), ("m2", "inductive"))
POINTS_LOST = 0.02


def main() -> None:
    """Measure, write the table and the picture, say whether the rule holds."""
    arguments = _arguments()
    tasks = [(d, m, p, arguments) for m, p in CURVES for d in arguments.dataset]
    with ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        lines = []
        for task, found in zip(tasks, pool.map(curve, tasks), strict=True):
            print(*task[:3], "done", flush=True)
            lines += found
    table = pd.DataFrame(lines)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "preview_epochs.csv", index=False, float_format="%.4f")
    verdict = judge(table, BUDGETS["preview"].epochs)
    print(verdict.to_string(index=False))
    picture(table, arguments.out / "preview_epochs.png")


def curve(task: tuple[str, str, str, argparse.Namespace]) -> list[dict[str, object]]:
    """One line per trial and scored epoch. Trials of one shape train in one stack."""
    import torch

    torch.set_num_threads(1)
    spec, method, paradigm, arguments = task
    data, split = inputs.open_dataset(spec)
    scenario = Scenario(split, cast(Paradigm, paradigm), label_fractions(data)[0], label_rule(data))
    kind = cast(type[StackedMethod], registry.load_method(method))
    scores: dict[int, list[float]] = {}
    shapes: dict[int, list[Member]] = {}
    for trial in range(arguments.trials):
        problem, answers = build(data, scenario, draw(data, scenario, trial))
        seed = seed_of(data, split, trial, "learning curve")
        score = _recorder(problem, answers, scores.setdefault(trial, []))
        shapes.setdefault(problem.rows.n, []).append(Member(problem, kind.Config(), seed, score))
    for members in shapes.values():
        for event in kind.fit_stack(members, Training(arguments.epochs, arguments.every, None)):
            if isinstance(event, Failed):
                raise SystemExit(f"{method} on {spec} failed: {event.reason}")
    cell = {"dataset": spec, "method": method, "paradigm": paradigm}
    return [
        {**cell, "trial": trial, "epoch": step * arguments.every, "tuning_accuracy": score}
        for trial, found in scores.items()
        for step, score in enumerate(found, start=1)
    ]


def judge(table: pd.DataFrame, epochs: int) -> pd.DataFrame:
    """Best tuning accuracy by ``epochs`` and by four times as many, mean over trials."""
    keys = ["dataset", "method", "paradigm"]

    def best_by(limit: int) -> pd.Series:
        within = table[table["epoch"] <= limit]
        return within.groupby([*keys, "trial"])["tuning_accuracy"].max().groupby(keys).mean()

    found = pd.DataFrame({f"by_{epochs}": best_by(epochs), f"by_{4 * epochs}": best_by(4 * epochs)})
    found["gain"] = found.iloc[:, 1] - found.iloc[:, 0]
    found["within_2_points"] = found["gain"] <= POINTS_LOST
    return found.reset_index()


def picture(table: pd.DataFrame, path: Path) -> None:
    """One panel a data set: mean tuning accuracy of the best epoch so far, band: SD of trials."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(table["dataset"]))
    figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 3.4), squeeze=False)
    epochs = BUDGETS["preview"].epochs
    for axis, name in zip(axes[0], names, strict=True):
        for (method, paradigm), part in table[table["dataset"] == name].groupby(
            ["method", "paradigm"], sort=False
        ):
            wide = part.pivot_table(index="epoch", columns="trial", values="tuning_accuracy")
            so_far = wide.cummax()
            mean, sd = so_far.mean(axis=1), so_far.std(axis=1)
            style = "--" if paradigm == "transductive" else "-" if method == "smvae" else ":"
            (line,) = axis.plot(mean.index, mean, style, label=f"{method} {paradigm}")
            axis.fill_between(mean.index, mean - sd, mean + sd, color=line.get_color(), alpha=0.15)
        axis.axvline(epochs, color="0.5", lw=1)
        axis.axvline(4 * epochs, color="0.8", lw=1)
        axis.set(title=name, xlabel="epoch", ylabel="tuning accuracy, best epoch so far")
        axis.legend(fontsize=7, loc="lower right")
    figure.suptitle(f"preview stops at {epochs} epochs (dark line); pale line: four times as many")
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _recorder(problem: Problem, answers: Answers, found: list[float]) -> Callable[[Fitted], float]:
    """The harness's tuning score, which also notes every value in ``found``."""

    def score(fitted: Fitted) -> float:
        found.append(accuracy(fitted.predict(problem.tuning), answers.tuning_labels))
        return found[-1]

    return score


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", nargs="+", default=list(DATA))
    parser.add_argument("--epochs", type=int, default=4 * BUDGETS["preview"].epochs)
    parser.add_argument("--every", type=int, default=BUDGETS["preview"].eval_every)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
