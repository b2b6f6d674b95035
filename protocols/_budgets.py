"""Budgets: how much work a run spends. A budget belongs to the run, not to a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Budget:
    """How much work a run spends; it belongs to the run, not to a method.

    ``grid``    points an axis for methods that train long (None: the whole grid, 1: the default).
    ``quick_grid``  the same for methods that fit in well under a second.
    ``columns``  how many label fractions, lowest first (None: all).
    ``fixed_epochs``  a stage that asks for more epochs does not get them.
    """

    name: Literal["paper", "preview", "smoke"]
    trials: int
    epochs: int
    eval_every: int
    patience: int | None
    grid: int | None
    quick_grid: int | None
    columns: int | None = None
    fixed_epochs: bool = False
    stamp: str = ""


BUDGETS: Mapping[str, Budget] = {
    "paper": Budget(
        "paper", 20, epochs=1001, eval_every=10, patience=300, grid=None, quick_grid=None
    ),
    "preview": Budget(
        "preview", 3, epochs=80, eval_every=4, patience=20, grid=1, quick_grid=None,
        stamp="preview; the paper uses 20 trials",
    ),
    "smoke": Budget(
        "smoke", 1, epochs=5, eval_every=1, patience=None, grid=2, quick_grid=2, columns=1,
        fixed_epochs=True,
        stamp="smoke run: its accuracies mean nothing",
    ),
}  # fmt: skip
