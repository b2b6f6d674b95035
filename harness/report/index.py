"""``reports/index.html``: every run of a results folder, the latest first, with its reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.report.html import index_page
from harness.report.write import write_file
from harness.store import manifest as manifests
from harness.store.claims import DriverNote, running
from harness.store.manifest import Manifest

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
        "data": list(titles),
        "date": run.date,
        "state": STATES.get(state, state),
        "counts": run.counts,
        "command": run.command,
        "revision": run.revision,
        "reports": [
            {
                "name": entry.name,
                "title": entry.title,
                "there": (reports / run.id / entry.name / "index.html").is_file(),
            }
            for entry in run.protocols
        ],
    }
