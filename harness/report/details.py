"""The lists behind a table: every trial, every failure, cost, paired differences, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.analysis.statistics import axes
from harness.report import format as fmt
from harness.report.model import Column, Cost, Failure, PairLine, TrialLine


def trial_lines(trials: pd.DataFrame) -> tuple[TrialLine, ...]:
    """Every planned trial, in the order of the table."""
    return tuple(_trial(line) for line in trials.to_dict("records"))


def failures(trials: pd.DataFrame) -> tuple[Failure, ...]:
    """Trials without a number; those of one cell that share status and reason are one entry."""
    bad = trials[trials["status"] != "ok"].copy()
    bad["reason"] = [_text(value) for value in bad["reason"]]
    by = ["row_order", "row_key", "label_percent", *axes(bad), "status", "reason"]
    groups = bad.groupby(by, sort=True)
    return tuple(_failure(group) for _, group in groups)


def costs(trials: pd.DataFrame, columns: Sequence[Column]) -> tuple[Cost, ...]:
    """Seconds a trial per column, candidates, memory peak and device of every row."""
    lines = []
    for _, row in trials.groupby(["row_order", "row_key"], sort=True):
        ok = row[row["status"] == "ok"]
        seconds = tuple(
            fmt.seconds(ok.loc[ok["label_percent"] == column.percent, "seconds"].mean())
            for column in columns
        )
        tried = sorted({int(value) for value in ok["candidates"].dropna()})
        first = row.iloc[0]
        lines.append(
            Cost(
                row=first["row"],
                block=first["block"],
                seconds=seconds,
                candidates="–".join(dict.fromkeys(str(v) for v in (tried[:1] + tried[-1:]))),
                memory=_memory(ok["peak_memory_mb"].max(), ok.get("peak_gpu_memory_mb")),
                device=", ".join(sorted({_text(v) for v in ok["device"]} - {""})),
            )
        )
    return tuple(lines)


def pair_lines(compared: pd.DataFrame) -> tuple[PairLine, ...]:
    """The lines of ``statistics.paired`` as text."""
    return tuple(_pair(line) for line in compared.to_dict("records"))


def _trial(line: dict[Any, Any]) -> TrialLine:
    ok = line["status"] == "ok"
    tried = fmt.count(line["candidates"])
    lost = line["candidates_failed"]
    if tried and not pd.isna(lost) and lost > 0:
        tried += f" ({int(lost)} {'skipped' if line['status'] == 'skipped' else 'failed'})"
    return TrialLine(
        name=f"{line['row_key']}|{line['label_percent']:g}",
        row=line["row"],
        block=line["block"],
        column=_place(line),
        trial=int(line["trial"]),
        status=line["status"],
        accuracy=fmt.accuracy(line["accuracy"]) if ok else "",
        nmse=fmt.accuracy(line.get("nmse")) if ok else "",
        tuning=fmt.accuracy(line["tuning"]),
        epoch=fmt.count(line["epoch"]),
        candidates=tried,
        config=_text(line["config"]),
        seconds=fmt.seconds(line["seconds"]),
        memory=_memory(line["peak_memory_mb"], line.get("peak_gpu_memory_mb")),
        device=_text(line["device"]),
        stale=bool(line["stale"]),
    )


def _failure(group: pd.DataFrame) -> Failure:
    first = group.iloc[0]
    return Failure(
        row=first["row"],
        block=first["block"],
        column=_place(first.to_dict()),
        trials=("trial " if len(group) == 1 else "trials ")
        + fmt.runs(int(trial) for trial in group["trial"]),
        status=first["status"],
        reason=first["reason"],
        trace=_text(first["trace"]),
    )


def _pair(line: dict[Any, Any]) -> PairLine:
    def span(low: float, high: float) -> str:
        return "" if pd.isna(low) else f"{fmt.signed(low)} to {fmt.signed(high)}"

    return PairLine(
        row=line["row"],
        block=line["paradigm"],
        column=_place(line),
        pairs=f"{line['pairs']}/{line['pairs_expected']}",
        difference=fmt.signed(line["mean_difference"]),
        sd=fmt.accuracy(line["sd_difference"]),
        interval=span(line["low"], line["high"]),
        corrected=span(line["corrected_low"], line["corrected_high"]),
        wilcoxon=fmt.p_value(line["wilcoxon_p_holm"]),
        t=fmt.p_value(line["t_p_holm"]),
        decision=line["decision"],
    )


def _place(line: Mapping[Any, Any]) -> str:
    """How many labels and, on a figure, the place on its axes: ``2 %, missing 0.5``."""
    at = {name[3:]: line[name] for name in line if str(name).startswith("at_")}
    return ", ".join([fmt.labelled(line), *fmt.places(at)])


def _memory(main: Any, gpu: Any) -> str:
    """Peak of main memory, and of the GPU where one was used."""
    peak = 0.0 if gpu is None else pd.Series(gpu, dtype=float).max()
    return fmt.memory(main) + (f" + {fmt.memory(peak)} GPU" if peak > 0 else "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
