"""Take the records, arrays and runs of another results folder, or of an archive, into one.

Everything is checked before anything is written. What is new is then written in an order that
leaves the folder sound wherever it stops: arrays (named by content), one new file of records (there
whole or not at all), manifests. A second merge of the same source finds nothing new.

The rule for several records of one job is the ledger's own: the highest generation counts, then one
that is ok, then the one that was here first. A record that would not count is not taken.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from harness.layout import Layout
from harness.store import manifest as manifests
from harness.store.archive import ArchiveError, Source
from harness.store.files import write_whole
from harness.store.manifest import Manifest, State
from harness.store.record import Record
from harness.store.seal import sealed
from harness.store.store import Store, rank

try:
    import fcntl
except ImportError:  # Windows: no locks
    fcntl = None

Named = Callable[[Record], str | None]
"""The id that a record's content gives; None where this checkout cannot say."""
MOST_GENERATIONS = 10**6
KINDS: Mapping[str, Any] = {
    "str": str, "int": int, "float": (int, float), "bool": bool, "Literal": str, "State": str,
    "str | None": (str, type(None)), "Mapping": Mapping, "tuple": tuple,
}  # fmt: skip
"""Type of a manifest's field, as it is written, to the class of its values."""
JOB = {"method": str, "config": Mapping, "scenario": Mapping, "trial": int, "seed": int}
"""Fields that every description of a job has, and their types."""
COUNTS = ("n_labelled", "n_unlabelled", "n_tuning_labels", "n_test")
TABLES = ("test_confusion", "labelled_per_class")
STATUSES = ("ok", "failed", "skipped")
DIGEST, ID = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{20}")
PROTOCOL, RUN = re.compile(r"\w[\w-]*"), re.compile(r"[\w+=-][\w+.=-]*")


@dataclass
class Merged:
    """What a merge did, as ids.

    ``added``     records that the folder lacked.   ``newer`` records that supersede one here.
    ``present``   records that were here already, as they are.
    ``older``     records that one here supersedes.
    ``equal``     other fits of a job whose results here are the same (only time or machine differ).
    ``different`` other fits of a job whose results here differ: (id, score here, score there).
    ``renamed``   records whose id is not that of their content.
    ``unchecked`` records taken whose id this checkout cannot recompute.
    ``without_arrays`` records taken whose arrays are not in the source.
    ``runs``, ``runs_here``  runs that were taken; runs that differ from the one here, which stays.
    """

    added: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    older: list[str] = field(default_factory=list)
    equal: list[str] = field(default_factory=list)
    different: list[tuple[str, float | None, float | None]] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    without_arrays: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    runs_here: list[str] = field(default_factory=list)


def merge(source: Source, folder: Path, named: Named) -> Merged:
    """Merge a source into a results folder, in which other processes may be working.

    Raises ArchiveError for a damaged source, before anything is written; OSError where the folder
    cannot be written.
    """
    done = Merged()
    arriving = source.records()
    for record in arriving.values():
        if fault := _fault(record):
            raise ArchiveError(f"record {str(record.id)[:20]!r} is damaged: {fault}")
    runs = source.runs()
    for _, run in runs.values():
        _check_run(run)
    with _alone(folder):
        new = _new_records(arriving, Store(folder).records(), named, done)
        store = Store(folder)
        digests = dict.fromkeys(r.arrays for r in new if r.arrays)
        there = {digest for digest in digests if _readable(store, digest)}
        sent = {digest for digest in digests if digest not in there and source.array(digest)}
        done.without_arrays = [r.id for r in new if r.arrays and r.arrays not in there | sent]
        fresh = _new_runs(runs, folder, done)
        run_arrays = {name: source.run_arrays(runs[name][1]) for name in fresh}
        for digest in sent:
            content = source.array(digest)
            assert content is not None
            write_whole(folder / "arrays" / f"{digest}.npz", content)
        _write_records(folder, new)
        for name in fresh:
            if content := run_arrays[name]:
                write_whole(folder / manifests.FOLDER / f"{name}.npz", content)
            write_whole(folder / manifests.FOLDER / f"{name}.json", runs[name][0])
    return done


def _new_records(
    arriving: Mapping[str, Record], here: Mapping[str, Record], named: Named, done: Merged
) -> list[Record]:
    """The records to take, sorted by id."""
    new = []
    for name in sorted(arriving):
        record, known = arriving[name], here.get(name)
        content_id = named(record)
        if content_id not in (None, name):
            done.renamed.append(name)
        elif known == record:
            done.present.append(name)
        elif known is None or rank(record) > rank(known):
            (done.added if known is None else done.newer).append(name)
            new.append(record)
            done.unchecked += [name] if content_id is None else []
        elif rank(record) < rank(known):
            done.older.append(name)
        elif same_result(record, known):
            done.equal.append(name)
        else:
            done.different.append((name, known.score, record.score))
    return new


def same_result(left: Record, right: Record) -> bool:
    """Whether two records of a job say the same of its fit, whatever it cost."""
    return all(
        getattr(left, name) == getattr(right, name)
        for name in ("status", "score", "epoch", "metrics")
    )


