"""Figures with 40 views, 30 rows and names of 120 letters: no text is cut, none lies on another."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from harness.analysis.figure_arrays import Shown
from harness.layout import Layout
from harness.report.kind import Given
from harness.report.meta import with_distinct_titles
from harness.report.style import settings
from harness.report.write import Made
from tests.unit.harness.fake_figures import (
    FEW,
    NOTE,
    case,
    layout_of,
    meta_of,
    missing_trials,
    weights_of,
)
from tests.unit.harness.fake_trials import trials_of

LONG = "A data set with a name of more than one hundred and twenty letters, as people give who say "
LONG += "in it where the data are from, 2018"
NAME = (
    "A method whose name goes on and on until it has one hundred and twenty letters, as if it were "
)
NAME += "a sentence, number"
VIEWS = replace(
    NOTE,
    title=LONG,
    view_names=tuple(f"view number {i} of forty" for i in range(40)),
    dims=(3,) * 40,
)
DOTS = Layout.of(
    {
        "kind": "dots",
        "values": ({"column": "accuracy", "label": "test accuracy"},),
        "reference": "simvae",
        "shows": "Test accuracy.",
    }
)


def many_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = {f"row_{i}": (0.5 + 0.01 * i + 0.03 * rng.normal(size=3)).tolist() for i in range(30)}
    trials = trials_of(rows)
    return trials.assign(row=[f"{NAME} {key}" for key in trials["row_key"]])


def two_sets() -> pd.DataFrame:
    first = missing_trials(FEW, (2.0, 10.0), (0.1,)).drop(columns="at_missing")
    return pd.concat([first, first.assign(dataset="other", dataset_order=1)])


def plots() -> dict[str, Any]:
    stamp = "preview, 3 trials; the paper uses 20; without a, b (--dataset a b) " * 2
    meta = {"datasets": (VIEWS,), "stamp": stamp}
    both = (VIEWS, replace(VIEWS, key="other"))
    named = {"figure3": missing_trials(FEW), "figure2b": case("figure2b")[0]}
    made = {
        "rows": Given(meta_of("table2", **meta), Layout("table"), many_rows()),
        "dots": Given(meta_of("dots", datasets=both), DOTS, two_sets()),
    }
    for key, trials in named.items():
        shown = weights_of(3, 40) if key == "figure2b" else Shown()
        made[key] = Given(meta_of(key, **meta), layout_of(key), trials, shown=shown)
    return {key: next(iter(Made(given).drawings.figures.values())) for key, given in made.items()}


@pytest.mark.parametrize("key", ["rows", "dots", "figure3", "figure2b"])
def test_no_text_is_cut_and_no_labels_of_an_axis_touch(key: str) -> None:
    plot = plots()[key]
    with settings():
        _check(plot.draw())


def _check(figure: Figure) -> None:
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    width, height = figure.bbox.width, figure.bbox.height
    unseen = set()  # matplotlib keeps labels of ticks beyond the limits, and draws none of them
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        unseen |= {id(label) for tick in ticks for label in (tick.label1, tick.label2)}
    for text in figure.findobj(lambda artist: isinstance(artist, Text)):
        if id(text) not in unseen and text.get_visible() and text.get_text().strip():
            box = text.get_window_extent(renderer)
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            assert inside, text.get_text()
    for axes in figure.axes:
        labels = [one for one in axes.get_xticklabels() if one.get_text() and id(one) not in unseen]
        boxes = [label.get_window_extent(renderer) for label in labels]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    own = [text for text in figure.texts if text.get_text()]
    boxes = [text.get_window_extent(renderer) for text in own]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_rows_of_dots_are_sorted_by_their_mean() -> None:
    plot = plots()["dots"]
    means = [dot.mean for dot in plot.panels[0].dots]
    assert means == sorted(means, reverse=True)
    assert len(plot.panels) == 2
    for dot in plot.panels[0].dots:
        low, high = dot.interval
        assert low < dot.mean < high


def test_data_under_two_splits_or_view_sets_have_headings_of_their_own() -> None:
    keys = ["mfeat:fac,zer", "mfeat:fou,kar", "eegmat@segment", "eegmat@trial"]
    titles = ["Multiple features"] * 2 + ["EEG"] * 2
    long = ["a:" + ",".join(f"v{i}" for i in range(40 + more)) for more in (0, 1)]
    notes = [replace(NOTE, key=k, title=t) for k, t in zip(keys, titles, strict=True)]
    notes += [replace(NOTE, key=k, title="Long") for k in long]
    told = [
        note.title for note in with_distinct_titles([*notes, replace(NOTE, key="x", title="Alone")])
    ]
    assert len(set(told)) == len(told)
    assert told[-1] == "Alone"
    assert max(map(len, told)) < 100
