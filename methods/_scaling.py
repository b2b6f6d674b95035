"""Z-scores of the views of a Problem, without torch.

Scaling is fitted on the Problem's own rows where present, never on tuning rows. A column whose
standard deviation is below 1e-8 is dropped: it is zero, and ``keep`` is False there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.base import Rows
from methods.base import FitError, UnsupportedError

MIN_SD = 1e-8


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
            keep = sd >= MIN_SD
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


def concatenated(rows: Rows) -> Rows:
    """The same rows with all views side by side as one view, present where every view is."""
    return Rows((np.concatenate(rows.views, 1),), np.all(rows.present, axis=1)[:, None], rows.ids)


def require_complete(rows: Rows) -> None:
    """Raise UnsupportedError where a view is absent, for methods that cannot read such rows."""
    if not rows.present.all():
        raise UnsupportedError("this method cannot read rows with absent views; impute them first")
