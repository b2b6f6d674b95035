"""Changes to one trial: fewer views, codes for views, other unlabelled rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from datasets.base import HIDDEN, HeldOut, Problem, Rows

Codes = Mapping[str, np.ndarray]
"""Arrays of a representation for the next stage: ``codes_rows``, ``_tuning``, ``_test``."""


@lru_cache(maxsize=1)
def second_transduction(problem: Problem) -> Problem:
    """Labelled rows plus the tuning rows without labels, for selection of transductive methods.

    Candidates of a trial get the same object, so that they can share a graph.
    """
    keep = problem.labelled
    rows, tuning = problem.rows, problem.tuning
    views = zip(rows.views, tuning.views, strict=True)
    n_tuning = tuning.n
    return replace(
        problem,
        rows=Rows(
            tuple(np.concatenate([view[keep], extra]) for view, extra in views),
            np.concatenate([rows.present[keep], tuning.present]),
            np.concatenate([rows.ids[keep], tuning.ids]),
        ),
        labels=np.concatenate([problem.labels[keep], np.full(n_tuning, HIDDEN)]),
        labelled=np.concatenate([np.ones(keep.sum(), bool), np.zeros(n_tuning, bool)]),
    )


def with_views(
    problem: Problem, held_out: HeldOut, names: tuple[str, ...]
) -> tuple[Problem, HeldOut]:
    """The same trial with only the views called ``names``."""
    index = [problem.view_names.index(name) for name in names]

    def cut(rows: Rows) -> Rows:
        return Rows(tuple(rows.views[i] for i in index), rows.present[:, index], rows.ids)

    return _on_all_rows(problem, held_out, cut, names)


def with_codes(
    problem: Problem, held_out: HeldOut, codes: list[Codes], seen: np.ndarray
) -> tuple[Problem, HeldOut]:
    """The same trial with the codes of the upstream stage as its views, one view per input.

    ``seen``  ids of the upstream stage's rows, in the order of ``codes_rows``. Codes are matched
    by row id, since the two stages may have different rows of one trial.
    """
    ids = np.concatenate([held_out.test.ids, problem.tuning.ids, seen])
    last = np.full(max(ids.max(initial=-1), problem.rows.ids.max(initial=-1)) + 1, -1)
    last[ids] = np.arange(len(ids))  # a test row among the stage's own rows: the same code twice
    parts = ("codes_test", "codes_tuning", "codes_rows")
    tables = [np.concatenate([code[part] for part in parts]) for code in codes]

    def swap(rows: Rows) -> Rows:
        place = last[rows.ids]
        if place.min(initial=0) < 0:
            raise ValueError(f"{(place < 0).sum()} rows have no code of the upstream stage")
        views = tuple(np.asarray(table[place], np.float32) for table in tables)
        return Rows(views, np.ones((rows.n, len(views)), bool), rows.ids)

    names = tuple(f"codes{i}" for i in range(len(codes)))
    return _on_all_rows(problem, held_out, swap, names)


def _on_all_rows(
    problem: Problem, held_out: HeldOut, change: Callable[[Rows], Rows], names: tuple[str, ...]
) -> tuple[Problem, HeldOut]:
    return (
        replace(
            problem,
            rows=change(problem.rows),
            tuning=change(problem.tuning),
            view_names=names,
            may_miss=tuple(name for name in problem.may_miss if name in names),
        ),
        replace(held_out, test=change(held_out.test), complete=change(held_out.complete)),
    )
