"""Settings of a method: one line each, with range and candidate grid."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self

from datasets.base import SettingError, Settings, setting

ConfigError = SettingError
"""A setting is out of its range; the message names the setting, the range and the value."""


def hp(
    default: Any,
    doc: str,
    *,
    grid: Sequence[Any] = (),
    always: bool = False,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[Any] = (),
    batchable: bool | Literal["untrained"] = False,
    tune: Sequence[Any] = (),
) -> Any:
    """One hyper-parameter on one line: default, meaning, the paper's grid and the legal range.

    ``grid``    values the ``paper`` budget tries (empty: the default only).
    ``always``  every budget tries the whole grid.
    ``low`` / ``high``  inclusive bounds of a number; ``choices`` the legal values of a name.
    ``batchable``  members with different values may train in one batch (the value becomes a
                tensor); "untrained": those that differ in nothing else share one training.
    ``tune``    what ``--tune`` searches: the ends of a range of numbers, or values (empty: the
                grid, if there is one).
    """
    marks: dict[str, Any] = {"batchable": bool(batchable), "untrained": batchable == "untrained"}
    marks |= {"grid": tuple(grid), "always": always, "tune": tuple(tune)}
    return setting(default, doc, low=low, high=high, choices=choices, **marks)


@dataclass(frozen=True)
class Config(Settings):
    """Base of every method's settings: range checks on construction, and the candidate grid."""

    @classmethod
    def grid(cls, points: int | None = None) -> tuple[dict[str, Any], ...]:
        """Candidate overrides: the product of all declared grids, ``points`` values an axis.

        ``points`` = None gives the whole grid, 1 the default alone, 2 two values an axis (the
        default among them where the grid holds it); an axis that is ``always`` tried is whole under
        all. An override may drop an axis without effect.
        """
        declared = {f.name: f for f in dataclasses.fields(cls) if f.metadata.get("grid")}
        axes = {
            name: _thin(f.metadata["grid"], f.default, None if f.metadata["always"] else points)
            for name, f in declared.items()
            if points != 1 or f.metadata["always"]
        }
        combos = itertools.product(*axes.values())
        return tuple(dict(zip(axes, combo, strict=True)) for combo in combos)

    def resolved(self) -> Self:
        """The settings with those of a chosen profile put in; equal ones train the same fit."""
        return self

    @classmethod
    def marked(cls, mark: str) -> tuple[str, ...]:
        """Names of the settings that ``hp`` marks as ``batchable`` or as ``untrained``."""
        return _marked(cls, mark)


@cache
def _marked(cls: type[Config], mark: str) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(cls) if f.metadata.get(mark))


def _thin(grid: tuple[Any, ...], default: Any, points: int | None) -> tuple[Any, ...]:
    if points is None or points >= len(grid):
        return grid
    values = [default] if default in grid else []
    values += [value for value in grid if value not in values]
    return tuple(values[:points])
