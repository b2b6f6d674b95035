"""Training settings of semi-supervised VAEs: tuning scores over epochs at named settings.

    python -m benchmarks.training_settings --out FILE.csv [--method smvae] [--setting NAME ...]

The evidence behind the default ``init``, ``activation``, ``warmup_epochs`` and ``logvar_floor``
(docs/decisions/0062) and the candidates of ``learning_rate`` (0129, 0131). Draws have their own run
seed, which no report uses, and are scored on their tuning rows; test rows are never read. One line
of the table is one scored epoch of one draw. Parts that are in the table are not repeated, so the
same command resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from benchmarks.learning_curve import stopped
from datasets.base import HeldOut, Problem
from harness import registry
from harness.plan import resolve
from harness.run import imputation
from harness.run.scoring import accuracy, probe
from methods.base import Failed, Fitted, Member, StackedMethod, Training
from protocols.base import (
    BUDGETS,
    Paradigm,
    Scenario,
    build,
    draw,
    label_fractions,
    label_rule,
    seed_of,
)
from protocols.table2 import FORMER

DEVELOPMENT_SEED = 2018
"""The run seed of all draws here; reports use 0 without ``--seed``."""
DATA = ("mfeat:fou,zer", "mfeat:fou,kar", "mfeat:fac,zer", "watch", "digits", "mnist_hog")
BASE = {"init": "fan_in", "activation": "relu", "warmup_epochs": 0, "logvar_floor": -6.0}
RATES = {
    3e-4: (40,),
    1e-3: (40,),
    2e-3: (10, 20, 40),
    4e-3: (5, 10, 20, 40),
    8e-3: (5, 10, 20, 40),
    16e-3: (10,),
}
"""Learning rates, and the warm-ups tried with each."""
SETTINGS: dict[str, dict[str, Any]] = {
    "former": FORMER,
    "glorot relu": FORMER | {"activation": "relu"},
    "fan-in softplus": BASE | {"activation": "softplus"},
    "fan-in": BASE,
    **{f"fan-in W{w}": BASE | {"warmup_epochs": w} for w in (10, 20, 40, 60, 100)},
    "former W40": FORMER | {"warmup_epochs": 40},
    "fan-in softplus W40": BASE | {"activation": "softplus", "warmup_epochs": 40},
    **{
        f"fan-in W{w} floor {f}": BASE | {"warmup_epochs": w, "logvar_floor": float(f)}
        for w in (0, 20, 40)
        for f in (-4, -2, -1, 0)
    },
    **{f"fan-in W40 c {c}": BASE | {"warmup_epochs": 40, "c": c} for c in (0.1, 1.0)},
    "classifier alone": BASE | {"warmup_epochs": 100_000},
    **{
        f"rate {r:g} W{w}": BASE | {"logvar_floor": -1.0, "warmup_epochs": w, "learning_rate": r}
        for r, warmups in RATES.items()
        for w in warmups
    },
}
"""By name. ``FORMER`` is how everything was trained before; "W40" is a warm-up of 40 epochs."""
HALVES = (0, 1)
"""Every other tuning row: one half chooses an epoch, the other scores it."""
LACKING = ("simvae", "sdgm_plus", "conet", "corrnet")
"""Methods tried with half of the training rows lacking every view but the first."""


@dataclass(frozen=True)
class Part:
    """Some draws of one data set under one method and setting, trained as one stack."""

    method: str
    setting: str
    dataset: str
    paradigm: str
    draws: int
    epochs: int
    every: int

    @property
    def names(self) -> dict[str, str]:
        """The columns that tell parts apart."""
        keys = ("method", "setting", "dataset", "paradigm")
        return {key: getattr(self, key) for key in keys}


def run(part: Part) -> list[dict[str, object]]:
    """Lines of a part: a scored epoch of a draw each."""
    import torch

    torch.set_num_threads(1)
    data, split = resolve.open_dataset(part.dataset)
    lacking = data.view_names[1:] if part.method in LACKING else ()
    scenario = Scenario(
        split,
        cast(Paradigm, part.paradigm),
        label_fractions(data)[0],
        label_rule(data),
        missing=lacking,
        missing_fraction=0.5 if lacking else 0.0,
    )
    kind = cast(type[StackedMethod], registry.load_method(part.method))
    known = {f.name for f in fields(kind.Config)}
    config = kind.Config(**{k: v for k, v in SETTINGS[part.setting].items() if k in known})
    scores: dict[int, list[dict[str, float]]] = {}
    shapes: dict[tuple[int, int], list[Member]] = {}
    for trial in range(part.draws):
        drawn = draw(data, scenario, trial, DEVELOPMENT_SEED)
        problem, held_out = build(data, scenario, drawn)
        seed = seed_of(data, split, trial, "training settings", DEVELOPMENT_SEED)
        score = recorder(kind, problem, held_out, scores.setdefault(trial, []))
        shape = problem.rows.n, int(problem.labelled.sum())
        shapes.setdefault(shape, []).append(Member(problem, config, seed, score))
    for members in shapes.values():
        for event in kind.fit_stack(members, Training(part.epochs, part.every, None)):
            if isinstance(event, Failed):
                raise RuntimeError(f"{part}: {event.reason}")
    return [
        {**part.names, "draw": trial, "epoch": step * part.every, **found}
        for trial, lines in scores.items()
        for step, found in enumerate(lines, start=1)
    ]


def recorder(
    kind: type[StackedMethod], problem: Problem, held_out: HeldOut, lines: list[dict[str, float]]
) -> Callable[[Fitted], float]:
    """Notes tuning scores in ``lines``: accuracy, or a probe's on codes, and NMSE of an imputer."""

    def score(fitted: Fitted) -> float:
        line: dict[str, float] = {}
        if kind.can.classify:
            predicted, truth = fitted.predict(problem.tuning), held_out.tuning_labels
            line["tuning_accuracy"] = accuracy(predicted, truth)
            for half in HALVES:
                line[f"half_{half}"] = accuracy(predicted[half::2], truth[half::2])
        elif not problem.may_miss:
            parts = {"codes_rows": problem.rows, "codes_tuning": problem.tuning}
            codes = {name: fitted.transform(rows) for name, rows in parts.items()}
            line["tuning_accuracy"] = probe(problem, held_out, codes)
            line["tuning_loss"] = fitted.loss(problem.tuning)
        if problem.may_miss:
            line["tuning_nmse"] = -imputation.tuning_score(fitted, problem)
        lines.append(line)
        return 0.0

    return score


