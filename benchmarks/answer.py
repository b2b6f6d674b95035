"""The table and the figure of docs/answer.md, from the trials under docs/results/table2.

    python -m benchmarks.answer                 print the table, draw docs/figures/answer.png

Rows are methods, columns data sets with 2 % of the training rows labelled. Where a line stands for
several rows (the better view), the one with the highest mean is shown.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from benchmarks._measure import ROOT
from harness.report import format as fmt

FOLDER, PICTURE = ROOT / "docs/results/table2", ROOT / "docs/figures/answer.png"
PERCENT, REFERENCE = 2.0, "smvae"
DATA = {
    "mfeat:fou,zer": "mfeat, fou + zer",
    "mfeat:fac,zer": "mfeat, fac + zer",
    "digits:left,right": "digits",
    "mnist_hog:hog0,hog2": "mnist_hog",
    "watch:acc,gyr": "watch",
}


class Line(NamedTuple):
    """A line of the table: its title, the keys of its rows as patterns, whether it is drawn."""

    title: str
    keys: tuple[str, ...]
    drawn: bool = False


LINES = (
    Line("**SMVAE**, inductive", ("smvae",)),
    Line("SMVAE, transductive", ("smvae_transductive",)),
    Line("its classifier alone, q(y\\|X)", ("classifier",), True),
    Line("M2, concatenation", ("m2_concat",), True),
    Line("M2, better single view", ("m2_[!c]*",), True),
    Line("SDGM, concatenation", ("sdgm_concat",), True),
    Line("TSVM, raw views", ("tsvm",), True),
    Line("AMMSS (reconstruction)", ("ammss",)),
    Line("AMGL", ("amgl",), True),
    Line("SVM", ("svm",)),
    Line("logistic regression", ("logistic_regression",), True),
    Line("*not in the paper:* label propagation, concatenation", ("label_propagation_concat",)),
    Line("label spreading, concatenation", ("label_spreading_concat",), True),
    Line("Poisson learning, concatenation", ("poisson_learning_concat",), True),
    Line("label spreading, view graphs", ("label_spreading",)),
    Line("Poisson learning, view graphs", ("poisson_learning",)),
    Line("self-training (logistic regression)", ("self_training",), True),
    Line("co-training", ("co_training",)),
    Line("ExtraTrees", ("extra_trees",)),
    Line("gradient boosting", ("hist_gradient_boosting",)),
    Line("pseudo-label MLP", ("pseudo_label_mlp",)),
    Line("TMC", ("tmc",)),
    Line("SMVAE, equal view weights", ("smvae_uniform",)),
    Line("SMVAE, weights per row", ("smvae_gated",)),
    Line("SMVAE, mixture of products", ("smvae_mopoe",)),
    Line("SMVAE, product of experts", ("smvae_poe",), True),
    Line("*all labels:* SVM", ("svm_all_labels",)),
)


def stored(folder: Path = FOLDER) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials, and SMVAE minus every row with corrected intervals."""
    trials, paired = pd.read_csv(folder / "trials.csv.xz"), pd.read_csv(folder / "paired.csv")
    trials = trials[(trials["label_percent"] == PERCENT) & (trials["status"] == "ok")]
    return trials, paired[paired["label_percent"] == PERCENT]


def best(trials: pd.DataFrame, line: Line, dataset: str) -> str:
    """Key of the row with the highest mean among those of a line; "" where there is none."""
    own = trials[trials["dataset"] == dataset]
    keys = [k for k in own["row_key"].unique() if any(fnmatch(k, key) for key in line.keys)]
    means = own[own["row_key"].isin(keys)].groupby("row_key")["accuracy"].mean()
    return str(means.idxmax()) if len(means) else ""


def table(trials: pd.DataFrame) -> list[str]:
    """The lines of the Markdown table."""
    lines = ["| | " + " | ".join(DATA.values()) + " |", "|---" + "|---:" * len(DATA) + "|"]
    for line in LINES:
        cells = []
        for dataset in DATA:
            key = best(trials, line, dataset)
            own = trials[(trials["dataset"] == dataset) & (trials["row_key"] == key)]["accuracy"]
            text = f"{fmt.accuracy(own.mean())} ± {fmt.accuracy(own.std())}" if key else "-"
            cells.append(text)
        lines.append(f"| {line.title} | " + " | ".join(cells) + " |")
    return lines


def draw(trials: pd.DataFrame, paired: pd.DataFrame) -> Figure:
    """Every drawn row minus SMVAE, in points, with the corrected 95 % interval."""
    lines = [line for line in LINES if line.drawn]
    figure = Figure(figsize=(10.5, 0.27 * len(lines) + 1.1), layout="constrained")
    panels = figure.subplots(1, len(DATA), sharey=True, sharex=True)
    for panel, (dataset, title) in zip(panels, DATA.items(), strict=True):
        for place, line in enumerate(lines):
            key = best(trials, line, dataset)
            own = paired[(paired["dataset"] == dataset) & (paired["row_key"] == key)]
            if not len(own):
                continue
            pair = own.iloc[0]
            ends = -100 * pair["corrected_high"], -100 * pair["corrected_low"]
            colour = "#6b7280" if pair["decision"] == "undecided" else "#1d5fa8"
            panel.plot(ends, [place, place], color=colour, lw=1.6)
            panel.plot(-100 * pair["mean_difference"], place, "o", color=colour, ms=4.5)
        panel.axvline(0, color="#374151", lw=0.8, ls="--")
        panel.set_title(title, fontsize=9)
        panel.tick_params(labelsize=8, length=2)
        for side in ("top", "right", "left"):
            panel.spines[side].set_visible(False)
    titles = [line.title.replace("\\|", "|").replace("*", "") for line in lines]
    panels[0].set_yticks(range(len(lines)), titles)
    panels[0].invert_yaxis()
    figure.supxlabel(
        "accuracy minus that of SMVAE (inductive), points, 95 % interval; blue: decided",
        fontsize=8.5,
    )
    return figure


def main() -> None:
    """Print the table, draw the figure."""
    trials, paired = stored()
    print("\n".join(table(trials)))
    draw(trials, paired).savefig(PICTURE, dpi=130)


if __name__ == "__main__":
    main()
