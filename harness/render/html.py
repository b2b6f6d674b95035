"""The page: one file, inline styles and figures, no network, readable without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.render.struct import Report


def page(report: Report, drawings: Mapping[str, str]) -> str:
    """The report as HTML; ``drawings`` maps a figure's file stem to its inline SVG."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    here = Path(__file__).parent
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string((here / "report.html.jinja").read_text("utf-8"))
    return template.render(
        meta=report.meta,
        parts=report.parts,
        drawings={name: Markup(svg) for name, svg in drawings.items()},
        style=Markup((here / "report.css").read_text("utf-8")),
        script=Markup((here / "report.js").read_text("utf-8")),
    )
