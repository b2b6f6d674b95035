"""Mask rules: which training rows lack which view. Nested over fractions, blind to labels."""

from __future__ import annotations

import numpy as np

from protocols._splits import rounded


def mask_order(n_train: int, rng: np.random.Generator) -> np.ndarray:
    """The permutation of training rows whose prefixes lose a view; drawn apart from the labels."""
    return rng.permutation(n_train)


def present_rows(order: np.ndarray, fraction: float, view: int, n_views: int) -> np.ndarray:
    """Presence ``(n, n_views)``: the first ``round(fraction * n)`` rows of ``order`` lack ``view``.

    Fractions are of ALL training rows, labelled and unlabelled alike (paper, section 4.3.1).
    """
    count = rounded(fraction, len(order))
    present = np.ones((len(order), n_views), bool)
    present[order[:count], view] = False
    return present
