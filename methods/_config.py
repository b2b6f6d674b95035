"""Settings of a method: one line each, with range and candidate grid."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


class ConfigError(ValueError):
    """A setting is out of its range; the message names the setting, the range and the value."""


def hp(
    default: Any,
    doc: str,
    *,
    grid: Sequence[Any] = (),
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[Any] = (),
    batchable: bool | Literal["untrained"] = False,
) -> Any:
    """One hyper-parameter on one line: default, meaning, the paper's grid and the legal range.

    ``grid``    values the ``paper`` budget tries (empty: the default only).
    ``low`` / ``high``  inclusive bounds of a number; ``choices`` the legal values of a name.
    ``batchable``  members with different values may train in one batch (the value becomes a
                tensor); "untrained": those that differ in nothing else share one training.
    """
    legal = {"grid": tuple(grid), "low": low, "high": high, "choices": tuple(choices)}
    marks = {"batchable": bool(batchable), "untrained": batchable == "untrained"}
    return field(default=default, metadata={**legal, **marks, "doc": doc})


@dataclass(frozen=True)
class Config:
    """Base of every method's settings: range checks on construction, and the candidate grid."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(type(self).__name__, item, getattr(self, item.name))

    @classmethod
    def grid(cls, points: int | None = None) -> tuple[dict[str, Any], ...]:
        """Candidate overrides: the product of all declared grids, ``points`` values an axis.

        ``points`` = None gives the whole grid, 1 the default alone, 2 two values an axis (the
        default among them where the grid holds it). An override may drop an axis without effect.
        """
        axes = {f.name: f for f in dataclasses.fields(cls) if f.metadata.get("grid")}
        if not axes or points == 1:
            return ({},)
        values = [_thin(f.metadata["grid"], f.default, points) for f in axes.values()]
        return tuple(dict(zip(axes, combo, strict=True)) for combo in itertools.product(*values))

    def settings(self) -> dict[str, Any]:
        """JSON-able mapping of every setting; part of a job's identity."""
        return dataclasses.asdict(self)

    @classmethod
    def marked(cls, mark: str) -> tuple[str, ...]:
        """Names of the settings that ``hp`` marks as ``batchable`` or as ``untrained``."""
        return tuple(f.name for f in dataclasses.fields(cls) if f.metadata.get(mark))


def _check(owner: str, item: dataclasses.Field[Any], value: Any) -> None:
    legal: Mapping[str, Any] = item.metadata
    choices, low, high = legal.get("choices"), legal.get("low"), legal.get("high")
    if choices and value not in choices:
        raise ConfigError(f"{owner}.{item.name} must be one of {choices}, not {value!r}")
    if low is None and high is None:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None and "None" in str(item.type):
        return
    if not is_number or not (low is None or value >= low) or not (high is None or value <= high):
        bounds = f"[{'-inf' if low is None else low}, {'inf' if high is None else high}]"
        raise ConfigError(f"{owner}.{item.name} must lie in {bounds}, not {value!r}")


def _thin(grid: tuple[Any, ...], default: Any, points: int | None) -> tuple[Any, ...]:
    if points is None or points >= len(grid):
        return grid
    kept = [default] if default in grid else []
    kept += [value for value in grid if value not in kept]
    return tuple(kept[:points])
