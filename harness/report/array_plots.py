"""What figures of arrays show: view weights over the epochs, and completed views as images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from harness.report import format as say
from harness.report.curve_plots import number
from harness.report.figure_model import Head, MatrixPlot, NumberTable, WeightLine, WeightPlot
from harness.report.layout import Layout, Matrices, Weights

QUANTILE = 0.99
"""Share of the true values that lies inside the colour scale."""


def weight_plot(
    head: Head,
    trials: pd.DataFrame,
    found: Sequence[Weights],
    layout: Layout,
) -> WeightPlot:
    """Bars and ways of the weights of every view; no mean where a planned trial has none."""
    complete = len(found) == len(trials)
    lines = tuple(
        WeightLine(
            view=view,
            style=v,
            values=tuple(float(one.final[v]) for one in found),
            mean=float(np.mean([one.final[v] for one in found])) if complete else None,
            sd=float(np.std([one.final[v] for one in found], ddof=1))
            if complete and len(found) > 1
            else None,
            ways=tuple((tuple(one.curve[:, v].tolist()), one.epoch) for one in found),
        )
        for v, view in enumerate(head.note.view_names)
    )
    percent = say.percent(float(trials["label_percent"].iloc[0]))
    spread = f"mean ± SD over {len(found)} trials" if len(found) > 1 else "one trial, no SD"
    return WeightPlot(
        title=head.title(f"{layout.values[0].label}, {percent} labelled"),
        stamps=head.stamps,
        lines=lines,
        y_label=layout.values[0].label,
        note=spread if complete else f"{len(found)}/{len(trials)} trials: no mean",
        warning=layout.warning,
        caption=f"{layout.shows} Bars: {spread}; dots: trials. A marker on a line is the chosen "
        "epoch of that trial, which training passed by until patience or epochs ran out.",
        description=f"View weights on {head.note.title}; the numbers are in the table.",
    )


def weight_table(plot: WeightPlot) -> NumberTable:
    """The bars' numbers, with the weights after the first and the last epoch."""

    def told(values: Sequence[float]) -> str:
        low, high = say.accuracy(min(values)), say.accuracy(max(values))
        return low if low == high else f"{low} to {high}"

    lines = [
        (
            line.view,
            (number(line.mean, "") + (f"±{number(line.sd, '')}" if line.sd is not None else ""))
            or plot.note,
            told([way[0] for way, _ in line.ways]) if line.ways else "",
            told([way[-1] for way, _ in line.ways]) if line.ways else "",
            say.runs({epoch for _, epoch in line.ways}),
        )
        for line in plot.lines
    ]
    heads = ("View", "λ, chosen epoch", "first epoch", "last epoch", "chosen epochs")
    return NumberTable(plot.y_label, heads, tuple(lines), plot.warning)


def weights_csv(found: Sequence[Weights], names: Sequence[str]) -> pd.DataFrame:
    """A line per trial and view: the weight of the chosen epoch."""
    return pd.DataFrame(
        [
            {"dataset": one.dataset, "trial": one.trial, "view": view, "epoch": one.epoch,
             "weight": float(one.final[v])}
            for one in found
            for v, view in enumerate(names)
        ],
        columns=["dataset", "trial", "view", "epoch", "weight"],
    )  # fmt: skip


def ways_csv(found: Sequence[Weights], names: Sequence[str]) -> pd.DataFrame:
    """A line per trial, view and epoch."""
    return pd.DataFrame(
        [
            {"dataset": one.dataset, "trial": one.trial, "view": view, "epoch": epoch,
             "weight": float(weight)}
            for one in found
            for v, view in enumerate(names)
            for epoch, weight in enumerate(one.curve[:, v], start=1)
        ],
        columns=["dataset", "trial", "view", "epoch", "weight"],
    )  # fmt: skip


def matrix_plot(
    head: Head,
    trials: pd.DataFrame,
    found: Matrices,
    layout: Layout,
) -> MatrixPlot:
    """The truth, then what each row of the table made of it, in the table's order."""
    limit = float(max(1.0, np.ceil(2 * np.quantile(np.abs(found.truth), QUANTILE)) / 2))
    rows = trials.drop_duplicates("row_key").to_dict("records")
    panels = [("Original", "", found.truth)]
    for row in rows:
        if row["row_key"] in found.completed:
            said = f"NMSE {say.accuracy(row['nmse'])}"
            panels.append((row["row"], said, found.completed[row["row_key"]]))
    shown, first = len(found.truth), trials.iloc[0]
    percent = say.percent(float(first["label_percent"]))
    share = say.percent(100 * float(first["at_missing"]))
    what = f"{percent} labelled, {share} of the rows lack a view"
    return MatrixPlot(
        title=head.title(f"view {found.view}, {what}"),
        stamps=head.stamps,
        panels=tuple(panels),
        groups=_groups(found.classes),
        limit=limit,
        x_label=f"{found.truth.shape[1]} features of view {found.view}",
        y_label="instances, by class",
        scale="z-score",
        caption=f"{layout.shows} Shown are {shown} of the {found.hidden} rows whose view "
        f"{found.view} was hidden in trial {found.trial}, the same in every panel, grouped by "
        "class (which is nothing that an imputer is told of unlabelled rows), within a class in "
        f"the random order of the trial. One scale for all panels, −{limit:g} to {limit:g}, which "
        f"holds {100 * QUANTILE:g} % of the true values; what lies beyond has its end’s colour. "
        "NMSE is over all hidden entries of the trial.",
        description=f"Images of hidden rows of {head.note.title} and of their imputations.",
    )


def matrix_csv(plot: MatrixPlot, found: Matrices) -> pd.DataFrame:
    """A line per panel and row: data set, class, then the z-scored features."""
    parts = []
    for title, _, values in plot.panels:
        part = pd.DataFrame(values, columns=[f"z{i}" for i in range(values.shape[1])])
        part.insert(0, "class", found.classes)
        part.insert(0, "instance", range(len(part)))
        part.insert(0, "panel", title)
        part.insert(0, "dataset", found.dataset)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _groups(classes: Sequence[str]) -> tuple[tuple[str, int, int], ...]:
    found, start = [], 0
    for name, members in groupby(classes):
        count = len(list(members))
        found.append((name, start, start + count - 1))
        start += count
    return tuple(found)
