"""Arrays that figures show, fetched through the store: view weights, completed views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from datasets.base import Dataset
from harness.plan.plan import Plan, PlannedCell
from harness.report.layout import Layout, Matrices, Shown, Weights
from harness.run.imputation import SHOWN_ROWS, Scale, scales_of
from harness.store.record import Record
from harness.store.store import Store
from protocols.base import build, draw

Arrays = Mapping[str, np.ndarray]


def shown_of(
    plan: Plan,
    protocol: str,
    layout: Layout,
    trials: pd.DataFrame,
    records: Mapping[str, Record],
    store: Store,
) -> Shown:
    """What the layout of ``protocol`` asks for, of the fits that ``trials`` names.

    Arrays that cannot be read are said in ``gone``; they never stop a report.
    """
    gone: dict[str, list[str]] = {}

    def arrays(line: Any, name: str) -> Arrays | None:
        try:
            return store.arrays(records[name])
        except ValueError as error:
            what = f"{line.row}, trial {line.trial}: its arrays cannot be shown ({error})"
            gone.setdefault(line.dataset, []).append(what)
            return None

    ok = [line for line in trials.itertuples() if line.status == "ok"]
    weights: list[Weights] = []
    matrices: list[Matrices] = []
    if layout.kind == "weights":
        for line in ok:
            found = arrays(line, line.chosen)
            if found is not None:
                weights.append(_weights(line, records[line.chosen], found))
    if layout.kind == "matrices":
        for key in dict.fromkeys(line.dataset for line in ok):
            lines = [line for line in ok if line.dataset == key and line.imputed_by]
            pairs = [(line.row_key, arrays(line, line.imputed_by)) for line in lines]
            kept = {name: found for name, found in pairs if found is not None}
            cells = [c for c in plan.cells if c.protocol == protocol and c.data_key == key]
            matrices += _matrices(plan.data[key], cells[0], kept)
    return Shown(tuple(weights), tuple(matrices), {key: tuple(said) for key, said in gone.items()})


def _weights(line: Any, record: Record, arrays: Arrays) -> Weights:
    curve = arrays["view_weights"].astype(float)
    final = np.array([record.facts[f"weight_{v}"] for v in range(curve.shape[1])], float)
    return Weights(line.dataset, int(line.trial), record.epoch, final, curve)


def _matrices(data: Dataset, planned: PlannedCell, found: Mapping[str, Arrays]) -> list[Matrices]:
    """One for every view that rows lack: hidden rows that every method has kept, the first few."""
    job = planned.trials[0][0]
    scenario = planned.cell.scenario
    drawn = draw(data, scenario, job.trial, job.seed)
    problem, held_out = build(data, scenario, drawn)
    labels = data.labels[drawn.order[problem.rows.ids]]
    made = []
    for v, (view, scale) in enumerate(zip(data.view_names, scales_of(problem.rows), strict=True)):
        absent = np.flatnonzero(~problem.rows.present[:, v])
        ids = problem.rows.ids[absent]
        shared = [f for f in found.values() if f"imputed_{v}_ids" in f]
        if not shared:
            continue
        common = np.all([np.isin(ids, f[f"imputed_{v}_ids"]) for f in shared], axis=0)
        rows = absent[common][:SHOWN_ROWS]
        rows = rows[np.argsort(labels[rows], kind="stable")]
        made.append(
            Matrices(
                dataset=data.key,
                view=view,
                trial=job.trial,
                truth=_shade(scale, held_out.complete.views[v][rows]),
                completed={
                    key: _shade(scale, _values(arrays, v, problem.rows.ids[rows]))
                    for key, arrays in found.items()
                    if f"imputed_{v}_ids" in arrays
                },
                classes=tuple(data.class_names[label] for label in labels[rows]),
                hidden=len(absent),
            )
        )
    return made


def _shade(scale: Scale, values: np.ndarray) -> np.ndarray:
    """Z-scores; columns that are constant in training are 0."""
    return np.where(scale.keep, scale.z_scores(values), 0.0)


def _values(arrays: Arrays, v: int, ids: np.ndarray) -> np.ndarray:
    place = {int(name): row for row, name in enumerate(arrays[f"imputed_{v}_ids"])}
    return arrays[f"imputed_{v}"][[place[int(name)] for name in ids]]
