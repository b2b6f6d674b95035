"""The table of trials: one line per trial, from a run's manifest and its records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.analysis import selection
from harness.store.manifest import CellEntry, Manifest, ProtocolEntry
from harness.store.record import Record

IMPUTATION = ("nmse", "nmse_all", "nmse_raw", "nmse_raw_all", "coverage_90", "nll")
"""Columns on completed views, NaN where a row has none: ``harness.run.imputation.measures``."""
TEST = "test_"
"""Scores on test rows (``harness.run.metrics``): each is a column without this prefix, where a
record has it; ``confusion`` holds counts, true class by predicted class."""
APART = ("accuracy_complete", "accuracy_incomplete")
"""Accuracy on test rows with every view, and on the others; left out where no trial has others."""
TUNING = ("tuning_accuracy", "tuning_nmse")
"""Columns on tuning rows at the chosen epoch, NaN where the chosen fit has none."""
Group = Sequence[str]
"""Ids of the candidates for one input of a stage."""
Trial = Sequence[Sequence[Group]]
"""Stages, first to last, each with its groups; the last stage has one."""


def trials_table(
    manifest: Manifest, entry: ProtocolEntry, records: Mapping[str, Record]
) -> pd.DataFrame:
    """One line per (data set, row, column, trial) of a protocol of a run, exhaustive.

    A trial without a record of every candidate is ``missing``; with no candidate that is ok it is
    ``failed`` (or ``skipped``). Its seconds count every candidate and every stage.
    """
    datasets = list(dict.fromkeys(cell.dataset for cell in entry.cells))
    stale = {manifest.jobs[place] for place in manifest.stale}
    lines = []
    for order, cell in enumerate(entry.cells):
        columns = _cell_columns(manifest, cell, order, datasets)
        for number, places in enumerate(cell.trials):
            trial = [[[manifest.jobs[p] for p in group] for group in stage] for stage in places]
            lines.append(columns | _trial_columns(number, trial, records, stale))
    table = pd.DataFrame(lines)
    pool = {note.key: note.n_train for note in entry.datasets if note.n_train}
    if lines and pool:  # however few of the training rows a method sees
        known = table["dataset"].map(pool)
        table["n_train"] = known.where(known.notna() & table["n_train"].notna(), table["n_train"])
    if lines and table["accuracy_incomplete"].isna().all():
        return table.drop(columns=[*APART])
    return table


def _cell_columns(
    manifest: Manifest, cell: CellEntry, order: int, datasets: list[str]
) -> dict[str, Any]:
    return {
        "dataset": cell.dataset,
        "dataset_order": datasets.index(cell.dataset),
        "block": cell.block,
        "row": cell.title,
        "row_key": cell.key,
        "row_order": order,
        "label_percent": cell.percent,
        **({"labels_per_class": cell.per_class} if cell.per_class else {}),
        "budget": manifest.budget,
        "published": cell.published,
        "all_labels": cell.all_labels,
        "rule": cell.rule,
        "selection": cell.selection,
        **{f"at_{name}": value for name, value in cell.at.items()},
    }


def _best(group: Group, records: Mapping[str, Record]) -> Record | None:
    return selection.best([records[name] for name in group if name in records])


def _imputed_by(
    chosen: Record | None, trial: Trial, records: Mapping[str, Record]
) -> Record | None:
    """The fit that filled in absent views: the chosen one itself, or a stage before it."""
    if chosen is None or "nmse" in chosen.metrics:
        return chosen
    for group in trial[-2] if len(trial) > 1 else ():
        before = _best(group, records)
        if before is not None and "nmse" in before.metrics:
            return before
    return None


def _converged(chosen: Record | None, trial: Trial, records: Mapping[str, Record]) -> bool | None:
    """False if the selected fit or one of its upstream stages reports that it did not converge."""
    if chosen is None:
        return None
    before = (_best(group, records) for stage in trial[:-1] for group in stage)
    fits = [chosen, *(record for record in before if record is not None)]
    return all(record.facts.get("converged") is not False for record in fits)


def _classes(metrics: Mapping[str, Any]) -> int | None:
    """Number of classes with a labelled row; None where unknown."""
    counts = metrics.get("labelled_per_class")
    return None if counts is None else sum(count > 0 for count in counts)


def _apart(metrics: Mapping[str, Any]) -> dict[str, float]:
    """``APART`` of a fit; its accuracy is that on complete rows where no test row lacks a view."""
    if "n_test_incomplete" not in metrics:
        metrics = {"test_accuracy_complete": metrics.get("test_accuracy", float("nan"))}
    return {name: metrics.get(f"test_{name}", float("nan")) for name in APART}


def _view_weights(chosen: Record | None) -> dict[str, float]:
    """``weight_0``, ``weight_1`` ...: what the chosen fit's posterior weighs each view."""
    facts = chosen.facts if chosen else {}
    return {name: value for name, value in facts.items() if name.startswith("weight_")}