def linear(dataset: str, paradigm: str, draws: int) -> Iterator[dict[str, object]]:
    """Logistic regression and SVM, each draw's best candidate on its tuning rows."""
    data, split = resolve.open_dataset(dataset)
    scenario = Scenario(split, "supervised", label_fractions(data)[0], label_rule(data))
    for key in ("logistic_regression", "svm"):
        kind = registry.load_method(key)
        for trial in range(draws):
            problem, held_out = build(data, scenario, draw(data, scenario, trial, DEVELOPMENT_SEED))
            best = max(
                accuracy(
                    kind(kind.Config(**candidate))
                    .fit(problem, np.random.default_rng(0))
                    .predict(problem.tuning),
                    held_out.tuning_labels,
                )
                for candidate in kind.Config.grid()
            )
            names = {"method": key, "setting": "grid", "dataset": dataset, "paradigm": paradigm}
            yield {**names, "draw": trial, "epoch": 0, "tuning_accuracy": best}


def summary(table: pd.DataFrame, within: int | None = None) -> pd.DataFrame:
    """Mean over draws of the best tuning accuracy up to epoch ``within``, a column a data set.

    ``mean`` and ``worst`` are over data sets; ``last`` is the mean at the last epoch.
    """
    seen = table if within is None else table[table["epoch"] <= within]
    keys = ["method", "paradigm", "setting"]
    by_draw = seen.groupby([*keys, "dataset", "draw"], sort=False)["tuning_accuracy"]
    wide = by_draw.max().groupby([*keys, "dataset"], sort=False).mean().unstack("dataset")
    last = by_draw.last().groupby(keys, sort=False).mean()
    return wide.assign(mean=wide.mean(axis=1), worst=wide.min(axis=1), last=last).round(3)


