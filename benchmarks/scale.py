"""Plans and ledgers of 100,000 fits: processor seconds and peak memory of whole commands.

    python -m benchmarks.scale [--trials 103] [--planned 139] [--copies 9] [--folder DIR]

Table 2 on mfeat has 971 fits a trial. Three commands are measured, each in a process of its own:
one that plans and does nothing else; one whose every fit is stored, which plans and reports; and
one with a single trial, which is what a start costs. Stored records are made here, without fits.

With ``--copies 9`` the ledger then gets each record nine times more, under other ids, as in a
folder that many runs use: a million lines, read by a run of one trial.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks._measure import Row, Used, used
from harness import registry
from harness.plan import resolve
from harness.plan.plan import Plan, plan_cells
from harness.run.describe import now
from harness.store import code_digest
from harness.store.record import Record
from harness.store.seal import opened, sealed
from protocols.base import Budget

PROTOCOL, DATA = "table2", "mfeat"


def planned(trials: int) -> Plan:
    """Table 2 on mfeat under the budget of the paper with ``trials`` trials."""
    data, split = resolve.open_dataset(DATA)
    protocols = {PROTOCOL: registry.load_protocol(PROTOCOL)}
    choice = resolve.choose(protocols[PROTOCOL], "paper", (DATA,), None)
    budget: Budget = choice.budget
    budget = budget.__class__(**(vars(budget) | {"trials": trials}))
    splits = {data.key: split}
    cells = plan_cells(protocols, {data.key: data}, splits, budget)
    return Plan(cells, {data.key: data}, splits, budget)


def records(plan: Plan) -> Iterator[Record]:
    """A record of every fit of ``plan``, with random scores and the size of a real one."""
    rng = np.random.default_rng(0)
    digests = {
        methods: code_digest.digests(methods)
        for methods in {job.methods for job in plan.jobs.values()}
    }
    versions = {"numpy": np.__version__, "python": sys.version.split()[0], "torch": "2"}
    for name, job in plan.jobs.items():
        counts = plan.counts(job)
        confusion = rng.multinomial(counts.parts[2] // 10, np.full(10, 0.1), size=10)
        accuracy = float(np.trace(confusion) / confusion.sum())
        yield Record(
            id=name,
            job=job.description(),
            data_key=job.data_key,
            status="ok",
            score=accuracy,
            selected_by="tuning accuracy",
            varies=["labelled rows", "split"],
            drawn=f"{job.trial:016x}",
            metrics={
                "labelled_per_class": [counts.labelled // 10] * 10,
                "n_labelled": counts.labelled,
                "n_test": counts.parts[2],
                "n_tuning_labels": counts.parts[1],
                "n_unlabelled": counts.unlabelled,
                "test_accuracy": accuracy,
                "test_balanced_accuracy": accuracy,
                "test_confusion": confusion.tolist(),
                "test_macro_f1": accuracy,
                "tuning_accuracy": accuracy,
            },
            facts={"converged": True, "gap": float(rng.random()), "iterations": 100},
            seconds=float(rng.random()),
            peak_memory_mb=400.0,
            device="cpu",
            budget="paper",
            versions=versions,
            revision="0" * 12,
            digests=digests[job.methods],
            ended=now(),
        )


def fill(folder: Path, plan: Plan) -> int:
    """Write a ledger with all records of ``plan`` below ``folder``; returns how many."""
    path = _ledger(folder)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        for record in records(plan):
            file.write(sealed(record.line()))
    return len(plan.jobs)


def multiply(folder: Path, copies: int) -> None:
    """Add ``copies`` of every record of the ledger below ``folder``, with ids of their own."""
    path = _ledger(folder)
    lines = [json.loads(opened(line)) for line in path.read_bytes().splitlines()]
    with path.open("ab") as file:
        for copy in range(copies):
            for line in lines:
                other = line | {"id": f"{line['id']}-{copy}"}
                file.write(sealed(json.dumps(other, sort_keys=True)))


def _ledger(folder: Path) -> Path:
    return folder / "records" / "ledger-000.jsonl"


def command(folder: Path, trials: int, *more: str) -> Used:
    """Table 2 on mfeat with the results in ``folder``."""
    where = ["--results", str(folder / "results"), "--reports", str(folder / "reports")]
    what = ["--protocol", PROTOCOL, "--dataset", DATA, "--budget", "paper", "--yes"]
    found = used(["run_all.py", *what, "--trials", str(trials), *where, *more])
    if found.status:
        raise SystemExit(f"the command with {trials} trials ended with status {found.status}")
    return found


def rows(folder: Path, trials: int, most: int, copies: int = 0) -> Iterator[Row]:
    """The measurements; ``trials`` are stored, ``most`` planned, ``copies`` added at the end."""
    plan = planned(trials)
    count, each = fill(folder / "results", plan), len(plan.jobs) // trials
    del plan
    start = command(folder / "none", 1, "--dry-run")
    yield Row("start of a run: one trial planned", _text(start))
    many = command(folder / "none", most, "--dry-run")
    yield Row(f"{most * each:,} fits planned, none stored", _more(many, start))
    stored = command(folder, trials, "--dry-run")
    yield Row(f"{count:,} fits planned, all stored", _more(stored, start))
    reported = command(folder, trials)
    yield Row(f"{count:,} fits planned, all stored, and reported", _more(reported, start))
    again = command(folder, trials, "--report-only")
    yield Row(f"{count:,} fits, report written again (--report-only)", _more(again, start))
    if copies:
        multiply(folder / "results", copies)
        one = command(folder, 1, "--dry-run")
        ledger = f"a ledger of {(copies + 1) * count:,} records"
        yield Row(f"{ledger}, one trial planned", _more(one, start))


def _text(found: Used) -> str:
    return f"{found.seconds:.1f} s, {found.peak:.0f} MiB"


def _more(found: Used, start: Used) -> str:
    seconds, peak = found.seconds - start.seconds, found.peak - start.peak
    return f"{_text(found)}; beyond the start {seconds:.1f} s, {peak:.0f} MiB"


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=103, help="trials whose fits are stored")
    parser.add_argument("--planned", type=int, default=139, help="trials of the plan without any")
    parser.add_argument("--copies", type=int, default=0, help="copies of each record (default 0)")
    parser.add_argument("--folder", type=Path, help="keep results and reports here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for row in rows(asked.folder or Path(scratch), asked.trials, asked.planned, asked.copies):
            print(f"{row.what:<50} {row.value}", flush=True)


if __name__ == "__main__":
    main()
