"""Mask rules: which rows lack which views. Nested over fractions, blind to labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protocols._splits import rounded


def mask_order(n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """The permutation of rows whose prefixes lose a view; drawn apart from the labels."""
    return rng.permutation(n_rows)


def losses(
    n_rows: int, may_miss: Sequence[int], n_views: int, rng: np.random.Generator
) -> np.ndarray:
    """What each row loses if it loses anything, ``(n_rows, n_views)``.

    A non-empty set of the views ``may_miss``, all sets alike, of those that leave a view: the one
    view of the paper (4.3.1); with both views of two, either; with more, any pattern.
    """
    bits = np.arange(1, 2 ** len(may_miss))[:, None] >> np.arange(len(may_miss)) & 1
    patterns = np.zeros((len(bits), n_views), bool)
    patterns[:, list(may_miss)] = bits
    patterns = patterns[~patterns.all(axis=1)]
    return patterns[rng.integers(len(patterns), size=n_rows)]


def present_rows(order: np.ndarray, fraction: float, lost: np.ndarray) -> np.ndarray:
    """Presence ``(n, V)``: the first ``round(fraction * n)`` rows of ``order`` lose what they may.

    Fractions are of ALL rows given, labelled and unlabelled alike (paper, section 4.3.1);
    ``lost`` (n, V) is :func:`losses`.
    """
    present = np.ones(lost.shape, bool)
    losing = order[: rounded(fraction, len(order))]
    present[losing] = ~lost[losing]
    return present