def judged(table: pd.DataFrame, either: Sequence[Sequence[str]] = ()) -> pd.DataFrame:
    """Mean tuning accuracy of the half of the rows that did not choose; by data set.

    The best of many epochs is optimistic, the more so the more the accuracy jumps, as it does at a
    high learning rate. So either half chooses an epoch by the preview's rule of stopping, the other
    scores it, and both scores are averaged. Lines without halves are left out. ``either`` names
    settings of which the same half also chooses one, for each draw; a line for each of them.
    """
    keys = ["method", "paradigm", "setting", "dataset"]
    halves = [f"half_{half}" for half in HALVES]
    found = []
    for names, curve in table.dropna(subset=halves).groupby([*keys, "draw"], sort=False):
        *_, setting, _, _ = cast(tuple[str, ...], names)
        warmup, epochs = SETTINGS[setting]["warmup_epochs"], curve["epoch"].tolist()
        for chooses, scores in (halves, halves[::-1]):
            last = stopped(epochs, curve[chooses].tolist(), BUDGETS["preview"], warmup)
            best = curve.loc[curve.loc[curve["epoch"] <= last, chooses].idxmax()]
            found.append([*names, chooses, best[chooses], best[scores]])
    frame = pd.DataFrame(found, columns=[*keys, "draw", "half", "chosen", "accuracy"])
    for settings in either:
        among = frame[frame["setting"].isin(settings)].sort_values("chosen", ascending=False)
        best = among.drop_duplicates(["method", "paradigm", "dataset", "draw", "half"])
        frame = pd.concat([frame, best.assign(setting=" or ".join(settings))])
    wide = frame.groupby(keys, sort=False)["accuracy"].mean().unstack("dataset")
    return wide.assign(mean=wide.mean(axis=1)).round(3)


def main() -> None:
    """Train what the table lacks, then print its summary."""
    arguments = _arguments()
    path = cast(Path, arguments.out)
    stored = pd.read_csv(path) if path.exists() else pd.DataFrame()
    wanted = [
        Part(method, setting, data, paradigm, arguments.draws, arguments.epochs, arguments.every)
        for setting in arguments.setting
        for method in arguments.method
        for paradigm in arguments.paradigm
        for data in arguments.dataset
    ]
    have = {tuple(line) for line in stored.get(list(wanted[0].names), stored).values.tolist()}
    todo = [part for part in wanted if tuple(part.names.values()) not in have]
    with ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        for part, lines in zip(todo, pool.map(run, todo), strict=True):
            _append(path, lines)
            print(*part.names.values(), "done", flush=True)
    if arguments.linear:
        for data in arguments.dataset:
            _append(path, list(linear(data, "supervised", arguments.draws)))
    if path.exists():
        table = pd.read_csv(path)
        print(summary(table, arguments.within).to_string())
        if set(table.columns) >= {f"half_{half}" for half in HALVES}:
            print("half of the rows chooses the epoch, the other half scores it:")
            print(judged(table, arguments.either).to_string())


def _append(path: Path, lines: list[dict[str, object]]) -> None:
    """Add lines to the table, whose columns stay; what a part has no value of is left empty."""
    columns = ["method", "setting", "dataset", "paradigm", "draw", "epoch"]
    values = ["tuning_accuracy", "tuning_nmse", "tuning_loss", *(f"half_{h}" for h in HALVES)]
    stored = list(pd.read_csv(path, nrows=0)) if path.exists() else [*columns, *values]
    frame = pd.DataFrame(lines).reindex(columns=stored)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.4f")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/results/training_settings.csv"))
    parser.add_argument("--method", nargs="+", default=["smvae"])
    parser.add_argument("--setting", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--dataset", nargs="+", default=list(DATA))
    parser.add_argument("--paradigm", nargs="+", default=["inductive"])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--within", type=int, help="read epochs up to this one only")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--either", nargs="+", action="append", default=[], choices=list(SETTINGS), metavar="NAME",
        help="settings of which every draw takes one; may be given several times",
    )  # fmt: skip
    parser.add_argument("--linear", action="store_true", help="logistic regression and SVM too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
