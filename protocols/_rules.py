"""Choices that depend on the data set: how many labels, the label rule, the scaling rule."""

from __future__ import annotations

from typing import Any, Literal

from datasets.base import TRAIN, Dataset, Scaling
from protocols._scaling import keeps_files_whole


class PerClass(float):
    """A number of labelled rows of each class: ``count``.

    As a number, the share of the training rows of the default split that these nominally are, so
    that a column of it has its place among columns that are shares.
    """

    count: int

    @classmethod
    def of(cls, data: Dataset, count: int) -> PerClass:
        """``count`` of each class of ``data``."""
        rule = data.split()
        train = rule.shares[0] * data.n
        if rule.official and data.official is not None:
            train = float((data.official == TRAIN).sum())
        amount = cls(count * data.n_classes / train)
        amount.count = count
        return amount


def per_class(fraction: float) -> int:
    """The number of labels of each class that a label fraction stands for, 0 if it is a share."""
    return fraction.count if isinstance(fraction, PerClass) else 0


def labelled(data: Dataset, fraction: float) -> dict[str, Any]:
    """The fields of a scenario that say which rows are labelled, by name."""
    if count := per_class(fraction):
        return {"label_fraction": 0.0, "label_rule": "per_class", "labels_per_class": count}
    return {"label_fraction": fraction, "label_rule": label_rule(data)}


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
