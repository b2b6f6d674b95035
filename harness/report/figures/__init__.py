"""Kinds of figures, found by file name: a module holds one kind's numbers and its drawing.

A module without a leading underscore is a kind, its stem is the ``kind`` of a layout, and its
``KIND`` says what it does. To add one, add a file.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from harness.report.figure_model import Kind
from harness.report.style import saved


def kinds() -> tuple[str, ...]:
    """All kinds, sorted."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py")))


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises ValueError where there is none."""
    if name not in kinds():
        raise ValueError(f"no kind of figure is called '{name}'; there are: {', '.join(kinds())}")
    return import_module(f"{__name__}.{name}").KIND


def render(plot: Any, kind: str) -> bytes:
    """The plot as ``svg``, ``pdf`` or ``png`` bytes; the same bytes for the same plot."""
    return saved(plot.draw, kind)
