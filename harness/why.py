"""``--why ADDRESS``: what a stored number is made from, and what the nearest other run has else.

Reads results alone: no data set is opened, no method is imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from harness.analysis.cells import StoredCell, cells_of, find
from harness.analysis.ingredients import (
    ACCIDENTAL,
    Ingredients,
    differences,
    in_words,
    ingredients,
    phrase,
)
from harness.errors import UsageError
from harness.report import format as fmt
from harness.store import manifest as manifests
from harness.store.record import Record
from harness.store.store import Store

WIDTH = 13
"""Letters of the names at the left."""


def why(address: str, results: Path, run: str | None, console: Console) -> int:
    """Print where the number at an address comes from.

    ``run``  how the id of the run begins; None: the latest that has the cell.

    Raises UsageError where there is no such run or address.
    """
    runs = manifests.known(results)[0]
    store = Store(results)
    records = store.records()
    for warning in store.warnings:
        console.print(f"ledger: {warning}")
    chosen = manifests.chosen(results, run) if run else runs
    try:
        found, trial = find(cells_of(chosen, records), address)
    except LookupError as error:
        raise UsageError(str(error)) from error
    for line in told(found[0], trial):
        console.print(line)
    same = [c for c in cells_of(runs, records) if c.address == found[0].address]
    others = [cell for cell in same if cell.run.id != found[0].run.id]
    if before := _before(found[0], store.superseded()):
        others.append(before)
    for line in nearest(found[0], others):
        console.print(line)
    return 0


def _before(cell: StoredCell, superseded: Mapping[str, Record]) -> StoredCell | None:
    """The cell with the records that counted before some of its jobs ran again; None if none."""
    names = frozenset[str]().union(*cell.ids) & superseded.keys()
    if not names:
        return None
    earlier = {**cell.records, **{name: superseded[name] for name in names}}
    return StoredCell(cell.run, cell.entry, cell.cell, earlier, "its records before they ran again")


def told(cell: StoredCell, trial: int | None = None) -> Iterator[str]:
    """What a cell's number is made from; with ``trial``, of its trials that one alone."""
    run, own, note = cell.run, cell.cell, cell.note
    labels = f"{own.per_class} labels per class" if own.per_class else f"{own.percent:g} % labelled"
    yield f"{cell.address}: {own.title} ({own.block}) on {own.dataset}, {labels}"
    yield _line("run", f"{run.id} ({run.state}, {run.date})")
    yield _line("command", run.command)
    yield _line("number", _number(cell))
    made = ingredients(cell)
    yield from _data(made, cell)
    yield from _settings(made)
    yield _line("chosen by", own.selection)
    code = {name: digests for (kind, name), digests in made.items() if kind == "code"}
    yield _line("code", f"{fmt.plural(len(code), 'file')}, digests of what they do:")
    for name in sorted(code):
        yield f"{'':{WIDTH}}{' '.join(code[name])}  {name}"
    versions = sorted((name, text) for (kind, name), text in made.items() if kind == "versions")
    yield _line("versions", ", ".join(f"{name} {'/'.join(text)}" for name, text in versions))
    yield _line("machine", f"{run.machine}; {', '.join(made.get(('machine', 'device'), ()))}")
    yield _line("revision", run.revision)
    if note is not None and note.remarks:
        yield _line("remarks", "; ".join(note.remarks))
    for number in range(len(own.trials)) if trial is None else (trial,):
        yield from _trial(cell, number, full=trial is not None)


def _line(name: str, text: str) -> str:
    return f"{name:<{WIDTH}}{text}".rstrip()


def _number(cell: StoredCell) -> str:
    values, planned = list(cell.values.values()), len(cell.cell.trials)
    if not values:
        return f"none: 0 of {planned} trials are ok"
    sd = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    short = "" if len(values) == planned else "; no mean is printed until all are there"
    return f"{cell.column} {np.mean(values):.4f}{sd} over {len(values)} of {planned} trials{short}"


def _data(made: Ingredients, cell: StoredCell) -> Iterator[str]:
    note = cell.note
    prints = ", ".join(made.get(("data", "fingerprint"), ("unknown",)))
    size = ""
    if note is not None:
        views = zip(note.view_names, note.dims, strict=True)
        size = f", {note.n} rows, {note.n_classes} classes, views " + ", ".join(
            f"{name} ({width})" for name, width in views
        )
    yield _line("data", f"{cell.cell.dataset}, fingerprint {prints}{size}")
    for kind, shown in (("split", "split"), ("labels", "trial"), ("seed", "seed")):
        pairs = sorted((n, values) for (k, n), values in made.items() if k == kind)
        yield _line(shown, ", ".join(f"{name} = {'/'.join(values)}" for name, values in pairs))


