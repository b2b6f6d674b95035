"""What every imputer here shares: one matrix of z-scored columns, NaN where absent, and back."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from datasets.base import Rows
from methods._scaling import Scaler
from methods.base import Can, Fitted

IMPUTER = Can(impute=True, unlabelled=True, missing_views=True, labels=False)


def standardised(rows: Rows, scaler: Scaler) -> np.ndarray:
    """All views side by side, z-scored, ``(n, sum d_v)`` float64, NaN where absent."""
    return np.where(present_columns(rows), np.concatenate(scaler.apply(rows), axis=1), np.nan)


def present_columns(rows: Rows) -> np.ndarray:
    """Which entries of the matrix are present, ``(n, sum d_v)``: whole views at a time."""
    return np.repeat(rows.present, [view.shape[1] for view in rows.views], axis=1)


def rows_alike(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of ``mask`` (n, p), and which of these each row is, (n,)."""
    _, first, which = np.unique(
        np.packbits(mask, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return mask[first], which.reshape(-1)


class FittedColumns(Fitted):
    """Fills absent entries with :meth:`guess`, in raw units; states no variance."""

    def __init__(self, scaler: Scaler) -> None:
        self.scaler = scaler

    @abstractmethod
    def guess(self, rows: Rows) -> np.ndarray:
        """Z-scores ``(n, sum d_v)``, of which only those of absent entries are read."""

    def impute(self, rows: Rows) -> tuple[tuple[np.ndarray, ...], None]:
        ends = np.cumsum([view.shape[1] for view in rows.views])[:-1]
        return self.scaler.filled(rows, np.split(self.guess(rows), ends, axis=1)), None
