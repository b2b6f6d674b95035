"""Reports of a run that is going on: written again while it runs, and pages that reload.

Reads ``results/`` only, so the run is not slowed beyond the time that drawing takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from harness.report import publish
from harness.report.index import state_of
from harness.store import manifest as manifests
from harness.store.claims import running
from harness.store.store import Store

SECONDS = 20
"""Between two looks at the records; a page reloads as often."""
GOING_ON = ("running", "unknown")


def watch(
    results: Path,
    reports: Path,
    name: str,
    console: Console,
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Rebuild the reports of the run ``name`` whenever it has new records, until it ends.

    ``name``  ``last``, or how its id begins; of several runs (``all``) the latest.
    Returns 1 where a trial failed, else 0. Raises UsageError where there is no such run.
    """
    seen = -1
    while True:
        run = manifests.chosen(results, name)[0]
        store = Store(results)
        records = store.records()
        there = sum(job in records for job in run.jobs)
        live = state_of(run, running(results)) in GOING_ON
        if not live:
            return publish.rebuild(results, reports, run.id, None, console)
        if there != seen:
            how = publish.Live(SECONDS, ("svg",))
            publish.publish(run, records, store, reports, Console(quiet=True), how)
            console.print(f"{there} of {len(run.jobs)} fits: {publish.page_of(run, reports)}")
            seen = there
        wait(SECONDS)
