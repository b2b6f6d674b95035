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
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from harness import inputs, registry
from harness.execute import accuracy
from methods.base import Failed, Fitted, Member, Training
from protocols.base import BUDGETS, Scenario, build, draw, label_fractions, label_rule, seed_of

DATA = ("mfeat", "mnist_hog", "watch")
CURVES = (("smvae", "inductive"), ("smvae", "transductive"), ("m2", "inductive"))
POINTS_LOST = 0.02


def main() -> None:
    """Measure, write the table and the picture, say whether the rule holds."""
    arguments = _arguments()
    tasks = [(d, m, p, arguments) for d in arguments.dataset for m, p in CURVES]
    with ProcessPoolExecutor(arguments.workers) as pool:
        lines = [line for found in pool.map(curve, tasks) for line in found]
    table = pd.DataFrame(lines)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "preview_epochs.csv", index=False, float_format="%.4f")
    verdict = judge(table, BUDGETS["preview"].epochs)
    print(verdict.to_string(index=False))
    picture(table, arguments.out / "preview_epochs.png")


def curve(task: tuple[str, str, str, argparse.Namespace]) -> list[dict[str, object]]:
    """One line per trial and scored epoch."""
    import torch

    torch.set_num_threads(1)
    spec, method, paradigm, arguments = task
    data, split = inputs.open_dataset(spec)
    fraction = label_fractions(data)[0]
    scenario = Scenario(split, paradigm, fraction, label_rule(data))  # pyright: ignore[reportArgumentType]
    lines: list[dict[str, object]] = []
    for trial in range(arguments.trials):
        for epoch, score in enumerate(_scores(data, scenario, method, trial, arguments), start=1):
            lines.append(
                {
                    "dataset": spec,
                    "method": method,
                    "paradigm": paradigm,
                    "trial": trial,
                    "epoch": epoch * arguments.every,
                    "tuning_accuracy": score,
                }
            )
    return lines


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
    """One panel a data set: mean tuning accuracy of the best epoch so far, band = SD over trials."""
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


def _scores(
    data: object, scenario: Scenario, method: str, trial: int, arguments: argparse.Namespace
) -> Iterator[float]:
    drawn = draw(data, scenario, trial)  # pyright: ignore[reportArgumentType]
    problem, answers = build(data, scenario, drawn)  # pyright: ignore[reportArgumentType]
    found: list[float] = []

    def score(fitted: Fitted) -> float:
        found.append(accuracy(fitted.predict(problem.tuning), answers.tuning_labels))
        return found[-1]

    seed = seed_of(data, scenario.split, trial, "learning curve")  # pyright: ignore[reportArgumentType]
    kind = registry.load_method(method)
    member = Member(problem, kind.Config(), seed, score)
    training = Training(arguments.epochs, arguments.every, None)
    for event in kind.fit_stack([member], training):  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(event, Failed):
            raise SystemExit(f"{method} on trial {trial} failed: {event.reason}")
    return iter(np.array(found).tolist())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", nargs="+", default=list(DATA))
    parser.add_argument("--epochs", type=int, default=4 * BUDGETS["preview"].epochs)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
