"""Draw the figures of a report; a figure that cannot be drawn is replaced by a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.report.meta import KINDS

LATER = "This figure is not drawn yet."


class Drawings:
    """Figures by file stem, as inline SVG for the page; ``problems``: the errors of others."""

    def __init__(self, plots: Mapping[str, Any], kinds: Sequence[str] = KINDS) -> None:
        self.plots, self.kinds = plots, kinds
        self.inline: dict[str, str] = {}
        self.problems: dict[str, str] = {}

    def names(self) -> list[str]:
        """Every file that :meth:`files` yields where nothing fails."""
        return [f"figures/{stem}.{kind}" for stem in self.plots for kind in self.kinds]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Draw one after the other; yields file names with their bytes."""
        for stem, plot in self.plots.items():
            try:
                # Within the guard: the plotting library itself may fail to load.
                from harness.report.figures import render
                from harness.report.style import inline

                self.inline[stem] = inline(render(plot, "svg"), stem)
                files = [(f"figures/{stem}.{kind}", render(plot, kind)) for kind in self.kinds]
            except Exception as error:
                what = f"{type(error).__name__}: {error}".split("\n", 1)[0][:300]
                self.problems[stem] = f"the figure {stem} could not be drawn ({what})"
                continue
            yield from files


class Made:
    """The files of a report in the order in which they are written: what is drawn comes last.

    ``text``  tables, by file name.   ``page`` makes the page from inline drawings and problems.
    ``lines`` the result as a terminal shows it.
    """

    def __init__(
        self,
        text: Mapping[str, bytes],
        drawings: Drawings,
        page: Callable[[Drawings], str],
        lines: Sequence[str] = (),
    ) -> None:
        self.text, self.drawings, self.page, self.lines = text, drawings, page, tuple(lines)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        yield from self.text.items()
        if self.drawings.plots:  # should drawing end the process, a page is there
            yield "index.html", self.page(self.drawings).encode()
        yield from self.drawings.files()
        yield "index.html", self.page(self.drawings).encode()
