"""From a finished plan to reports on disk, and to the sentences that say what fell short."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

from datasets.base import Dataset
from harness import registry, source
from harness.plan import Plan
from harness.record import Record
from harness.render.meta import DatasetNote, ReportMeta
from harness.tabulate import trials_table
from protocols.base import Protocol, Row
from protocols.published import published_table


def write_reports(
    plan: Plan,
    protocols: Mapping[str, Protocol],
    records: Mapping[str, Record],
    command: str,
    folder: Path,
    console: Console,
) -> int:
    """Write the report of every protocol below ``folder``; say and count what failed."""
    from harness.render.write import render_table  # matplotlib and jinja2, only when needed

    bad = 0
    for name, protocol in protocols.items():
        trials = trials_table(plan, records, name)
        meta = _meta(plan, name, protocol, command)
        paths = render_table(trials, meta, published_table(name), folder / name)
        failed = trials["status"].isin(["failed", "skipped"]) | (trials["candidates_failed"] > 0)
        bad += int(failed.sum())
        for line in trials[failed].itertuples():
            what = "a candidate failed" if line.status == "ok" else line.status
            console.print(
                f"{what}: {line.row} on {line.dataset}, {line.label_percent:g} %, "
                f"trial {line.trial}: {line.reason}",
            )
        missing = int((trials["status"] == "missing").sum())
        if missing:
            console.print(f"{missing} trials have no result yet; their cells show no mean")
        for path in paths:
            console.print(f"wrote {_shown(path)}")
    return bad


def _meta(plan: Plan, name: str, protocol: Protocol, command: str) -> ReportMeta:
    shown = {cell.data_key for cell in plan.cells if cell.protocol == name}
    revision = source.revision()
    notes = {cell.cell.row.key: _row_note(cell.cell.row) for cell in plan.cells}
    return ReportMeta(
        protocol=name,
        title=protocol.title,
        budget=plan.budget.name,
        stamp=plan.budget.stamp,
        trials_expected=plan.budget.trials,
        command=command,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        revision=revision.removesuffix("+changes"),
        dirty=revision.endswith("+changes"),
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        datasets=tuple(_note(d, plan.splits[d.key]) for d in plan.data.values() if d.key in shown),
        row_notes=notes,
    )


def _row_note(row: Row) -> tuple[str, tuple[str, ...]]:
    """What the methods of a row are, stage by stage, and where they come from."""
    keys = list(dict.fromkeys(stage.key for stage in row.recipe))
    cites = [cite for key in keys for cite in registry.load_method(key).cites]
    first = " Then ".join(registry.first_line("methods", key) for key in keys)
    return first, tuple(dict.fromkeys(cites))


def _note(data: Dataset, split: str) -> DatasetNote:
    origin = data.provenance
    rule = data.split(split)
    # The default split of a licensed set is the paper's; another one is another experiment.
    as_published = origin.kind == "licensed" and split == data.splits[0].name
    drawn = "the labelled rows, the initial weights and the minibatches"
    varies = drawn if rule.official else f"the {split} split ({_shares(rule.shares)}), {drawn}"
    return DatasetNote(
        key=data.key,
        title=data.title,
        kind=origin.kind,
        is_paper_data=as_published,
        published_name=data.draw_key.upper() if as_published else None,
        split_fixed=rule.official,
        source=origin.source,
        licence=origin.licence,
        citation=origin.citation,
        n=data.n,
        dims=data.dims,
        view_names=data.view_names,
        n_classes=data.n_classes,
        split=split,
        leaks=rule.leaks,
        fingerprint=data.fingerprint,
        what_varies=varies,
        notes=origin.notes,
    )


def _shares(shares: tuple[float, float, float]) -> str:
    return "/".join(f"{100 * share:g}" for share in shares)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("torch", "numpy", "scipy", "scikit-learn", "pandas", "ray"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _shown(path: Path) -> str:
    """Relative to where the user stands, if it lies there."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
