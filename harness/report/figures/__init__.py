"""Kinds of reports, found by file name: a module holds one kind's numbers, tables and drawing.

A module without a leading underscore is a kind, its stem is the ``kind`` of a layout, and its
``KIND`` is the subclass of :class:`harness.report.kind.Kind` that makes it. To add one,
add a file.
"""

from __future__ import annotations

from importlib import import_module

from harness.layout import kinds
from harness.report.kind import Kind


def kind_of(name: str) -> type[Kind]:
    """The kind of that name. Raises ValueError where there is none."""
    if name not in kinds():
        raise ValueError(f"no kind of report is called '{name}'; there are: {', '.join(kinds())}")
    return import_module(f"{__name__}.{name}").KIND
