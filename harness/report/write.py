"""Make the report of a protocol and write its files, each atomically."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import RunStopped
from harness.report import answer, cost, export
from harness.report.beside import Beside
from harness.report.drawing import Drawings
from harness.report.figures import kind_of
from harness.report.html import page, with_drawings
from harness.report.kind import Given, Kind
from harness.report.later import data_files, shortened
from harness.report.meta import KINDS
from harness.report.model import Facts, Report, Section, Text

SHOWN = 7
"""Lines on leaders that a terminal prints: with cost, failures and the page they are ten."""
SUMMARY = "summary.json"
"""Who leads, what it cost and what failed, as sentences, for the list of runs."""


@dataclass(frozen=True)
class Written:
    """Files of a report that were written, and the figures that could not be drawn.

    ``lines``    the result as a terminal shows it.
    ``summary``  who leads, in at most ``SHOWN`` lines, and what it cost and what failed.
    """

    paths: tuple[Path, ...]
    problems: tuple[str, ...]
    lines: tuple[str, ...]
    summary: tuple[str, ...]


class Made:
    """A report and its files, in the order in which they are written: what is drawn comes last."""

    def __init__(self, given: Given, kinds: Sequence[str] = KINDS) -> None:
        """Raise ValueError for trials that break their contract, or for data without a note.

        ``kinds``  of figure files to make.
        """
        kind, meta = kind_of(given.layout.kind)(given), given.meta
        self.kind = kind
        beside = None if given.against is None else Beside(given.against, meta)
        stored = () if beside is None else (beside.section(),)
        sections = (*kind.sections(), *stored, *_last_sections(kind.given))
        report = Report(meta, kind.spent, sections)
        tables = kind.files() | kind.verdicts.files() | kind.trial_files()
        tables |= beside.files() if beside else {}
        self.text = {
            name: export.csv(table, meta.datasets).encode() for name, table in tables.items()
        }
        self.text[f"{meta.protocol}.md"] = export.markdown(report).encode()
        self.text[f"{meta.protocol}.tex"] = export.latex(report).encode()
        self.summary = _summary(kind)
        self.text[SUMMARY] = (
            json.dumps(self.summary, ensure_ascii=False, indent=1) + "\n"
        ).encode()
        self.drawings = Drawings(report.figures(), kinds)
        files = (*self.text, *self.drawings.names())
        self.report, self.long = shortened(replace(report, files=files))

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        yield from self.text.items()
        yield from data_files(self.kind, self.long, self.drawings.figures)
        text = page(self.report)  # once: the page of a long report takes seconds
        if self.drawings.figures:  # should drawing end the process, a page is there
            yield "index.html", with_drawings(text, self.report, self.drawings).encode()
        yield from self.drawings.files()
        yield "index.html", with_drawings(text, self.report, self.drawings).encode()


def render(given: Given, folder: Path, kinds: Sequence[str] = KINDS) -> Written:
    """Write the report into ``folder``; raises ValueError as :class:`Made`, before it writes.

    The files: ``<protocol>.csv``, ``.md`` and ``.tex``; further CSV files of its kind, such as
    ``paired.csv``; ``index.html``, which holds its figures and styles; ``figures/``; and
    ``data/``, what the page loads on demand.
    """
    made, names = Made(given, kinds), dict[str, None]()
    for name, content in made:
        write_file(folder / name, content)
        names[name] = None
    problems = tuple(made.drawings.problems.values())
    paths = tuple(folder / name for name in names)
    found = made.summary
    costs = [f"cost: {found['cost']}", f"failed: {found['failed']}"] if found["cost"] else []
    summary = (*made.kind.brief_lines(SHOWN), *costs)
    return Written(paths, problems, tuple(export.terminal(made.report)), summary)


def contents(given: Given, kinds: Sequence[str] = KINDS) -> dict[str, bytes]:
    """File name -> bytes of the whole report; same arguments, same bytes."""
    return dict(Made(given, kinds))


def _summary(kind: Kind) -> dict[str, Any]:
    trials = kind.given.trials
    if not len(trials):
        return {"lines": [], "cost": "", "failed": ""}
    return {
        "lines": kind.summary_lines(),
        "cost": cost.total(trials),
        "failed": answer.failed(trials),
    }


def _last_sections(given: Given) -> tuple[Section, ...]:
    """The rows in the order of the report, and the run."""
    meta = given.meta
    order = list(given.trials["row_key"]) if len(given.trials) else []
    keys = [key for key in dict.fromkeys([*order, *meta.row_notes]) if key in meta.row_notes]
    notes = [(key, *meta.row_notes[key]) for key in keys]
    rows = tuple(
        (k, text + (f" [{', '.join(cites)}]" if cites else "")) for k, text, cites in notes
    )
    run = (
        ("Command", meta.command),
        ("Revision", meta.revision + (", with uncommitted changes" if meta.dirty else "")),
        ("Machine", meta.machine),
        ("Versions", ", ".join(f"{name} {meta.versions[name]}" for name in sorted(meta.versions))),
    )
    blocks = (Facts("", run), *((Text(meta.footnotes, export=False),) if meta.footnotes else ()))
    sections = (Section("The rows", (Facts("", rows),)),) if rows else ()
    return (*sections, Section("This run", blocks))


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically; creates missing folders. Raises RunStopped if it cannot."""
    try:
        _write_whole(path, content)
    except OSError as error:
        raise RunStopped(
            f"the report is not complete: {path} cannot be written ({error.strerror})"
        ) from error


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".report.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
