"""Tables and figures: a table of trials -> frozen structs -> files. Renderers compute nothing."""

from harness.render.layout import Layout, Matrices, Shown, Weights
from harness.render.meta import DatasetNote, ReportMeta, SplitNote
from harness.render.write import render_figure, render_table

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
