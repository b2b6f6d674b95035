"""``--submit`` and ``--define-suite``: files of rows and of suites, from a results folder."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from harness.analysis.against import LINE
from harness.analysis.cells import StoredCell, cells_of
from harness.analysis.ingredients import ingredients
from harness.errors import UsageError, unknown
from harness.run.wording import count
from harness.store import code_digest
from harness.store import manifest as manifests
from harness.store import suite as stored
from harness.store.store import Store
from harness.store.suite import Row, Suite, SuiteData, Verified

TOLERANCE = 0.005
"""The most by which the mean of a verified cell may differ from the stored one."""


def submit(
    keys: Sequence[str], suite: Suite, results: Path, by: str | None, console: Console
) -> int:
    """Write the files of rows from a results folder, or mark stored rows as verified by ``by``.

    Returns 1 where a row that was to be verified has other values, else 0. Raises UsageError where
    a row lacks trials, ran on other trials, or was made by other code than this checkout's.
    """
    runs, store = manifests.known(results)[0], Store(results)
    cells = [
        cell
        for cell in cells_of(runs, store.records())
        if cell.entry.name == suite.protocol
        and (cell.run.budget, cell.run.seed) == (suite.budget, suite.seed)
    ]
    failed = False
    for key in keys:
        row = row_of(key, suite, cells)
        path = stored.row_path(suite, key)
        if by is None:
            stored.write_row(suite, row)
            size = path.stat().st_size / 1024
            console.print(
                f"wrote {path}: {count(len(row.trials), 'trial')}, {size:.0f} KiB, not verified"
            )
            continue
        failed |= not _verify(row, suite, by, console)
    return 1 if failed else 0


def row_of(key: str, suite: Suite, cells: Sequence[StoredCell]) -> Row:
    """A row on all trials of a suite, of every cell the latest run. Raises UsageError."""
    own = [cell for cell in cells if cell.cell.key == key]
    again = _again(suite, key)
    if not own:
        known = {cell.cell.key for cell in cells}
        if known:
            raise UsageError(f"{unknown('row', key, known)}; to run it: {again}")
        raise UsageError(f"no run of {suite.name} is stored here; to make one: {again}")
    if own[0].cell.all_labels:
        raise UsageError(f"'{key}' is trained on all labels, so it has other trials than the suite")
    chosen, lines = [], []
    for data in suite.data:
        for percent in suite.label_percent:
            cell = _complete(own, data, percent, suite.trials)
            if cell is None:
                raise UsageError(
                    f"'{key}' lacks {data.key} at {percent:g} % with {suite.trials} trials; "
                    f"run {again}"
                )
            chosen.append(cell)
            lines += _checked(cell, data, percent, suite.trials)
    _check_code(key, chosen, again)
    return _row(key, suite, chosen, lines)


def _again(suite: Suite, key: str) -> str:
    """The command that runs a row on all trials of a suite."""
    return f"python run_all.py --suite {suite.name} --method {key}"


def _complete(
    cells: Iterable[StoredCell], data: SuiteData, percent: float, trials: int
) -> StoredCell | None:
    """The latest cell there with a result of every trial."""
    for cell in cells:
        at = cell.cell.dataset == data.key and cell.cell.percent == percent
        if at and len(cell.cell.trials) >= trials:
            statuses = cell.trials[cell.trials["trial"] < trials]["status"]
            if (statuses != "missing").all():
                return cell
    return None


def _checked(
    cell: StoredCell, data: SuiteData, percent: float, trials: int
) -> list[dict[str, Any]]:
    """The lines of a cell, once they are those of the suite. Raises UsageError."""
    prints = {str(record.job.get("data")) for record in cell.used}
    if prints != {data.fingerprint}:
        raise UsageError(
            f"{cell.address} ran on other data: fingerprint {', '.join(sorted(prints))}, the suite "
            f"has {data.fingerprint}"
        )
    own = cell.trials[cell.trials["trial"] < trials]
    wanted = data.draws[f"{percent:g}"]
    off = [t for t, drawn in zip(own["trial"], own["drawn"], strict=True) if drawn != wanted[t]]
    if off:
        raise UsageError(
            f"{cell.address} drew other rows than the suite in {count(len(off), 'trial')}, the "
            f"first of them trial {off[0]}"
        )
    lines = own.reindex(columns=list(LINE)).to_dict("records")
    return [{str(name): _plain(value) for name, value in line.items()} for line in lines]


def _check_code(key: str, cells: Sequence[StoredCell], again: str) -> None:
    """Raise UsageError if a record was made by other code than this checkout's."""
    digests: dict[frozenset[str], Mapping[str, str]] = {}
    for cell in cells:
        for number in range(len(cell.cell.trials)):
            records = cell.of_trial(number)
            methods = frozenset(str(record.job["method"]) for record in records)
            if methods not in digests:
                digests[methods] = _digests(methods)
            made = {name: d for record in records for name, d in record.digests.items()}
            if changed := code_digest.changed(made, digests[methods]):
                raise UsageError(
                    f"'{key}' was made by other code ({', '.join(changed[:4])}); run {again}"
                )


