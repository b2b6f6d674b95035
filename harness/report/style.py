"""Colours, type and file formats of every figure.

The colours are few and fixed, so that the page can swap them for its own in dark mode (``inline``).
"""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from harness.report.colours import ACCENT, DOT, HUES, INK, MUTED, PAPER, RULE

MARK: dict[str, Any] = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (3, 2))}
"""Style of a marked level."""
_VARIABLES = {
    INK: "--ink", MUTED: "--muted", RULE: "--rule", DOT: "--dot", ACCENT: "--accent",
    PAPER: "--paper", **{hue: f"--hue-{i}" for i, hue in enumerate(HUES)},
}  # fmt: skip
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "report",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.size": 8.5,
    "text.color": INK,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a "$" in a name is a dollar
    "text.usetex": False,
}


_FURTHER = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "WenQuanYi Zen Hei",
    "Droid Sans Fallback", "Arial Unicode MS", "PingFang SC", "Hiragino Sans", "Microsoft YaHei",
    "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Hebrew", "Noto Sans Thai",
)  # fmt: skip
"""Fonts that have the letters DejaVu Sans lacks, on one system or another."""


@cache
def _further_fonts() -> tuple[str, ...]:
    there = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _FURTHER if name in there)


@contextmanager
def settings() -> Iterator[None]:
    """Use the report's matplotlib settings, independent of the user's matplotlibrc."""
    fonts = {"font.family": ["DejaVu Sans", *_further_fonts()]}
    with matplotlib.style.context(["default", _SETTINGS | fonts]), warnings.catch_warnings():
        # Where no font has a letter, PNG and PDF show a box; SVG and the page keep the letter.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from")
        yield


def saved(draw: Callable[[], Figure], kind: str) -> bytes:
    """What ``draw`` draws as ``svg``, ``pdf`` or ``png`` bytes; the same bytes every time.

    ``draw``  returns the figure, made within :func:`settings`.
    """
    with settings():
        target = io.BytesIO()
        metadata = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}
        draw().savefig(target, format=kind, dpi=200, metadata=metadata.get(kind, {}))
    return target.getvalue()


def inline(svg: bytes, prefix: str) -> str:
    """An SVG to put into the page: the page's colours and font, ids that stay its own."""
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r"url\(#", f"url(#{prefix}-", text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    text = re.sub(r"font: ((?:bold )?[\d.]+px) [^;\"]*", r"font: \1 var(--sans)", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Lines of bold ``text`` in points ``size`` that fit ``width`` inches; at least one."""
    return textwrap.wrap(text, max(12, int((width - 0.12) / (0.0085 * size)))) or [""]


def shortened(text: str, most: int) -> str:
    """``text`` in at most ``most`` letters, its middle left out."""
    if len(text) <= most:
        return text
    head = (most - 1) * 2 // 3
    return f"{text[:head].rstrip()}…{text[len(text) - (most - 1 - head) :].lstrip()}"


class Page:
    """A figure measured in inches from its upper left corner, title and stamps written on it."""

    def __init__(self, width: float, body: float, title: str, stamps: Sequence[str]) -> None:
        """``body``  height under the head. Title and stamps take the lines that they need."""
        self.width = width
        titles = wrapped(title, width, 10)
        marks = [line for stamp in stamps for line in wrapped(stamp, width, 8)]
        self.top = 0.22 + 0.2 * len(titles) + 0.17 * len(marks)
        self.height = self.top + body
        self.figure = Figure(figsize=(width, self.height), facecolor=PAPER)
        for i, line in enumerate(titles):
            self.text(0.06, 0.2 + 0.2 * i, line, fontsize=10, weight="bold")
        for i, line in enumerate(marks):
            y = 0.2 + 0.2 * len(titles) + 0.17 * i
            self.text(0.06, y, line, fontsize=8, weight="bold", color=MUTED)

    def text(self, x: float, y: float, text: str, **how: Any) -> None:
        """Text whose left end and middle lie ``x`` from the left and ``y`` from above."""
        self.figure.text(x / self.width, 1 - y / self.height, text, **{"va": "center", **how})

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes with the upper left corner at ``x``, ``y`` below the head."""
        bottom = self.height - self.top - y - height
        box = (x / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)


def plain(axes: Axes, *, grid: bool = True) -> None:
    """A frame without a box, with light grid lines."""
    axes.set_facecolor("none")
    axes.tick_params(colors=MUTED, length=3, labelsize=7.5)
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    if grid:
        axes.grid(axis="y", color=RULE, linewidth=0.5)
        axes.set_axisbelow(True)
