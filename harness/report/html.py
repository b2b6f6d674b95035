"""The page: one file, inline styles and figures, no network, readable without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.report.figure_model import FigureReport
from harness.report.model import Report
from harness.report.property_model import PropertiesReport

HERE = Path(__file__).parent


def page(report: Report, drawings: Mapping[str, str]) -> str:
    """The report on a table; ``drawings`` maps a figure's file stem to its inline SVG."""
    return _filled("report.html.jinja", drawings, report=report)


def figure_page(report: FigureReport, drawings: Mapping[str, str]) -> str:
    """The report on a figure."""
    return _filled("figure.html.jinja", drawings, report=report)


def properties_page(report: PropertiesReport) -> str:
    """The report on properties of data."""
    return _filled("properties.html.jinja", {}, report=report)


def _filled(name: str, drawings: Mapping[str, str], **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(
        meta=values["report"].meta,
        parts=values["report"].parts,
        drawings={name: Markup(svg) for name, svg in drawings.items()},
        style=Markup((HERE / "report.css").read_text("utf-8")),
        script=Markup((HERE / "report.js").read_text("utf-8")),
        **values,
    )
