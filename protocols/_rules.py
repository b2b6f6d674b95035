"""Choices that depend on the data set: label fractions, the label rule, the scaling rule."""

from __future__ import annotations

from typing import Literal

from datasets.base import Dataset, Scaling
from protocols._scaling import keeps_files_whole


def label_fractions(data: Dataset) -> tuple[float, ...]:
    """The paper's 1, 2, 3 % on its own data (real or simulated); 2, 5, 10 % on open data."""
    return (0.02, 0.05, 0.10) if _is_open(data) else (0.01, 0.02, 0.03)


def label_rule(data: Dataset) -> Literal["random", "random_min_one"]:
    """As in the paper on its own data; at least one label per class on the small open sets."""
    return "random_min_one" if _is_open(data) else "random"


def _is_open(data: Dataset) -> bool:
    """Whether the data, or what they imitate, are open."""
    origin = data.provenance
    return (origin.imitates if origin.kind == "simulated" else origin.kind) == "open"


def scaling_rule(data: Dataset, split: str) -> Scaling:
    """The data set's rule; ``global`` instead of ``per_file`` if no file is in several parts."""
    if data.scaling == "per_file" and keeps_files_whole(data, data.split(split)):
        return "global"
    return data.scaling


def scaling_note(data: Dataset, split: str, rule: Scaling) -> str:
    """How the rows of a report were scaled, in words; "" if only the methods scaled them."""
    if rule == "none":
        return ""
    if rule == data.scaling:
        what = f"per {data.file_group}" if rule == "per_file" else "global"
        return f"scaling: {what}, fitted on training rows"
    why = f"the split '{split}' keeps every {data.file_group} in one part"
    if not keeps_files_whole(data, data.split(split)):
        why = "a split that it is compared with does not allow it"
    note = f"scaling: {rule}, fitted on training rows, not per {data.file_group} as asked"
    return f"{note}: {why}"
