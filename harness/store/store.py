"""The ledger: append-only records, their arrays, and checkpoints of running groups.

Layout of the files::

    results/records/ledger-000.jsonl   one JSON line a record, with a checksum; one file per live
                                       driver, locked
    results/records/merged-<digest>.jsonl  records from elsewhere (``harness.store.merge``)
    results/arrays/<sha256>.npz        predictions, weights per epoch, codes, named by content
    results/checkpoints/<group>.bin    state of a group in training; deleted when it ends

A record is on disk before ``append`` returns. The reader ignores an incomplete last line and
returns one record per id. Arrays are named by the sha256 of their file, which the record contains:
two drivers that fit the same job write two files, one for each record.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.store.collector import paused_collector
from harness.store.files import npz_bytes, write_whole
from harness.store.ledger_file import LedgerFile, open_ledger
from harness.store.record import Outcome, Reader, Record
from harness.store.seal import opened, sealed


class StoreError(Exception):
    """A record or an array could not be written; the message is one sentence."""


class Store:
    """Records, arrays and checkpoints below one folder.

    ``warnings``  sentences for the user, on damaged lines and missing locks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self._ledger: LedgerFile | None = None

    def records(self) -> dict[str, Record]:
        """The valid record of every job, by id: highest generation, then ok, then the first."""
        by_id: dict[str, Record] = {}
        with paused_collector():
            for record in self._all():
                earlier = by_id.get(record.id)
                if earlier is None or rank(record) > rank(earlier):
                    by_id[record.id] = record
        return by_id

    def superseded(self) -> dict[str, Record]:
        """Of every job that has been run again, the record that counted before, by id."""
        valid: dict[str, Record] = {}
        before: dict[str, Record] = {}
        for record in self._all():
            counted = valid.get(record.id)
            if counted is None or rank(record) > rank(counted):
                valid[record.id], record = record, counted
            earlier = None if record is None else before.get(record.id)
            if record is not None and (earlier is None or rank(record) > rank(earlier)):
                before[record.id] = record
        return before

    def open(self) -> None:
        """Lock a ledger for this driver. Raises StoreError if the folder cannot be written."""
        with self.writing():
            self._own_ledger()

    def append(self, outcome: Outcome) -> Record:
        """Write the arrays, then the record that names their sha256; return that record."""
        record = outcome.record
        with self.writing():
            if outcome.arrays:
                content = npz_bytes(outcome.arrays)
                record = replace(record, arrays=hashlib.sha256(content).hexdigest())
                write_whole(self._arrays_of(record), content)
            self._own_ledger().append(sealed(record.line()))
        return record

    def arrays(self, record: Record) -> dict[str, np.ndarray]:
        """Arrays of a record. Raises ValueError if the file is missing or has another digest."""
        with np.load(io.BytesIO(self.array_bytes(record)), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def array_bytes(self, record: Record) -> bytes:
        """Its file of arrays. Raises ValueError as :meth:`arrays`."""
        path = self._arrays_of(record)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != record.arrays:
            raise ValueError(f"{path} is not the file that its record names")
        return content

    def unnamed_arrays(self) -> list[Path]:
        """Array files that no record names. They are not deleted.

        A driver that was killed between writing arrays and record leaves one; a running driver
        may have one too.
        """
        named = {record.arrays for record in self._all()}
        files = (self.folder / "arrays").glob("[!.]*.npz")
        return sorted(path for path in files if path.stem not in named)

    def save_checkpoint(self, group: str, header: Mapping[str, Any], state: bytes) -> None:
        """Store the state of a group in training; ``header`` names its jobs and code."""
        first = json.dumps([header, hashlib.sha256(state).hexdigest()], sort_keys=True).encode()
        with self.writing():
            write_whole(self.folder / "checkpoints" / f"{group}.bin", first + b"\n" + state)

    def checkpoint(self, group: str) -> tuple[dict[str, Any], bytes] | None:
        """Header and state of a group's checkpoint, None if there is none that can be read."""
        path = self.folder / "checkpoints" / f"{group}.bin"
        with suppress(FileNotFoundError, ValueError):
            first, state = path.read_bytes().split(b"\n", 1)
            header, digest = json.loads(first)
            if digest == hashlib.sha256(state).hexdigest():
                return header, state
        return None

    def checkpoints(self) -> list[str]:
        """Ids of the groups with a checkpoint."""
        return sorted(path.stem for path in (self.folder / "checkpoints").glob("[!.]*.bin"))

    def drop_checkpoint(self, group: str) -> None:
        """Delete a group's checkpoint, once its jobs have records; StoreError if that fails."""
        with self.writing():
            (self.folder / "checkpoints" / f"{group}.bin").unlink(missing_ok=True)

    def close(self) -> None:
        """Unlock this driver's ledger."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _all(self) -> Iterable[Record]:
        reader = Reader()
        for path in sorted((self.folder / "records").glob("*.jsonl")):
            for number, line in enumerate(_lines(path), start=1):
                if not line.strip():
                    continue
                try:
                    yield reader.parse(opened(line))
                except ValueError:
                    cut = not line.endswith(b"\n")
                    what = "the incomplete last line" if cut else f"line {number}"
                    self.warnings.append(f"{what} of {path.name} is not a record and was ignored")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn an OSError into a StoreError that names the file."""
        try:
            yield
        except OSError as error:
            where = error.filename or self.folder
            raise StoreError(f"{where} cannot be written ({error.strerror})") from error

    def _own_ledger(self) -> LedgerFile:
        """The first ledger file that no other driver has locked, locked until :meth:`close`."""
        if self._ledger is None:
            self._ledger, warning = open_ledger(self.folder / "records")
            self.warnings += [warning] if warning else []
        return self._ledger

    def _arrays_of(self, record: Record) -> Path:
        return self.folder / "arrays" / f"{record.arrays}.npz"


def _lines(path: Path) -> Iterator[bytes]:
    """Its lines, which may be a gigabyte together."""
    with path.open("rb") as file:
        yield from file


def rank(record: Record) -> tuple[int, bool]:
    """Of several records of one job that with the highest counts; of equals the first."""
    return (record.generation, record.status == "ok")
