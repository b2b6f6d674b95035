"""The tables of docs/answer.md, results.md and missing_views.md, from trials under docs/results/.

    python -m benchmarks.docs_tables                 print the tables, draw docs/figures/answer.png

Rows are methods, columns data sets, at one share of labelled training rows a table. Where a line
stands for several rows (the better view), the one with the highest mean is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from itertools import chain
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from benchmarks._measure import ROOT
from harness.report import format as fmt

FOLDER, PICTURE = ROOT / "docs/results", ROOT / "docs/figures/answer.png"
PERCENTS = (2.0, 10.0)
"""Shares of labels; docs/answer.md has the first."""
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
    Line("best of MAE, DCCA, DCCAE + TSVM", ("mae_tsvm", "dcca_tsvm", "dccae_tsvm"), True),
    Line("AMMSS (reconstruction)", ("ammss",)),
    Line("AMGL", ("amgl",), True),
    Line("SVM", ("svm",)),
    Line("best of MAE, DCCA, DCCAE + SVM", ("mae_svm", "dcca_svm", "dccae_svm"), True),
    Line("MAE + SVM, codes of all training rows", ("mae_svm_train",)),
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


COMPARED = (
    Line("SMVAE, inductive", ("smvae",)),
    Line("q(y\\|X) of SMVAE alone", ("classifier",)),
    Line("SMVAE, transductive", ("smvae_transductive",)),
    Line("q(y\\|X) alone, transductive", ("classifier_transductive",)),
    Line("Logistic regression", ("logistic_regression",)),
    Line("SVM", ("svm",)),
    Line("MAE+SVM", ("mae_svm",)),
    Line("DCCA+SVM", ("dcca_svm",)),
    Line("DCCAE+SVM", ("dccae_svm",)),
    Line("MAE+SVM, codes of all training rows", ("mae_svm_train",)),
    Line("MVAE+SVM, codes of all training rows", ("mvae_svm_train",)),
    Line("M2 (Concat.)", ("m2_concat",)),
    Line("SDGM (Concat.)", ("sdgm_concat",)),
    Line("TSVM", ("tsvm",)),
    Line("MAE+TSVM", ("mae_tsvm",)),
    Line("DCCA+TSVM", ("dcca_tsvm",)),
    Line("DCCAE+TSVM", ("dccae_tsvm",)),
    Line("AMMSS (reconstruction)", ("ammss",)),
    Line("AMGL", ("amgl",)),
    Line("Label spreading (Concat.)", ("label_spreading_concat",)),
    Line("Poisson learning (Concat.)", ("poisson_learning_concat",)),
    Line("Self-training", ("self_training",)),
    Line("ExtraTrees", ("extra_trees",)),
    Line("TMC", ("tmc",)),
    Line("SMVAE, equal view weights", ("smvae_uniform",)),
    Line("SMVAE, weights per row", ("smvae_gated",)),
    Line("SMVAE, mixture of products", ("smvae_mopoe",)),
    Line("SMVAE, product of experts", ("smvae_poe",)),
    Line("SVM, all labels", ("svm_all_labels",)),
)
"""The lines of docs/results.md."""


MISSING = {"figure3": "accuracy", "figure4": "nmse"}
"""Figures of docs/missing_views.md, and the column of their trials that a table has."""


def stored(percent: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials of Table 2 at a share of labels, and SMVAE minus every row, corrected intervals."""
    trials, paired = trials_of("table2"), pd.read_csv(FOLDER / "table2" / "paired.csv")
    return trials[trials["label_percent"] == percent], paired[paired["label_percent"] == percent]


def trials_of(protocol: str) -> pd.DataFrame:
    """The trials of a protocol that ended well."""
    trials = pd.read_csv(FOLDER / protocol / "trials.csv.xz")
    return trials[trials["status"] == "ok"]


def best(trials: pd.DataFrame, line: Line, dataset: str) -> str:
    """Key of the row with the highest mean among those of a line; "" where there is none.

    As in reports, a row without all of its trials has no mean.
    """
    own = trials[trials["dataset"] == dataset]
    own = own[own.groupby("row_key")["trial"].transform("nunique") == own["trial"].nunique()]
    keys = [k for k in own["row_key"].unique() if any(fnmatch(k, key) for key in line.keys)]
    means = own[own["row_key"].isin(keys)].groupby("row_key")["accuracy"].mean()
    return str(means.idxmax()) if len(means) else ""


def table(trials: pd.DataFrame) -> list[str]:
    """The lines of the table of docs/answer.md."""
    return _table(LINES, lambda line, dataset: _value(trials, dataset, best(trials, line, dataset)))


def compared(trials: pd.DataFrame, paired: pd.DataFrame) -> list[str]:
    """The lines of a table of docs/results.md: accuracy, and SMVAE minus the row in points."""

    def cell(line: Line, dataset: str) -> str:
        key = best(trials, line, dataset)
        return "; ".join(filter(None, (_value(trials, dataset, key), _gap(paired, dataset, key))))

    return _table(COMPARED, cell)


