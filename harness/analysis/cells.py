"""Cells of stored runs: their addresses, their trials and records.

An address is ``protocol/data/row/block/labels``, on a figure followed by its places, and may end in
a trial: ``table2/mfeat/smvae/inductive/2``, ``figure3/mfeat/simvae/inductive/10/missing=0.5/3``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from harness.analysis.trials_table import trials_table
from harness.layout import Layout
from harness.store.manifest import CellEntry, DatasetNote, Manifest, ProtocolEntry
from harness.store.present_code import made_by_other_code
from harness.store.record import Record


@dataclass(frozen=True, eq=False)
class StoredCell:
    """A cell of a stored run, with the records of its trials.

    ``records``  of the whole folder, by id.   ``told`` what sets it apart, where it is not the
    run's own state.
    """

    run: Manifest
    entry: ProtocolEntry
    cell: CellEntry
    records: Mapping[str, Record]
    told: str = ""

    @property
    def address(self) -> str:
        """Its address in keys."""
        cell = self.cell
        return "/".join(
            (self.entry.name, cell.dataset, cell.key, cell.block, _labels(cell), *_places(cell))
        )

    @property
    def name(self) -> str:
        """The run, and what sets these records apart."""
        return f"run {self.run.id}" + (f", {self.told}" if self.told else "")

    @cached_property
    def trials(self) -> pd.DataFrame:
        """The lines of the table of trials, in order of the trial."""
        return trials_table(self.run, replace(self.entry, cells=(self.cell,)), self.records)

    @property
    def column(self) -> str:
        """The column of its number: accuracy, or the first value of a figure."""
        values = Layout.of(self.entry.layout).values
        return values[0].column if values else "accuracy"

    @cached_property
    def values(self) -> dict[int, float]:
        """Trial -> its number, of the trials that are ok."""
        trials = self.trials
        ok = trials[trials["status"] == "ok"]
        if self.column not in ok.columns:
            return {}
        pairs = zip(ok["trial"], ok[self.column].astype(float), strict=True)
        return {int(trial): value for trial, value in pairs if value == value}

    @cached_property
    def ids(self) -> tuple[frozenset[str], ...]:
        """Per trial the ids of all its jobs."""
        jobs = self.run.jobs
        return tuple(
            frozenset(jobs[p] for stage in trial for group in stage for p in group)
            for trial in self.cell.trials
        )

    def candidates(self, trial: int) -> list[Record]:
        """The records of a trial's candidates, in grid order."""
        ((group,),) = [self.cell.trials[trial][-1]]
        names = [self.run.jobs[place] for place in group]
        return [self.records[name] for name in names if name in self.records]

    def of_trial(self, trial: int) -> list[Record]:
        """The records of all jobs of a trial."""
        return [self.records[name] for name in sorted(self.ids[trial]) if name in self.records]

    @cached_property
    def used(self) -> list[Record]:
        """The records of all its jobs, each once."""
        names = sorted(frozenset[str]().union(*self.ids))
        return [self.records[name] for name in names if name in self.records]

    @property
    def by_other_code(self) -> bool:
        """Whether a record of its trials was made by other code than this checkout's."""
        return any(made_by_other_code(record.digests) for record in self.used)

    @property
    def note(self) -> DatasetNote | None:
        """What the run says of its data."""
        notes = (n for n in self.entry.datasets if n.key == self.cell.dataset)
        return next(notes, None)


def cells_of(
    runs: Iterable[Manifest], records: Mapping[str, Record], told: str = ""
) -> list[StoredCell]:
    """Every cell of the runs, in their order."""
    return [
        StoredCell(run, entry, cell, records, told)
        for run in runs
        for entry in run.protocols
        for cell in entry.cells
    ]


# ---------------------------------------------------------------- addresses


def find(cells: Sequence[StoredCell], text: str) -> tuple[list[StoredCell], int | None]:
    """The cells at an address, those of the first run first, and the trial that it names.

    Keys and printed names of data and rows are accepted, in any case. Raises LookupError, with a
    sentence that lists near addresses, where there is no such cell or trial, or several places.
    """
    wanted = _plain(text)
    exact = [cell for cell in cells if wanted == _plain(cell.address)]
    found = exact or [cell for cell in cells if wanted in _spellings(cell)]
    trial: int | None = None
    if not found:
        head, _, last = wanted.rpartition("/")
        if last.isdigit():
            found = [cell for cell in cells if head in _spellings(cell)]
            trial = int(last) if found else None
    if not found:
        raise LookupError(f"nothing is stored at '{text}'; {_near(cells, wanted)}")
    addresses = list(dict.fromkeys(cell.address for cell in found))
    if len(addresses) > 1:
        raise LookupError(f"'{text}' may be any of: {', '.join(addresses[:6])}")
    if trial is not None and trial >= len(found[0].cell.trials):
        last = len(found[0].cell.trials) - 1
        raise LookupError(f"{found[0].address} has the trials 0 to {last}, not {trial}")
    return found, trial


def _near(cells: Sequence[StoredCell], wanted: str) -> str:
    known = {_plain(cell.address): cell.address for cell in cells}
    if not known:
        return "no run with cells is stored here"
    near = difflib.get_close_matches(wanted, known, n=4, cutoff=0.0)
    return f"near it: {', '.join(known[name] for name in near)}"


def _spellings(cell: StoredCell) -> set[str]:
    """All ways to write its address: without views, with printed names, without places."""
    entry, own, note = cell.entry, cell.cell, cell.note
    views, at, split = own.dataset.partition("@")
    data = {own.dataset, views.partition(":")[0] + at + split, note.title if note else own.dataset}
    rows = {own.key, own.title, own.published or own.key}
    labels = [_labels(own) + unit for unit in ("", "%")]
    ends = {"/".join((label, *places)) for label in labels for places in ((), _places(own))}
    return {
        _plain("/".join((entry.name, d, r, own.block, end)))
        for d in data
        for r in rows
        for end in ends
    }


def _plain(text: str) -> str:
    return "/".join("".join(part.split()).casefold() for part in text.strip("/ ").split("/"))


def _labels(cell: CellEntry) -> str:
    return f"{cell.per_class}-per-class" if cell.per_class else f"{cell.percent:g}"


def _places(cell: CellEntry) -> tuple[str, ...]:
    return tuple(
        f"{name}={value}" if isinstance(value, str) else f"{name}={value:g}"
        for name, value in cell.at.items()
    )