def _settings(made: Ingredients) -> Iterator[str]:
    """The settings of every stage; of a grid, all candidate values."""
    for (kind, method), versions in sorted(made.items()):
        if kind != "method":
            continue
        yield _line("method", f"{method} {', '.join(versions)}")
        for group in ("settings", "training"):
            own = sorted(
                (name.removeprefix(f"{method}."), values)
                for (k, name), values in made.items()
                if k == group and name.startswith(f"{method}.")
            )
            texts = (f"{n} = {' | '.join(values)}" for n, values in own)
            if own:
                yield _line(f"  {group}", ", ".join(texts))


def _trial(cell: StoredCell, number: int, *, full: bool) -> Iterator[str]:
    """A trial's value, draw, chosen candidate and the candidates' scores."""
    (line,) = cell.trials[cell.trials["trial"] == number].to_dict("records")
    candidates = cell.candidates(number)
    drawn = ", ".join(sorted({r.drawn for r in candidates if r.drawn})) or "not recorded"
    status = str(line["status"])
    value = f"{cell.column} {line[cell.column]:.4f}, " if status == "ok" else ""
    epoch = f", epoch {int(line['epoch'])}" if status == "ok" and line["epoch"] else ""
    labels = "" if line["n_labelled"] is None else f", {int(line['n_labelled'])} labelled"
    yield (
        f"trial {number:<6} {status}: {value}rows drawn {drawn}{labels}{epoch}, "
        f"{line['seconds']:.2f} s"
    )
    if status != "ok" and line["reason"]:
        yield f"{'':{WIDTH}}{line['reason']}"
    texts = _apart([record.job.get("config") or {} for record in candidates])
    for record, text in zip(candidates, texts, strict=True):
        mark = "chosen" if record.id == line["chosen"] else ""
        score = record.status if record.score is None else f"tuning score {record.score:.4f}"
        name = f"  {record.id}" if full else ""
        yield f"{'':{WIDTH}}{score}  {text}{name}  {mark}".rstrip()
    if full:
        for record in cell.of_trial(number):
            if record not in candidates:
                yield f"{'':{WIDTH}}earlier stage {record.job.get('method')}  {record.id}"


def _apart(configs: list[Mapping[str, Any]]) -> list[str]:
    """What sets candidates apart: their settings that differ."""
    if len(configs) < 2:
        return ["the only candidate"] * len(configs)
    names = sorted({name for config in configs for name in config})
    texts = {name: {json.dumps(c.get(name), sort_keys=True) for c in configs} for name in names}
    vary = [name for name in names if len(texts[name]) > 1]
    return [", ".join(f"{n} = {json.dumps(c.get(n))}" for n in vary) for c in configs]


# ---------------------------------------------------------------- the nearest other run


def nearest(cell: StoredCell, others: list[StoredCell]) -> Iterator[str]:
    """What differs from the other run of the same cell that differs least."""
    jobs = frozenset[str]().union(*cell.ids)
    shared = [o for o in others if not o.told and frozenset[str]().union(*o.ids) == jobs]
    if shared:
        yield _line("same fits", f"{', '.join(other.name for other in shared)} has the same fits")
    left = [other for other in others if other not in shared]
    if not left:
        yield _line("other runs", "none has other fits for this cell")
        return
    mine = ingredients(cell)
    found = [(other, differences(mine, ingredients(other))) for other in left]
    other, changes = min(found, key=lambda pair: _distance(pair[1]))
    more = f", the nearest of {len(left)} that have other fits" if len(left) > 1 else ""
    yield _line("differs from", f"{other.name} ({other.run.date}){more}; here -> there:")
    for kind, phrases in changes.items():
        yield f"{'':{WIDTH}}{phrase(kind, phrases)}"
    if not changes:
        yield f"{'':{WIDTH}}nothing that the records name"
    yield f"{'':{WIDTH}}values: {in_words(cell, other)}"


def _distance(changes: Mapping[str, list[str]]) -> tuple[int, int]:
    """How many kinds of ingredients differ, those that may change a number; then all phrases."""
    kinds = [kind for kind in changes if kind not in ACCIDENTAL]
    return len(kinds), sum(map(len, changes.values()))