def _ids(trial: Trial) -> Iterable[str]:
    """Every job of a trial once, those of earlier stages first."""
    return dict.fromkeys(name for stage in trial for group in stage for name in group)


def _trial_columns(
    number: int, trial: Trial, records: Mapping[str, Record], stale: set[str]
) -> dict[str, Any]:
    ((candidates,), names) = trial[-1], _ids(trial)
    all_records = [records[name] for name in names if name in records]
    candidate_records = [records[name] for name in candidates if name in records]
    chosen = selection.best(candidate_records)
    status = "ok"
    if len(candidate_records) < len(candidates):
        status, chosen = "missing", None
    elif chosen is None:
        status = "failed" if any(record.status == "failed" for record in all_records) else "skipped"
    bad = [record for record in candidate_records if record.status != "ok"] or [
        record for record in all_records if record.status != "ok"
    ]
    imputed = _imputed_by(chosen, trial, records)
    values = imputed.metrics if imputed else {}
    own = chosen.metrics if chosen else {}
    metrics = (chosen or candidate_records[0]).metrics if candidate_records else {}
    return {
        "trial": number,
        "status": status,
        "accuracy": own.get("test_accuracy", float("nan")),
        **{name[len(TEST) :]: own[name] for name in own if name.startswith(TEST)},
        **_apart(own),
        **{name: values.get(name, float("nan")) for name in IMPUTATION},
        "tuning": chosen.score if chosen else float("nan"),
        **{name: own.get(name, float("nan")) for name in TUNING},
        **_view_weights(chosen),
        "n_labelled": metrics.get("n_labelled"),
        "n_classes_labelled": _classes(metrics),
        "n_tuning_labels": metrics.get("n_tuning_labels"),
        "n_train": metrics["n_labelled"] + metrics["n_unlabelled"] if metrics else None,
        "n_test": metrics.get("n_test"),
        "candidates": len(candidates),
        "candidates_failed": len(bad),
        "seconds": sum(record.seconds for record in all_records),
        "peak_memory_mb": max(
            (record.peak_memory_mb for record in all_records), default=float("nan")
        ),
        "peak_gpu_memory_mb": max(
            (record.peak_gpu_memory_mb for record in all_records), default=0.0
        ),
        "epoch": chosen.epoch if chosen else None,
        "converged": _converged(chosen, trial, records),
        "in_warmup": chosen.in_warmup if chosen else None,
        "chosen": chosen.id if chosen else "",
        "drawn": (chosen or candidate_records[0]).drawn if candidate_records else "",
        "imputed_by": imputed.id if imputed else "",
        "config": json.dumps(chosen.job["config"], sort_keys=True) if chosen else "",
        "reason": "; ".join(sorted({record.reason for record in bad})),
        "trace": bad[0].trace if bad else "",
        "device": ", ".join(sorted({record.device for record in all_records if record.device})),
        "stale": any(name in stale for name in names),
        "stages": trial,
    }
