"""Checks of what a fitted method returns, before anything is scored or stored.

Each raises FitError with the reason; the fit is then recorded as failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from datasets.base import Rows
from methods.base import FitError

NUMBERS = "biuf"
"""Kinds of numpy types that are real numbers."""
Views = Sequence[np.ndarray]


def classes(predicted: object, n: int, n_classes: int) -> np.ndarray:
    """Predictions as ``(n,)`` int64: one whole number in 0..K-1 a row."""
    codes = _numbers(predicted, "the predictions")
    if codes.shape != (n,):
        raise FitError(f"predicted {codes.shape} for {n} rows; one class per row is expected")
    if not np.isfinite(codes).all():
        raise FitError(f"{int((~np.isfinite(codes)).sum())} predictions are not finite")
    if (codes != np.round(codes)).any():
        raise FitError("predictions must be whole numbers, the codes of classes")
    low, high = (int(codes.min()), int(codes.max())) if n else (0, 0)
    if low < 0 or high >= n_classes:
        hint = f"; labels coded 1..{n_classes}?" if (low, high) == (1, n_classes) else ""
        raise FitError(f"predictions lie in {low}..{high}, classes are 0..{n_classes - 1}{hint}")
    return codes.astype(np.int64)


def probabilities(given: object, n: int, n_classes: int) -> np.ndarray:
    """Class probabilities as ``(n, K)`` float64: in [0, 1], every row's sum 1 within 1e-3."""
    array = _numbers(given, "the class probabilities")
    if array.shape != (n, n_classes):
        raise FitError(f"class probabilities are {array.shape}, not {(n, n_classes)}")
    _finite(array, "the class probabilities")
    off = np.abs(array.sum(axis=1, dtype=np.float64) - 1).max(initial=0.0)
    if array.min(initial=0.0) < 0 or array.max(initial=0.0) > 1 + 1e-3 or off > 1e-3:
        raise FitError("class probabilities must lie in [0, 1] and sum to 1 in every row")
    return array.astype(np.float64)


def codes(given: object, n: int) -> np.ndarray:
    """A representation as ``(n, k)`` float32, finite."""
    array = _numbers(given, "the representation")
    if array.ndim != 2 or len(array) != n or array.shape[1] == 0:
        raise FitError(f"the representation is {array.shape} for {n} rows; (rows, k) is expected")
    return _as_float32(array, "the representation")


def imputed(given: object, rows: Rows) -> tuple[Views, Views | None]:
    """Views ``(n, d_v)`` and variances of ``Fitted.impute``: finite, present entries untouched.

    Variances are at least 0, or None.
    """
    if not isinstance(given, tuple) or len(given) != 2:
        raise FitError("impute must return two things: the views, and their variances or None")
    views = _like(given[0], "imputed view", rows)
    for v, (view, true) in enumerate(zip(views, rows.views, strict=True)):
        there = rows.present[:, v]
        if not np.array_equal(_as_float32(view, f"imputed view {v}")[there], true[there]):
            raise FitError(f"imputed view {v} changes entries that are present")
    if given[1] is None:
        return views, None
    variances = _like(given[1], "the variances of view", rows)
    if any(variance.min(initial=0.0) < 0 for variance in variances):
        raise FitError("a variance of an imputed value is negative")
    return views, variances


def arrays(given: Mapping[str, object]) -> dict[str, np.ndarray]:
    """Arrays to store, by name: numbers or strings. Raises FitError for arrays of objects."""
    by_name = {name: np.asarray(value) for name, value in given.items()}
    for name, array in by_name.items():
        if array.dtype.hasobject:
            raise FitError(f"array '{name}' holds objects; keep numbers or strings")
    return by_name


def _like(given: object, what: str, rows: Rows) -> Views:
    """One finite array for each view of ``rows``, of its shape."""
    parts = list(given) if isinstance(given, list | tuple) else []
    if len(parts) != len(rows.views):
        raise FitError(f"impute must return one array a view, {len(rows.views)} of them")
    arrays = [_numbers(part, f"{what} {v}") for v, part in enumerate(parts)]
    for v, (array, view) in enumerate(zip(arrays, rows.views, strict=True)):
        if array.shape != view.shape:
            raise FitError(f"{what} {v} is {array.shape}, not {view.shape}")
        _finite(array, f"{what} {v}")
    return arrays


def _numbers(given: object, what: str) -> np.ndarray:
    try:
        array = np.asarray(given)
    except ValueError as error:  # lists of unequal lengths
        raise FitError(f"{what} cannot be read as one array ({error})") from error
    if array.dtype.kind not in NUMBERS:
        raise FitError(f"{what} must be numbers, not {array.dtype}")
    return array


def _as_float32(array: np.ndarray, what: str) -> np.ndarray:
    """The array as float32. Raises FitError for values that are not finite in float32."""
    with np.errstate(over="ignore"):
        return _finite(array.astype(np.float32), what)


def _finite(array: np.ndarray, what: str) -> np.ndarray:
    if not np.isfinite(array).all():
        raise FitError(f"{what} has values that are not finite")
    return array
