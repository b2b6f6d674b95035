"""Rows of a run beside stored rows, on identical trials alone. Pure: tables of trials -> tables.

A trial is identical to a stored one if data (fingerprint), split, seed, column and trial number
agree and both drew the same rows (``Record.drawn``). Any other is left out, and the reason is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.analysis.cells import StoredCell, cells_of
from harness.analysis.statistics import paired
from harness.store.manifest import Manifest, ProtocolEntry
from harness.store.present_code import made_by_other_code
from harness.store.record import Record
from harness.store.suite import Row, Suite

LINE = (
    "dataset", "label_percent", "trial", "drawn", "status", "accuracy", "macro_f1",
    "balanced_accuracy", "log_loss", "tuning", "epoch", "seconds", "peak_memory_mb", "candidates",
    "candidates_failed", "n_labelled", "n_tuning_labels", "n_train", "n_test", "chosen", "config",
    "reason", "device",
)  # fmt: skip
"""Columns of the table of trials that the file of a row has."""
NOW = "run now"
OWN, THEIRS = "now:", "stored:"
"""What the row keys begin with in a table that holds both."""
OTHER_CODE = ", by other code"
"""What the source of a stored row ends in that this checkout's code did not make."""
AFTER = 10_000
"""Added to the order of stored rows, which follow those of the run."""
Place = tuple[str, float]
"""Data set and share of labels."""


@dataclass(frozen=True, eq=False)
class Stored:
    """Stored trials to compare with.

    ``name``      what they are called: ``core-1``, or a folder.
    ``trials``    a table of trials with the columns ``drawn`` and ``source``.
    ``made``      (data set, percent) -> what the trials rest on: fingerprint, split, seed.
    ``budget``    under which they ran.
    """

    name: str
    protocol: str
    budget: str
    trials: pd.DataFrame
    made: Mapping[Place, Mapping[str, str]]


@dataclass(frozen=True, eq=False)
class Against:
    """Both sides on identical trials.

    ``trials``    a table of trials; row keys begin with ``now:`` or ``stored:``, column ``source``.
    ``left_out``  why cells or trials are not compared, a sentence each.
    """

    name: str
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: tuple[str, ...] = ()

    def own(self) -> list[str]:
        """Row keys of the run, in its order."""
        keys = self.trials["row_key"] if len(self.trials) else []
        return [key for key in dict.fromkeys(keys) if key.startswith(OWN)]

    def pairs(self, own: str) -> pd.DataFrame:
        """A row of the run minus every stored row (``statistics.paired``)."""
        keys = self.trials["row_key"]
        return paired(self.trials[(keys == own) | keys.str.startswith(THEIRS)], own)


def of_suite(suite: Suite) -> Stored:
    """The rows of a suite. Raises UsageError where a file is damaged."""
    rows = suite.rows()
    lines = [line for order, row in enumerate(rows) for line in _lines(suite, row, order)]
    made = {
        (data.key, percent): {
            "fingerprint": data.fingerprint,
            "split": data.split,
            "seed": str(suite.seed),
        }
        for data in suite.data
        for percent in suite.label_percent
    }
    return Stored(suite.name, suite.protocol, suite.budget, pd.DataFrame(lines), made)


def _lines(suite: Suite, row: Row, order: int) -> Iterable[dict[str, Any]]:
    """The trials of a row as lines of a table of trials."""
    mark = row.verified
    other = made_by_other_code(row.code)
    source = f"stored, verified {mark.date}" if mark else "stored, not verified"
    sizes = {data.key: data.train for data in suite.data}
    for line in row.trials:
        yield {
            **line,
            "n_train": sizes.get(line["dataset"], line["n_train"]),
            "dataset_order": 0,
            "block": row.block,
            "row": row.title,
            "row_key": row.row,
            "row_order": order,
            "budget": suite.budget,
            "selection": "",
            "trace": "",
            "stale": False,
            "published": None,
            "all_labels": False,
            "source": source + OTHER_CODE * other,
        }