def _new_runs(runs: Mapping[str, tuple[bytes, Manifest]], folder: Path, done: Merged) -> list[str]:
    for name, (content, _) in runs.items():
        path = folder / manifests.FOLDER / f"{name}.json"
        if not path.exists():
            done.runs.append(name)
        elif path.read_bytes() != content:
            done.runs_here.append(name)
    return done.runs


def _write_records(folder: Path, new: list[Record]) -> None:
    """One file, named by its content; a driver that runs in the folder finds it there."""
    if new:
        content = b"".join(sealed(record.line()) for record in new)
        digest = hashlib.sha256(content).hexdigest()[:16]
        write_whole(folder / "records" / f"merged-{digest}.jsonl", content)


def _readable(store: Store, digest: str) -> bool:
    try:
        return bool(store.array_bytes(Record("", {}, "", "ok", arrays=digest)))
    except ValueError:
        return False


def _fault(record: Record) -> str:
    """Why no project could have written a record; "" for a sound one."""
    numbers = (record.seconds, record.peak_memory_mb, record.peak_gpu_memory_mb)
    sound = {
        "its id is not 20 hex digits": isinstance(record.id, str) and ID.fullmatch(record.id),
        "its status is unknown": record.status in STATUSES,
        "its generation is no small number": type(record.generation) is int
        and 0 <= record.generation < MOST_GENERATIONS,
        "its arrays are not named by a digest": record.arrays is None
        or (isinstance(record.arrays, str) and DIGEST.fullmatch(record.arrays)),
        "its score is no number": record.score is None
        or (isinstance(record.score, float | int) and math.isfinite(record.score)),
        "its costs are no numbers": all(
            isinstance(n, float | int) and math.isfinite(n) for n in numbers
        ),
        "it does not describe a job": all(
            isinstance(value, Mapping)
            for value in (record.job, record.facts, record.versions, record.digests)
        )
        and all(isinstance(record.job.get(name), kind) for name, kind in JOB.items()),
        "its metrics are not those of a fit": _measured(record.metrics),
        "a text is not text": all(
            isinstance(value, str)
            for value in (record.data_key, record.reason, record.trace, record.device, record.drawn)
        ),
    }  # fmt: skip
    fault = next((why for why, true in sound.items() if not true), "")
    if not fault:
        try:
            record.line()
        except (ValueError, RecursionError):
            fault = "a number in it is not finite"
    return fault


def _measured(metrics: object) -> bool:
    """Whether metrics are numbers, or tables of counts, by name, with the counts of rows."""
    if not isinstance(metrics, Mapping):
        return False
    counted = all(type(metrics.get(name)) is int for name in COUNTS)
    shares = [metrics[name] for name in metrics if name in ("test_accuracy", "tuning_accuracy")]
    return (not metrics or counted) and all(
        isinstance(value, list)
        if name in TABLES
        else type(value) in (int, float) and math.isfinite(value)
        for name, value in metrics.items()
    ) and all(0 <= share <= 1 for share in shares)  # fmt: skip


def _check_run(run: Manifest) -> None:
    """Raise ArchiveError for a manifest that no run writes: names, types and places of jobs."""
    name = f"run {run.id!r:.100}"
    if not RUN.fullmatch(str(run.id)):
        raise ArchiveError(f"{name} has an id that no run has")
    parts = [run, *run.protocols]
    parts += [part for entry in run.protocols for part in (*entry.datasets, *entry.cells)]
    for part in parts:
        if fault := _mistyped(part):
            raise ArchiveError(f"{name} is not a manifest: {fault}")
    if run.state not in get_args(State):
        raise ArchiveError(f"{name} is in the unknown state {run.state!r:.40}")
    for entry in run.protocols:
        try:
            Layout.of(entry.layout)
        except (TypeError, ValueError, AttributeError) as error:
            raise ArchiveError(f"{name} has an unusable layout ({error})") from error
        if not PROTOCOL.fullmatch(str(entry.name)):
            raise ArchiveError(f"{name} names the protocol {entry.name!r:.80}")
        for cell in entry.cells:
            try:
                places = [p for trial in cell.trials for stage in trial for g in stage for p in g]
            except TypeError:
                places = [-1]
            if not all(type(p) is int and 0 <= p < len(run.jobs) for p in places):
                raise ArchiveError(f"{name} points to jobs that it does not have")
    if not all(isinstance(job, str) and ID.fullmatch(job) for job in run.jobs):
        raise ArchiveError(f"{name} names a job that is none")


def _mistyped(part: Any) -> str:
    """The first field of a part of a manifest whose value is not of its type; "" if none is."""
    for item in fields(part):
        value, kind = getattr(part, item.name), KINDS.get(str(item.type).partition("[")[0])
        if kind is not None and (not isinstance(value, kind) or value != value):
            return f"{item.name} is {value!r:.40}"
    return ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One merge at a time in a folder.

    Where the file system has no locks, two merges at once may store a record twice, of which every
    reader takes one.
    """
    path = folder / "records" / ".merging"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as handle:
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
