"""The layout of a protocol's numbers: which kind of report they have, their axes and values.

A protocol declares it as plain values, which the manifest of a run stores. :meth:`Layout.of` checks
and converts them: when a protocol is loaded, and when a report is made from a manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

LINES = ("rows", "labels")
WITHOUT_VALUES = ("table", "properties")
"""Kinds that name no value: accuracies of a table, counts of the data."""
KINDS = Path(__file__).parent / "report" / "figures"
"""A file here is a kind; names with an underscore are shared code."""


@dataclass(frozen=True)
class Axis:
    """An axis: the column ``at_<name>`` of the table of trials, its label, unit and scale.

    ``percent``  values are shares, printed in percent.   ``log`` a logarithmic scale.
    """

    name: str
    label: str
    percent: bool = False
    log: bool = False

    @property
    def column(self) -> str:
        return f"at_{self.name}"

    def shown(self, value: float) -> float:
        """The number that the axis prints."""
        return 100 * value if self.percent else value


@dataclass(frozen=True)
class Value:
    """A measured value: a column of the table of trials (``accuracy``, ``nmse``) and its label.

    ``mark``  a level drawn as a dashed line, and its name (for accuracy: chance level).
    ``cap``   the highest value that a figure draws; higher values are printed at its edge.
    """

    column: str
    label: str
    mark: float | None = None
    mark_label: str = ""
    cap: float | None = None


@dataclass(frozen=True)
class Effect:
    """A combination of rows minus what is expected of it: a line in a panel of kind ``effects``.

    ``rows``     row key -> coefficient. Rows with a positive one are measured; those with a
                 negative one are what is expected.
    ``column``   the column of the table of trials that is combined.
    ``less``     also expected: a number, or the name of a value in the data's ``Provenance.known``.
    ``best_of``  also expected: that of these rows with the highest mean tuning accuracy.
    ``within``   lowest and highest legal difference, None for no bound; () gives no verdict.
    ``must``     what must hold, in words.
    """

    line: str
    panel: str
    rows: Mapping[str, float] = field(default_factory=dict)
    column: str = "accuracy"
    less: float | str = 0.0
    best_of: tuple[str, ...] = ()
    within: tuple[float | None, ...] = ()
    must: str = ""


@dataclass(frozen=True)
class Layout:
    """The layout of a protocol's numbers.

    ``kind``     a file of ``harness/report/figures/``, whose docstring says what it shows.
    ``lines``    what a curve stands for: ``rows`` (panels are label fractions) or ``labels``.
    ``axes``     as many as the kind has, in the order of ``Cell.at``.
    ``values``   one figure each, the first is the headline.   ``extras`` a table only.
    ``effects``  what the kind ``effects`` shows.
    ``reference``  row key that the others are compared with.
    ``shows``    what is drawn.   ``reading`` more on how to read it, a sentence or two each.
    ``warning``  what a reader must know beside the figure.
    ``claim``    the paper's words on its own figure.
    """

    kind: str
    lines: str = "rows"
    axes: tuple[Axis, ...] = ()
    values: tuple[Value, ...] = ()
    extras: tuple[Value, ...] = ()
    effects: tuple[Effect, ...] = ()
    reference: str = ""
    shows: str = ""
    reading: tuple[str, ...] = ()
    warning: str = ""
    claim: str = ""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Layout:
        """The layout of plain values. Raises TypeError or ValueError for one that is wrong."""
        typed = dict(plain)
        kinds_of = {"axes": Axis, "values": Value, "extras": Value, "effects": Effect}
        for name, kind in kinds_of.items():
            typed[name] = tuple(_made(kind, name, entry) for entry in typed.get(name, ()))
        layout = _made(cls, "layout", typed | {"reading": tuple(typed.get("reading", ()))})
        if layout.kind not in kinds():
            known = ", ".join(kinds())
            raise ValueError(f"no kind of report is called '{layout.kind}'; there are: {known}")
        if layout.lines not in LINES:
            raise ValueError(f"lines must be one of {', '.join(LINES)}, not '{layout.lines}'")
        for name in ("axes", "values", "extras"):
            keys = [e.name if name == "axes" else e.column for e in getattr(layout, name)]
            if len(set(keys)) < len(keys):
                raise ValueError(f"{name} names one of {', '.join(keys)} twice")
        if layout.kind not in WITHOUT_VALUES and not layout.values:
            raise ValueError(f"a layout of kind '{layout.kind}' needs values, what it shows")
        if (layout.kind == "effects") != bool(layout.effects):
            raise ValueError("a layout has effects if its kind is 'effects', and no other has")
        places = [(effect.line, effect.panel) for effect in layout.effects]
        if len(set(places)) < len(places):
            raise ValueError("two effects have the same line and panel")
        return layout


def kinds() -> tuple[str, ...]:
    """All kinds of report, sorted."""
    return tuple(sorted(path.stem for path in KINDS.glob("[!_]*.py")))


def _made(kind: Any, where: str, entry: Mapping[str, Any]) -> Any:
    known = {f.name: str(f.type) for f in fields(kind)}
    for name, value in entry.items():
        if name not in known:
            raise TypeError(f"{where} has no '{name}'; it has: {', '.join(known)}")
        wanted = {"str": str, "bool": bool, "float | None": (int, float, type(None))}
        if known[name] in wanted and not isinstance(value, wanted[known[name]]):
            raise TypeError(f"{where}: '{name}' must be {known[name]}, not {value!r}")
    needed = ("line", "panel", "rows") if kind is Effect else ("kind", "name", "column", "label")
    lacking = [name for name in needed if name in known.keys() - entry]
    if lacking:
        raise TypeError(f"{where} needs '{lacking[0]}'")
    return kind(**entry)
