"""Tables and figures: a table of trials -> frozen structs -> files. Renderers compute nothing."""

from harness.render.meta import DatasetNote, ReportMeta
from harness.render.write import render_table

__all__ = ["DatasetNote", "ReportMeta", "render_table"]
