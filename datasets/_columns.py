"""Columns that say nothing: those that vary by the rounding of float32 alone.

The rule is relative to a column's own size, so that it is the same in every unit: volts and
microvolts lose the same columns.
"""

from __future__ import annotations

import numpy as np

ROUNDING = float(np.finfo(np.float32).eps)
"""Relative distance of neighbouring float32 numbers."""


def constant(values: np.ndarray) -> np.ndarray:
    """Columns ``(d,)`` bool of ``values`` (n, d), n >= 1, whose SD is within float32's rounding.

    The SD is that of the population, in float64; the rounding is that of the largest absolute
    value of the column. A single row is constant in every column. No NaN may be among the values.
    """
    wide = values.astype(np.float64)
    return wide.std(axis=0) <= ROUNDING * np.abs(wide).max(axis=0)