def by_missing(trials: pd.DataFrame, column: str) -> list[str]:
    """A table of means for each fraction of missing views: ``.792 / .820 / .885``.

    A method that uses no label has the same fits at every share of labels, which is said. As in
    reports, a cell without all of its trials has no mean: ``18 of 20``.
    """
    expected = trials["trial"].nunique()
    columns = [
        (key, percent)
        for key in trials["dataset"].unique()
        for percent in trials.loc[trials["dataset"] == key, "label_percent"].unique()
    ]
    names = [f"{key.partition(':')[0]}, {percent:g} %" for key, percent in columns]
    lines = {}
    for row in trials["row"].unique():
        texts: dict[str, list[str]] = {}
        for key, percent in columns:
            own = trials[(trials["row"] == row) & (trials["dataset"] == key)]
            own = own[own["label_percent"] == percent]
            # As a report's: a mean within each group sums in another order.
            text = " / ".join(
                fmt.accuracy(part[column].mean())
                if len(part) == expected
                else f"{len(part)} of {expected}"
                for _, part in own.groupby("at_missing")
            )
            earlier = texts.setdefault(key, [])
            earlier.append("the same fits" if text in earlier else text)
        lines[row] = list(chain.from_iterable(texts.values()))
    return _markdown(names, lines)


def _table(lines: Sequence[Line], cell: Callable[[Line, str], str]) -> list[str]:
    """A Markdown table of ``cell`` over lines and data sets; without empty lines and columns."""
    found = {line: {name: cell(line, name) for name in DATA} for line in lines}
    names = [name for name in DATA if any(cells[name] for cells in found.values())]
    filled = {
        line.title: [cells[name] or "-" for name in names]
        for line, cells in found.items()
        if any(cells.values())
    }
    return _markdown([DATA[name] for name in names], filled)


def _markdown(titles: Sequence[str], lines: Mapping[str, Sequence[str]]) -> list[str]:
    """A Markdown table: titles of columns; titles of lines to their cells."""
    head = ["| | " + " | ".join(titles) + " |", "|---" + "|---:" * len(titles) + "|"]
    return head + [f"| {title} | " + " | ".join(cells) + " |" for title, cells in lines.items()]


def _value(trials: pd.DataFrame, dataset: str, key: str) -> str:
    """``.650 ± .040``; "" without trials."""
    own = trials[(trials["dataset"] == dataset) & (trials["row_key"] == key)]["accuracy"]
    return f"{fmt.accuracy(own.mean())} ± {fmt.accuracy(own.std())}" if len(own) else ""


def _pair(paired: pd.DataFrame, dataset: str, key: str) -> pd.Series | None:
    """SMVAE minus a row; None where they were not compared."""
    own = paired[(paired["dataset"] == dataset) & (paired["row_key"] == key)]
    return own.iloc[0] if len(own) else None


def _gap(paired: pd.DataFrame, dataset: str, key: str) -> str:
    """``+5.5 [+1.3, +9.6]``, bold where it is decided; "" without a comparison with SMVAE."""
    pair = _pair(paired, dataset, key)
    if pair is None:
        return ""
    gap, low, high = (
        f"{100 * pair[name]:+.1f}"
        for name in ("mean_difference", "corrected_low", "corrected_high")
    )
    bold = "" if pair["decision"] == "undecided" else "**"
    interval = "" if pd.isna(pair["corrected_low"]) else f" [{low}, {high}]"
    return f"{bold}{gap}{interval}{bold}"


def draw(trials: pd.DataFrame, paired: pd.DataFrame) -> Figure:
    """Every drawn row minus SMVAE, in points, with the corrected 95 % interval."""
    lines = [
        line
        for line in LINES
        if line.drawn and any(best(trials, line, dataset) for dataset in DATA)
    ]
    figure = Figure(figsize=(10.5, 0.27 * len(lines) + 1.1), layout="constrained")
    panels = figure.subplots(1, len(DATA), sharey=True, sharex=True)
    for panel, (dataset, title) in zip(panels, DATA.items(), strict=True):
        for place, line in enumerate(lines):
            key = best(trials, line, dataset)
            pair = _pair(paired, dataset, key)
            if pair is None:
                continue
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
    """Print the tables, draw the figure."""
    for percent in PERCENTS:
        trials, paired = stored(percent)
        if percent == PERCENTS[0]:
            print("\n".join(["docs/answer.md:", *table(trials), ""]))
            draw(trials, paired).savefig(PICTURE, dpi=130)
        print("\n".join([f"docs/results.md, {percent:g} %:", *compared(trials, paired), ""]))
    for figure, column in MISSING.items():
        lines = by_missing(trials_of(figure), column)
        print("\n".join([f"docs/missing_views.md, {figure}:", *lines, ""]))


if __name__ == "__main__":
    main()
