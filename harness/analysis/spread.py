"""Means over trials, many at once: intervals, p values and posteriors for trials that overlap.

All verdicts rest on one Student t of n - 1 degrees of freedom, whose scale is the corrected
standard error of Nadeau and Bengio (2003), sqrt(SD^2 (1/n + n_test/n_train)). As a test it gives p
values and intervals. As a posterior of the mean under a flat prior it is the Bayesian correlated t
test of Corani and Benavoli (2015), whose correlation r = n_test / (n_test + n_train) enters as
r / (1 - r) = n_test / n_train.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from harness.analysis.statistics import MIN_PAIRS, corrected_error


@dataclass(frozen=True, eq=False)
class Spread:
    """K means over trials.

    ``n``  (K,) trials of each.   ``mean``, ``sd`` (K,), SD with n - 1.
    ``ratio``  n_test / n_train of the trials, 0 where the split is fixed or not known.

    Everything below is NaN with fewer than three trials, and where all trials are equal: then
    they do not tell how far other draws would lie from them.
    """

    n: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    ratio: float = 0.0

    @classmethod
    def of(cls, values: np.ndarray, ratio: float | None = None) -> Spread:
        """Of the columns of ``values`` (trials, K); NaN is a trial that is not there."""
        there = ~np.isnan(values)
        n = there.sum(0)
        enough = np.maximum(n, 1)
        mean = np.where(there, values, 0.0).sum(0) / enough
        rest = np.where(there, values - mean, 0.0)
        # Accuracies are counts over n_test: what rounding leaves of equal trials is no spread.
        rest[np.abs(rest) < 1e-12] = 0.0
        sd = np.sqrt((rest**2).sum(0) / np.maximum(n - 1, 1))
        return cls(n, np.where(n > 0, mean, np.nan), np.where(n > 1, sd, np.nan), ratio or 0.0)

    @property
    def error(self) -> np.ndarray:
        """Corrected standard errors (K,)."""
        known = (self.n >= MIN_PAIRS) & (self.sd > 0)
        n = np.maximum(self.n, 1)
        return np.where(known, corrected_error(self.sd, n, self.ratio), np.nan)

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Both ends (K,) of the corrected interval at ``level``."""
        half = scipy.stats.t.ppf(0.5 + level / 2, self._freedom) * self.error
        return self.mean - half, self.mean + half

    def above(self, bound: float | np.ndarray = 0.0) -> np.ndarray:
        """One-sided p values (K,) of "the mean is above ``bound``"."""
        return scipy.stats.t.sf((self.mean - bound) / self.error, self._freedom)

    def below(self, bound: float | np.ndarray = 0.0) -> np.ndarray:
        """One-sided p values (K,) of "the mean is below ``bound``"."""
        return scipy.stats.t.cdf((self.mean - bound) / self.error, self._freedom)

    def apart(self) -> np.ndarray:
        """Two-sided p values (K,) of "the mean is not zero"."""
        return 2 * np.minimum(self.above(), self.below())

    def posterior(self, rope: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities (K,) that the mean is below -``rope``, within it, and above ``rope``."""
        worse, better = self.above(-rope), self.below(rope)
        return worse, 1 - worse - better, better

    @property
    def _freedom(self) -> np.ndarray:
        return np.maximum(self.n - 1, 1)


def wide(part: pd.DataFrame, value: str = "accuracy") -> pd.DataFrame:
    """``value`` of every trial (lines) and row (columns, by key in the table's order).

    ``part``  the trials of one data set, share of labels and place on the axes. A trial that is
    not ok is NaN.
    """
    first = part.drop_duplicates("row_key").sort_values("row_order", kind="stable")
    keys, trials = first["row_key"].to_list(), np.unique(part["trial"].to_numpy())
    table = np.full((len(trials), len(keys)), np.nan)
    columns = part["row_key"].map(dict(zip(keys, range(len(keys)), strict=True))).to_numpy(int)
    values = np.where(part["status"] == "ok", part[value].to_numpy(float), np.nan)
    table[np.searchsorted(trials, part["trial"].to_numpy()), columns] = values
    return pd.DataFrame(table, trials, keys)
