"""What a leak is worth, as figure, table and sentence: from ``leaks.leaks`` to structs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.report import format as say
from harness.report.figure_model import Gain, GainLine, Head, LeakPlot, NumberTable
from harness.report.meta import DatasetNote, SplitNote
from harness.report.model import Column
from harness.report.table import BLOCKS

ENDS = ["low", "high", "corrected_low", "corrected_high"]
DECIDED = ("higher", "lower")


def leak_plot(head: Head, gains: pd.DataFrame, columns: Sequence[Column]) -> LeakPlot:
    """Methods by paradigm; a method has a dot for every split that is compared."""
    leaky, *others = head.note.splits
    lines: list[GainLine] = []
    for block, own in gains.groupby("paradigm", sort=False):
        lines.append(GainLine(BLOCKS.get(str(block), str(block))))
        for _, row in own.groupby("row_key", sort=False):
            cells = tuple(tuple(_gain(row, c.percent, s.name) for s in others) for c in columns)
            lines.append(GainLine(str(row["row"].iloc[0]), cells))
    ends = 100 * gains[["difference", *ENDS]].to_numpy(float)
    ends = np.append(ends[np.isfinite(ends)], 0.0)
    room = 0.05 * float(np.ptp(ends)) + 0.5
    return LeakPlot(
        title=head.title(f"what the split “{leaky.name}” is worth"),
        stamps=head.stamps,
        panels=tuple(c.title + (f" ({c.labels} labels)" if c.labels else "") for c in columns),
        lines=tuple(lines),
        others=tuple(
            f"{leaky.name} minus {s.name}: rows of {_groups(leaky, s)} on both sides"
            for s in others
        ),
        x_label=f"points of test accuracy gained under the split “{leaky.name}”",
        limits=(float(ends.min()) - room, float(ends.max()) + room),
        caption="Markers: mean of the differences of trials. Bars: its 95 % interval, thick: t; "
        "thin: corrected for training sets that overlap. Filled: zero lies outside the widest "
        "interval and Holm’s p is at most .05; hollow: undecided.",
        description=f"Gains of a leaky split on {head.note.title}; the numbers are in the tables.",
    )


def leak_tables(gains: pd.DataFrame, columns: Sequence[Column]) -> tuple[NumberTable, ...]:
    """Accuracies under both splits and their difference, a table for each share of labels."""
    if len(gains) == 0:
        return ()
    heads = (
        "", "Compared with", f"Under {gains['leaky_split'].iloc[0]}", "Under the other",
        "Points gained", "95 % interval", "Corrected", "p (Holm)", "Pairs",
    )  # fmt: skip
    found = []
    for column in columns:
        lines = []
        for key in dict.fromkeys(gains["row_key"]):
            own = gains[(gains["row_key"] == key) & (gains["label_percent"] == column.percent)]
            for i, line in enumerate(own.to_dict("records")):
                lines.append((line["row"] if i == 0 else "", *_numbers(line)))
        labels = f" ({column.labels} labels)" if column.labels else ""
        found.append(
            NumberTable(f"Test accuracy, {column.title}{labels}", heads, tuple(lines), left=2)
        )
    return tuple(found)


def leak_lead(gains: pd.DataFrame, columns: Sequence[Column], note: DatasetNote) -> str:
    """Least and most gain over the methods: most labels, the split that leaks least; or ""."""
    if not columns or len(note.splits) < 2:
        return ""
    leaky, least = note.splits[0], note.splits[-1]
    own = gains[(gains["label_percent"] == columns[-1].percent) & (gains["split"] == least.name)]
    own = own.dropna(subset=["difference"])
    if len(own) == 0:
        return ""
    said = [_worth(own.loc[i]) for i in dict.fromkeys((own["difference"].idxmin(),
                                                       own["difference"].idxmax()))]  # fmt: skip
    where = f"the simulated copy of {note.title}" if note.kind == "simulated" else note.title
    return (
        f"On {where}, {columns[-1].title}: rows of {_groups(leaky, least)} on both sides are "
        f"worth {' to '.join(said)} of test accuracy ({leaky.name} minus {least.name}), decided "
        f"for {own['decision'].isin(DECIDED).sum()} of {say.plural(len(own), 'method')}."
    )


def points(value: float) -> str:
    """``+13.2``: a difference of accuracies in percentage points."""
    return f"{100 * value:+.1f}".replace("-", "−")


def _gain(row: pd.DataFrame, percent: float, split: str) -> Gain | None:
    at = row[(row["label_percent"] == percent) & (row["split"] == split)]
    if len(at) == 0 or pd.isna(at["difference"].iloc[0]):
        return None
    line = at.iloc[0]

    def ends(low: str, high: str) -> tuple[float, float] | None:
        return None if pd.isna(line[low]) else (100 * line[low], 100 * line[high])

    short = f" ({_pairs(line)})" if line["pairs"] < line["pairs_expected"] else ""
    return Gain(
        mean=100 * float(line["difference"]),
        plain=ends("low", "high"),
        corrected=ends("corrected_low", "corrected_high"),
        decided=line["decision"] in DECIDED,
        text=points(line["difference"]) + short,
    )


def _numbers(line: dict[Any, Any]) -> tuple[str, ...]:
    def span(low: str, high: str) -> str:
        return "" if pd.isna(line[low]) else f"{points(line[low])} to {points(line[high])}"

    def accuracy(prefix: str) -> str:
        mean, sd = (say.accuracy(line[f"{prefix}{name}"]) for name in ("mean", "sd"))
        if mean:
            return f"{mean}±{sd}" if sd else mean
        return f"{line[f'{prefix}trials']}/{line['trials_expected']}"

    return (
        line["split"],
        accuracy("leaky_"),
        accuracy(""),
        "" if pd.isna(line["difference"]) else points(line["difference"]),
        span("low", "high"),
        span("corrected_low", "corrected_high"),
        say.p_value(line["t_p_holm"]),
        _pairs(line),
    )


def _worth(line: pd.Series) -> str:
    """``13.2 points (SVM, 95 % interval +8.0 to +18.1)``, by the widest interval there is."""
    low, high = np.nanmin([*line[ENDS[::2]], np.inf]), np.nanmax([*line[ENDS[1::2]], -np.inf])
    span = f", 95 % interval {points(low)} to {points(high)}" if np.isfinite(low) else ""
    return f"{points(line['difference'])} points ({line['row']}{span})"


def _groups(leaky: SplitNote, other: SplitNote) -> str:
    """What the leaky split tears and the other keeps whole: ``one person and one recording``."""
    return " and ".join(f"one {name}" for name in leaky.leaks if name not in other.leaks)


def _pairs(line: Any) -> str:
    return f"{line['pairs']}/{line['pairs_expected']}"
