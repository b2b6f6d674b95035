"""``reports/index.html``: every run of a results folder, the latest first, with its reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.report.html import index_page
from harness.report.write import write_file
from harness.store import manifest as manifests
from harness.store.manifest import Manifest

STATES = {
    "running": "running, or ended without a final state",
    "finished": "finished",
    "interrupted": "interrupted",
    "failed": "ended with an error",
}


def write_index(results: Path, reports: Path) -> Path:
    """Write the page on the runs of ``results``; returns its path."""
    runs, bad = manifests.known(results)
    path = reports / "index.html"
    write_file(path, index_page([_line(run, reports) for run in runs], bad).encode())
    return path


def _line(run: Manifest, reports: Path) -> dict[str, Any]:
    titles = dict.fromkeys(n.title for entry in run.protocols for n in entry.datasets)
    return {
        "id": run.id,
        "budget": run.budget,
        "stamp": next((entry.stamp for entry in run.protocols if entry.stamp), ""),
        "data": list(titles),
        "date": run.date,
        "state": STATES.get(run.state, run.state),
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
