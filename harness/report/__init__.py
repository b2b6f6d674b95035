"""Tables and figures: a table of trials -> frozen structs -> files. Renderers compute nothing."""

from harness.report.layout import Layout, Matrices, Shown, Weights
from harness.report.meta import DatasetNote, ReportMeta, SplitNote
from harness.report.write import render_figure, render_table

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
