"""Power of a paired comparison over trials that overlap. Pure: numbers -> a number."""

from __future__ import annotations

import numpy as np
import scipy

from harness.analysis.statistics import MIN_PAIRS, corrected_error


def detectable(
    sd: float, n: int, ratio: float = 0.0, *, power: float, level: float = 0.05
) -> float:
    """The mean difference that a two-sided t test at ``level`` finds with probability ``power``.

    ``sd``     of the differences within trials (n - 1), in any unit; the result has that unit.
    ``n``      trials.   ``ratio``  n_test / n_train, which widens the standard error as in Nadeau
    and Bengio (2003): sd * sqrt(1/n + ratio). NaN with fewer than three trials.
    """
    if n < MIN_PAIRS or not np.isfinite(sd):
        return float("nan")
    freedom, critical = n - 1, scipy.stats.t.ppf(1 - level / 2, n - 1)

    def lacking(shift: float) -> float:
        found = scipy.stats.nct.sf(critical, freedom, shift) + scipy.stats.nct.cdf(
            -critical, freedom, shift
        )
        # Far in the tail scipy has no number: there the difference is found for certain.
        return (1.0 if np.isnan(found) else float(found)) - power

    most = critical + scipy.stats.norm.ppf(power) + 20.0
    shift = float(scipy.optimize.brentq(lacking, 0.0, most))
    return shift * float(corrected_error(sd, n, ratio))
