"""What a reader asks first: which row is best, by how much, is it decided, where the reference is.

Sentences and tables from ``analysis.leaders``; what the run cost, how it was tuned, what failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.leaders import EVERY_BLOCK
from harness.analysis.statistics import LOWER, possible
from harness.layout import Value
from harness.report import captions, cost, places
from harness.report import format as fmt
from harness.report.marks import mark_of
from harness.report.meta import DatasetNote
from harness.report.model import Cell, Row, Table

Line = Mapping[Any, Any]
ROLES = ("leader", "runner_up", "reference")


def named(lines: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """``lines`` of ``leaders`` with names that no other row has, by row key."""
    told = {what: lines[f"{what}_key"].map(names).fillna("") for what in ROLES}
    return lines.assign(**told)


def sentence(line: Line, note: DatasetNote, value: Value) -> str:
    """``mfeat, 2 %: label spreading .740 [.711, .769]; SMVAE .650, 9.0 points behind, decided``."""
    parts = [f"{line['leader']} {_mean(line, value)}"]
    if line["runner_up"]:
        parts.append(f"{_ahead(line, value)}, {line['lead_decision']}")
    if line["reference"] and line["reference_key"] != line["leader_key"]:
        behind = f"{_behind(line, value)}, {line['behind_decision']}"
        parts = [parts[0], *([behind] if _follows(line) else [*parts[1:], behind])]
    text = f"{note.title}, {places.place(line)}: {'; '.join(parts)}"
    return text.replace("\u00a0", " ")


def best_rows(
    lines: pd.DataFrame, notes: Mapping[str, DatasetNote], value: Value, *, blocks: bool
) -> Table:
    """The leader of every column; with ``blocks`` that of each block too, folded."""
    own = lines[(lines["block"] != EVERY_BLOCK) == blocks]
    several = own["dataset"].nunique() > 1
    reference = next((name for name in own["reference"] if name), "")
    what = value.label
    heads = [
        Cell("Where"),
        *([Cell("Among")] if blocks else []),
        Cell(f"Best: {what}, 95 % interval"),
    ]
    heads += [
        Cell("Lead over the runner-up"),
        *([Cell(f"Where {reference} stands")] if reference else []),
    ]
    rows = []
    for line in own.to_dict("records"):
        data = notes[str(line["dataset"])]
        where = f"{data.title}, {places.where(line)}" if several else places.where(line)
        cells = [Cell(where, link=f"#{data.anchor}")]
        cells += [Cell(_block(line["block"]))] if blocks else []
        cells += [_best(line, data, value), _runner_up(line, value)]
        cells += [_reference(line, value)] if reference else []
        rows.append(Row(tuple(cells)))
    title = "The leader of each paradigm" if blocks else "Which row is best"
    note = (
        "Among the rows that have a mean. An interval is over re-draws of the same data, widened "
        "for trials that overlap; “decided”: Holm’s p over all rows of the column is at most .05."
    )
    fold, export, note = ("closed", "", "") if blocks else ("", "markdown", note)
    return Table(title, tuple(heads), tuple(rows), note, fold, export, "list answer cards")


def _best(line: Line, note: DatasetNote, value: Value) -> Cell:
    at = dict(line) | {"row_key": line["leader_key"]}
    return Cell(
        f"{line['leader']} {_mean(line, value)}",
        link=places.link(note.anchor, {k: v for k, v in at.items() if _is_place(k)}),
        note=_block(line["leader_block"]),
        swatch=mark_of(line["leader_key"]),
    )


def _runner_up(line: Line, value: Value) -> Cell:
    if not line["runner_up"]:
        return Cell("no other row")
    return Cell(_ahead(line, value), badge=line["lead_decision"])


def _reference(line: Line, value: Value) -> Cell:
    if not line["reference"]:
        return Cell("no mean")
    if line["reference_key"] == line["leader_key"]:
        return Cell("leads")
    return Cell(_behind(line, value), badge=line["behind_decision"])


def _mean(line: Line, value: Value) -> str:
    number = fmt.number_of(value.column)
    ends = [number(end) for end in possible(line["low"], line["high"], value.column)]
    return number(line["mean"]) + (f" [{ends[0]}, {ends[1]}]" if all(ends) else "")


def _ahead(line: Line, value: Value) -> str:
    return f"{_size(line['lead'], value)} ahead of {line['runner_up']}"


def _behind(line: Line, value: Value) -> str:
    number, gap = fmt.number_of(value.column), float(line["behind"])
    side = "behind" if _follows(line) else "ahead"
    return f"{line['reference']} {number(line['reference_mean'])}, {_size(abs(gap), value)} {side}"


def _follows(line: Line) -> bool:
    return float(line["behind"]) >= 0


def _size(gap: float, value: Value) -> str:
    """``9.0 points`` of an accuracy; other values in their own unit."""
    if value.column in LOWER:
        return fmt.number_of(value.column)(abs(gap))
    return f"{100 * abs(gap):.1f} points"


def _block(name: str) -> str:
    return captions.BLOCKS.get(name, str(name)).split(",")[0]


def _is_place(name: Any) -> bool:
    return name == "row_key" or _is_column(name)


def _is_column(name: Any) -> bool:
    return name == "label_percent" or str(name).startswith("at_")


# ---------------------------------------------------------------- cost, tuning, failures


def questions(trials: pd.DataFrame, anchor: str) -> Table:
    """What it cost, how it was tuned and what failed: a line each, with where the page has more."""
    lines = (
        ("What did it cost?", cost.total(trials), "cost"),
        ("How was it tuned?", tuning(trials), "tuning"),
        ("What failed?", failed(trials), "failures" if _bad(trials).any() else "cost"),
    )
    rows = tuple(
        Row((Cell(question, link=f"#{place}-{anchor}"), Cell(text)))
        for question, text, place in lines
    )
    heads = (Cell("Question"), Cell("Answer"))
    css = "list answer cards"
    return Table("Cost, tuning, failures", heads, rows, fold="", export="", css=css)


def tuning(trials: pd.DataFrame) -> str:
    """How many candidates were tried and what chose among them."""
    counts = sorted({int(value) for value in trials["candidates"].dropna()})
    several = bool(counts) and counts[-1] > 1
    tried = f"{fmt.span(counts)} candidates a trial" if several else "one candidate a trial"
    rules = captions.selections(trials)
    chosen = f"chosen by {rules[0][0]}" if len(rules) == 1 else f"by {len(rules)} rules"
    return (
        f"{tried}, {chosen}. Open a number to see the candidates of its trials with their scores."
    )


def failed(trials: pd.DataFrame) -> str:
    """Which rows lack trials, and why."""
    bad, texts = trials[_bad(trials)], []
    names = places.names_of(trials)
    for (status, key), group in bad.groupby(["status", "row_key"], sort=False):
        texts.append(f"{names[str(key)]}: {fmt.plural(len(group), 'trial')} {status}")
    if not texts:
        lost = trials["candidates_failed"].fillna(0)
        some = int((lost > 0).sum())
        return "Nothing." if not some else f"No trial; in {fmt.plural(some, 'trial')} a candidate."
    more = f" and {len(texts) - 4} more rows" if len(texts) > 4 else ""
    return "; ".join(texts[:4]) + more + "."


def _bad(trials: pd.DataFrame) -> pd.Series:
    return trials["status"] != "ok"


def summary(lines: pd.DataFrame, notes: Sequence[DatasetNote], value: Value) -> list[str]:
    """The leader line of every column, over all blocks."""
    by_key = {note.key: note for note in notes}
    own = lines[lines["block"] == EVERY_BLOCK]
    return [sentence(line, by_key[str(line["dataset"])], value) for line in own.to_dict("records")]


def brief(lines: pd.DataFrame, notes: Sequence[DatasetNote], value: Value, most: int) -> list[str]:
    """The leaders for a terminal, at most ``most`` lines, the last of them may count the others.

    A line a column: its leader over all blocks, as :func:`sentence`, then that of each block where
    there are several. Every data set has a line before one has its second.
    """
    by_key = {note.key: note for note in notes}
    overall = lines[lines["block"] == EVERY_BLOCK]
    shown = overall
    if len(overall) > most:
        turn = overall.groupby("dataset").cumcount().to_numpy()
        shown = overall.iloc[np.sort(np.argsort(turn, kind="stable")[: most - 1])]
    blocks = lines[lines["block"] != EVERY_BLOCK]
    column = ["dataset", *(str(name) for name in lines.columns if _is_column(name))]
    texts = []
    for line in shown.to_dict("records"):
        own = blocks[(blocks[column] == pd.Series(line)[column]).all(axis=1)].to_dict("records")
        words = [_of_block(one, value) for one in own] if len(own) > 1 else []
        texts.append("; ".join([sentence(line, by_key[str(line["dataset"])], value), *words]))
    if more := len(overall) - len(shown):
        texts.append(f"... and {fmt.plural(more, 'column')} more on the page")
    return texts


def _of_block(line: Line, value: Value) -> str:
    """``inductive: SMVAE .650, decided``."""
    mean = fmt.number_of(value.column)(line["mean"])
    return ", ".join(
        filter(None, (f"{line['block']}: {line['leader']} {mean}", line["lead_decision"]))
    )
