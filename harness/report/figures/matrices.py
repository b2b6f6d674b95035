"""Completed views as images side by side: the same rows and columns, one diverging scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure as Drawn

from harness.analysis.figure_arrays import Matrices
from harness.report import format as fmt
from harness.report.figures.curves import numbers
from harness.report.kind import Kind, Part
from harness.report.model import Block, Figure
from harness.report.style import INK, MUTED, RULE, Page, shortened
from harness.store.manifest import file_stem

QUANTILE = 0.99
"""Share of the true values inside the colour scale."""
STOPS = ("#081d3f", "#2f5c94", "#8a8f96", "#d8a860", "#fff3c4")
"""Blue below, grey at zero, ochre above; lightness rises all the way, so grey print keeps signs."""
LEFT, HEIGHT = 0.75, 3.6


@dataclass(frozen=True, eq=False)
class MatrixPlot(Figure):
    """Panels of the same rows and columns under one scale, ``-limit`` to ``limit``.

    ``panels``  (title, line under it, values (n, d)).   ``groups`` (class name, first row, last).
    """

    panels: tuple[tuple[str, str, np.ndarray], ...]
    groups: tuple[tuple[str, int, int], ...]
    limit: float
    x_label: str
    y_label: str
    scale: str

    def draw(self) -> Drawn:
        """One image a panel, the colour bar at the right."""
        return _drawn(self)


class Images(Kind):
    """A figure for every view that rows lack, and the errors as a table."""

    axes = 1

    def blocks(self, part: Part) -> list[Block]:
        plots = [matrix_plot(part, matrices) for matrices in part.shown.matrices]
        return [*plots, *numbers(part, part.layout.values[0], export="latex")]

    def lines(self, part: Part) -> tuple[str, ...]:
        if part.shown.matrices and part.note.kind == "licensed":
            return ("No CSV of the images is written: its values are licensed data.",)
        return ()

    def files(self) -> dict[str, pd.DataFrame]:
        """The errors, and the matrices as numbers; values of licensed data are never among them."""
        tables = {f"{self.given.meta.protocol}.csv": self.table}
        for part in (part for part in self.parts if part.note.kind != "licensed"):
            for matrices in part.shown.matrices:
                plot = matrix_plot(part, matrices)
                tables[f"figures/{plot.stem}.csv"] = matrix_csv(plot, matrices)
        return tables


def matrix_plot(part: Part, matrices: Matrices) -> MatrixPlot:
    """The truth, then the imputation of each row of the table, in the table's order."""
    trials = part.trials
    limit = float(max(1.0, np.ceil(2 * np.quantile(np.abs(matrices.truth), QUANTILE)) / 2))
    rows = trials.drop_duplicates("row_key").to_dict("records")
    panels = [("Original", "", matrices.truth)]
    for row in rows:
        if row["row_key"] in matrices.completed:
            error = f"NMSE {fmt.accuracy(row['nmse'])}"
            panels.append((row["row"], error, matrices.completed[row["row_key"]]))
    shown, first = len(matrices.truth), trials.iloc[0]
    share = fmt.percent(100 * float(first["at_missing"]))
    what = f"{fmt.labelled(first)} labelled, {share} of the rows lack a view"
    return MatrixPlot(
        stem=f"{part.stem}_{file_stem(matrices.view, 40)}",
        **part.heading(f"view {matrices.view}, {what}"),
        panels=tuple(panels),
        groups=_groups(matrices.classes),
        limit=limit,
        x_label=f"{fmt.plural(matrices.truth.shape[1], 'feature')} of view {matrices.view}",
        y_label="instances, by class",
        scale="z-score",
        caption=f"{part.layout.shows} Shown are {shown} of the {matrices.hidden} rows whose view "
        f"{matrices.view} was hidden in trial {matrices.trial}, the same in every panel, grouped "
        "by class (imputers do not see the class of unlabelled rows) and, within a class, in the "
        f"random order of the trial. All panels share one scale, −{limit:g} to {limit:g}, which "
        f"covers {100 * QUANTILE:g} % of the true values; values beyond it have the colour of its "
        "end. NMSE is over all hidden entries of the trial. " + part.note.what_varies,
        description=f"Images of hidden rows of {part.note.title} and of their imputations.",
    )


def matrix_csv(plot: MatrixPlot, matrices: Matrices) -> pd.DataFrame:
    """A line per panel and row: data set, class, then the z-scored features."""
    parts = []
    for title, _, values in plot.panels:
        part = pd.DataFrame(values, columns=[f"z{i}" for i in range(values.shape[1])])
        part.insert(0, "class", matrices.classes)
        part.insert(0, "instance", range(len(part)))
        part.insert(0, "panel", title)
        part.insert(0, "dataset", matrices.dataset)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _groups(classes: Sequence[str]) -> tuple[tuple[str, int, int], ...]:
    groups, start = [], 0
    for name, members in groupby(classes):
        count = len(list(members))
        groups.append((name, start, start + count - 1))
        start += count
    return tuple(groups)


def scale() -> LinearSegmentedColormap:
    """The diverging scale."""
    return LinearSegmentedColormap.from_list("signed", STOPS)


def _drawn(plot: MatrixPlot) -> Drawn:
    panel = min(1.75, max(1.15, 8.2 / len(plot.panels)))
    width = LEFT + panel * len(plot.panels) + 0.95
    width = max(width, min(7.0, 0.4 + 0.085 * len(plot.title)))
    page = Page(width, 0.5 + HEIGHT + 0.62, plot.title, plot.stamps)
    colours, norm = scale(), Normalize(-plot.limit, plot.limit)
    for i, (title, below, values) in enumerate(plot.panels):
        axes = page.axes(LEFT + i * panel, 0.5, panel - 0.12, HEIGHT)
        axes.imshow(
            np.asarray(values), cmap=colours, norm=norm, aspect="auto", interpolation="nearest"
        )
        axes.set_title(f"{shortened(title, 22)}\n{below}", fontsize=7.8, color=INK, pad=5)
        axes.set_xticks([])
        axes.set_yticks([])
        for _, first, _ in plot.groups[1:]:
            axes.axhline(first - 0.5, color="#ffffff", lw=0.9)
        for side in axes.spines.values():
            side.set_color(RULE)
        if i == 0:
            middles = [(first + last) / 2 for _, first, last in plot.groups]
            axes.set_yticks(middles, [shortened(name, 10) for name, _, _ in plot.groups])
            axes.tick_params(length=0, labelsize=7, colors=MUTED)
            axes.set_ylabel(plot.y_label, color=MUTED, fontsize=8)
    bar = page.axes(LEFT + panel * len(plot.panels) + 0.12, 0.5, 0.16, HEIGHT)
    colorbar = page.figure.colorbar(ScalarMappable(norm, colours), cax=bar, extend="both")
    colorbar.outline.set_edgecolor(RULE)
    bar.tick_params(labelsize=7, colors=MUTED, length=2)
    bar.set_title(plot.scale, fontsize=7, color=MUTED, pad=4)
    middle = LEFT + 0.5 * panel * len(plot.panels)
    page.text(middle, page.height - 0.28, plot.x_label, ha="center", color=MUTED)
    return page.figure


KIND = Images
