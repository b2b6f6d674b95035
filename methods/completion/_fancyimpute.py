"""fancyimpute's imputers, kept from printing, warning and drawing from numpy's global generator.

The library [github.com/iskandr/fancyimpute, 0.7.0] completes the one matrix that it is given and
keeps nothing with which to fill another row, so these methods answer rows of their Problem only.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from datasets.base import Problem, Rows
from methods._scaling import Scaler
from methods.base import FitError, Fitted, Method, UnsupportedError
from methods.completion._columns import IMPUTER, FittedColumns, present_columns, standardised

TRANSDUCER = replace(IMPUTER, inductive=False)


class FancyMethod(Method):
    """One of the library's solvers on the Problem's z-scored matrix."""

    @abstractmethod
    def solver(self, shape: tuple[int, int]) -> Any:
        """The library's object for a matrix of ``shape``; it is imported here, not before."""

    def notes(self, rows: Rows) -> dict[str, int]:
        """Facts that the present views alone tell."""
        return {}

    def fit(self, problem: Problem, rng: np.random.Generator) -> Fitted:
        """Raises FitError where a view is absent from every row, or a result is not finite."""
        rows = problem.rows
        scaler = Scaler.fit(rows)
        z, answers = standardised(rows, scaler), []
        if not rows.present.all():  # the library warns of a complete matrix
            with borrowed(rng):
                z = recording_convergence(self.solver(z.shape), answers).fit_transform(z)
        if not np.isfinite(z).all():
            raise FitError("the completed matrix has values that are not finite")
        return Completed(scaler, rows, z, self.notes(rows) | convergence_facts(answers))


class Completed(FittedColumns):
    """The completed matrix, looked up by row id."""

    def __init__(self, scaler: Scaler, rows: Rows, z: np.ndarray, facts: dict[str, int]) -> None:
        super().__init__(scaler)
        order = np.argsort(rows.ids)
        self.ids, self.absent, self.z = rows.ids[order], ~present_columns(rows)[order], z[order]
        self.convergence = facts

    def guess(self, rows: Rows) -> np.ndarray:
        """Raises UnsupportedError for entries that were not absent from this matrix."""
        place = np.searchsorted(self.ids, rows.ids).clip(max=len(self.ids) - 1)
        known = (self.ids[place] == rows.ids)[:, None] & self.absent[place]
        strange = (~present_columns(rows) & ~known).any(axis=1)
        if strange.any():
            raise UnsupportedError(
                f"{strange.sum()} rows lack entries that this method did not complete; it answers "
                "rows of its own Problem only"
            )
        return self.z[place]

    def facts(self) -> dict[str, float | int | str | bool]:
        return dict(self.convergence)


@contextmanager
def borrowed(rng: np.random.Generator) -> Iterator[None]:
    """Seed numpy's global generator from ``rng``, and restore it afterwards."""
    state = np.random.get_state()  # noqa: NPY002 - the library draws from the global generator
    np.random.seed(int(rng.integers(2**32)))  # noqa: NPY002 - the same
    try:
        with warnings.catch_warnings():
            # An argument that scikit-learn renamed; 1.8 removed its old name.
            warnings.filterwarnings("ignore", "'force_all_finite' was renamed", FutureWarning)
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002 - the same


def recording_convergence(solver: Any, answers: list[bool]) -> Any:
    """``solver``, which appends the result of each of its convergence checks to ``answers``.

    The library reports convergence nowhere else. KNN has no rounds and no such check.
    """
    if (check := getattr(solver, "_converged", None)) is not None:

        def record(*args: Any, **named: Any) -> bool:
            answers.append(bool(check(*args, **named)))
            return answers[-1]

        solver._converged = record
    return solver


def convergence_facts(answers: list[bool]) -> dict[str, int]:
    """Facts of an iterative solver: its rounds, and whether it converged."""
    return {"rounds": len(answers), "converged": answers[-1]} if answers else {}
