"""From plan and ledger to one line per trial: the table that statistics and reports read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from harness.analysis import selection
from harness.plan.job import Job
from harness.plan.plan import Plan, PlannedCell
from harness.store.record import Record

IMPUTATION = ("nmse", "nmse_all", "nmse_raw", "nmse_raw_all", "coverage_90", "nll")
"""Columns on completed views, NaN where a row has none: ``harness.run.imputation.measures``."""
TUNING = ("tuning_accuracy", "tuning_nmse")
"""Columns on tuning rows at the chosen epoch, NaN where the chosen fit has none."""


def trials_table(plan: Plan, records: Mapping[str, Record], protocol: str) -> pd.DataFrame:
    """One line per (data set, row, column, trial) of a protocol, exhaustive.

    A trial without a record of every candidate is ``missing``; with no candidate that is ok it is
    ``failed`` (or ``skipped``). Its seconds count every candidate and every stage.
    """
    cells = [cell for cell in plan.cells if cell.protocol == protocol]
    datasets = list(dict.fromkeys(cell.data_key for cell in cells))
    lines = []
    for order, cell in enumerate(cells):
        for jobs in cell.trials:
            line = _cell_columns(plan, cell, order, datasets)
            lines.append(line | _trial_columns(plan, jobs, records))
    return pd.DataFrame(lines)


def _cell_columns(
    plan: Plan, planned: PlannedCell, order: int, datasets: list[str]
) -> dict[str, Any]:
    cell, rules = planned.cell, selection.rules(planned.trials[0])
    return {
        "dataset": planned.data_key,
        "dataset_order": datasets.index(planned.data_key),
        "block": cell.row.block,
        "row": cell.row.title,
        "row_key": cell.row.key,
        "row_order": order,
        "label_percent": round(100 * cell.label_fraction, 6),
        "budget": plan.budget.name,
        "published": cell.row.published,
        "all_labels": cell.row.all_labels,
        "rule": selection.key_of(rules),
        "selection": selection.words_of(rules),
        **{f"at_{name}": value for name, value in cell.at.items()},
    }


def _imputed_by(
    chosen: Record | None, jobs: tuple[Job, ...], records: Mapping[str, Record]
) -> Record | None:
    """The fit that filled in absent views: the chosen one itself, or a stage before it."""
    if chosen is None or "nmse" in chosen.metrics:
        return chosen
    for group in jobs[0].upstream:
        before = selection.chosen(group, records)
        if before is not None and "nmse" in before.metrics:
            return before
    return None


def _converged(
    chosen: Record | None, jobs: tuple[Job, ...], records: Mapping[str, Record]
) -> bool | None:
    """Whether the chosen fit, and those of the stages before it, say nothing to the contrary."""
    if chosen is None:
        return None
    groups = (group for job in jobs[0].stages() for group in job.upstream)
    before = (selection.chosen(group, records) for group in groups)
    fits = [chosen, *(record for record in before if record is not None)]
    return all(record.facts.get("converged") is not False for record in fits)


def _classes(metrics: Mapping[str, Any]) -> int | None:
    """How many classes have a labelled row; None where no record tells."""
    counts = metrics.get("labelled_per_class")
    return None if counts is None else sum(count > 0 for count in counts)


def _trial_columns(
    plan: Plan, jobs: tuple[Job, ...], records: Mapping[str, Record]
) -> dict[str, Any]:
    stages = {job.id: job for candidate in jobs for job in candidate.stages()}
    every = [records[name] for name in stages if name in records]
    found = [records[job.id] for job in jobs if job.id in records]
    chosen = selection.best(found)
    status = "ok"
    if len(found) < len(jobs):
        status, chosen = "missing", None
    elif chosen is None:
        status = "failed" if any(record.status == "failed" for record in every) else "skipped"
    bad = [record for record in found if record.status != "ok"] or [
        record for record in every if record.status != "ok"
    ]
    imputed = _imputed_by(chosen, jobs, records)
    values = imputed.metrics if imputed else {}
    own = chosen.metrics if chosen else {}
    metrics = (chosen or found[0]).metrics if found else {}
    return {
        "trial": jobs[0].trial,
        "status": status,
        "accuracy": own.get("test_accuracy", float("nan")),
        **{name: values.get(name, float("nan")) for name in IMPUTATION},
        "tuning": chosen.score if chosen else float("nan"),
        **{name: own.get(name, float("nan")) for name in TUNING},
        "n_labelled": metrics.get("n_labelled"),
        "n_classes_labelled": _classes(metrics),
        "n_tuning_labels": metrics.get("n_tuning_labels"),
        "n_train": metrics["n_labelled"] + metrics["n_unlabelled"] if metrics else None,
        "n_test": metrics.get("n_test"),
        "candidates": len(jobs),
        "candidates_failed": len(bad),
        "seconds": sum(record.seconds for record in every),
        "peak_memory_mb": max((record.peak_memory_mb for record in every), default=float("nan")),
        "peak_gpu_memory_mb": max((record.peak_gpu_memory_mb for record in every), default=0.0),
        "epoch": chosen.epoch if chosen else None,
        "converged": _converged(chosen, jobs, records),
        "in_warmup": chosen.in_warmup if chosen else None,
        "chosen": chosen.id if chosen else "",
        "imputed_by": imputed.id if imputed else "",
        "config": json.dumps(chosen.job["config"], sort_keys=True) if chosen else "",
        "reason": "; ".join(sorted({record.reason for record in bad})),
        "trace": bad[0].trace if bad else "",
        "device": ", ".join(sorted({record.device for record in every if record.device})),
        "stale": any(name in plan.stale.keys() - plan.todo.keys() for name in stages),
    }