def _digests(methods: frozenset[str]) -> Mapping[str, str]:
    try:
        return code_digest.digests(methods)
    except KeyError as error:
        raise UsageError(f"this checkout has no method {error}") from error


def _row(
    key: str, suite: Suite, cells: Sequence[StoredCell], lines: Sequence[Mapping[str, Any]]
) -> Row:
    first = cells[0]
    note, cites = first.entry.row_notes.get(key, ("", ()))
    made: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        for name, values in ingredients(cell).items():
            made.setdefault(name, set()).update(values)

    def of(kind: str) -> dict[str, tuple[str, ...]]:
        found = {name: tuple(sorted(v)) for (k, name), v in made.items() if k == kind}
        return dict(sorted(found.items()))

    return Row(
        suite=suite.name,
        row=key,
        title=first.cell.title,
        block=first.cell.block,
        note=note,
        cites=tuple(cites),
        methods={name: int(v[-1].removeprefix("version ")) for name, v in of("method").items()},
        settings=of("settings") | of("training"),
        code={name: values[0] for name, values in of("code").items()},
        versions={name: ", ".join(values) for name, values in of("versions").items()},
        machine=first.run.machine,
        revision=first.run.revision,
        command=_again(suite, key),
        date=first.run.date,
        trials=tuple(lines),
    )


def _plain(value: Any) -> Any:
    """JSON's own values: no NaN, numbers of NumPy as Python's, six decimals."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) > 1 else round(value, 6)
    return value


def _verify(again: Row, suite: Suite, by: str, console: Console) -> bool:
    """Mark a stored row as verified if a second run has its values; False if it has not."""
    path = stored.row_path(suite, again.row)
    commit = code_digest.revision()
    if "+" in commit or commit == "unknown":
        raise UsageError(
            f"--verified-by needs a clean checkout, whose commit the mark names; this is {commit}"
        )
    row = stored.read_row(path)
    before, now = (pd.DataFrame(list(one.trials)) for one in (row, again))
    by_trial = ["dataset", "label_percent", "trial"]
    both = before.merge(now, on=by_trial, suffixes=("_before", "_now"), how="outer")
    gaps = (both["accuracy_now"] - both["accuracy_before"]).astype(float)
    unlike = (both["status_before"] != both["status_now"]) | (
        both["status_before"].eq("ok") & gaps.isna()
    )
    cells = gaps.groupby([both["dataset"], both["label_percent"]]).mean().abs()
    equal, most = int((gaps == 0).sum()), float(gaps.abs().max())
    console.print(
        f"{again.row}: {equal} of {len(both)} trials equal; largest difference of a trial "
        f"{most:.4f}, of a mean {cells.max():.4f}"
    )
    if unlike.any() or not cells.max() <= TOLERANCE:
        console.print(f"{again.row}: not verified; means may differ by {TOLERANCE} at most")
        return False
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    stored.write_row(suite, replace(row, verified=Verified(by, today, commit, round(most, 6))))
    console.print(f"marked {path} as verified by {by}, {today}, at commit {commit}")
    return True


def define(folder: Path, results: Path, run: str, console: Console) -> int:
    """Write ``suite.json`` in ``folder``, for the trials of a stored run. Raises UsageError."""
    (manifest,) = manifests.chosen(results, run)[:1]
    if len(manifest.protocols) != 1:
        raise UsageError(f"run {manifest.id} has several protocols; a suite has one")
    (entry,) = manifest.protocols
    cells = [
        cell
        for cell in cells_of([manifest], Store(results).records())
        if not cell.cell.all_labels and not cell.cell.at
    ]
    if not cells:
        raise UsageError(f"run {manifest.id} has no cell of a table")
    suite = Suite(
        name=folder.name,
        protocol=entry.name,
        budget=manifest.budget,
        trials=min(len(cell.cell.trials) for cell in cells),
        seed=manifest.seed,
        label_percent=tuple(sorted({cell.cell.percent for cell in cells})),
        data=tuple(
            _data_of([cell for cell in cells if cell.cell.dataset == key])
            for key in dict.fromkeys(cell.cell.dataset for cell in cells)
        ),
        folder=folder,
    )
    path = stored.write_suite(suite)
    console.print(
        f"wrote {path}: {count(len(suite.data), 'data set')}, "
        f"{count(len(suite.label_percent), 'column')}, {count(suite.trials, 'trial')} each"
    )
    return 0


def _data_of(cells: Sequence[StoredCell]) -> SuiteData:
    """One data set of a suite, from its cells. Raises UsageError where rows drew differently."""
    note, key = cells[0].note, cells[0].cell.dataset
    if note is None:
        raise UsageError(f"the run has no note on {key}")
    draws: dict[str, list[str]] = {}
    for cell in cells:
        drawn = [str(value) for value in cell.trials["drawn"]]
        known = draws.setdefault(f"{cell.cell.percent:g}", drawn)
        if "" in drawn or known != drawn:
            raise UsageError(f"the rows of {cell.address} do not all have the same, known trials")
    sizes = pd.concat([cell.trials for cell in cells])
    return SuiteData(
        key=key,
        fingerprint=note.fingerprint,
        split=note.split,
        train=note.n_train,
        test=int(sizes["n_test"].median()),
        draws=draws,
    )
