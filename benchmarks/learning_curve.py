"""Learning curves of stored fits: tuning score, both terms of the objective, weights, clamp hits.

    python run_all.py --protocol table2 --dataset digits --method smvae --label-percent 2 --trials 3
    python -m benchmarks.learning_curve --dataset digits

Trains nothing: every fit stores what it logged in each epoch with its arrays. Draws one column for
each data set, method and setting, and one line for each trial; the dotted line is the end of a
warm-up, the dot the selected epoch. ``--judge`` also prints whether the epochs of a budget suffice:
at its end, the best tuning score so far should be within 2 points of the best of all stored epochs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness import registry
from harness.store.record import Record
from harness.store.store import Store
from protocols.base import BUDGETS, Budget

POINTS_LOST = 0.02
PANELS = (
    ("tuning_score", "tuning score"),
    ("bound", "bound, J / N (nats)"),
    ("cross_entropy", "cross-entropy (nats)"),
    ("view_weights", "view weight λ"),
    ("clamp_hits_x", "log-variances beyond bounds, data"),
)
"""Logged arrays and the labels of their panels; a panel without any array is left out."""
SCORED = ("tuning_score", "clamp_hits_x")
"""Arrays with a value for each scored epoch; the others have one for each epoch."""


def main() -> None:
    """Read, draw, print; exit with one sentence if nothing is stored."""
    arguments = _arguments()
    store = Store(arguments.results)
    fits = wanted(store.records().values(), arguments)
    curves = [(record, store.arrays(record)) for record in fits]
    curves = [(record, arrays) for record, arrays in curves if "scored_epoch" in arrays]
    if not curves:
        raise SystemExit(
            f"no stored fit below {arguments.results} matches and has curves; train some first, as "
            "in `python -m benchmarks.learning_curve --help`"
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    table(curves).to_csv(arguments.out.with_suffix(".csv"), index=False, float_format="%.4f")
    picture(curves, arguments.out.with_suffix(".png"))
    print(f"{len(curves)} fits: {arguments.out.with_suffix('.csv')} and .png")
    if arguments.judge:
        print(judge(curves, BUDGETS[arguments.judge]).to_string(index=False))


def wanted(records: Iterable[Record], arguments: argparse.Namespace) -> list[Record]:
    """Fits that ended well and match, in the order of data set, title, trial."""
    found = [
        record
        for record in records
        if record.status == "ok"
        and record.arrays
        and (not arguments.dataset or names(record) & set(arguments.dataset))
        and (not arguments.method or record.job["method"] in arguments.method)
        and (arguments.seed is None or record.job["seed"] == arguments.seed)
        and (
            arguments.epochs is None
            or (record.job["training"] or {}).get("epochs") == arguments.epochs
        )
    ]
    return sorted(found, key=lambda r: (r.data_key, title(r), r.job["trial"]))


def names(record: Record) -> set[str]:
    """What a data set may be called: with its views, and without."""
    return {record.data_key, record.data_key.split(":")[0]}


def title(record: Record) -> str:
    """Data set, labels, method, paradigm, and the settings that differ from the defaults."""
    job = record.job
    defaults = registry.load_method(job["method"]).Config().settings()
    config = json.loads(json.dumps(defaults))
    changed = [f"{k} {v}" for k, v in job["config"].items() if config.get(k) != v]
    views = "+".join(job["views"]) + " " if job["views"] else ""
    scenario = job["scenario"]
    labels = f"{100 * scenario['label_fraction']:g} % labels"
    first = f"{record.data_key}, {labels}"
    return "\n".join([first, f"{views}{job['method']} {scenario['paradigm']}", *changed])


def table(curves: Sequence[tuple[Record, Mapping[str, np.ndarray]]]) -> pd.DataFrame:
    """One line per fit and scored epoch."""
    lines = []
    for record, arrays in curves:
        names = {"curve": title(record).replace("\n", "; "), "trial": record.job["trial"]}
        for at, epoch in enumerate(arrays["scored_epoch"].astype(int)):
            line: dict[str, Any] = {**names, "epoch": epoch, "chosen": epoch == record.epoch}
            for name, _ in PANELS:
                values = arrays.get(name)
                if values is None:
                    continue
                value = values[at if name in SCORED else epoch - 1]
                if value.ndim:
                    line |= {f"{name}_{v}": one for v, one in enumerate(value)}
                else:
                    line[name] = value
            lines.append(line)
    return pd.DataFrame(lines)


def picture(curves: Sequence[tuple[Record, Mapping[str, np.ndarray]]], path: Path) -> None:
    """One column for each title, one row for each logged quantity."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    titles = list(dict.fromkeys(title(record) for record, _ in curves))
    panels = [p for p in PANELS if any(p[0] in arrays for _, arrays in curves)]
    figure, axes = plt.subplots(
        len(panels), len(titles), figsize=(3.6 * len(titles) + 1, 2 * len(panels) + 0.8),
        sharex="col", sharey="row", squeeze=False, layout="constrained",
    )  # fmt: skip
    for record, arrays in curves:
        column = titles.index(title(record))
        warmup = record.job["config"].get("warmup_epochs", 0)
        color = f"C{record.job['trial'] % 10}"
        for axis, (name, _) in zip(axes[:, column], panels, strict=True):
            values = arrays.get(name)
            if values is None:
                continue
            at = arrays["scored_epoch"] if name in SCORED else np.arange(1, len(values) + 1)
            axis.plot(at, values, color=color, lw=1, alpha=0.8)
            if name == "tuning_score":
                axis.plot(record.epoch, record.score, "o", color=color, ms=4)
            if 0 < warmup < arrays["scored_epoch"][-1]:
                axis.axvline(warmup, color="0.6", lw=1, ls=":")
    for column, name in enumerate(titles):
        axes[0, column].set_title(name, fontsize=8)
        axes[-1, column].set_xlabel("epoch")
    for row, (_, label) in enumerate(panels):
        axes[row, 0].set_ylabel(label, fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def judge(
    curves: Sequence[tuple[Record, Mapping[str, np.ndarray]]], budget: Budget
) -> pd.DataFrame:
    """Best tuning score at the end of the budget and over all stored epochs, means over trials."""
    lines = []
    for record, arrays in curves:
        epochs, scores = arrays["scored_epoch"].astype(int), arrays["tuning_score"]
        warmup = record.job["config"].get("warmup_epochs", 0)
        stop = stopped(epochs.tolist(), scores.tolist(), budget, warmup)
        kept, most = scores[epochs <= stop].max(), scores.max()
        lines.append((title(record).replace("\n", "; "), stop, kept, most))
    found = pd.DataFrame(lines, columns=["curve", "stops_at", budget.name, "all_epochs"])
    found = found.groupby("curve", sort=False).mean()
    found["gain"] = found["all_epochs"] - found[budget.name]
    found["within_2_points"] = found["gain"] <= POINTS_LOST
    return found.round(3).reset_index()


def stopped(epochs: list[int], scores: list[float], budget: Budget, warmup: int) -> int:
    """The epoch at which a run under ``budget`` ends."""
    best, best_at = float("-inf"), 0
    for epoch, score in zip(epochs, scores, strict=True):
        if score > best:
            best, best_at = score, epoch
        waited = budget.patience is not None and epoch - max(best_at, warmup) >= budget.patience
        if waited or epoch >= budget.epochs:
            return epoch
    return epochs[-1]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of a run")
    parser.add_argument("--dataset", nargs="+", default=[], help="data sets (default: all stored)")
    parser.add_argument("--method", nargs="+", default=[], help="methods (default: all stored)")
    parser.add_argument("--seed", type=int, help="the run seed of the fits (default: any)")
    parser.add_argument("--epochs", type=int, help="only fits with this maximal number of epochs")
    parser.add_argument("--judge", choices=sorted(BUDGETS), help="a budget to judge")
    parser.add_argument("--out", type=Path, default=Path("docs/figures/learning_curves"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
