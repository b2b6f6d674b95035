"""The layout of a protocol's numbers, as stored in the manifest of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.analysis.effects import Effect as Effect
from harness.analysis.figure_arrays import Matrices as Matrices
from harness.analysis.figure_arrays import Shown as Shown
from harness.analysis.figure_arrays import Weights as Weights


@dataclass(frozen=True)
class Axis:
    """An axis: the column ``at_<name>`` of the table of trials, its label, unit and scale."""

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
    """A measured value: a column of the table of trials and its label.

    ``mark``  a level drawn as a dashed line, and its name (for accuracy: chance level).
    ``cap``   the highest value that a figure draws; higher values are printed at its edge.
    """

    column: str
    label: str
    mark: float | None = None
    mark_label: str = ""
    cap: float | None = None


@dataclass(frozen=True)
class Layout:
    """A protocol's layout, made from its plain values by :meth:`of`.

    ``kind``     ``table``; ``properties`` of the data, without fits; or a kind of figure, a file of
                 ``harness/report/figures/``, whose docstring says what it shows.
    ``lines``    what a curve stands for: a row (panels are label fractions) or a label fraction.
    ``values``   one figure each, the first is the headline.   ``extras`` a table only.
    ``effects``  what a figure of kind ``effects`` shows.
    ``reference``  row key that the others are compared with.
    ``shows``    what is drawn.   ``reading`` more on how to read it, a sentence or two each.
    ``warning``  what a reader must know beside the figure.
    ``claim``    the paper's words on its own figure.
    """

    kind: str
    lines: Literal["rows", "labels"] = "rows"
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
        """The layout of plain values. Raises TypeError for an unknown name."""
        typed = dict(plain)
        kinds = {"axes": Axis, "values": Value, "extras": Value, "effects": Effect}
        for name, kind in kinds.items():
            typed[name] = tuple(kind(**entry) for entry in typed.get(name, ()))
        return cls(**typed)
