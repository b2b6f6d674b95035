"""The tables behind every report: trials without a number, paired differences, cost, all trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.statistics import axes
from harness.report import captions
from harness.report import format as fmt
from harness.report.model import Block, Cell, Row, Table, Text
from harness.report.places import files_of, link, place

CORRECTED = (
    "p values are two-sided and Holm-adjusted over the rows of one column. With fewer than three "
    "common trials the line is empty. “Corrected” widens the interval for training sets that "
    "overlap between trials (Nadeau and Bengio, 2003); it is empty where the split is fixed."
)

NOT_IN_CSV = (
    "stages", "trace", "confusion", "dataset_order", "row_order", "selection", "chosen",
    "imputed_by",
)  # fmt: skip
"""Columns of the table of trials that ``trials.csv`` leaves out: nested, long or internal."""


def failures(trials: pd.DataFrame, progress: str, anchor: str) -> list[Block]:
    """Trials without a number; those of one cell that share status and reason are one row."""
    bad = trials[trials["status"] != "ok"].copy()
    if not len(bad):
        return []
    bad["reason"] = [_text(value) for value in bad["reason"]]
    by = ["row_order", "row_key", "label_percent", *axes(bad), "status", "reason"]
    rows = [_failure(group) for _, group in bad.groupby(by, sort=True)]
    heads = ("Row", "Paradigm", "Labelled", "Trials", "Status", "Reason")
    fold = "open" if len(rows) <= 3 else "closed"
    title = f"Trials without a number ({progress})"
    return [Table.of(title, heads, rows, left=6, fold=fold, anchor=f"failures-{anchor}")]


def _failure(group: pd.DataFrame) -> Row:
    first = group.iloc[0]
    trace = _text(first["trace"])
    return Row(
        (
            Cell(first["row"]),
            Cell(first["block"]),
            Cell(place(first.to_dict())),
            Cell(fmt.runs(int(trial) for trial in group["trial"])),
            Cell(first["status"], css=f"status {first['status']}"),
            Cell(first["reason"], more=trace),
        )
    )


def pairs(compared: pd.DataFrame, reference: str, column: str = "accuracy") -> list[Block]:
    """Reference minus every other row in ``column`` (``statistics.paired``)."""
    if not len(compared):
        return []
    if compared["mean_difference"].isna().all():
        text = "Paired differences need three trials that both rows have finished."
        return [Text((text,), "quiet", export=False)]
    lines = [
        (
            line["row"],
            line["paradigm"],
            line["decision"],
            place(line),
            f"{line['pairs']}/{line['pairs_expected']}",
            fmt.signed(line["mean_difference"]),
            fmt.accuracy(line["sd_difference"]),
            fmt.interval(line["low"], line["high"], fmt.signed, column),
            fmt.interval(line["corrected_low"], line["corrected_high"], fmt.signed, column),
            fmt.p_value(line["wilcoxon_p_holm"]),
            fmt.p_value(line["t_p_holm"]),
        )
        for line in compared.to_dict("records")
    ]
    heads = (
        f"{reference} minus", "Paradigm", f"{reference} is", "Labelled", "Pairs", "Difference",
        "SD", "95 % interval", "Corrected", "p Wilcoxon", "p paired t",
    )  # fmt: skip
    return [
        Table.of(
            "Paired differences", heads, lines, left=3, note=CORRECTED, fold="closed", export="",
            css="list sortable",
        )
    ]  # fmt: skip


def confusion(trials: pd.DataFrame, names: Sequence[str]) -> list[Block]:
    """Shares of every true class that each class was predicted for, at the most labels of a row.

    Only where trials have no place on an axis, and where all of a row's trials store the counts.
    """
    if "confusion" not in trials.columns or axes(trials):
        return []
    rows = []
    for _, row in trials.groupby(["row_order", "row_key"], sort=True):
        most = row[row["label_percent"] == row["label_percent"].max()]
        if not all(isinstance(counts, Sequence) for counts in most["confusion"]):
            continue
        first, counts = most.iloc[0], np.sum([np.array(c) for c in most["confusion"]], axis=0)
        labels = "" if first["all_labels"] else f", {fmt.labelled(first)} labelled"
        group = f"{first['row']} ({first['block']}){labels}"
        for true, own in enumerate(counts):
            total = int(own.sum())
            shares = [f"{100 * n / total:.1f}" if total else "" for n in own]
            cells = [Cell(text, bold=i == true) for i, text in enumerate(shares)]
            name = names[true] if names else str(true)
            rows.append(Row((Cell(name), *cells, Cell(str(total))), group))
    if not rows:
        return []
    predicted = [names[k] if names else str(k) for k in range(len(rows[0].cells) - 2)]
    heads = ("True class", *predicted, "Test rows")
    title = "Confusion matrices: predicted class, in % of the test rows of a true class"
    note = "Summed over the trials of a row, at its largest share of labels."
    return [Table.of(title, heads, rows, note=note, fold="closed", export="")]


def selections(trials: pd.DataFrame, anchor: str) -> Table:
    """What chose candidates and epochs, with the rows for which it did."""
    title, heads = "How settings and epochs were chosen", ("Chosen by", "Rows")
    lines, name = captions.selections(trials), f"tuning-{anchor}"
    return Table.of(title, heads, lines, left=2, fold="closed", anchor=name)


def costs(trials: pd.DataFrame, anchor: str) -> Table:
    """Seconds a trial per share of labels, candidates, memory peak and device of every row."""
    percents = [column.percent for column in captions.columns(trials)]
    lines = []
    for _, row in trials.groupby(["row_order", "row_key"], sort=True):
        ok = row[row["status"] == "ok"]
        lines.append(
            (
                row["row"].iloc[0],
                row["block"].iloc[0],
                ", ".join(sorted({_text(value) for value in ok["device"]} - {""})),
                *(
                    fmt.seconds(ok.loc[ok["label_percent"] == p, "seconds"].mean())
                    for p in percents
                ),
                fmt.span(sorted({int(value) for value in ok["candidates"].dropna()})),
                _memory(ok["peak_memory_mb"].max(), ok.get("peak_gpu_memory_mb")),
            )
        )
    heads = (
        "Row", "Paradigm", "Device", *(fmt.percent(percent) for percent in percents),
        "Candidates", "Peak memory",
    )  # fmt: skip
    return Table.of(
        "Cost: time of a trial, peak memory of its process", heads, lines, left=3, fold="closed",
        export="", css="list sortable", anchor=f"cost-{anchor}",
        note="Mean over finished trials; a trial's time is that of all its candidates and stages.",
    )  # fmt: skip


def all_trials(trials: pd.DataFrame, anchor: str) -> Table:
    """Every planned trial, in the order of the table."""
    heads = (
        "Row", "Paradigm", "Status", "Chosen settings", "Device", "Labelled", "Trial", "Test",
        "NMSE", "Tuning", "Epoch", "Candidates", "Time", "Memory",
    )  # fmt: skip
    title = f"All {fmt.plural(len(trials), 'trial')}: accuracies, chosen settings, epochs, time"
    files = files_of(anchor, trials)
    rows: list[Row] = []
    same = ["row_order", "row_key", "label_percent", *axes(trials)]
    for _, cell in trials.groupby(same, sort=False):
        lines = cell.to_dict("records")
        where, address, file = place(lines[0]), link(anchor, lines[0]), files[lines[0]["row_key"]]
        for line in lines:
            number = str(int(line["trial"]))
            named = (Cell(where), Cell(number, link=f"{address}/{number}"))
            rows.append(Row((*_first(line), *named, *_rest(line)), file=file))
    table = Table.of(
        title, heads, rows, left=5, fold="closed", export="", css="list sortable filter",
        anchor=f"trials-{anchor}",
    )  # fmt: skip
    return table.without_empty_columns()


def _rest(line: dict[Any, Any]) -> Iterable[Cell]:
    """Scores and cost of a trial."""
    ok = line["status"] == "ok"
    tried, lost = fmt.count(line["candidates"]), line["candidates_failed"]
    if tried and not pd.isna(lost) and lost > 0:
        tried += f" ({int(lost)} {'skipped' if line['status'] == 'skipped' else 'failed'})"
    texts = (
        fmt.accuracy(line["accuracy"]) if ok else "",
        fmt.accuracy(line.get("nmse")) if ok else "",
        fmt.accuracy(line["tuning"]),
        fmt.count(line["epoch"]),
        tried,
        fmt.seconds(line["seconds"]),
        _memory(line["peak_memory_mb"], line.get("peak_gpu_memory_mb")),
    )
    return map(Cell, texts)


def _first(line: dict[Any, Any]) -> tuple[Cell, ...]:
    """What was run, how it ended and what was chosen."""
    return (
        Cell(line["row"]),
        Cell(line["block"]),
        Cell(line["status"], stale=bool(line["stale"]), css=f"status {line['status']}"),
        Cell(_text(line["config"]), css="config"),
        Cell(_text(line["device"])),
    )


def _memory(main: Any, gpu: Any) -> str:
    """Peak of main memory, and of the GPU where one was used."""
    peak = 0.0 if gpu is None else pd.Series(gpu, dtype=float).max()
    return fmt.memory(main) + (f" + {fmt.memory(peak)} GPU" if peak > 0 else "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
