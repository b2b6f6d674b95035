"""Tuning accuracy over epochs, the evidence behind the preview budget's epochs and patience.

    python -m benchmarks.learning_curve [--epochs 240] [--trials 3] [--out docs/figures]

For every default data set at its lowest label fraction: SMVAE (inductive, transductive) and M2 on
the concatenation, at their default settings, scored on tuning rows every few epochs. The rule:
where the preview stops, by its patience or its last epoch, the best tuning accuracy so far is
within 2 points of the best of all epochs. Writes ``preview_epochs.csv`` and ``.png``; test rows are
never read. ``--judge`` reads the written table instead of training.
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

import pandas as pd

from datasets.base import Answers, Problem
from harness import inputs, registry
from harness.scores import accuracy
from methods.base import Failed, Fitted, Member, StackedMethod, Training
from protocols.base import (
    BUDGETS,
    Budget,
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
    stored = arguments.out / "preview_epochs.csv"
    if arguments.judge:
        table = pd.read_csv(stored)
        print(judge(table, BUDGETS["preview"]).to_string(index=False))
        picture(table, arguments.out / "preview_epochs.png")
        return
    tasks = [(d, m, p, arguments) for m, p in CURVES for d in arguments.dataset]
    with ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        lines = []
        for task, found in zip(tasks, pool.map(curve, tasks), strict=True):
            print(*task[:3], "done", flush=True)
            lines += found
    table = pd.DataFrame(lines)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(stored, index=False, float_format="%.4f")
    print(judge(table, BUDGETS["preview"]).to_string(index=False))
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


def judge(table: pd.DataFrame, budget: Budget) -> pd.DataFrame:
    """Best tuning accuracy where the budget stops and over all epochs, means over trials."""
    keys = ["dataset", "method", "paradigm"]
    lines = []
    for name, curve_ in table.groupby([*keys, "trial"], sort=False):
        stop = stopped(curve_["epoch"].tolist(), curve_["tuning_accuracy"].tolist(), budget)
        kept = curve_.loc[curve_["epoch"] <= stop, "tuning_accuracy"].max()
        most = curve_["tuning_accuracy"].max()
        lines.append((*name[:3], stop, kept, most))
    found = pd.DataFrame(lines, columns=[*keys, "stops_at", "preview", "all_epochs"])
    found = found.groupby(keys, sort=False).mean()
    found["gain"] = found["all_epochs"] - found["preview"]
    found["within_2_points"] = found["gain"] <= POINTS_LOST
    return found.reset_index()


def stopped(epochs: list[int], scores: list[float], budget: Budget) -> int:
    """The epoch at which a run under ``budget`` ends."""
    best, best_at = float("-inf"), 0
    for epoch, score in zip(epochs, scores, strict=True):
        if score > best:
            best, best_at = score, epoch
        waited = budget.patience is not None and epoch - best_at >= budget.patience
        if waited or epoch >= budget.epochs:
            return epoch
    return epochs[-1]


def picture(table: pd.DataFrame, path: Path) -> None:
    """One panel a data set: mean tuning accuracy of the best epoch so far, band: SD of trials."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(table["dataset"]))
    figure, axes = plt.subplots(1, len(names), figsize=(max(6, 4 * len(names)), 3.4), squeeze=False)
    epochs, patience = BUDGETS["preview"].epochs, BUDGETS["preview"].patience
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
        axis.set(title=name, xlabel="epoch", ylabel="tuning accuracy, best epoch so far")
        axis.legend(fontsize=7, loc="lower right")
    figure.suptitle(
        f"the preview stops at {epochs} epochs (line), or after {patience} without gain"
    )
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
    parser.add_argument("--epochs", type=int, default=2 * BUDGETS["preview"].epochs)
    parser.add_argument("--every", type=int, default=BUDGETS["preview"].eval_every)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    parser.add_argument("--judge", action="store_true", help="train nothing, read the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
