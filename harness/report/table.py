"""From the table of trials to the report's structs. Pure: no file is read or written here."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.analysis.statistics import check
from harness.report import captions
from harness.report import columns as further
from harness.report import format as fmt
from harness.report.details import costs, failures, pair_lines, trial_lines
from harness.report.figures._table_plots import dot_plot, forest_plot
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.model import Block, Cell, Column, DatasetPart, Line, Report


def build(
    trials: pd.DataFrame, summary: pd.DataFrame, compared: pd.DataFrame, meta: ReportMeta
) -> Report:
    """The report on ``trials``, given their ``statistics.summarise`` and ``statistics.paired``.

    Raises ValueError for a data set without a note in ``meta``.
    """
    ordered = check(trials)
    notes = {note.key: note for note in meta.datasets}
    keys = list(dict.fromkeys(ordered["dataset"]))
    for key in keys:
        if key not in notes:
            raise ValueError(f"the report has no note on the data set '{key}'")
    parts = tuple(
        _part(
            notes[key],
            meta,
            ordered[ordered["dataset"] == key],
            summary[summary["dataset"] == key],
            compared[compared["dataset"] == key],
        )
        for key in keys
    )
    return Report(meta, parts)


def paper_names(meta: ReportMeta) -> dict[str, str]:
    """Data set key -> its name in the paper, for the paper's data; never for a simulated copy."""
    return {note.key: note.paper_name for note in meta.datasets if note.paper_name}


def reference_key(trials: pd.DataFrame, meta: ReportMeta) -> str:
    """Row key that the others are compared with; "" where there is none."""
    if meta.reference_row_key:
        return meta.reference_row_key
    ours = trials[(trials["block"] == "inductive") & (trials["published"] == "SMVAE")]
    return str(ours["row_key"].iloc[0]) if len(ours) else ""


def _part(
    note: DatasetNote,
    meta: ReportMeta,
    trials: pd.DataFrame,
    summary: pd.DataFrame,
    compared: pd.DataFrame,
) -> DatasetPart:
    columns = captions.columns(trials)
    reference = reference_key(trials, meta)
    blocks = _blocks(trials, summary, columns, reference)
    stamps = captions.stamps(note, meta, trials)
    ceiling = any(line.ceiling for block in blocks for line in block.lines)
    named = trials.loc[trials["row_key"] == reference, "row"]
    return DatasetPart(
        note=note,
        facts=captions.facts(note),
        stamps=stamps,
        columns=columns,
        blocks=blocks,
        lead=_lead(blocks, columns),
        labels_line=_labels_line(trials, columns),
        legend=_legend(blocks, ceiling)
        + captions.unconverged(trials)
        + captions.in_warmup(trials)
        + tuple(f"{text}." for text in note.absent),
        selections=captions.selections(trials),
        progress=captions.progress(trials),
        failures=failures(trials),
        trials=trial_lines(trials),
        costs=costs(trials, columns),
        pairs=pair_lines(compared),
        reference=str(named.iloc[0]) if len(named) else "",
        dots=dot_plot(note, stamps, trials, summary, columns, blocks),
        forest=forest_plot(note, stamps, compared, columns, blocks),
        further=further.tables(trials, columns, blocks),
    )


def _blocks(
    trials: pd.DataFrame, summary: pd.DataFrame, columns: Sequence[Column], reference: str
) -> tuple[Block, ...]:
    ceilings = set(trials.loc[trials["all_labels"].astype(bool), "row_key"])
    best = _best(summary, ceilings)
    rows = trials.drop_duplicates("row_key")
    blocks: dict[str, list[Line]] = {name: [] for name in captions.BLOCKS}
    for row in rows.to_dict("records"):
        key = row["row_key"]
        own = trials[trials["row_key"] == key]
        mine = summary.loc[[index[1] == key for index in summary.index]]
        cells = tuple(
            _cell(key, own, mine, column.percent, best, key in ceilings) for column in columns
        )
        line = Line(key, row["row"], key in ceilings, key == reference, cells)
        blocks.setdefault(row["block"], []).append(line)
    return tuple(
        Block(name, captions.BLOCKS.get(name, name.capitalize()), tuple(lines))
        for name, lines in blocks.items()
        if lines
    )


def _best(summary: pd.DataFrame, ceilings: set[str]) -> set[tuple[str, float]]:
    """(row key, percent) of the highest mean per column; means that print the same are all best."""
    fair = summary.loc[[index[1] not in ceilings for index in summary.index]]
    fair = fair.assign(printed=fair["mean"].round(3)).dropna(subset=["mean"])
    top = fair.groupby("label_percent")["printed"].transform("max") == fair["printed"]
    return {(index[1], index[2]) for index in fair.index[top]}


