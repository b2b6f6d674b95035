"""The colours of figures: few and fixed, so that the page can swap them for its own."""

from __future__ import annotations

INK, MUTED, RULE, DOT, ACCENT = "#1c1e22", "#666b75", "#d6d8dd", "#8d929c", "#1f5fa8"
PAPER = "#fefefe"
HUES = (
    "#b0480e", "#1b7f5c", "#7a3fa0", "#a8871a", "#b3336f", "#2d8fa5", "#5b6b1e", "#8a5a44",
)  # fmt: skip
"""Colours of lines, which differ in lightness too; markers and dashes tell them apart in grey."""
