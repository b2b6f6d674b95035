"""Mask rules: which rows lack which views. Nested over fractions, independent of labels."""

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
    """The views that each row lacks if it is incomplete, ``(n_rows, n_views)`` bool.

    A non-empty subset of the views ``may_miss`` that leaves at least one view, all subsets equally
    likely: the one view of the paper (4.3.1); with two views that may be missing of two, either.
    """
    bits = np.arange(1, 2 ** len(may_miss))[:, None] >> np.arange(len(may_miss)) & 1
    patterns = np.zeros((len(bits), n_views), bool)
    patterns[:, list(may_miss)] = bits
    patterns = patterns[~patterns.all(axis=1)]
    return patterns[rng.integers(len(patterns), size=n_rows)]


def present_rows(order: np.ndarray, fraction: float, lost: np.ndarray) -> np.ndarray:
    """Presence ``(n, V)``: the first ``round(fraction * n)`` rows of ``order`` lose views.

    Fractions are of ALL rows given, labelled and unlabelled alike (paper, section 4.3.1);
    ``lost`` (n, V) is :func:`losses`.
    """
    present = np.ones(lost.shape, bool)
    losing = order[: rounded(fraction, len(order))]
    present[losing] = ~lost[losing]
    return present


def without(present: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Presence ``(n, V)`` of rows of which ``hidden`` (n, V) is hidden as well.

    A row that would be left without any view, because the data set lacks the others, keeps what it
    has.
    """
    left = present & ~hidden
    return np.where(left.any(axis=1, keepdims=True), left, present)
