"""JSON values, converted in the worker, so that an unsuitable value fails its own fit only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any, name: str, *, words: bool = False) -> Any:
    """``value`` as JSON values: NumPy and torch numbers as Python's, arrays as lists, nested.

    ``name``   what to call it in the error.
    ``words``  NaN and infinities become the words ``nan``, ``inf`` and ``-inf``. Without it they
               are refused, for JSON has no such numbers.

    Raises ValueError, one sentence that names the value, for anything else: a set, an object,
    bytes, a complex number, a key that is no string.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        if words:
            return str(float(value))
        raise ValueError(f"{name} is {float(value)}, not a finite number")
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{i}]", words=words) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{name} has the key {key!r:.40}, which is not a string")
        return {key: plain(item, f"{name}.{key}", words=words) for key, item in value.items()}
    kind = type(value).__name__
    raise ValueError(f"{name} is of type {kind}; only numbers, strings, lists and dicts are kept")
