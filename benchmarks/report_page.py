"""Time, memory and size of a report on many trials, made up.

    python -m benchmarks.report_page [--records 100000] [--data 5] [--rows 30] [--out FOLDER]

Seconds are processor time of one thread, which other load changes little: from records to files on
disk. Memory is the peak of this process. ``--records 9000`` is 30 rows, 5 data sets, 3 shares of
labels and 20 trials.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.layout import Layout
from harness.report.kind import Given
from harness.report.meta import DatasetNote, ReportMeta
from harness.report.write import render
from harness.store.record import Record

PERCENTS = (2.0, 5.0, 10.0)
CONFIG = {"c": 0.5, "batch": 100, "latent": 30, "learning_rate": 3e-4, "hidden": [100, 50]}


def trials_of(data: int, rows: int, trials: int) -> pd.DataFrame:
    """One line a trial: data sets by rows by ``PERCENTS`` by trials; a few cells lack a trial."""
    grid = pd.MultiIndex.from_product(
        [range(data), range(rows), PERCENTS, range(trials)],
        names=["dataset_order", "row_order", "label_percent", "trial"],
    ).to_frame(index=False)
    rng, n = np.random.default_rng(0), len(grid)
    ok = rng.random(n) > 0.01 / trials
    accuracy = (0.5 + 0.01 * grid["row_order"] + 0.02 * rng.standard_normal(n)).clip(0, 1)
    ids = [f"j{i}" for i in range(n)]
    return grid.assign(
        dataset="data" + grid["dataset_order"].astype(str),
        row="Row " + grid["row_order"].astype(str),
        row_key="row" + grid["row_order"].astype(str),
        block=np.where(grid["row_order"] % 2, "inductive", "reference"),
        status=np.where(ok, "ok", "failed"), accuracy=accuracy.where(ok), tuning=accuracy,
        n_labelled=24, n_tuning_labels=400, candidates=1, candidates_failed=np.where(ok, 0, 1),
        selection="tuning accuracy", budget="paper", seconds=rng.gamma(2.0, 5.0, n),
        peak_memory_mb=300.0, epoch=10, config="{}", reason=np.where(ok, "", "it broke"),
        trace=np.where(ok, "", "Traceback"), device="cpu", stale=False, published=None,
        all_labels=False, n_train=800, n_test=200, chosen=ids,
        stages=[[[[name]]] for name in ids],
    )  # fmt: skip


def records_of(trials: pd.DataFrame) -> dict[str, Record]:
    """A record for each trial."""
    job: dict[str, Any] = {"method": "fit", "config": CONFIG}
    return {
        name: Record(id=name, job=job, data_key="d", status="ok", score=0.5, epoch=10, seconds=1.0)
        for name in trials["chosen"]
    }


def note(number: int) -> DatasetNote:
    """Facts of a made-up data set."""
    return DatasetNote(
        key=f"data{number}", title=f"Data {number}", kind="open", is_paper_data=False,
        published_name=None, source="made up", licence="none", citation="", n=1000, dims=(9, 9),
        view_names=("a", "b"), n_classes=4, split="random", leaks=(), fingerprint="0",
        what_varies="Each trial re-draws the split.",
    )  # fmt: skip


def main() -> None:
    """Print what a report of that size takes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, default=100_000)
    arguments.add_argument("--data", type=int, default=5)
    arguments.add_argument("--rows", type=int, default=30)
    arguments.add_argument("--out", type=Path)
    asked = arguments.parse_args()
    per_cell = max(1, round(asked.records / (asked.data * asked.rows * len(PERCENTS))))
    trials = trials_of(asked.data, asked.rows, per_cell)
    meta = ReportMeta(
        protocol="table2", title="Table 2: made up", budget="paper", stamp="", date="",
        trials_expected=per_cell, command="", revision="", dirty=False, versions={}, machine="",
        datasets=tuple(note(i) for i in range(asked.data)), reference_row_key="row3",
    )  # fmt: skip
    given = Given(meta, Layout("table"), trials, records=records_of(trials))
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.out or Path(temporary)
        began = time.process_time()
        written = render(given, folder)
        seconds = time.process_time() - began
        page = (folder / "index.html").stat().st_size / 1e6
        size = sum(path.stat().st_size for path in written.paths) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(trials)} records: {seconds:.1f} s, peak {peak:.0f} MiB, page {page:.1f} MB, "
          f"{len(written.paths)} files of {size:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
