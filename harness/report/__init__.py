"""Reports: a table of trials -> report model -> files.

Names are imported on first use, so that listing entries loads no plotting library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.report.layout import Layout, Matrices, Shown, Weights
    from harness.report.meta import DatasetNote, ReportMeta, SplitNote
    from harness.report.write import render_figure, render_table

_HOMES = {
    **dict.fromkeys(("Layout", "Matrices", "Shown", "Weights"), "layout"),
    **dict.fromkeys(("DatasetNote", "ReportMeta", "SplitNote"), "meta"),
    **dict.fromkeys(("render_figure", "render_table"), "write"),
}

__all__ = [
    "DatasetNote",
    "Layout",
    "Matrices",
    "ReportMeta",
    "Shown",
    "SplitNote",
    "Weights",
    "render_figure",
    "render_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