def _cell(
    key: str,
    trials: pd.DataFrame,
    summary: pd.DataFrame,
    percent: float,
    best: set[tuple[str, float]],
    ceiling: bool,
) -> Cell:
    lines = summary[summary["label_percent"] == percent]
    if len(lines) == 0 and ceiling and len(summary) == 1:
        lines = summary  # a ceiling that was run once is shown in every column
    if len(lines) == 0:
        return Cell("absent")
    line = lines.iloc[0]
    own = trials[trials["label_percent"] == line["label_percent"]]
    complete = bool(line["trials"] == line["trials_expected"])
    paper = fmt.accuracy(line["published_mean"])
    return Cell(
        state="complete" if complete else "incomplete",
        mean=fmt.accuracy(line["mean"]),
        sd=fmt.accuracy(line["sd"]),
        progress=f"{line['trials']}/{line['trials_expected']}",
        failed=int(line["failed"]),
        best=(key, percent) in best,
        stale=bool(own["stale"].astype(bool).any()),
        published=f"{paper}±{fmt.accuracy(line['published_sd'])}" if paper else "",
        hover=_hover(own, line),
        name=f"{key}|{line['label_percent']:g}",
    )


def _hover(trials: pd.DataFrame, line: pd.Series) -> str:
    ok = trials[trials["status"] == "ok"]
    texts = [f"{line['trials']} of {line['trials_expected']} trials ok"]
    if len(ok):
        texts.append("accuracies " + " ".join(fmt.accuracy(v) for v in ok["accuracy"]))
        epochs = sorted({int(v) for v in ok["epoch"].dropna()})
        texts += [f"epochs {epochs[0]}–{epochs[-1]}"] if epochs else []
        texts.append(f"{fmt.count(line['candidates'])} candidates")
        texts.append(f"{fmt.seconds(line['seconds_per_trial'])} a trial")
    if line["failed"]:
        texts.append(f"{line['failed']} failed")
    return "; ".join(texts)


def _lead(blocks: Sequence[Block], columns: Sequence[Column]) -> tuple[str, ...]:
    """The best cell of every column, in words; empty where no cell is complete."""
    sentences = []
    for i, column in enumerate(columns):
        for block in blocks:
            for line in block.lines:
                cell = line.cells[i]
                if cell.best:
                    where = block.title.split(",")[0]
                    sentences.append(f"{column.short}: {line.title} ({where}) {cell.number}")
    return tuple(sentences)


def _labels_line(trials: pd.DataFrame, columns: Sequence[Column]) -> str:
    tuning = sorted({int(v) for v in trials["n_tuning_labels"].dropna()})
    used = [f"{column.labels} ({column.short})" for column in columns if column.labels]
    if not tuning or not used:
        return "The counts of labels are known once a trial has ended."
    span = f"{tuning[0]}" if len(tuning) == 1 else f"{tuning[0]}–{tuning[-1]}"
    text = f"Hyper-parameters and epochs were chosen with {span} tuning labels; "
    ceiling = trials["all_labels"].astype(bool)
    all_labels = trials.loc[ceiling, "n_labelled"].max()
    used += [] if pd.isna(all_labels) else [f"{all_labels:.0f} (ceilings)"]
    text += f"training used {', '.join(used)}."
    fair = trials[~ceiling]
    least = fair["n_labelled"].min()
    if least and tuning[-1] > 1.5 * least:
        text += f" That is up to {tuning[-1] / least:.1f} tuning labels for each one trained on."
    return text


def _legend(blocks: Sequence[Block], ceiling: bool) -> tuple[str, ...]:
    cells = [cell for block in blocks for line in block.lines for cell in line.cells]
    legend = []
    if any(cell.best for cell in cells):
        legend.append(
            "Bold: highest mean of the column" + (", ceilings apart." if ceiling else ".")
        )
    if any(cell.state == "incomplete" for cell in cells):
        legend.append("m/n: m of n planned trials are ok; no mean is given.")
    if ceiling:
        legend.append("‡ ceiling: sees every training label, whatever the column says.")
    if any(cell.stale for cell in cells):
        legend.append("† holds results made by an earlier version of the source.")
    if any(cell.published for cell in cells):
        legend.append("Paper: the number printed in the paper's Table 2, mean±SD over 20 runs.")
    return tuple(legend)
