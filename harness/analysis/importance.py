"""How much each searched setting matters: permutation importance of a forest. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LEAST = 10
"""Settings that are needed before anything is said."""


def importance(
    settings: Sequence[Mapping[str, Any]], scores: Sequence[float]
) -> list[tuple[str, float]]:
    """Name and share of the explained spread of each setting, largest first; shares sum to one.

    An ExtraTrees regression of the scores on the settings; the importance of a setting is the rise
    of the out-of-fold squared error when its values are permuted (Breiman, 2001), at least 0. [] if
    there are fewer than ten scores, or the regression predicts no better than their mean.
    """
    kept = [(s, y) for s, y in zip(settings, scores, strict=True) if np.isfinite(y)]
    if len(kept) < LEAST:
        return []
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import KFold

    names = list(kept[0][0])
    X = np.array([[_number(s[name], name, kept) for name in names] for s, _ in kept])
    y = np.array([score for _, score in kept])
    rises, residual = np.zeros(len(names)), 0.0
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        forest = ExtraTreesRegressor(200, random_state=0).fit(X[train], y[train])
        residual += float(((forest.predict(X[test]) - y[test]) ** 2).sum())
        found = permutation_importance(
            forest, X[test], y[test], scoring="neg_mean_squared_error", n_repeats=20, random_state=0
        )
        rises += found["importances_mean"]
    total = np.maximum(rises, 0).sum()
    if total == 0 or residual >= ((y - y.mean()) ** 2).sum():
        return []
    shares = np.maximum(rises, 0) / total
    return sorted(zip(names, map(float, shares), strict=True), key=lambda pair: -pair[1])


def _number(value: Any, name: str, kept: Sequence[tuple[Mapping[str, Any], float]]) -> float:
    """A number as it is; any other value as its place among the sorted values."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return float(sorted({str(s[name]) for s, _ in kept}).index(str(value)))
