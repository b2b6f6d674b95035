"""The page: one file, inline styles and figures, no network, readable without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.report.drawing import LATER, Drawings
from harness.report.model import Facts, Figure, Report, Table, Text

HERE = Path(__file__).parent
BLOCKS = {Table: "table", Figure: "figure", Text: "text", Facts: "facts"}


def page(report: Report, drawings: Drawings) -> str:
    """The page of a report, with the figures that are drawn so far."""
    from markupsafe import Markup

    shown = {stem: Markup("<p><i>{}</i></p>").format(LATER) for stem in report.figures()}
    shown |= {stem: Markup(svg) for stem, svg in drawings.inline.items()}
    for stem, problem in drawings.problems.items():
        shown[stem] = Markup('<p class="warning">{}.</p>').format(problem)
    return _rendered("page.html.jinja", report=report, meta=report.meta, drawings=shown)


def index_page(runs: Sequence[Mapping[str, Any]], bad: Sequence[str]) -> str:
    """The list of all runs; ``bad`` has the errors of unreadable manifests."""
    return _rendered("index.html.jinja", runs=runs, bad=bad)


def _kind_of(block: object) -> str:
    return next(name for kind, name in BLOCKS.items() if isinstance(block, kind))


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
    environment.filters["kind"] = _kind_of
    return environment.get_template(name).render(
        style=Markup((HERE / "report.css").read_text("utf-8")),
        script=Markup((HERE / "report.js").read_text("utf-8")),
        **values,
    )
