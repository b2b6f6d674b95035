"""The page: inline styles, figures and scripts, no network, readable without JavaScript.

What is long is in data files beside it (``later``), which its scripts load on demand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.report import export
from harness.report.drawing import LATER, Drawings
from harness.report.model import Facts, Figure, Report, Section, Table, Text

HERE = Path(__file__).parent / "page"
LINES = 8
"""Leader lines of a report that the list of runs shows."""
SCRIPTS = ("data", "tables", "charts", "address", "cells", "compare")
BLOCKS = {Table: "table", Figure: "figure", Text: "text", Facts: "facts"}


def page(report: Report) -> str:
    """The page of a report, with a mark in place of each figure: see :func:`with_drawings`."""
    from markupsafe import Markup

    return _rendered(
        "page.html.jinja",
        report=report,
        meta=report.meta,
        drawings={stem: Markup(_mark(stem)) for stem in report.figures()},
        badges=_badges(report),
        first_data=next((i for i, s in enumerate(report.sections, 1) if s.anchor), 0),
    )


def with_drawings(text: str, report: Report, drawings: Drawings) -> str:
    """The ``text`` of a page with the figures that are drawn so far."""
    from markupsafe import Markup

    shown = {stem: Markup("<p><i>{}</i></p>").format(LATER) for stem in report.figures()}
    shown |= {stem: Markup(svg) for stem, svg in drawings.inline.items()}
    for stem, problem in drawings.problems.items():
        shown[stem] = Markup('<p class="warning">{}.</p>').format(problem)
    for stem, drawing in shown.items():
        text = text.replace(_mark(stem), drawing, 1)
    return text


def _mark(stem: str) -> str:
    return f"<!-- figure {stem} -->"


def index_page(runs: Sequence[Mapping[str, Any]], bad: Sequence[str]) -> str:
    """The list of all runs; ``bad`` has the errors of unreadable manifests."""
    return _rendered("index.html.jinja", runs=runs, bad=bad, shown=LINES)


def _badges(report: Report) -> list[str]:
    """The stamps of the page: budget, stale results, and the kinds of its data."""
    stamps = [stamp for section in report.sections for stamp in section.stamps]
    kinds = {note.kind for note in report.meta.datasets}
    open_data = ["open data: not the paper’s"] if "open" in kinds else []
    return list(dict.fromkeys([*filter(None, [report.meta.stamp]), *open_data, *stamps]))


def _place(section: Section) -> str:
    """The id of a section on the page."""
    words = "".join(c if c.isalnum() else "-" for c in section.title.lower())
    return section.anchor or f"part-{words}"


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
    environment.filters |= {
        "kind": _kind_of,
        "place": _place,
        "latex": export.tabular,
        "markdown": export.markdown_table,
    }
    return environment.get_template(name).render(
        style=Markup((HERE / "report.css").read_text("utf-8")),
        script=Markup("".join((HERE / f"{name}.js").read_text("utf-8") for name in SCRIPTS)),
        **values,
    )