def of_results(
    name: str, runs: Sequence[Manifest], records: Mapping[str, Record], protocol: str
) -> Stored:
    """The cells of another results folder, of each the latest run."""
    cells: dict[str, StoredCell] = {}
    for cell in cells_of(runs, records):
        if cell.entry.name == protocol and not cell.cell.all_labels and not cell.cell.at:
            cells.setdefault(cell.address, cell)
    tables, made = [], {}
    for order, cell in enumerate(cells.values()):
        source = f"stored, {cell.run.date[:10]}" + OTHER_CODE * cell.by_other_code
        own = cell.trials.assign(row_order=order, source=source)
        tables.append(own)
        made[cell.cell.dataset, cell.cell.percent] = basis(cell.run, cell.entry, cell.cell.dataset)
    budgets = ", ".join(sorted({cell.run.budget for cell in cells.values()}))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return Stored(name, protocol, budgets, table, made)


def basis(run: Manifest, entry: ProtocolEntry, dataset: str) -> dict[str, str]:
    """What the trials of a run on one data set rest on."""
    (note,) = [n for n in entry.datasets if n.key == dataset] or [None]
    return {
        "fingerprint": note.fingerprint if note else "unknown",
        "split": note.split if note else "unknown",
        "seed": str(run.seed),
    }


def against(run: Manifest, entry: ProtocolEntry, trials: pd.DataFrame, stored: Stored) -> Against:
    """The run's rows beside the stored ones, on identical trials."""
    if entry.name != stored.protocol:
        reason = f"{stored.name} has rows of {stored.protocol}, this is {entry.name}"
        return Against(stored.name, left_out=(reason,))
    if not len(stored.trials):
        return Against(stored.name, left_out=(f"no row is stored in {stored.name}",))
    kept, told = [], dict[str, None]()
    usual = trials[~trials["all_labels"].astype(bool)]
    for (dataset, percent), own in usual.groupby(["dataset", "label_percent"], sort=False):
        place = str(dataset), float(percent)
        if reason := _other(basis(run, entry, place[0]), place, stored):
            told[reason] = None
            continue
        theirs = stored.trials
        theirs = theirs[(theirs["dataset"] == dataset) & (theirs["label_percent"] == percent)]
        both, reasons = _identical(own, theirs, place)
        kept += both
        told |= dict.fromkeys(reasons)
    if run.budget != stored.budget:
        told[f"the stored rows ran under budget {stored.budget}, this run under {run.budget}"] = (
            None
        )
    table = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()
    return Against(stored.name, table, tuple(told))


def _other(mine: Mapping[str, str], place: Place, stored: Stored) -> str:
    """Why the cells at a place cannot be compared; "" if they can."""
    theirs = stored.made.get(place)
    where = f"{place[0]} at {place[1]:g} %"
    if theirs is None:
        return f"{where}: nothing is stored there"
    off = [
        f"{name} {mine[name]}, stored {theirs[name]}" for name in mine if mine[name] != theirs[name]
    ]
    return f"{where}: not the same trials ({'; '.join(off)})" if off else ""


def _identical(
    own: pd.DataFrame, theirs: pd.DataFrame, place: Place
) -> tuple[list[pd.DataFrame], list[str]]:
    """The lines of both sides whose trial drew the same rows, and what was left out."""
    where = f"{place[0]} at {place[1]:g} %"
    known = theirs[theirs["drawn"] != ""].groupby("trial")["drawn"].agg(_usual).to_dict()
    drawn = own["trial"].map(known)
    silent = (own["drawn"] == "") & (own["status"] != "missing")
    missing = (own["status"] == "missing") & drawn.notna()
    same = missing | (~silent & (own["drawn"] == drawn))
    apart = {
        "not stored": own["trial"][drawn.isna()],
        "whose record does not say which rows were drawn": own["trial"][silent],
        "with other rows than the stored ones": own["trial"][~same & ~silent & drawn.notna()],
        "stored but not run": theirs["trial"][~theirs["trial"].isin(own["trial"])],
    }
    counts = {why: trials.nunique() for why, trials in apart.items()}
    reasons = [f"{where}: {n} trial{'s' * (n > 1)} {why}" for why, n in counts.items() if n]
    mine = own[same]
    if mine.empty:
        return [], reasons
    stored = theirs[theirs["trial"].isin(mine["trial"])]
    stored = stored[stored["drawn"] == stored["trial"].map(known)]
    return [
        mine.assign(row_key=OWN + mine["row_key"], source=NOW),
        stored.assign(
            row_key=THEIRS + stored["row_key"],
            row_order=AFTER + stored["row_order"],
            dataset_order=own["dataset_order"].iloc[0],
        ),
    ], reasons


def _usual(digests: pd.Series) -> str:
    """The draw that most stored rows have of a trial."""
    return str(digests.mode().iloc[0])
