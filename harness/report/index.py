"""``reports/index.html``: every run of a results folder, the latest first, with its reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.report.html import index_page
from harness.report.write import SUMMARY, write_file
from harness.store import manifest as manifests
from harness.store.claims import DriverNote, running
from harness.store.manifest import Manifest, ProtocolEntry

STATES = {
    "running": "running",
    "unknown": "running, or ended without a final state",
    "finished": "finished",
    "interrupted": "interrupted",
    "failed": "ended with an error",
}


def write_index(results: Path, reports: Path) -> Path:
    """Write the page on the runs of ``results``; returns its path."""
    runs, bad = manifests.known(results)
    path, drivers = reports / "index.html", running(results)
    lines = [_line(run, state_of(run, drivers), reports) for run in runs]
    write_file(path, index_page(lines, bad).encode())
    return path


def state_of(run: Manifest, drivers: Sequence[DriverNote] | None) -> str:
    """Its state: a run that is said to run, but by no driver, was killed and is interrupted.

    ``drivers``  those that run in its folder, None where that cannot be asked.
    """
    if run.state != "running":
        return run.state
    if drivers is None:
        return "unknown"
    alive = any(run.command.endswith(f" {driver.command}") for driver in drivers)
    return "running" if alive else "interrupted"


def _line(run: Manifest, state: str, reports: Path) -> dict[str, Any]:
    titles = dict.fromkeys(n.title for entry in run.protocols for n in entry.datasets)
    return {
        "id": run.id,
        "budget": run.budget,
        "stamp": next((entry.stamp for entry in run.protocols if entry.stamp), ""),
        "names": [entry.name for entry in run.protocols],
        "data": list(titles),
        "kinds": _kinds(run),
        "date": run.date,
        "state": STATES.get(state, state),
        "counts": run.counts,
        "command": run.command,
        "revision": run.revision,
        "reports": [_report(entry, reports / run.id / entry.name) for entry in run.protocols],
    }


def _kinds(run: Manifest) -> list[str]:
    """What stands beside the stamp of the budget: open data, simulated data."""
    kinds = {note.kind for entry in run.protocols for note in entry.datasets}
    words = {"open": "open data: not the paper’s", "simulated": "SIMULATED data"}
    return [text for kind, text in words.items() if kind in kinds]


def _report(entry: ProtocolEntry, folder: Path) -> dict[str, Any]:
    """A protocol's report: whether it is there, who leads, what it cost, what failed."""
    there = (folder / "index.html").is_file()
    found = {"lines": [], "cost": "", "failed": ""}
    with suppress(OSError, ValueError):  # a report of an earlier version has none
        found |= json.loads((folder / SUMMARY).read_bytes())
    return {"name": entry.name, "title": entry.title, "there": there, **found}
