"""Scores of completed views: distance to the truth, and calibration of predicted variances.

Columns are z-scored with training rows where the view is present, so that imputing the mean has an
NMSE of exactly 1; columns that are constant there are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from datasets.base import HIDDEN, HeldOut, Problem, Rows, constant
from harness.run import checks
from methods.base import FitError, Fitted

SHOWN_ROWS = 200
"""Completed rows of a view that are stored for figures. A stage that imputes for a later stage
stores all of them."""
Z90 = 1.6448536269514722
"""95 % point of the standard normal: a 90 % interval is the mean +- Z90 sd."""
Views = Sequence[np.ndarray]


def completed(fitted: Fitted, rows: Rows) -> tuple[Views, Views | None]:
    """All views of ``rows`` as ``fitted`` completes them, and variances if it has any.

    Raises FitError if they break the contract (``harness.run.checks.imputed``).
    """
    return checks.imputed(fitted.impute(rows), rows)


def tuning_score(fitted: Fitted, problem: Problem, *, once: bool = False) -> float:
    """Minus the NMSE on :func:`masked_tuning`; chooses candidates."""
    scales = scales_of(problem.rows)
    total = _Errors()
    masked = masked_tuning(problem, once=once)
    if not any(rows.n for _, _, rows in masked):
        raise FitError("no tuning row has another view beside one that may be absent, to hide it")
    for v, part, rows in masked:
        views, _ = completed(fitted, rows)
        total.add(*_pair(scales[v], problem.tuning.views[v][part], views[v]))
    return -total.nmse


def masked_tuning(problem: Problem, *, once: bool = False) -> list[tuple[int, np.ndarray, Rows]]:
    """Tuning rows with each view of ``may_miss`` hidden in turn: view, which rows, these rows.

    Every row loses each of the views in turn, in copies with distinct ids. With ``once`` a row
    loses one view only, for methods that see all copies together: another copy would show the
    hidden view. A row that the data set gives no such view, or no other one, is not among them.
    """
    hidden = [problem.view_names.index(name) for name in problem.may_miss]
    tuning, copies = problem.tuning, len(hidden) if once else 1
    stride = 1 + max(tuning.ids.max(), problem.rows.ids.max())
    masked = []
    for copy, v in enumerate(hidden):
        has_both = tuning.present[:, v] & (tuning.present.sum(axis=1) > 1)
        place = np.arange(tuning.n)
        part = place[has_both & (place % copies == copy % copies)]
        masked.append((v, part, _without(tuning, part, v, copy * stride)))
    return masked


def second_problem(problem: Problem) -> Problem:
    """The Problem with tuning rows, masked once, for imputers that know their own rows only."""
    parts = (problem.rows, *(rows for _, _, rows in masked_tuning(problem, once=True)))
    rows = Rows(
        tuple(np.concatenate(views) for views in zip(*(p.views for p in parts), strict=True)),
        np.concatenate([part.present for part in parts]),
        np.concatenate([part.ids for part in parts]),
    )
    more = rows.n - problem.rows.n
    return replace(
        problem,
        rows=rows,
        labels=np.concatenate([problem.labels, np.full(more, HIDDEN)]),
        labelled=np.concatenate([problem.labelled, np.zeros(more, bool)]),
    )


def measures(
    problem: Problem, held_out: HeldOut, views: Views, variances: Views | None
) -> Measures:
    """Scores on the Problem's rows; {} where nothing was hidden.

    Entries that the data set itself lacks have no truth and count nowhere.

    ``nmse``      |X - X^| / |X|, Frobenius norms, over the entries that were hidden (4.3.3).
    ``nmse_all``  the same over all rows of the views that have such entries; ``nmse_raw`` and
                  ``nmse_raw_all`` in raw units; ``nmse_<view>`` where several views have some.
    ``coverage_90``  share of hidden entries inside the predicted 90 % interval; ``nll`` their mean
                  negative log-likelihood, z-scored units. Of models with variances only.
    """
    scales, known = scales_of(problem.rows), held_out.complete.present
    taken = known & ~problem.rows.present
    lacking = [v for v in range(len(views)) if taken[:, v].any()]
    hidden, all_rows, raw, raw_all_rows = _Errors(), _Errors(), _Errors(), _Errors()
    values: Measures = {}
    densities: list[np.ndarray] = []
    for v in lacking:
        there = known[:, v]  # all of them, unless the data set lacks the view in some
        rows = taken[there, v]
        truth, guess = held_out.complete.views[v][there], views[v][there]
        own = _Errors()
        for errors, pair in (
            (own, _pair(scales[v], truth[rows], guess[rows])),
            (all_rows, _pair(scales[v], truth, guess)),
            (raw, (truth[rows], guess[rows])),
            (raw_all_rows, (truth, guess)),
        ):
            errors.add(*pair)
        hidden.add_all(own)
        if len(lacking) > 1:
            values[f"nmse_{problem.view_names[v]}"] = own.nmse
        if variances is not None:
            densities.append(
                _standardised(scales[v], truth[rows], guess[rows], variances[v][there][rows])
            )
    if lacking:
        values |= {"nmse": hidden.nmse, "nmse_all": all_rows.nmse}
        values |= {"nmse_raw": raw.nmse, "nmse_raw_all": raw_all_rows.nmse}
    if densities:
        off, log_sd = np.concatenate(densities, axis=1)
        values["coverage_90"] = float((np.abs(off) <= Z90).mean())
        values["nll"] = float((0.5 * off**2 + log_sd + 0.5 * math.log(2 * math.pi)).mean())
    return values


def arrays_to_store(
    rows: Sequence[Rows], views: Sequence[Views], most: int | None = None
) -> Arrays:
    """Completed views of rows that lacked them, as arrays to store: values and row ids by view.

    ``views``  the completed views of each of ``rows``.  ``most`` rows a view (None: all).
    """
    arrays: Arrays = {}
    for v in range(len(rows[0].views)):
        absent = [~part.present[:, v] for part in rows]
        if not any(rows_absent.any() for rows_absent in absent):
            continue
        ids = np.concatenate(
            [part.ids[rows_absent] for part, rows_absent in zip(rows, absent, strict=True)]
        )
        values = [part[v][rows_absent] for part, rows_absent in zip(views, absent, strict=True)]
        arrays[f"imputed_{v}_ids"] = ids[:most]
        arrays[f"imputed_{v}"] = np.concatenate(values)[:most].astype(np.float32)
    return arrays


def with_completed(
    problem: Problem, held_out: HeldOut, arrays: Mapping[str, np.ndarray]
) -> tuple[Problem, HeldOut]:
    """The same trial with absent views filled in, by row id, from :func:`arrays_to_store`.

    What was not stored stays absent: some imputers complete only rows that they were fitted on.
    """

    def fill(rows: Rows) -> Rows:
        views, present = list(rows.views), rows.present.copy()
        for v, view in enumerate(rows.views):
            known = arrays.get(f"imputed_{v}_ids", np.zeros(0, np.int64))
            told = ~rows.present[:, v] & np.isin(rows.ids, known)
            if told.any():
                order = np.argsort(known)
                place = np.searchsorted(known, rows.ids[told], sorter=order)
                views[v] = view.copy()
                views[v][told] = arrays[f"imputed_{v}"][order[place]]
                present[told, v] = True
        return Rows(tuple(views), present, rows.ids)

    return (
        replace(problem, rows=fill(problem.rows), tuning=fill(problem.tuning), may_miss=()),
        replace(held_out, test=fill(held_out.test)),
    )


Measures = dict[str, float]
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Scale:
    """Columns of one view: mean and sd over training rows where present; constant ones not kept."""

    mean: np.ndarray
    sd: np.ndarray
    keep: np.ndarray

    def z_scores(self, x: np.ndarray) -> np.ndarray:
        """``x`` (n, d) z-scored, float64; constant columns are centred alone."""
        return (x - self.mean) / self.sd


@dataclass
class _Errors:
    """Sums of squares of truth minus guess, and of the truth."""

    error: float = 0.0
    norm: float = 0.0

    def add(self, truth: np.ndarray, guess: np.ndarray) -> None:
        self.error += float(np.square(truth.astype(np.float64) - guess).sum())
        self.norm += float(np.square(truth.astype(np.float64)).sum())

    def add_all(self, other: _Errors) -> None:
        self.error += other.error
        self.norm += other.norm

    @property
    def nmse(self) -> float:
        if self.norm == 0:
            raise FitError("the hidden entries are all zero, so that no relative error exists")
        return math.sqrt(self.error / self.norm)


def scales_of(rows: Rows) -> list[Scale]:
    """The scale of each view. Raises FitError where no row has a view."""
    scales = []
    for v, view in enumerate(rows.views):
        seen = view[rows.present[:, v]].astype(np.float64)
        if not len(seen):
            raise FitError("a view is absent from every training row")
        keep = ~constant(seen)
        scales.append(Scale(seen.mean(0), np.where(keep, seen.std(0), 1.0), keep))
    return scales


def _pair(scale: Scale, truth: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both z-scored, constant columns left out."""
    z_truth, z_guess = (scale.z_scores(x)[:, scale.keep] for x in (truth, guess))
    return z_truth, z_guess


def _standardised(
    scale: Scale, truth: np.ndarray, guess: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """(2, entries): errors in predicted standard deviations, and the logs of these, z-scored."""
    sd = (np.sqrt(variance) / scale.sd)[:, scale.keep]
    z_truth, z_guess = _pair(scale, truth, guess)
    return np.stack([((z_truth - z_guess) / sd).ravel(), np.log(sd).ravel()])


def _without(rows: Rows, part: np.ndarray, v: int, shift: int) -> Rows:
    views, present = [view[part] for view in rows.views], rows.present[part].copy()
    views[v] = np.full_like(views[v], np.nan)
    present[:, v] = False
    return Rows(tuple(views), present, rows.ids[part] + shift)
