"""The page: one file, inline styles and figures, no network, readable without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.report.drawing import LATER, Drawings
from harness.report.figure_model import FigureReport
from harness.report.model import Report
from harness.report.property_model import PropertiesReport

HERE = Path(__file__).parent


def page(report: Report, drawings: Drawings) -> str:
    """The report on a table, with the figures that are drawn so far."""
    return _filled("report.html.jinja", drawings, report=report)


def figure_page(report: FigureReport, drawings: Drawings) -> str:
    """The report on a figure."""
    return _filled("figure.html.jinja", drawings, report=report)


def properties_page(report: PropertiesReport) -> str:
    """The report on properties of data."""
    return _filled("properties.html.jinja", Drawings({}), report=report)


def index_page(runs: Sequence[Mapping[str, Any]], bad: Sequence[str]) -> str:
    """The list of all runs; ``bad`` has the errors of unreadable manifests."""
    return _rendered("index.html.jinja", runs=runs, bad=bad)


def _filled(name: str, drawings: Drawings, **values: Any) -> str:
    from markupsafe import Markup

    shown = {stem: Markup("<p><i>{}</i></p>").format(LATER) for stem in drawings.plots}
    shown |= {stem: Markup(svg) for stem, svg in drawings.inline.items()}
    for stem, problem in drawings.problems.items():
        shown[stem] = Markup('<p class="warning">{}.</p>').format(problem)

    return _rendered(
        name,
        meta=values["report"].meta,
        parts=values["report"].parts,
        drawings=shown,
        **values,
    )


def _rendered(name: str, **values: Any) -> str:
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
        style=Markup((HERE / "report.css").read_text("utf-8")),
        script=Markup((HERE / "report.js").read_text("utf-8")),
        **values,
    )
