"""``--export`` and ``--merge``: results as one file, and results from elsewhere, checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.errors import UsageError
from harness.plan import recorded
from harness.run.wording import count
from harness.store.archive import ArchiveError, open_source, write_archive
from harness.store.merge import Merged, merge

SHOWN = 3
"""Ids that a line names."""


def export(path: Path, results: Path, run: str | None, console: Console) -> int:
    """Write an archive of a results folder, or of the run whose id begins so; print what it holds.

    Raises UsageError where there is nothing to export, no such run, or the file cannot be written.
    """
    if not (results / "records").is_dir():
        raise UsageError(f"nothing is stored under {results}; name a results folder with --results")
    if path.is_dir():
        raise UsageError(
            f"--export {path} is a folder; name a file, for example {path}/results.zip"
        )
    try:
        done = write_archive(path, results, run or "")
    except OSError as error:
        where = error.filename or path
        raise UsageError(f"{where} cannot be read or written ({error.strerror})") from error
    console.print(
        f"wrote {path}: {count(done.records, 'record')}, {count(done.arrays, 'file')} of arrays, "
        f"{count(done.runs, 'run')}, {done.size / 2**20:.1f} MiB"
    )
    if done.lost:
        console.print(
            f"arrays of {count(done.lost, 'record')} are missing or damaged and were left out; a "
            "run that needs them fits these again"
        )
    console.print(f"take it into another folder: python run_all.py --merge {path}")
    return 0


def take(paths: Sequence[str], results: Path, console: Console) -> int:
    """Merge archives and folders into a results folder, one after the other; print what was taken.

    Returns 1 where a record was refused or differs from the one here, else 0. Raises UsageError for
    a source that is damaged, of which nothing is taken.
    """
    bad = False
    for name in paths:
        path = Path(name).expanduser()
        if path.resolve() == results.resolve():
            raise UsageError(f"--merge {path} is the results folder itself; name another source")
        try:
            source = open_source(path)
            done = merge(source, results, lambda record: recorded.id_of(record.job))
        except ArchiveError as error:
            raise UsageError(f"{error}; nothing of it was taken") from error
        except OSError as error:
            where = error.filename or results
            raise UsageError(f"{where} cannot be read or written ({error.strerror})") from error
        for note in source.notes:
            console.print(f"{path}: {note}")
        for line in told(done):
            console.print(f"{path}: {line}")
        bad |= bool(done.renamed or done.different)
    return 1 if bad else 0


def told(done: Merged) -> list[str]:
    """What a merge did, a sentence each; the first has the counts."""
    first = f"{count(len(done.added) + len(done.newer), 'record')} taken"
    first += f" ({len(done.newer)} of them newer than those here)" if done.newer else ""
    rest = {"here already": len(done.present), "older than those here": len(done.older)}
    parts = [first, *(f"{n} {what}" for what, n in rest.items() if n)]
    parts += [f"{count(len(done.runs), 'run')} taken"] if done.runs else []
    lines = [", ".join(parts)]
    if done.equal:
        lines.append(
            f"{count(len(done.equal), 'fit')} made on both sides with equal results; those here "
            "stay"
        )
    for name, here, there in done.different[:SHOWN]:
        lines.append(f"{name} has the score {here} here and {there} there; that here stays")
    if len(done.different) > SHOWN:
        more = len(done.different) - SHOWN
        lines.append(f"{count(more, 'more fit')} with other results; those here stay")
    if done.renamed:
        lines.append(
            f"refused {count(len(done.renamed), 'record')} whose id is not that of the content "
            f"({_some(done.renamed)}): edited, or made by an older version of the project"
        )
    if done.unchecked:
        lines.append(
            f"the ids of {count(len(done.unchecked), 'record')} were not checked: this checkout "
            "lacks the method or has another version of it"
        )
    if done.without_arrays:
        lines.append(
            f"{count(len(done.without_arrays), 'record')} came without arrays; a run that needs "
            "them fits these again"
        )
    if done.runs_here:
        lines.append(f"kept the manifests of {_some(done.runs_here)} that are here and differ")
    return lines


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
