"""Draw the figures of a report; a figure that cannot be drawn is replaced by a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.report.meta import KINDS
from harness.report.model import Figure

LATER = "This figure is not drawn yet."


class Drawings:
    """Figures by file stem, as inline SVG for the page; ``problems``: the errors of others."""

    def __init__(self, figures: Mapping[str, Figure], kinds: Sequence[str] = KINDS) -> None:
        self.figures, self.kinds = figures, kinds
        self.inline: dict[str, str] = {}
        self.problems: dict[str, str] = {}

    def names(self) -> list[str]:
        """Every file that :meth:`files` yields where nothing fails."""
        return [f"figures/{stem}.{kind}" for stem in self.figures for kind in self.kinds]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Draw one after the other; yields file names with their bytes."""
        for stem, figure in self.figures.items():
            try:
                # Within the guard: the plotting library itself may fail to load.
                from harness.report.style import inline, saved, settings

                with settings():
                    drawn = figure.draw()
                kinds = dict.fromkeys(("svg", *self.kinds))  # the page itself holds the SVG
                made = {kind: saved(lambda d=drawn: d, kind) for kind in kinds}
                self.inline[stem] = inline(made["svg"], stem)
                files = [(f"figures/{stem}.{kind}", made[kind]) for kind in self.kinds]
            except Exception as error:
                what = f"{type(error).__name__}: {error}".split("\n", 1)[0][:300]
                self.problems[stem] = f"the figure {stem} could not be drawn ({what})"
                continue
            yield from files
