"""Z-scores of the views of a Problem, without torch.

Scaling is fitted on the Problem's own rows where present, never on tuning rows. A column that is
constant there (``datasets.base.constant``) is dropped: it is zero in every row, those that differ
from the constant included, and ``keep`` is False there. No threshold is in a unit of the data, so
that z-scores of volts and of microvolts are the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from datasets.base import Rows, constant
from methods.base import FitError, UnsupportedError


@dataclass(frozen=True, eq=False)
class Scaler:
    """Per view ``(mean, sd, keep)``, each ``(d_v,)``; ``keep`` is False at dropped columns."""

    columns: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]

    @classmethod
    def fit(cls, rows: Rows, *, standardise: bool = True) -> Scaler:
        """From the present entries of ``rows``; mean 0 and sd 1 unless ``standardise``.

        Raises FitError where a view is absent from every row.
        """
        columns = []
        for v, view in enumerate(rows.views):
            present_rows = view[rows.present[:, v]].astype(np.float64)
            if not len(present_rows):
                raise FitError("a view is absent from every training row")
            mean, sd = present_rows.mean(0), present_rows.std(0)
            keep = ~constant(present_rows)
            if not standardise:
                mean, sd = np.zeros_like(mean), np.ones_like(sd)
            columns.append((mean, np.where(keep, sd, 1.0), keep))
        return cls(tuple(columns))

    @property
    def dropped(self) -> int:
        """How many columns are dropped, all views together."""
        return int(sum((~keep).sum() for _, _, keep in self.columns))

    def apply(self, rows: Rows) -> tuple[np.ndarray, ...]:
        """Scaled views, float64, zero where absent or dropped."""
        views = []
        for v, (view, (mean, sd, keep)) in enumerate(zip(rows.views, self.columns, strict=True)):
            z = np.where(keep, (view - mean) / sd, 0.0)
            views.append(np.where(rows.present[:, v, None], z, 0.0))
        return tuple(views)

    def invert(self, views: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Scaled views back in raw units; a dropped column returns to its constant."""
        return tuple(
            np.where(keep, view * sd, 0.0) + mean
            for view, (mean, sd, keep) in zip(views, self.columns, strict=True)
        )

    def filled(self, rows: Rows, guesses: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Raw views as given where present, from scaled ``guesses`` (n, d_v) elsewhere."""
        return tuple(
            np.where(present[:, None], view, guess.astype(view.dtype))
            for present, view, guess in zip(
                rows.present.T, rows.views, self.invert(guesses), strict=True
            )
        )


class Standardiser(StandardScaler):
    """scikit-learn's z-scores of one matrix, but 0 in every row where a column is constant.

    scikit-learn only centres a column that is constant where it is fitted, so that a new row which
    differs there would enter in the unit of the data. NaN is left out of the fit and stays NaN.
    """

    def fit(self, X: np.ndarray, y: Any = None, sample_weight: Any = None) -> Standardiser:
        """To ``X`` (n, p) float64, n >= 1."""
        super().fit(X)
        absent = np.isnan(X)  # a column's mean in place of NaN adds no variation
        self.constant_ = constant(np.where(absent, np.nan_to_num(self.mean_), X))
        return self

    def transform(self, X: np.ndarray, copy: bool | None = None) -> np.ndarray:
        """Z-scores (m, p) float64 of ``X`` (m, p)."""
        scores = super().transform(X)
        return np.where(self.constant_ & ~np.isnan(scores), 0.0, scores)


def concatenated(rows: Rows) -> Rows:
    """The same rows with all views side by side as one view, present where every view is."""
    return Rows((np.concatenate(rows.views, 1),), np.all(rows.present, axis=1)[:, None], rows.ids)


def require_complete(rows: Rows) -> None:
    """Raise UnsupportedError where a view is absent, for methods that cannot read such rows."""
    if not rows.present.all():
        raise UnsupportedError("this method cannot read rows with absent views; impute them first")
