"""Wall time of a run on one, two and four Ray nodes whose fits sleep: what scheduling costs.

    python -m benchmarks.nodes [--fits 48] [--sleep 1] [--nodes 1 2 4]

The nodes are processes of this machine, with two workers each. A fit is that of ``majority`` and
then sleeps, so that the machine's cores do not bound the run. Every run computes the same records.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks._measure import ROOT, Row
from benchmarks._ray_nodes import ray_nodes
from datasets.base import Dataset
from harness.run import executors, grouping
from harness.run.worker import JobGroup
from harness.store.record import Outcome

CPUS, SECONDS = 2, "BENCHMARK_SLEEP"
"""Workers of a node. Environment variable: seconds that a fit sleeps."""
REAL = executors._execute_in_worker


def sleeping(
    group: JobGroup, data: Dataset, device: str, state: bytes | None, mib: float | None = None
) -> Iterator[Any]:
    """What a worker runs: the group, each fit followed by its sleep."""
    for event in REAL(group, data, device, state, mib):
        yield event
        if isinstance(event, Outcome):
            time.sleep(float(os.environ.get(SECONDS, "1")))


def drive(arguments: list[str]) -> int:
    """One run of ``run_all`` with sleeping fits, each fit a group of its own."""
    import run_all
    from benchmarks import nodes  # by its importable name: workers must find it

    grouping.UNTRAINED_SECONDS = 0.0
    executors._execute_in_worker = nodes.sleeping
    return run_all.main(arguments)


def measured(count: int, fits: int, sleep: float, folder: Path) -> tuple[float, list[str]]:
    """Wall seconds of a run on ``count`` nodes; ids and scores, sorted."""
    folder.mkdir()
    places = ["--results", str(folder / "results"), "--reports", str(folder / "reports")]
    run = ["--protocol", "table2", "--dataset", "digits", "--budget", "smoke"]
    run += ["--method", "majority", "--trials", str(fits)]
    with ray_nodes(count, CPUS, folder) as (address, variables):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.nodes", "--drive", *run, *places]
            + ["--address", address],
            cwd=ROOT, env=os.environ | variables | {SECONDS: str(sleep)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    records = [
        json.loads(line)
        for path in (folder / "results" / "records").glob("*.jsonl")
        for line in path.read_text("utf-8").splitlines()
    ]
    (manifest,) = (folder / "results" / "runs").glob("*.json")
    run_of = json.loads(manifest.read_text("utf-8"))
    ended, started = (datetime.fromisoformat(run_of[name]) for name in ("ended", "started"))
    return (ended - started).total_seconds(), sorted(f"{r['id']} {r['metrics']}" for r in records)


def rows(fits: int, sleep: float, counts: list[int]) -> Iterator[Row]:
    """A row for each number of nodes; the ratio is to the sleep alone, shared out evenly."""
    first: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for count in counts:
            taken, records = measured(count, fits, sleep, Path(scratch) / str(count))
            first = first or records
            same = "the same records" if records == first else "OTHER RECORDS"
            least = sleep * -(-fits // (CPUS * count))
            yield Row(
                f"{fits} fits of {sleep:g} s on {count} x {CPUS} workers",
                f"{taken:.0f} s, {taken / least:.2f} times the sleep alone; {same}",
            )


def main() -> None:
    """Measure and print."""
    if "--drive" in sys.argv:
        sys.exit(drive(sys.argv[sys.argv.index("--drive") + 1 :]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=48)
    parser.add_argument("--sleep", type=float, default=1.0)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4])
    asked = parser.parse_args()
    for row in rows(asked.fits, asked.sleep, asked.nodes):
        print(f"| {row.what} | {row.value} |", flush=True)


if __name__ == "__main__":
    main()
