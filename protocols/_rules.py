"""What a data set's own nature decides: shares of labels, the label rule, the scaling rule."""

from __future__ import annotations

from typing import Literal

from datasets.base import Dataset, Scaling
from protocols._scaling import keeps_files_whole


def label_fractions(data: Dataset) -> tuple[float, ...]:
    """The paper's 1, 2, 3 % on its own data (and on twins); 2, 5, 10 % on open data."""
    return (0.02, 0.05, 0.10) if data.provenance.kind == "open" else (0.01, 0.02, 0.03)


def label_rule(data: Dataset) -> Literal["random", "random_min_one"]:
    """As the paper on its own data; at least one label per class on the small open sets."""
    return "random_min_one" if data.provenance.kind == "open" else "random"


def scaling_rule(data: Dataset, split: str) -> Scaling:
    """What the data set asks for; ``global`` for ``per_file`` where no file is on both sides."""
    if data.scaling == "per_file" and keeps_files_whole(data, data.split(split)):
        return "global"
    return data.scaling


def scaling_note(data: Dataset, split: str, rule: Scaling) -> str:
    """How the rows of a report were scaled, in words; "" where the methods alone did it."""
    if rule == "none":
        return ""
    if rule == data.scaling:
        what = f"per {data.file_group}" if rule == "per_file" else "global"
        return f"scaling: {what}, fitted on training rows"
    why = f"the split '{split}' keeps every {data.file_group} on one side"
    if not keeps_files_whole(data, data.split(split)):
        why = "another split that it is compared with allows no more"
    told = f"scaling: {rule}, fitted on training rows, and not per {data.file_group} as asked"
    return f"{told}: {why}"
