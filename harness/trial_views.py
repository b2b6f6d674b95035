"""Changes to one trial: fewer views, codes for views, other unlabelled rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from datasets.base import HIDDEN, Answers, Problem, Rows

Codes = Mapping[str, np.ndarray]
"""What a representation leaves for the next stage: ``codes_rows``, ``_tuning``, ``_test``."""


def second_transduction(problem: Problem) -> Problem:
    """Labelled rows plus the tuning rows without labels: how purely transductive methods select."""
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
    problem: Problem, answers: Answers, names: tuple[str, ...]
) -> tuple[Problem, Answers]:
    """The same trial with only the views called ``names``."""
    index = [problem.view_names.index(name) for name in names]

    def cut(rows: Rows) -> Rows:
        return Rows(tuple(rows.views[i] for i in index), rows.present[:, index], rows.ids)

    return _on_all_rows(problem, answers, cut, names)


def with_codes(problem: Problem, answers: Answers, codes: list[Codes]) -> tuple[Problem, Answers]:
    """The same trial with the codes of the stage before as its views, one view per input."""
    parts = {id(problem.rows): "rows", id(problem.tuning): "tuning", id(answers.test): "test"}
    parts[id(answers.complete)] = "rows"

    def swap(rows: Rows) -> Rows:
        views = tuple(np.asarray(code[f"codes_{parts[id(rows)]}"], np.float32) for code in codes)
        return Rows(views, np.ones((rows.n, len(views)), bool), rows.ids)

    names = tuple(f"codes{i}" for i in range(len(codes)))
    return _on_all_rows(problem, answers, swap, names)


def _on_all_rows(
    problem: Problem, answers: Answers, change: Callable[[Rows], Rows], names: tuple[str, ...]
) -> tuple[Problem, Answers]:
    return (
        replace(
            problem,
            rows=change(problem.rows),
            tuning=change(problem.tuning),
            view_names=names,
        ),
        replace(answers, test=change(answers.test), complete=change(answers.complete)),
    )
