"""The space that `--tune` searches: a range, or a list of values, for each of a method's settings.

A setting declares it (``methods.base.hp(tune=...)``); a setting with a candidate grid and no such
declaration is searched over that grid: between its ends, or among its values. Others keep their
default.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from methods.base import Config

DIGITS = 3
"""Significant digits of a searched number, so that a settings file can repeat it exactly."""
WIDE = 10.0
"""A positive range whose ends differ by this factor or more is searched on a logarithmic scale."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; ``whole`` numbers alone, or any."""

    low: float
    high: float
    whole: bool = False

    @property
    def log(self) -> bool:
        """Whether it is searched on a logarithmic scale."""
        return self.low > 0 and self.high / self.low >= WIDE

    def value(self, share: float) -> float | int:
        """The number at ``share``, 0..1, of the way; floats have three significant digits."""
        if self.log:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        if self.whole:
            return round(value)
        digits = DIGITS - 1 - math.floor(math.log10(abs(value))) if value else 0
        return min(max(round(value, digits), self.low), self.high)


Axis = Range | tuple[Any, ...]
"""A range, or the values that are tried."""


def space_of(config: type[Config], fixed: Sequence[str] = ()) -> dict[str, Axis]:
    """The searched settings of a method, without those that the user has ``fixed``."""
    axes = {item.name: _axis(item) for item in dataclasses.fields(config)}
    return {name: axis for name, axis in axes.items() if axis and name not in fixed}


def point(space: Mapping[str, Axis], shares: Mapping[str, float]) -> dict[str, Any]:
    """The settings at ``shares``, each in [0, 1), of the way along every axis."""
    settings = {}
    for name, axis in space.items():
        if isinstance(axis, Range):
            settings[name] = axis.value(shares[name])
        else:
            settings[name] = axis[min(int(shares[name] * len(axis)), len(axis) - 1)]
    return settings


def points(space: Mapping[str, Axis], number: int, seed: int) -> list[dict[str, Any]]:
    """``number`` settings that cover the space evenly: a scrambled Sobol sequence."""
    from scipy.stats.qmc import Sobol  # planning a run needs no scipy

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The balance properties", UserWarning)
        shares = Sobol(len(space), seed=np.random.default_rng(seed)).random(number)
    return [point(space, dict(zip(space, map(float, row), strict=True))) for row in shares]


def in_words(axis: Axis) -> str:
    """``0.1 to 1 (log)`` or ``linear, rbf``."""
    if isinstance(axis, Range):
        return f"{axis.low:g} to {axis.high:g}{' (log)' if axis.log else ''}"
    return ", ".join(map(str, axis))


def _axis(item: dataclasses.Field[Any]) -> Axis | None:
    """What is searched of a setting; None if it keeps its default."""
    whole = isinstance(item.default, int)
    declared, grid = item.metadata.get("tune", ()), item.metadata.get("grid", ())
    values = declared or grid
    if not values:
        return None
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if numbers:
        return Range(min(values), max(values), whole)
    return tuple(values)
